"""The batch flow: an archive of documents becomes an archive of summaries.

    catalog -> plan (shards) -> parse [CPU tasks] -> generate [actors] -> commit (one Parquet object per shard)

Everything is decided here and nowhere else: which stage asks for which resources, and how many shards are under way.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass

from rich.console import Console

from mmsum.config import Config
from mmsum.errors import EnvironmentFailure, UsageError
from mmsum.generation.summarizer import SummarizerFactory, build_summarizer
from mmsum.pipeline.cluster import Cluster, alive_nodes, ray_session
from mmsum.pipeline.metrics import RunMetrics
from mmsum.pipeline.plan import open_snapshot
from mmsum.pipeline.progress import ProgressDisplay, Totals, print_totals, start_board
from mmsum.pipeline.reading import unread
from mmsum.pipeline.runlog import RunLog, oldest, run_folder
from mmsum.pipeline.snapshots import Snapshot, count_in_all
from mmsum.pipeline.watch import Notice, noticed, receipts_of


@dataclass(frozen=True)
class Result:
    """What a run did, of the newest snapshot it worked on. `skipped` documents had been committed by earlier runs."""

    snapshot: Snapshot
    totals: Totals
    skipped: int
    stopped: bool = False  # SIGTERM came when nothing of it was left to do


def summarize(
    source: str,
    out: str,
    config: Config,
    *,
    limit: int | None = None,
    new: bool = False,
    restart: bool = False,
    retry: str | None = None,
    summarizer: SummarizerFactory = build_summarizer,
    console: Console | None = None,
) -> Result:
    """Summarizes every document of `source` into `out`; started again, does what is missing: first what an earlier call
    planned, then what it left out, as by its limit.

    `retry`: the next snapshot also holds the documents whose newest row is failed (with "partial" those that were read in part,
    too); `limits` may differ.

    Raises UsageError before anything is written when the arguments are wrong, EnvironmentFailure when the run cannot go
    on (what is committed stays, the same call resumes).
    """
    console = console or Console(quiet=True)
    again = unread(out, retry) if retry else None
    snapshot, created = open_snapshot(source, out, config, limit=limit, new=new, restart=restart, again=again)
    result = _finish(snapshot, created, config, summarizer, console)
    # What an earlier call planned may leave out what this one asks for.
    while not created and result.totals.shards:
        if result.stopped:
            raise EnvironmentFailure(
                f"stopped by SIGTERM when snapshot {snapshot.number} was finished; what was not planned in it has no rows yet "
                "(run the same command again)"
            )
        if retry:
            again = {} if snapshot.asked == "retry" else unread(out, retry)
        try:
            snapshot, created = open_snapshot(source, out, config, limit=limit, again=again)
        except UsageError as error:  # not of the arguments: they were good enough to finish a snapshot
            raise EnvironmentFailure(
                f"snapshot {snapshot.number} is finished, but what may be new is not: {error}"
            ) from error
        if snapshot.digest == result.snapshot.digest:
            break
        result = _finish(snapshot, created, config, summarizer, console)
    return result


def _finish(
    snapshot: Snapshot, created: bool, config: Config, summarizer: SummarizerFactory, console: Console
) -> Result:
    """Does what is missing of a snapshot."""
    done = snapshot.committed()
    missing = [shard for shard in range(snapshot.shards) if shard not in done]
    skipped = snapshot.count(done)
    _announce(console, snapshot, created, skipped)
    totals, stopped = Totals(), False
    if missing:
        with ray_session(config.resources) as cluster, noticed() as notice:
            _run(snapshot, missing, skipped, config, cluster, summarizer, console, totals, notice)
        done = snapshot.committed()
        left = [shard for shard in missing if shard not in done]
        stopped = notice.leave.is_set()
        if left and stopped:
            raise EnvironmentFailure(
                f"stopped by SIGTERM after {totals.documents} documents; {snapshot.count(left)} have no rows yet "
                "(run the same command again to resume)"
            )
        if left:
            raise EnvironmentFailure(
                f"{len(left)} shards have no rows in {snapshot.out} though they were committed; check the store"
            )
        print_totals(console, totals)
    return Result(snapshot, totals, skipped, stopped)


def _run(
    snapshot: Snapshot,
    missing: list[int],
    skipped: int,
    config: Config,
    cluster: Cluster,
    summarizer: SummarizerFactory,
    console: Console,
    totals: Totals,
    notice: Notice,
) -> None:
    import ray

    from mmsum.pipeline.commit import commit_shard
    from mmsum.pipeline.stages import GenerateShards, RunContext, parse_shard

    started = time.monotonic()
    resources, robustness = config.resources, config.robustness
    actors, actor_resources = cluster.actor_pool(config)
    actors = min(actors, len(missing))  # no machine is started for an actor without a shard
    board = start_board(robustness)
    run = secrets.token_hex(4)
    context = RunContext(run, snapshot.out, snapshot.digest, snapshot.number, config, board)

    # One shard is one block from the first stage to the last: never split by size, never merged by rows.
    ray.data.DataContext.get_current().target_max_block_size = None
    committed = (
        # Not from_arrow: a task for each block at once, 50 kB of driver memory each, 1.4 GB for a million documents.
        ray.data.from_blocks(list(snapshot.shard_tables(missing)))
        .map_batches(
            parse_shard,
            fn_kwargs={"context": context},
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=resources.parse_cpus,
            compute=ray.data.TaskPoolStrategy(resources.parse_tasks),
            ray_remote_args_fn=_task_retries,
        )
        # Not map_batches: with GPUs that wants a number of rows to a batch, and would put several shards together.
        .map_batches_internal(
            GenerateShards,
            fn_constructor_args=(context, summarizer),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=resources.shards_in_flight),
            ray_remote_args_fn=_actor_retries,
            **actor_resources,
        )
        .map_batches(
            commit_shard,
            fn_kwargs={
                "snapshot_out": snapshot.out,
                "digest": snapshot.digest,
                "write_seconds": robustness.write_seconds,
            },
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=COMMIT_CPUS,
            # Bounded, or Ray Data keeps a third of all CPUs free for commits that never come, and parsing starves.
            compute=ray.data.TaskPoolStrategy(COMMITS_PER_ACTOR * actors),
            ray_remote_args_fn=_task_retries,
        )
    )
    log = RunLog(run_folder(snapshot.out, snapshot.number, run))
    log.add("start", documents=snapshot.count() - skipped, nodes=cluster.nodes, node_hour_price=config.prices.node_hour)
    metrics = RunMetrics(run, snapshot.count(), skipped)
    with log, ProgressDisplay(console, snapshot.count(), skipped) as display:
        try:
            for news in receipts_of(committed, board, robustness, notice):
                metrics.see(news)
                if isinstance(news, dict):
                    totals.add(news)
                    display.committed = skipped + totals.documents
                    log.add("shard", **news)
                    continue
                display.see(news[0])
                if log.is_due():
                    log.add("beat", counts=news[0], under_way=oldest(news[1]), nodes=alive_nodes())
                    log.flush()
        except ray.exceptions.RayError as error:  # in here: the log is to tell of it in one line, too
            raise cause_of(error) from error
        finally:
            totals.wall = time.monotonic() - started
            ray.kill(board)
        if notice.leave.is_set() and totals.shards < len(missing):
            log.stopped = "stopped by SIGTERM"


COMMIT_CPUS = 0.05
"""A commit mostly waits for the store."""

COMMITS_PER_ACTOR = 2
"""Commits at once: one that waits for the store does not hold up the next."""


# No number of lost workers is too many in a long night. What bounds the retries is Attempts, for documents that kill their
# worker, and robustness.stall_minutes, for anything that dies before it has begun one.
#
# Set by functions, these also keep the stages apart: Ray Data fuses no map that has a ray_remote_args_fn. Without one, a
# parsing task that asked for what an actor asks for would run inside the generating actors.


def _task_retries() -> dict[str, int]:
    return {"max_retries": -1}


def _actor_retries() -> dict[str, int]:
    return {"max_restarts": -1, "max_task_retries": -1}


_ERROR_LINE = re.compile(r"^(?P<module>[\w.]+\.)?(?P<name>[A-Z]\w*): (?P<message>.+)$")


def cause_of(error: BaseException) -> EnvironmentFailure:
    """The failure that stopped a worker, out of the traceback that Ray sends as text (the exception itself is lost).

    Errors of mmsum speak for themselves; of others the innermost line is named.
    """
    lines = [match for line in str(error).splitlines() if (match := _ERROR_LINE.match(line.strip()))]
    ours = [match for match in lines if match["module"] == "mmsum.errors."]
    if ours:
        said = ours[-1]["message"]
        return EnvironmentFailure(said if "the same command again" in said else f"{said} ({_RESUME})")
    others = [match[0] for match in lines if not (match["module"] or "").startswith("ray.")]
    reason = others[0] if others else next(iter(str(error).splitlines()), type(error).__name__)
    return EnvironmentFailure(f"a worker failed, and its retries too: {reason} ({_RESUME})")


_RESUME = "run the same command again to resume"


def _announce(console: Console, snapshot: Snapshot, created: bool, skipped: int) -> None:
    total = snapshot.count()
    name = f"snapshot {snapshot.number} of {snapshot.out}"
    if created:
        console.print(f"{name}: {total} documents in {snapshot.shards} shards", soft_wrap=True)
        if not snapshot.conditional:
            console.print("this store ignores conditional creates: run one driver at a time on it", soft_wrap=True)
    elif skipped == total:
        console.print(f"{name}: nothing to do, all {count_in_all(snapshot)} documents have their rows", soft_wrap=True)
    else:
        console.print(
            f"{name}: resuming, {skipped} of {total} documents have their rows and are skipped", soft_wrap=True
        )

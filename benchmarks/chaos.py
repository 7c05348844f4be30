"""`make chaos`: a summarizing run is killed again and again, and its rows come out as if nothing had happened.

    python benchmarks/chaos.py [--kills N] [--seed S] [--store local|s3|faulty|two|fused ...]

local   local disk
s3      source and output on a real S3 server (rclone)
faulty  the same behind a proxy: 10 % errors, 10 % bodies in slow pieces, 2 % each of throttling, cut connections and lost
        answers, every answer held back
two     two drivers at once on one output, on a store that honours conditional creates (moto), both killed now and then
fused   local disk with a tiny fused model: rows, statuses and figures are compared, texts depend on batches

After each driver's death: no row twice, none unplanned. At each end: the ids equal the plan's, the content equals an
undisturbed run's. A document that happened to be at work in several kills is a `crashed` row, as it should be: one more
run with --retry failed has to read it. Prints what was killed, those documents, and the work lost: documents begun again
over all documents.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/: the servers, the proxy, the killing

import mmsum
from mmsum import storage
from mmsum.data.synthetic.pdf import write_demo_archive
from mmsum.pipeline.attempts import DEATHS_IN_RUN
from tests.chaos.killing import VICTIMS, Report, check, content, run_to_the_end
from tests.chaos.proxy import Faults, faulty
from tests.conftest import write_archive
from tests.servers import Server, moto_s3, rclone_s3

SETTINGS = ["--set", "shard_size=4", "--set", "resources.object_store_mb=150"]
# A busy machine is not what is tried here.
SETTINGS += ["--set", "limits.seconds_per_page=3600", "--set", "limits.seconds_per_document=3600"]
LEAD = [*SETTINGS, "--set", "summarizer=lead"]


def make_archive(folder: Path, documents: int) -> Path:
    """The archive of `mmsum demo` (15 files, some of them damaged) and short texts."""
    write_archive(folder, documents - 15)
    write_demo_archive(folder)
    return folder


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass
class Case:
    """What is run and killed; outputs are `outs`-1, -2, ..."""

    name: str
    source: str
    outs: str
    settings: list[str]
    expected: dict[str, tuple[str, ...]]
    work: Path
    rng: random.Random

    def drive(self, number: int, kills: int, kinds: Sequence[str] = tuple(VICTIMS), driver: int = 0) -> Report:
        """One driver on one output, to the end."""
        out, log = self.out(number), self.work / f"{self.name}-{number}-{driver}.log"
        command = ("summarize", self.source, out, *self.settings)
        return run_to_the_end(command, out, log, random.Random(self.rng.random()), kills, kinds)

    def out(self, number: int) -> str:
        return f"{self.outs}-{number}"

    def retry_crashed(self, number: int, kills: int) -> int:
        """How many documents were at work in several kills, which ends in `crashed` rows; they are read again."""
        rows = mmsum.read_summaries(self.out(number))
        crashed = rows["failure_kind"].to_pylist().count("crashed")
        assert crashed * DEATHS_IN_RUN <= kills, f"{crashed} documents crashed in {kills} kills"
        if crashed:
            command = ("summarize", self.source, self.out(number), *self.settings, "--retry", "failed")
            run_to_the_end(command, self.out(number), self.work / f"{self.name}-{number}-again.log", self.rng, kills=0)
        return crashed


def killed_runs(case: Case, kills: int) -> Report:
    """Runs into fresh outputs until `kills` processes were killed; every output is checked.

    For the case `two` each output has two drivers at the same time, each with kills of its own.
    """
    total = Report()
    number = 0
    while total.kills.total() < kills:
        number += 1
        left = min(kills - total.kills.total(), 6)
        if case.name == "two":
            kinds = ("driver", "worker", "actor")
            with ThreadPoolExecutor(2) as pool:
                runs = [pool.submit(case.drive, number, 2, kinds, driver) for driver in range(2)]
                reports = [run.result() for run in runs]
        else:
            reports = [case.drive(number, left)]
        killed = sum((report.kills for report in reports), Counter[str]())
        crashed = case.retry_crashed(number, killed.total())
        check(case.out(number), case.expected, finished=True)
        total.kills.update(killed)
        total.crashed += crashed
        total.drivers += sum(report.drivers for report in reports)
        total.documents += reports[0].documents
        total.repeated += max(report.repeated for report in reports)
        total.seconds += max(report.seconds for report in reports)
        again = f"; {crashed} crashed in them, and were read with --retry failed" if crashed else ""
        print(
            f"  {case.name} output {number}: killed {dict(+killed)}{again}; ids and content as they must be", flush=True
        )
    return total


def show(name: str, report: Report, faults: Counter[str] | None = None) -> None:
    killed = ", ".join(f"{report.kills[kind]} {kind}" for kind in VICTIMS if report.kills[kind])
    share = report.repeated / max(report.documents, 1)
    print(f"{name:7} {report.kills.total():3} kills ({killed}), {report.drivers} drivers, {report.seconds:.0f} s")
    print(f"        repeated {report.repeated} of {report.documents} documents ({share:.0%})")
    if faults:
        print(f"        faults injected: {', '.join(f'{count} {kind}' for kind, count in faults.most_common())}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=12, help="in each store")
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10**6)
    stores = ["local", "s3", "faulty", "two", "fused"]
    parser.add_argument("--store", nargs="+", choices=stores, default=stores)
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.kills} kills a store, {given.documents} documents", flush=True)
    with tempfile.TemporaryDirectory(prefix="mmsum-chaos-") as folder:
        work = Path(folder)
        archive = make_archive(work / "archive", given.documents)
        calm = str(work / "calm")
        quiet = random.Random(0)
        run_to_the_end(("summarize", archive, calm, *LEAD), calm, work / "calm.log", quiet, 0)
        expected = content(calm, texts=True)
        for store in given.store:
            rng = random.Random(f"{given.seed} {store}")
            case = Case(store, str(archive), str(work / store), LEAD, expected, work, rng)
            if store == "fused":
                case.settings = [*SETTINGS, "--config", str(_tiny_fused(work))]
                calm = str(work / "calm-fused")
                run_to_the_end(("summarize", archive, calm, *case.settings), calm, work / "calm-fused.log", quiet, 0)
                case.expected = content(calm, texts=False)
            if store in ("local", "fused"):
                show(store, killed_runs(case, given.kills))
            else:
                _on_s3(case, archive, given.kills, given.seed)


def _on_s3(case: Case, archive: Path, kills: int, seed: int) -> None:
    served = case.work / f"served-{case.name}"
    (served / "bucket").mkdir(parents=True)
    faults = Faults(seed=seed)
    with ExitStack() as stack:
        server: Server = stack.enter_context(moto_s3() if case.name == "two" else rclone_s3(served))
        if case.name == "faulty":
            server = stack.enter_context(faulty(server, faults))
        stack.enter_context(environment(server.env))
        if case.name == "two":
            boto3.client("s3").create_bucket(Bucket="bucket")
        case.source, case.outs = "s3://bucket/docs/", "s3://bucket/out"
        for path in archive.iterdir():
            storage.put(storage.join(case.source, path.name), path.read_bytes())
        if case.name == "faulty":
            faults.errors, faults.slow = 0.10, 0.10
            faults.throttled = faults.cut = faults.lost_answers = 0.02
            faults.delay = 0.1
        show(case.name, killed_runs(case, kills), faults.injected)


def _tiny_fused(work: Path) -> Path:
    """A config with a tiny random model: real decoding, no quality."""
    from tests.tiny import tiny_model

    config = {"model": tiny_model(work).model_dump(), "generation": {"context_tokens": 1024, "summary_tokens": 16}}
    path = work / "fused.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


if __name__ == "__main__":
    main()

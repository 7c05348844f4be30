"""Summaries of all systems, written here or by actors on Ray, kept so that a killed evaluation goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from mmsum import storage
from mmsum.config import Config
from mmsum.evaluation.systems import System, build
from mmsum.evaluation.variants import Examples
from mmsum.examples import to_document
from mmsum.generation.summarizer import Draft, Summarizer
from mmsum.model.manifest import export_versions
from mmsum.pipeline.cluster import Cluster, hide_other_gpus
from mmsum.pipeline.engine_room import within_memory
from mmsum.pipeline.summarize import cause_of


@dataclass(frozen=True, slots=True)
class Job:
    """One call of a summarizer: rows `start` to `stop` of the examples, as one system reads them."""

    system: str
    variant: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Written:
    """One summary. failure: "" or why there is none, or only a partial one. figures, shown: given and seen."""

    text: str
    failure: str = ""
    figures: int = 0
    shown: int = 0
    output_tokens: int = 0
    model: str = ""


def list_jobs(systems: Sequence[System], rows: int, size: int) -> list[Job]:
    """Jobs of at most `size` rows: batches are a pure function of the examples, here and on any cluster."""
    return [
        Job(system.name, system.variant, start, min(start + size, rows))
        for system in systems
        for start in range(0, rows, size)
    ]


def write_job(summarizer: Summarizer, examples: Examples, job: Job) -> list[Written]:
    """The summaries of one job: examples become documents as in training, then go through the Summarizer seam."""
    documents = [to_document(examples.get(row, job.variant)) for row in range(job.start, job.stop)]
    drafts = within_memory(summarizer, documents)
    return [
        _written(draft, sum(bool(figure.image) for figure in document.figures), summarizer.name)
        for draft, document in zip(drafts, documents, strict=True)
    ]


def _written(draft: Draft, figures: int, name: str) -> Written:
    failure = f"{draft.failure_kind}: {draft.failure_message}" if draft.failure_kind else ""
    return Written(draft.text, failure, figures, len(draft.shown), draft.output_tokens, name)


def write_here(config: Config, examples: Examples, jobs: list[Job]) -> Iterator[tuple[Job, list[Written]]]:
    """One job after the other, in this process."""
    summarizer = build(config)
    for job in jobs:
        yield job, write_job(summarizer, examples, job)


def write_on_ray(
    cluster: Cluster, config: Config, examples: Examples, jobs: list[Job]
) -> Iterator[tuple[Job, list[Written]]]:
    """The jobs shared among actors of the connected cluster: one per GPU, or per node where there is none.

    The examples are put into the object store once; a job names its rows. Raises EnvironmentFailure when an actor fails.
    """
    import ray

    actors, resources = cluster.actor_pool(config)
    table = ray.put(examples.table)
    written = ray.data.from_arrow([pa.Table.from_pylist([asdict(job)]) for job in jobs]).map_batches(
        WriteSummaries,
        fn_constructor_args=(config, table, examples.seed),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(
            size=min(actors, len(jobs)), max_tasks_in_flight_per_actor=config.resources.shards_in_flight
        ),
        ray_remote_args_fn=_retries,
        **resources,
    )
    try:
        for batch in written.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for row in batch.to_pylist():
                yield Job(**json.loads(row["job"])), _from_json(row["written"])
    except ray.exceptions.RayError as error:
        raise cause_of(error) from error


def _retries() -> dict[str, int]:
    return {"max_restarts": LOST_ACTORS, "max_task_retries": LOST_ACTORS}


LOST_ACTORS = 3
"""Deaths of one actor that are made good; a summarizer that kills its process every time ends the evaluation."""


class WriteSummaries:
    """The writing actor: one summarizer, loaded once; one job a call."""

    def __init__(self, config: Config, table: Any, seed: int) -> None:
        import ray

        hide_other_gpus()
        self.summarizer = build(config)
        self.examples = Examples(ray.get(table), seed)

    def __call__(self, batch: pa.Table) -> pa.Table:
        job = Job(**batch.to_pylist()[0])
        written = write_job(self.summarizer, self.examples, job)
        return pa.table({"job": [json.dumps(asdict(job))], "written": [_to_json(written)]})


class Store:
    """Finished jobs under OUT/_run/<digest>: the same evaluation started again does only what is missing.

    The digest covers the data's versions, the systems' configs and weights, and the rows.
    """

    def __init__(self, out: str, data: str, examples: Examples, systems: Sequence[System]) -> None:
        refs = sorted((ref.uri, ref.version) for ref in storage.list_objects(data))
        exports = [export_versions(system.config.model.export) for system in systems if system.config.model.export]
        configs = [(system.name, system.config.fingerprint(), system.config.shard_size) for system in systems]
        identity = [refs, examples.table["id"].to_pylist(), configs, exports, examples.seed]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
        self.folder = storage.join(storage.normalize(out), "_run", digest)
        self.names = {ref.uri.rpartition("/")[2] for ref in storage.list_folder(self.folder)}

    def get(self, job: Job) -> list[Written] | None:
        if _name(job) not in self.names:
            return None
        return _from_json(storage.read(storage.join(self.folder, _name(job))).decode())

    def put(self, job: Job, written: list[Written]) -> None:
        storage.create(storage.join(self.folder, _name(job)), _to_json(written).encode())


def _name(job: Job) -> str:
    return f"{job.system}-{job.start:06d}.json"


def _to_json(written: list[Written]) -> str:
    return json.dumps([asdict(one) for one in written], ensure_ascii=False)


def _from_json(text: str) -> list[Written]:
    return [Written(**one) for one in json.loads(text)]

"""What runs inside Ray for one shard: parse on a CPU task, generate in an actor.

A shard is one Arrow block from the plan to the commit: PLAN_SCHEMA rows, then DOCUMENT_SCHEMA rows, then ROW_SCHEMA rows.
An empty block is a shard that is left for a later run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmsum import storage
from mmsum.config import Config, Figures, Limits
from mmsum.documents.parse import Parser
from mmsum.errors import (
    CredentialsRefused,
    DocumentFailure,
    EnvironmentFailure,
    FailureKind,
    ObjectChanged,
    ObjectForbidden,
    ObjectNotFound,
    StorageError,
)
from mmsum.generation.summarizer import Draft, SummarizerFactory
from mmsum.pipeline.attempts import Attempts
from mmsum.pipeline.cluster import hide_other_gpus
from mmsum.pipeline.commit import hash_ids, rows_table, to_summary, tombstone
from mmsum.pipeline.engine_room import EngineRoom
from mmsum.pipeline.snapshots import check_out_is_here
from mmsum.records import Document, ObjectRef, document_id, documents_to_table, table_to_documents

if TYPE_CHECKING:
    from ray.actor import ActorHandle


@dataclass(frozen=True)
class RunContext:
    """What every stage knows of the run it belongs to. `run` is drawn anew by every driver."""

    run: str
    out: str
    digest: str
    snapshot: int
    config: Config
    board: ActorHandle[Any]

    def begin(self, stage: str, shard: int) -> bool:
        """Whether to go on. Raises EnvironmentFailure where this node does not see OUT."""
        import ray

        node = ray.util.get_node_ip_address()
        check_out_is_here(self.out, self.snapshot, node)
        allowed: bool = ray.get(self.board.begin.remote(stage, shard, node))
        return allowed

    def attempts(self, stage: str, shard: int) -> Attempts:
        return Attempts.read(self.out, self.digest, stage, shard, self.run, self.config.robustness.write_seconds)

    def judge(self, uri: str, message: str | None) -> None:
        """Counts a document in trouble. Raises EnvironmentFailure where too many are for it to be their own."""
        import ray

        if verdict := ray.get(self.board.judge.remote()):
            node = ray.util.get_node_ip_address()
            raise EnvironmentFailure(
                f"{verdict} (last, on node {node}: {uri}: {message}); put the store or the machines right, "
                "or raise robustness.trouble_share"
            )


_TROUBLE = {FailureKind.FETCH_FAILED, FailureKind.FORBIDDEN, FailureKind.CRASHED}


def _in_trouble(document: Document) -> bool:
    """Whether the environment may be to blame. What a listing saw and a node does not may be a folder that is not mounted
    there; what a list of URIs only names may never have been."""
    gone = document.failure_kind == FailureKind.NOT_FOUND and document.ref.size >= 0
    return gone or document.failure_kind in _TROUBLE


@lru_cache(maxsize=1)
def _parser(limits: Limits, figures: Figures) -> Parser:
    """One parsing child per Ray worker process, reused from shard to shard."""
    return Parser(limits, figures)


def parse_shard(plan: pa.Table, *, context: RunContext) -> pa.Table:
    """Fetches and parses a shard's documents. A document's failure becomes its record; a dead store raises."""
    config, board, shard = context.config, context.board, plan["shard"][0].as_py()
    if not context.begin("parse", shard):
        return plan.slice(0, 0)
    parser = _parser(config.limits, config.figures)
    attempts = context.attempts("parse", shard)
    if not attempts.one_by_one:
        attempts.begin_together()
    documents, tried = [], []
    passed: dict[str, int] = {}  # told to the board with the next document: one call a document
    for row in plan.to_pylist():
        ref = ObjectRef(row["uri"], row["size"], row["version"], row["op"])
        board.at.remote("parse", shard, ref.uri, **passed)
        document = Document(ref=ref) if ref.op == "delete" else _parse_once(ref, parser, attempts, config)
        in_trouble = _in_trouble(document)
        if in_trouble and ref.op != "retry":  # that it fails again says nothing of the machines, and loses nothing
            context.judge(ref.uri, document.failure_message)
        passed = {"parsed": 1, "pages": document.pages_read, "figures": len(document.figures)}
        passed["sound"] = not in_trouble
        documents.append(document)
        tried.append(attempts.count(ref.document_id))
        attempts.finish(ref.document_id)
    attempts.end()
    board.end.remote("parse", shard, **passed)
    table = documents_to_table(documents)
    ids = hash_ids(document_id(uri) for uri in plan["uri"].to_pylist())
    table = table.append_column("shard", plan["shard"])
    table = table.append_column("shard_ids", pa.array([ids] * len(documents), pa.string()))
    return table.append_column("attempts", pa.array(tried, pa.int32()))


def _parse_once(ref: ObjectRef, parser: Parser, attempts: Attempts, config: Config) -> Document:
    """One document, unless it has killed its worker before."""
    if attempts.is_poison(ref.document_id):
        message = attempts.verdict(ref.document_id, "the worker that parsed it")
        return Document.failed(ref, FailureKind.CRASHED, message)
    if attempts.one_by_one:
        attempts.begin(ref.document_id)
    return fetch_and_parse(ref, parser, config.limits, config.robustness.fetch_seconds)


def fetch_and_parse(ref: ObjectRef, parser: Parser, limits: Limits, fetch_seconds: float = 0.0) -> Document:
    """One object's bytes, taken apart in the parsing child; a child that dies over them gets one more try.

    A missing, forbidden, changed or unreadable object is that document's failure. Raises StorageError when the store
    does not answer at all, or refuses the credentials.
    """
    started = time.perf_counter()
    try:
        data = storage.patiently(
            lambda: storage.read(ref.uri, version=ref.version, max_bytes=limits.bytes), fetch_seconds
        )
    except DocumentFailure as failure:
        return Document.failed(ref, failure.kind, failure.message)
    except ObjectNotFound as error:
        return Document.failed(ref, FailureKind.NOT_FOUND, str(error))
    except ObjectForbidden as error:
        return Document.failed(ref, FailureKind.FORBIDDEN, str(error))
    except ObjectChanged as error:
        return Document.failed(ref, FailureKind.CHANGED, str(error))
    except CredentialsRefused:
        raise
    except StorageError as error:
        _check_alive(ref, error)
        return Document.failed(ref, FailureKind.FETCH_FAILED, str(error))
    fetched = time.perf_counter() - started
    document = parser.parse(ref, data)
    if document.failure_kind == FailureKind.CRASHED:  # of the document, or of something that killed the child
        document = parser.parse(ref, data)
    document.seconds_fetch = fetched
    return document


def _check_alive(ref: ObjectRef, error: StorageError) -> None:
    """Raises `error` where the store does not even say that an object which nobody made is missing."""
    try:
        storage.stat(storage.join(ref.uri.rpartition("/")[0], ".mmsum-is-this-store-there"))
    except ObjectForbidden:
        return
    except StorageError as dead:
        raise error from dead


class GenerateShards:
    """The generating actor: one summarizer, loaded once; one shard a call."""

    def __init__(self, context: RunContext, factory: SummarizerFactory) -> None:
        self.context = context
        self.fingerprint = context.config.fingerprint()
        hide_other_gpus()
        self.room = EngineRoom(factory(context.config), context.config.robustness)
        self.free_since: float | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        called = time.perf_counter()
        idle = called - self.free_since if self.free_since else 0.0
        context, shard = self.context, table["shard"][0].as_py()
        context.begin("generate", shard)  # what is parsed is generated, also where a run is about to end
        tried = table["attempts"].to_pylist()
        documents = table_to_documents(table.drop_columns(["shard", "shard_ids", "attempts"]))
        readable = [document for document in documents if document.ref.op != "delete" and document.status != "failed"]
        attempts = context.attempts("generate", shard)
        told = 0

        def passed(document: Document) -> None:
            """Of documents one by one: a shard of long ones takes longer than a run may stand still."""
            nonlocal told
            told += 1
            context.board.at.remote("generate", shard, document.ref.uri, generated=1)

        written = self.room.summarize(readable, attempts, passed)
        drafts = {id(document): draft for document, draft in zip(readable, written, strict=True)}
        marks = {"model": self.room.summarizer.name, "config": self.fingerprint, "snapshot": context.snapshot}
        rows = [
            tombstone(document, **marks)  # type: ignore[arg-type]
            if document.ref.op == "delete"
            else to_summary(document, drafts.get(id(document), Draft()), **marks)  # type: ignore[arg-type]
            for document in documents
        ]
        for row, document, earlier in zip(rows, documents, tried, strict=True):
            row.attempts = max(earlier, attempts.count(row.document_id))
            crashed = row.document_id in attempts.alone and row.failure_kind == FailureKind.CRASHED
            if crashed and document.ref.op != "retry":
                context.judge(row.uri, row.failure_message)
        context.board.end.remote(
            "generate",
            shard,
            generated=len(rows) - told,
            tokens=sum(row.output_tokens for row in rows),
            failed=sum(row.status == "failed" for row in rows),
        )
        result = rows_table(
            rows,
            documents,
            shard=shard,
            shard_ids=table["shard_ids"][0].as_py(),
            idle=idle,
            crops=context.config.crops,
        )
        self.free_since = time.perf_counter()
        return result

"""What runs inside Ray for one shard: parse on a CPU task, generate in an actor.

A shard is one Arrow block from the plan to the commit: PLAN_SCHEMA rows, then DOCUMENT_SCHEMA rows, then ROW_SCHEMA rows.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmsum import storage
from mmsum.config import Config, Figures, Limits
from mmsum.documents.parse import Parser
from mmsum.errors import DocumentFailure, FailureKind, ObjectChanged, ObjectForbidden, ObjectNotFound
from mmsum.generation.summarizer import Draft, SummarizerFactory
from mmsum.pipeline.commit import hash_ids, rows_table, to_summary, tombstone
from mmsum.records import Document, ObjectRef, document_id, documents_to_table, table_to_documents

if TYPE_CHECKING:
    from ray.actor import ActorHandle


@lru_cache(maxsize=1)
def _parser(limits: str, figures: str) -> Parser:
    """One parsing child per Ray worker process, reused from shard to shard."""
    return Parser(Limits.model_validate_json(limits), Figures.model_validate_json(figures))


def parse_shard(plan: pa.Table, *, config: Config, board: ActorHandle[Any]) -> pa.Table:
    """Fetches and parses a shard's documents. A document's failure becomes its record; a dead store raises."""
    parser = _parser(config.limits.model_dump_json(), config.figures.model_dump_json())
    documents = []
    for row in plan.to_pylist():
        ref = ObjectRef(row["uri"], row["size"], row["version"], row["op"])
        document = Document(ref=ref) if ref.op == "delete" else fetch_and_parse(ref, parser, config.limits)
        board.add.remote(parsed=1, pages=document.pages_read, figures=len(document.figures))
        documents.append(document)
    table = documents_to_table(documents)
    ids = hash_ids(document_id(uri) for uri in plan["uri"].to_pylist())
    table = table.append_column("shard", plan["shard"])
    return table.append_column("shard_ids", pa.array([ids] * len(documents), pa.string()))


def fetch_and_parse(ref: ObjectRef, parser: Parser, limits: Limits) -> Document:
    """One object's bytes, taken apart in the parsing child.

    A missing, forbidden or changed object is that document's failure. Raises StorageError when the store is in trouble.
    """
    started = time.perf_counter()
    try:
        data = storage.read(ref.uri, version=ref.version, max_bytes=limits.bytes)
    except DocumentFailure as failure:
        return Document.failed(ref, failure.kind, failure.message)
    except ObjectNotFound as error:
        return Document.failed(ref, FailureKind.NOT_FOUND, str(error))
    except ObjectForbidden as error:
        return Document.failed(ref, FailureKind.FORBIDDEN, str(error))
    except ObjectChanged as error:
        return Document.failed(ref, FailureKind.CHANGED, str(error))
    fetched = time.perf_counter() - started
    document = parser.parse(ref, data)
    document.seconds_fetch = fetched
    return document


class GenerateShards:
    """The generating actor: one summarizer, loaded once; one shard a call."""

    def __init__(self, config: Config, factory: SummarizerFactory, snapshot: int, board: ActorHandle[Any]) -> None:
        self.config = config
        self.snapshot = snapshot
        self.board = board
        self.fingerprint = config.fingerprint()
        self.summarizer = factory(config)
        self.free_since: float | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        called = time.perf_counter()
        idle = called - self.free_since if self.free_since else 0.0
        documents = table_to_documents(table.drop_columns(["shard", "shard_ids"]))
        readable = [document for document in documents if document.ref.op != "delete" and document.status != "failed"]
        drafts = {id(d): draft for d, draft in zip(readable, self.summarizer.summarize(readable), strict=True)}
        marks = {"model": self.summarizer.name, "config": self.fingerprint, "snapshot": self.snapshot}
        rows = [
            tombstone(document, **marks)  # type: ignore[arg-type]
            if document.ref.op == "delete"
            else to_summary(document, drafts.get(id(document), Draft()), **marks)  # type: ignore[arg-type]
            for document in documents
        ]
        self.board.add.remote(
            generated=len(rows),
            tokens=sum(row.output_tokens for row in rows),
            failed=sum(row.status == "failed" for row in rows),
        )
        result = rows_table(
            rows,
            documents,
            shard=table["shard"][0].as_py(),
            shard_ids=table["shard_ids"][0].as_py(),
            idle=idle,
            crops=self.config.crops,
        )
        self.free_since = time.perf_counter()
        return result

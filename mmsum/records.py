"""The records that cross between stages, with their Arrow schemas beside them.

ObjectRef -> Document(Section..., Figure...) -> Summary(SummaryFigure...)

Boxes are ``(x0, y0, x1, y1)`` in PDF points from the top left of the page as displayed; pages count from 1.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mmsum.errors import FailureKind

SCHEMA_VERSION = 1
"""Version of SUMMARY_SCHEMA; readers accept this and every earlier one."""

Box = tuple[float, float, float, float]


def document_id(uri: str) -> str:
    """SHA-256 (hex) of a normalized URI: the identity of a document across snapshots."""
    return hashlib.sha256(uri.encode()).hexdigest()


@dataclass(slots=True, frozen=True)
class ObjectRef:
    """One object of the archive as it was listed: the unit of planning."""

    uri: str
    size: int  # bytes; -1 where a list of URIs did not say
    version: str  # ETag, or "mtime:<ns>:<size>" locally; "" where unknown
    op: str = "summarize"  # or "retry": it failed before; "delete": the source is gone, write a tombstone

    @property
    def document_id(self) -> str:
        return document_id(self.uri)


@dataclass(slots=True)
class Section:
    """A heading with the paragraphs under it, in reading order."""

    heading: str
    text: str
    page: int


@dataclass(slots=True)
class Figure:
    """A figure as it stands in the document. `image` is an encoded crop (PNG, JPEG or WebP), b"" when none could be made."""

    label: str  # "Figure 3"; "" when the document gives none
    page: int
    bbox: Box
    caption: str
    kind: str  # photo, chart, diagram, table, scan, figure
    width: int  # pixels of `image`
    height: int
    text: str = ""  # text inside the figure: axis labels, ticks, legend
    mentions: list[str] = field(default_factory=list)  # sentences of the body that name it
    section: int = -1  # index into Document.sections that it belongs to
    image: bytes = b""
    legend: str = ""  # of a vector chart, as a caption would list it: "Lines: (blue) Market, (red) Station."


def caption_without_label(label: str, caption: str) -> str:
    """``Figure 3: Loans rose.`` -> ``Loans rose.`` for the label ``Figure 3``, also where the caption says ``Fig. 3.``"""
    rest = caption
    for start in (label, label.replace("Figure", "Fig.")):
        if start:
            rest = re.sub(rf"^{re.escape(start)}\s*[:.|\-–—]?\s*", "", rest.strip(), flags=re.IGNORECASE)
    return rest or caption  # a caption that is nothing but its label stays


@dataclass(slots=True)
class Document:
    """What was taken out of one object. status is ok, partial, or failed (then text and figures may be empty)."""

    ref: ObjectRef
    content_hash: str = ""  # SHA-256 of the bytes
    format: str = ""  # pdf, png, html, ...
    language: str = ""  # ISO 639-1, "" when not known
    title: str = ""
    pages_total: int = 0
    pages_read: int = 0
    sections: list[Section] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    status: str = "ok"
    failure_kind: str = ""
    failure_message: str = ""
    seconds_fetch: float = 0.0
    seconds_parse: float = 0.0

    @property
    def text(self) -> str:
        """Headings and paragraphs, in reading order, separated by blank lines."""
        parts = (part for s in self.sections for part in (s.heading, s.text) if part)
        return "\n\n".join(parts)

    @classmethod
    def failed(cls, ref: ObjectRef, kind: FailureKind, message: str) -> Document:
        return cls(ref=ref, status="failed", failure_kind=str(kind), failure_message=message)


@dataclass(slots=True)
class SummaryFigure:
    """A figure as named by a summary's row. `shown` means a trained fusion saw it in a call whose text was used."""

    label: str
    page: int
    bbox: Box
    caption: str
    kind: str
    shown: bool
    width: int
    height: int


@dataclass(slots=True)
class Summary:
    """One row of the output: a summary, a partial summary, a named failure, or a tombstone."""

    document_id: str
    uri: str
    version: str
    content_hash: str = ""
    format: str = ""
    language: str = ""
    title: str = ""
    pages_total: int = 0
    pages_read: int = 0
    tokens_total: int = 0
    tokens_read: int = 0
    figures: list[SummaryFigure] = field(default_factory=list)
    summary: str = ""
    status: str = "ok"  # ok | partial | failed | deleted
    failure_kind: str | None = None
    failure_message: str | None = None
    retryable: bool = False
    attempts: int = 1
    model: str = ""
    config: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds_fetch: float = 0.0
    seconds_parse: float = 0.0
    seconds_generate: float = 0.0
    snapshot: int = 0
    schema_version: int = SCHEMA_VERSION
    finished_at: datetime = field(default_factory=lambda: datetime.now(UTC))


_FIGURE = [
    ("label", pa.string()),
    ("page", pa.int32()),
    ("bbox", pa.list_(pa.float32(), 4)),
    ("caption", pa.string()),
    ("kind", pa.string()),
]

DOCUMENT_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("size", pa.int64()),
        ("version", pa.string()),
        ("op", pa.string()),
        ("content_hash", pa.string()),
        ("format", pa.string()),
        ("language", pa.string()),
        ("title", pa.string()),
        ("pages_total", pa.int32()),
        ("pages_read", pa.int32()),
        ("sections", pa.list_(pa.struct([("heading", pa.string()), ("text", pa.string()), ("page", pa.int32())]))),
        (
            "figures",
            pa.list_(
                pa.struct(
                    [
                        *_FIGURE,
                        ("width", pa.int32()),
                        ("height", pa.int32()),
                        ("text", pa.string()),
                        ("legend", pa.string()),
                        ("mentions", pa.list_(pa.string())),
                        ("section", pa.int32()),
                        ("image", pa.large_binary()),
                    ]
                )
            ),
        ),
        ("status", pa.string()),
        ("failure_kind", pa.string()),
        ("failure_message", pa.string()),
        ("seconds_fetch", pa.float64()),
        ("seconds_parse", pa.float64()),
    ]
)

SUMMARY_SCHEMA = pa.schema(
    [
        ("document_id", pa.string()),
        ("uri", pa.string()),
        ("version", pa.string()),
        ("content_hash", pa.string()),
        ("format", pa.string()),
        ("language", pa.string()),
        ("title", pa.string()),
        ("pages_total", pa.int32()),
        ("pages_read", pa.int32()),
        ("tokens_total", pa.int64()),
        ("tokens_read", pa.int64()),
        (
            "figures",
            pa.list_(pa.struct([*_FIGURE, ("shown", pa.bool_()), ("width", pa.int32()), ("height", pa.int32())])),
        ),
        ("summary", pa.string()),
        ("status", pa.string()),
        ("failure_kind", pa.string()),
        ("failure_message", pa.string()),
        ("retryable", pa.bool_()),
        ("attempts", pa.int32()),
        ("model", pa.string()),
        ("config", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("seconds_fetch", pa.float64()),
        ("seconds_parse", pa.float64()),
        ("seconds_generate", pa.float64()),
        ("snapshot", pa.int64()),
        ("schema_version", pa.int32()),
        ("finished_at", pa.timestamp("us", tz="UTC")),
    ]
)

CROP_SCHEMA = pa.schema(
    [
        ("document_id", pa.string()),
        ("figure", pa.int32()),  # index into the row's figures
        ("label", pa.string()),
        ("page", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("image", pa.large_binary()),
    ]
)


def documents_to_table(documents: list[Document]) -> pa.Table:
    """Documents as one Arrow table of DOCUMENT_SCHEMA, one row each, in order."""
    rows = []
    for document in documents:
        row = {name: getattr(document, name) for name in _DOCUMENT_FIELDS}
        row |= {"uri": document.ref.uri, "size": document.ref.size}
        row |= {"version": document.ref.version, "op": document.ref.op}
        row["sections"] = [asdict(section) for section in document.sections]
        row["figures"] = [asdict(figure) for figure in document.figures]
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA)


def table_to_documents(table: pa.Table) -> list[Document]:
    """The inverse of documents_to_table."""
    return [_row_to_document(row) for row in table.to_pylist()]


def _row_to_document(row: dict[str, Any]) -> Document:
    ref = ObjectRef(row["uri"], row["size"], row["version"], row["op"])
    sections = [Section(**section) for section in row["sections"]]
    figures = [Figure(**{**figure, "bbox": tuple(figure["bbox"])}) for figure in row["figures"]]
    scalars = {name: row[name] for name in _DOCUMENT_FIELDS if name not in ("sections", "figures")}
    return Document(ref=ref, sections=sections, figures=figures, **scalars)


_DOCUMENT_FIELDS = [name for name in DOCUMENT_SCHEMA.names if name not in ("uri", "size", "version", "op")]


def summaries_to_table(summaries: list[Summary]) -> pa.Table:
    """Summaries as one Arrow table of SUMMARY_SCHEMA, one row each, in order."""
    return pa.Table.from_pylist([asdict(summary) for summary in summaries], schema=SUMMARY_SCHEMA)

"""Any bytes at all give one honest document: mutated files of every kind, bounded to some twenty seconds."""

from __future__ import annotations

import base64
import io
import zipfile
from functools import cache

import pymupdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmsum.documents.parse import Parser
from mmsum.errors import FailureKind
from tests.documents import packages, papers
from tests.documents.conftest import REF

KINDS = ("pdf", "plain pdf", "docx", "pptx", "odt", "epub", "png", "jpeg", "html", "markdown", "svg")


@cache
def whole(kind: str) -> bytes:
    picture = f"data:image/png;base64,{base64.b64encode(papers.photo(60, 50)).decode()}"
    return {
        "pdf": lambda: papers.report([("bar", (120, 220, 408, 400), "Figure 1: Yield.")]),
        "plain pdf": lambda: bytes(pymupdf.open("pdf", papers.pages_of_text(2)).tobytes(expand=255)),
        "docx": packages.word,
        "pptx": packages.slides,
        "odt": packages.odt,
        "epub": packages.book,
        "png": lambda: papers.photo(60, 50),
        "jpeg": lambda: bytes(pymupdf.Pixmap(papers.photo(60, 50)).tobytes("jpeg")),
        "html": lambda: f"<html><body><h1>A</h1><p>b</p><figure><img src='{picture}'></figure></body></html>".encode(),
        "markdown": lambda: f"# A\n\nb\n\n![c]({picture})\n".encode(),
        "svg": lambda: b"<svg width='90' height='90'><g><path d='M0 0 L50 50'/><text>a</text></g></svg>",
    }[kind]()


def mutated(data: bytes, cuts: list[tuple[float, bytes]], length: float) -> bytes:
    """`data` with some bytes written over at shares of its length, then cut to a share of it."""
    changed = bytearray(data)
    for place, new in cuts:
        start = int(place * len(changed))
        changed[start : start + len(new)] = new
    return bytes(changed[: int(length * len(changed))])


def inside_package(data: bytes, cuts: list[tuple[float, bytes]]) -> bytes:
    """A ZIP package whose XML members are mutated and packed again, so that their checksums are right."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            is_content = member.filename.endswith(("document.xml", "content.xml", "slide1.xml", "html", ".opf"))
            target.writestr(member, mutated(content, cuts, 1.0) if is_content else content)
    return out.getvalue()


CUTS = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=12)), max_size=6)


@settings(max_examples=70, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(KINDS), cuts=CUTS, length=st.one_of(st.just(1.0), st.floats(0, 1)), inner=st.booleans())
def test_any_bytes_give_one_honest_document(
    parser: Parser, kind: str, cuts: list[tuple[float, bytes]], length: float, inner: bool
) -> None:
    data = whole(kind)
    package = inner and data.startswith(b"PK")
    document = parser.parse(REF, inside_package(data, cuts) if package else mutated(data, cuts, length))
    assert document.status in ("ok", "partial", "failed")
    if document.status == "failed":
        assert document.failure_kind in list(FailureKind) and document.failure_message
        assert document.failure_kind != FailureKind.CRASHED, document.failure_message
    else:
        assert document.text or document.figures
    if document.status == "partial":
        assert document.failure_kind and document.failure_message

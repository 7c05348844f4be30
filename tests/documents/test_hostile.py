"""Files made to hurt: each is one honest document within its limits, and nothing outside the child is touched."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsum.config import Figures, Limits
from mmsum.documents import child, read
from mmsum.documents.parse import Parser
from mmsum.documents.pdf import open_pdf, read_pages
from mmsum.errors import FailureKind
from mmsum.records import Document, ObjectRef
from tests.documents import packages, papers
from tests.documents.conftest import REF

SMALL = Limits(memory_mb=1600, seconds_per_page=6, seconds_per_document=12, ocr_pages=0)


@pytest.fixture(scope="module")
def small() -> Iterator[Parser]:
    with Parser(SMALL, Figures()) as one:
        yield one


def pdf(*objects: str | bytes, trailer: str = "") -> bytes:
    """Numbered objects (1 is the catalog) as a file without a cross-reference table, which readers rebuild."""
    body = b"%PDF-1.7\n"
    for number, data in enumerate(objects, 1):
        body += b"%d 0 obj\n%s\nendobj\n" % (number, data.encode() if isinstance(data, str) else data)
    return body + f"trailer\n<</Root 1 0 R/Size {len(objects) + 1}{trailer}>>\n%%EOF\n".encode()


def stream(data: bytes, entries: str = "") -> bytes:
    return f"<<{entries}/Length {len(data)}>>\nstream\n".encode() + data + b"\nendstream"


def one_page(content: bytes, *more: str | bytes, page: str = "/MediaBox[0 0 612 792]", catalog: str = "") -> bytes:
    font = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    return pdf(
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R{page}/Contents 4 0 R/Resources<<{font}/XObject<</X 5 0 R>>>>>>",
        content,
        *more,
    )


TEXT = b"BT /F 12 Tf 72 700 Td (Plain words on the page) Tj ET "


def loop() -> bytes:
    return pdf(
        "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 9>>", "<</Type/Pages/Kids[2 0 R]>>"
    )


FILES = {
    "a page tree that holds itself": loop(),
    "a page count out of thin air": pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 2000000000>>"),
    "a form that draws itself": one_page(
        stream(TEXT + b"/X Do"), stream(b"/X Do /X Do", "/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    ),
    "a page as large as a country": one_page(stream(TEXT), page="/MediaBox[0 0 1000000000 1000000000]"),
    "a page without size": one_page(stream(TEXT), page="/MediaBox[0 0 0 0]"),
    "arrays in arrays": one_page(stream(TEXT), "[" * 200_000 + "]" * 200_000),
    "an image of 40,000 x 40,000 pixels": one_page(
        stream(TEXT + b"300 0 0 300 100 200 cm /X Do"),
        stream(
            zlib.compress(bytes(40_000 * 5_000), 9),
            "/Type/XObject/Subtype/Image/Width 40000/Height 40000/BitsPerComponent 1/ColorSpace/DeviceGray"
            "/Filter/FlateDecode",
        ),
    ),
    "100,000 elements in each other": b"<html><body>" + b"<div>" * 100_000 + b"deep</body></html>",
    "a picture that says it is huge": papers.photo(60, 50).replace(
        b"IHDR" + (60).to_bytes(4, "big") + (50).to_bytes(4, "big"), b"IHDR\x7f\xff\xff\xff\x7f\xff\xff\xff"
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_each_is_one_honest_document(small: Parser, name: str) -> None:
    started = time.monotonic()
    document = small.parse(REF, FILES[name])
    assert time.monotonic() - started < SMALL.seconds_per_document + 30  # a child is killed, another starts
    assert document.status in ("ok", "partial", "failed") and document.failure_kind != FailureKind.CRASHED
    assert bool(document.failure_kind) == (document.status != "ok")
    assert document.status == "failed" or document.text or document.figures
    assert small.parse(REF, one_page(stream(TEXT))).text == "Plain words on the page"  # the next one is read


def test_a_child_that_dies_for_want_of_memory_says_so(small: Parser) -> None:
    """MuPDF does not always survive a refused allocation; on a busy machine the time is over before."""
    bomb = zlib.compress(b"0 0 m 9 9 l S " * 12_000_000, 9)  # 170 MB of drawing in 500 kB
    document = small.parse(REF, one_page(stream(bomb, "/Filter/FlateDecode")))
    assert (document.status, document.pages_read) == ("failed", 0)
    assert document.failure_kind in ("out_of_memory", "timed_out"), document.failure_message


def test_an_image_beyond_the_pixels_is_a_figure_without_them(small: Parser) -> None:
    (figure,) = small.parse(REF, FILES["an image of 40,000 x 40,000 pixels"]).figures
    assert figure.image == b"" and papers.iou(figure.bbox, (100, 292, 400, 592)) > 0.99


def test_active_content_and_paths_touch_nothing(small: Parser, tmp_path: Path) -> None:
    secret, made = tmp_path / "secret.txt", tmp_path / "made"
    secret.write_text("BT /F 12 Tf 72 600 Td (a secret of the worker) Tj ET")
    action = (
        f"<</S/JavaScript/JS(app.launchURL\\('file://{made}'\\);)/Next"
        f"<</S/Launch/F({made})/Unix(touch {made})/Next<</S/URI/URI(http://127.0.0.1:9/)>>>>>>"
    )
    outside = f"<</F(({secret}))/FFilter[]/Length 0>>\nstream\n\nendstream".replace("((", "(").replace("))", ")")
    data = one_page(
        stream(TEXT + b"/X Do"),
        outside.replace("<<", "<</Type/XObject/Subtype/Form/BBox[0 0 612 792]", 1),
        catalog=f"/OpenAction{action}/AA<</WC{action}>>/Names<</EmbeddedFiles<</Names[(../../{made.name})6 0 R]>>>>",
    )
    before = sorted(tmp_path.iterdir())
    document = small.parse(ObjectRef(str(tmp_path / "a.pdf"), 0, ""), data)
    assert document.text == "Plain words on the page"
    entity = f'<!DOCTYPE x [<!ENTITY leak SYSTEM "{secret.as_uri()}">]>'.encode()
    for whole, part in ((packages.word(), "word/document.xml"), (packages.odt(), "content.xml")):
        leaky = packages.rewritten(whole, part, lambda xml: _with_entity(xml, entity))
        leaky = packages.rewritten(leaky, f"../../{made.name}", lambda _: b"out of the package")
        document = small.parse(ObjectRef(str(tmp_path / "a.docx"), 0, ""), leaky)
        assert "secret" not in document.text and document.failure_kind != FailureKind.CRASHED
    assert sorted(tmp_path.iterdir()) == before


def _with_entity(xml: bytes, entity: bytes) -> bytes:
    head, mark, rest = xml.partition(b"?>")
    return head + mark + entity + rest.replace(b"Results", b"Results &leak;", 1)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"GIF89a" + bytes(60), "a GIF image"),
        (packages.rewritten(packages.word(), "xl/workbook.xml", lambda _: b"<x/>"), ""),
        (
            packages.rewritten(
                packages.odt(), "mimetype", lambda _: b"application/vnd.oasis.opendocument.presentation"
            ),
            "save it as PDF",
        ),
        (b"Received: by a\r\n\twith b\r\nSubject: Wells\r\nMIME-Version: 1.0\r\n\r\nThey fell.\r\n", "an e-mail"),
        (b"From: <Saved by Blink>\nMIME-Version: 1.0\nContent-Type: multipart/related\n\n", "saved with all its parts"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4}', "a Jupyter notebook"),
        (b"From: Jane\nTo: Joe\n\nThe standard MIME-Version: 1.0 is old.\n", ""),
    ],
    ids=["gif", "word with a sheet in it", "odp", "mail", "web archive", "notebook", "letter"],
)
def test_what_is_not_read_is_named(small: Parser, data: bytes, what: str) -> None:
    document = small.parse(ObjectRef("mem://a", 0, ""), data)
    assert document.status == ("failed" if what else "ok")
    assert what in (document.failure_message or "")


@pytest.mark.parametrize(("name", "kind"), [("report.txt", "pdf"), ("report.pdf", "docx"), ("x.html", "png")])
def test_types_are_told_by_content(small: Parser, name: str, kind: str) -> None:
    data = {"pdf": one_page(stream(TEXT)), "docx": packages.word(), "png": papers.photo(80, 60)}[kind]
    document = small.parse(ObjectRef(f"mem://{name}", 0, ""), data)
    assert (document.status, document.format) == ("ok", kind)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.txt", "<p>Rye grew.</p>", "html"),
        ("a.txt", "<!-- saved from a page\n" + "x" * 5000 + " -->\n<html><body>Rye grew.</body></html>", "html"),
        ("a.txt", '<?xml version="1.0"?><!-- one --><!-- two --><html><body>Rye grew.</body></html>', "html"),
        ("a.html", "Rye <b>grew</b>.", "html"),
        ("a.html", "Rye grew, and 3 < 4.", "text"),
        ("a.txt", "Rye <b>grew</b>.", "text"),
        ("a.txt", "<p> is a tag of which this text tells.", "text"),
        ("README.md", "<p align='center'>Rye</p>\n\n# Rye grew.", "markdown"),
        ("README", "<p align='center'>Rye</p>\n\n# Rye\n\n- grew\n- fell\n- grew", "markdown"),
    ],
)
def test_pages_are_told_from_text_and_markdown(small: Parser, name: str, text: str, kind: str) -> None:
    document = small.parse(ObjectRef(f"mem://{name}", 0, ""), text.encode())
    assert (document.status, document.format) == ("ok", kind), document.failure_message
    assert "Rye" in document.text or "is a tag" in document.text
    assert "<html" not in document.text and "saved from" not in document.text


def slow_pages(ref: ObjectRef, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    """parse_file, but each page takes a second."""
    import pickle

    opened, info = open_pdf(str(source))
    with spool.open("wb") as out:
        for piece in (info, *read_pages(opened, limits, figures)):
            out.write(pickle.dumps(piece))
            out.flush()
            time.sleep(1)
    raise AssertionError("not reached")


def greedy_page(ref: ObjectRef, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    """parse_file, but what comes after the second page wants all the memory that there is."""
    opened, info = open_pdf(str(source))
    pages = read_pages(opened, limits, figures)

    def greedy() -> Iterator[object]:
        yield next(pages)
        yield next(pages)
        bytearray(64 * 2**30)

    try:
        read._spooled(spool, info, greedy())
    except MemoryError:
        return read.finish_spool(ref, spool, limits, FailureKind.OUT_OF_MEMORY, child.out_of_memory(limits))
    raise AssertionError("not reached")


def test_the_time_of_a_whole_document_is_limited_and_its_pages_kept(
    monkeypatch: pytest.MonkeyPatch, small: Parser
) -> None:
    monkeypatch.setattr(child, "parse_file", slow_pages)
    monkeypatch.setattr(small, "limits", SMALL.model_copy(update={"seconds_per_document": 2.5}))
    document = small.parse(REF, papers.pages_of_text(30))
    assert (document.status, document.failure_kind) == ("partial", "timed_out")
    assert "seconds_per_document=2.5" in document.failure_message and 1 <= document.pages_read < 6


def test_the_memory_of_a_document_is_limited_and_its_pages_kept(monkeypatch: pytest.MonkeyPatch, small: Parser) -> None:
    monkeypatch.setattr(child, "parse_file", greedy_page)
    document = small.parse(REF, papers.pages_of_text(4))
    assert (document.status, document.failure_kind, document.pages_read) == ("partial", "out_of_memory", 2)
    assert "memory_mb=1600" in document.failure_message and "Page 2 begins" in document.text

"""HTML, Markdown, DOCX, PPTX, ODT, EPUB and multi-page TIFF: what they hold, and nothing from outside them."""

from __future__ import annotations

import base64
import http.server
import io
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from mmsum.config import Figures, Limits
from mmsum.documents.parse import Parser
from mmsum.records import ObjectRef
from tests.documents import packages, papers
from tests.documents.conftest import REF

DATA_URI = "data:image/png;base64," + base64.b64encode(papers.photo(160, 120)).decode()


@pytest.mark.parametrize(
    ("kind", "make", "title"),
    [
        ("docx", packages.word, "Harvest of the northern fields"),
        ("odt", packages.odt, "Results"),
        ("epub", packages.book, "Harvest"),
    ],
)
def test_flowing_documents(parser: Parser, kind: str, make: Callable[[], bytes], title: str) -> None:
    document = parser.parse(REF, make())
    assert (document.status, document.format, document.language) == ("ok", kind, "en"), document.failure_message
    assert document.title == title
    assert document.sections[0].heading == "Results" and packages.WORDS in document.sections[0].text
    (figure,) = document.figures
    assert (figure.label, figure.caption) == ("Figure 1", packages.CAPTION)
    assert (figure.width, figure.height, figure.section) == (160, 120, 0)
    assert figure.mentions == [packages.WORDS]
    assert packages.CAPTION not in document.text


def test_word_keeps_tables_and_pictures_can_be_rendered_again(parser: Parser) -> None:
    data = packages.word()
    document = parser.parse(REF, data)
    assert "cell 0 | cell 1\ncell 2 | cell 3" in document.text
    assert [section.heading for section in document.sections] == ["Results", "Outlook"]
    places = [(figure.page, figure.bbox) for figure in document.figures]
    (crop, nothing) = parser.render(REF, data, [*places, (7, (0.0, 0.0, 9.0, 9.0))], 80)
    assert pymupdf.Pixmap(crop).width == 80 and nothing == b""
    assert pymupdf.Pixmap(parser.draw_boxes(data, document)).width > 400


def test_slides_are_pages_and_know_their_places(parser: Parser) -> None:
    document = parser.parse(REF, packages.slides())
    assert (document.status, document.pages_total, document.pages_read) == ("ok", 2, 2), document.failure_message
    assert [(s.heading, s.page) for s in document.sections] == [("Slide number 1", 1), ("Slide number 2", 2)]
    (figure,) = document.figures
    assert (figure.page, figure.bbox, figure.label) == (1, (50.0, 150.0, 370.0, 390.0), "Figure 1")


def test_pages_and_figures_beyond_the_limits_make_it_partial() -> None:
    images = "".join(
        f"<p><img src='data:image/png;base64,{base64.b64encode(papers.photo(90 + n, 80)).decode()}'></p>"
        for n in range(3)
    )
    with Parser(Limits(pages=1, figures=2), Figures()) as small:
        document = small.parse(REF, packages.slides())
        assert (document.status, document.failure_kind, document.pages_read) == ("partial", "too_large", 1)
        assert "It will rain" not in document.text
        document = small.parse(REF, f"<html><body><p>Three.</p>{images}</body></html>".encode())
        assert (document.status, len(document.figures)) == ("partial", 2)
        assert "limits.figures=2" in document.failure_message
        charts = [("bar", (60 + 170.0 * n, 300, 210 + 170.0 * n, 400), f"Figure {n + 1}: Yield.") for n in range(3)]
        document = small.parse(REF, papers.report(charts))  # type: ignore[arg-type]
        assert (document.status, len(document.figures)) == ("partial", 2)


def test_html_and_markdown(parser: Parser) -> None:
    html = f"""<!DOCTYPE html><html lang="en"><head><title>Ferns</title><script>alert("no")</script></head><body>
      <nav>Home | About</nav><h1>On ferns</h1><p>They <b>grow</b> in Figure 2.</p>
      <figure><img src="{DATA_URI}"><figcaption>Figure 2. A fern.</figcaption></figure>
      <h2>Sizes</h2><table><tr><th>name</th><th>cm</th></tr><tr><td>oak fern</td><td>30</td></tr></table>
      <img src="{DATA_URI}" alt="Another fern"><svg width="200" height="100"><circle cx="50" cy="50" r="40"/></svg>
      </body></html>"""
    document = parser.parse(REF, html.encode())
    assert (document.status, document.format, document.title) == ("ok", "html", "Ferns"), document.failure_message
    assert "They grow in Figure 2." in document.text and "oak fern | 30" in document.text
    assert "alert" not in document.text and "Home" not in document.text
    assert [(f.label, f.caption) for f in document.figures] == [
        ("Figure 2", "Figure 2. A fern."),
        ("", "Another fern"),
        ("", ""),
    ]
    markdown = f"---\ntitle: Ferns\n---\n\n# On ferns\n\nThey *grow*.\n\n![]({DATA_URI})\n\nFigure 1: A fern.\n"
    document = parser.parse(REF, markdown.encode())
    assert (document.format, document.title, document.figures[0].label) == ("markdown", "Ferns", "Figure 1")
    assert "They grow." in document.text


def test_local_resources_only_from_the_documents_own_folder(parser: Parser, tmp_path: Path) -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    (tmp_path / "outside.png").write_bytes(papers.photo(120, 90))
    folder = tmp_path / "site"
    (folder / "img").mkdir(parents=True)
    (folder / "img" / "in side.png").write_bytes(papers.photo(160, 120))
    (folder / "linked.png").symlink_to(tmp_path / "outside.png")
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        links = [
            "img/in%20side.png",
            "../outside.png",
            "linked.png",
            str(tmp_path / "outside.png"),
            (tmp_path / "outside.png").as_uri(),
            f"http://127.0.0.1:{server.server_port}/a.png",
            f"//127.0.0.1:{server.server_port}/b.png",
        ]
        page = "<html><body><p>Pictures.</p>" + "".join(f"<p><img src='{link}'></p>" for link in links)
        svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='90' height='90'><image href='{links[5]}'/></svg>"
        document = parser.parse(ObjectRef(str(folder / "index.html"), 0, ""), (page + svg).encode())
        server.shutdown()
        thread.join()
    assert document.status == "ok" and asked == []
    assert [(f.width, f.height) for f in document.figures if f.image and f.width == 160] == [(160, 120)]
    assert all(f.width != 120 for f in document.figures)


def test_tiff_of_several_pages_and_webp(parser: Parser) -> None:
    frames = [Image.open(io.BytesIO(papers.photo(160 + n, 120))) for n in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    document = parser.parse(REF, out.getvalue())
    assert (document.status, document.format, document.pages_total) == ("ok", "tiff", 3)
    assert [(figure.page, figure.width) for figure in document.figures] == [(1, 160), (2, 161), (3, 162)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP")
    document = parser.parse(REF, out.getvalue())
    assert (document.status, document.format, len(document.figures)) == ("ok", "webp", 1)


BOMB = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"\0" * (80 * 2**20)}
ENTITIES = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]><html><body><p>&k;</p></body></html>"""
    % b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(10))
)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a ZIP bomb", packages.zipped(BOMB), "too_large"),
        ("rich text", b"{\\rtf1\\ansi Hello RTF.}", "unsupported"),
        ("a bitmap", b"BM" + (54).to_bytes(4, "little") + bytes(48) + b"words " * 200, "unsupported"),
        ("an archive", packages.zipped({"a.txt": b"hello"}), "unsupported"),
        ("a package without its parts", packages.zipped({"word/x": b"", "[Content_Types].xml": b"<T/>"}), "corrupt"),
        ("half a package", packages.word()[:4000], "corrupt"),
        ("an old Word file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "unsupported"),
        (
            "a locked Word file",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "encrypted",
        ),
        ("a feed", b"<?xml version='1.0'?><feed/>", "unsupported"),
        ("a page of nothing", b"<html><body><script>1</script></body></html>", "empty"),
    ],
)
def test_packages_that_cannot_be_read(name: str, data: bytes, kind: str) -> None:
    with Parser(Limits(bytes=50 * 2**20), Figures()) as small:
        document = small.parse(REF, data)
    assert (document.status, document.failure_kind) == ("failed", kind), document.failure_message


def test_a_book_without_one_of_its_chapters_was_read_in_part(parser: Parser) -> None:
    source, whole = io.BytesIO(packages.book()), parser.parse(REF, packages.book())
    with zipfile.ZipFile(source) as book:
        kept = {name: book.read(name) for name in book.namelist()}
    last = sorted(name for name in kept if name.endswith(("html", "htm")) and "nav" not in name)[-1]
    del kept[last]
    document = parser.parse(REF, packages.zipped(kept))
    assert whole.status == "ok"
    assert (document.status, document.failure_kind) == ("partial", "corrupt")
    assert last.rpartition("/")[2] in document.failure_message


def test_nested_entities_do_not_grow(parser: Parser) -> None:
    document = parser.parse(REF, ENTITIES)
    assert len(document.text) < 1000 and document.seconds_parse < 20


def test_an_epub_may_not_reach_out_of_itself(parser: Parser, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(papers.photo(200, 150))
    data = packages.book().replace(b"../images/field.png", b"../../../../etc/pwd")
    document = parser.parse(ObjectRef(str(tmp_path / "book.epub"), 0, ""), data)
    assert not document.figures or not document.figures[0].image

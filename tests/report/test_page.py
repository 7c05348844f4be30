"""The bytes of the page: what is in them, what is not, and how many there are."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsum.config import Config
from mmsum.errors import ADVICE, FailureKind
from mmsum.report.page import BLOCK, PICTURE_BYTES, render_report, source_link
from tests.report.rows import failed, figure, picture, rows, summary


def _render(table: list[dict[str, Any]], images: Any = lambda row: [], count: int | None = None, **about: str) -> str:
    pieces = render_report(table, images, title="A report", about=about, count=count or len(table))
    return b"".join(pieces).decode()


class _Blocks(html.parser.HTMLParser):
    """The scripts of a page as a parser (not a regular expression) sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs).get("class") or "code", ""))

    def handle_data(self, data: str) -> None:
        if self.scripts and self.tags[-1] == "script":
            name, text = self.scripts[-1]
            self.scripts[-1] = (name, text + data)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append("/" + tag)

    def data(self, name: str) -> list[Any]:
        return [json.loads(text) for found, text in self.scripts if found == name]


def test_every_living_row_is_in_the_page_and_counted() -> None:
    table = rows(
        summary("/a.pdf", title="A", summary="Text.", figures=[figure(), figure("Figure 2", shown=False)]),
        summary("/b.pdf", status="partial", failure_kind="timed_out", failure_message="slow", pages_read=2),
        failed("/c.pdf", "encrypted", "it asks for a password"),
        summary("/gone.pdf", status="deleted", title="Gone"),
    )
    text = _render(table)
    blocks = _Blocks(text)
    (documents,) = blocks.data("rows")
    assert [row["uri"] for row in documents] == ["/a.pdf", "/b.pdf", "/c.pdf"]
    assert [row["title"] for row in documents] == ["A", "b.pdf", "c.pdf"]
    (totals,) = blocks.data("totals")
    assert (totals["documents"], totals["ok"], totals["partial"], totals["failed"]) == (3, 1, 1, 1)
    assert (totals["pages"], totals["figures"], totals["figures_shown"]) == (6, 2, 1)
    assert set(totals["advice"]) == {"timed_out", "encrypted"}
    assert "3 documents: 1 ok, 1 partial, 1 failed" in text and "Gone" not in text


def test_documents_come_in_blocks_and_memory_stays_at_one() -> None:
    taken: list[int] = []

    def endless() -> Iterator[dict[str, Any]]:
        for number in range(3 * BLOCK + 1):
            taken.append(number)
            yield rows(summary(f"/{number}.pdf"))[0]

    pieces = render_report(endless(), lambda row: [], title="t", about={}, count=151)
    next(pieces)
    assert taken == []
    next(pieces)
    assert len(taken) == BLOCK
    sizes = [len(block) for block in _Blocks(b"".join(pieces).decode()).data("pictures")]
    assert sizes == [BLOCK, BLOCK, BLOCK, 1]


def test_pictures_travel_with_their_figures() -> None:
    table = rows(summary("/a.pdf", figures=[figure(), figure("Figure 2"), figure("Figure 3")]))
    blocks = _Blocks(_render(table, lambda row: [picture(800, 400), b"", b"broken"]))
    ((images,),) = blocks.data("pictures")
    assert base64.b64decode(images[0])[8:12] == b"WEBP" and images[1:] == ["", ""]
    figures = blocks.data("rows")[0][0]["figures"]
    assert [(f["width"], f["height"]) for f in figures] == [(480, 240), (0, 0), (0, 0)]


def test_another_number_of_pictures_is_an_error_that_names_the_document() -> None:
    table = rows(summary("/odd.pdf", figures=[figure()]))
    with pytest.raises(ValueError, match=r"/odd\.pdf: 2 images for 1 figures"):
        _render(table, lambda row: [b"", b""])


@pytest.mark.parametrize("figures", [2, 12])
def test_pictures_of_a_large_report_stay_within_their_share(figures: int) -> None:
    """Noise, the worst case for an encoder: 12 documents of a 5,000-document report take 12 shares at most."""
    data = picture(300, 200, noise=True)
    table = rows(*(summary(f"/{n}.pdf", figures=[figure()] * figures) for n in range(12)))
    blocks = _Blocks(_render(table, lambda row: [data] * figures, count=5_000))
    sizes = [len(base64.b64decode(image)) for block in blocks.data("pictures") for images in block for image in images]
    assert 0.5 * 12 * PICTURE_BYTES / 5_000 < sum(sizes) <= 12 * PICTURE_BYTES / 5_000
    assert figures > 2 or all(sizes)


def test_pictures_are_asked_for_only_where_there_is_room() -> None:
    """Each may have to be rendered from its document, of a million."""
    asked: list[str] = []

    def images(row: dict[str, Any]) -> list[bytes]:
        asked.append(row["uri"])
        return [picture(200, 150)] * 3

    table = rows(*(summary(f"/{n}.pdf", figures=[figure()] * 3) for n in range(200)), summary("/none.pdf"))
    blocks = _Blocks(_render(table, images, count=1_000_000))
    shown = [uri for uri, found in _pictures(blocks) if any(found)]
    assert 5 < len(asked) < 20 and shown == asked
    asked.clear()
    _render(table, images, count=10_000)
    assert len(asked) == 200


def _pictures(blocks: _Blocks) -> list[tuple[str, list[str]]]:
    found = zip(blocks.data("rows"), blocks.data("pictures"), strict=True)
    return [(row["uri"], images) for table, block in found for row, images in zip(table, block, strict=True)]


def test_a_small_report_has_larger_pictures_than_a_large_one() -> None:
    table = rows(summary("/a.pdf", figures=[figure()]))
    widths = [
        _Blocks(_render(table, lambda row: [picture(900, 600)], count=count)).data("rows")[0][0]["figures"][0]["width"]
        for count in (10, 5_000, 50_000)
    ]
    assert widths[0] == 480 and 150 < widths[1] < 240 and widths[2] == 120


def test_text_without_end_is_cut_with_an_ellipsis() -> None:
    table = rows(summary("/a.pdf", summary="x" * 10**6, figures=[figure(caption="y" * 10**5)]))
    (document,) = _Blocks(_render(table)).data("rows")[0]
    assert len(document["summary"]) == 12_000 and document["summary"].endswith("…")
    assert len(document["figures"][0]["caption"]) == 600


HOSTILE = "</script><script>alert(1)</script><!--<script>]]>&lt;\u2028\u2029'\"\\\x00"


@settings(max_examples=40, deadline=None)
@given(st.text() | st.just(HOSTILE) | st.text(alphabet="</script>!-&\\u"))
def test_no_string_changes_the_markup(hostile: str) -> None:
    plain = _render(rows(summary("/a.pdf", title="T", summary="S", figures=[figure()])), key="value")
    table = rows(summary("/a.pdf", title="T", summary=hostile, figures=[figure(hostile, hostile)]))
    pieces = render_report(table, lambda row: [], title=hostile, about={"k" + hostile: "v" + hostile}, count=1)
    blocks = _Blocks(b"".join(pieces).decode())
    assert blocks.tags == _Blocks(plain).tags
    assert blocks.data("rows")[0][0]["summary"] == hostile


def test_an_undecodable_path_does_not_stop_the_report() -> None:
    pieces = render_report([], lambda row: [], title="caf\udce9", about={"Source": "/data/caf\udce9"}, count=0)
    assert "/data/caf?" in b"".join(pieces).decode()


def test_the_policy_allows_this_script_and_this_style_only() -> None:
    text = _render(rows(summary("/a.pdf")))
    match = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert match
    policy = dict(part.strip().split(" ", 1) for part in match[1].split(";"))
    assert policy["default-src"] == "'none'" and policy["img-src"] == "data:"
    for tag, name in (("<script>", "script-src"), ("<style>", "style-src")):
        assert text.count(tag) == 1
        body = text.split(tag)[1].split("</")[0]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert policy[name] == f"'sha256-{digest}'"


def test_the_page_names_nothing_outside_itself() -> None:
    text = _render([])
    assert not re.search(r"https?://|@import|url\(", text)
    assert "innerHTML" not in text and "$" + "script" not in text


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("/data/a b#1?.pdf", "file:///data/a%20b%231%3F.pdf"),
        ("file:///data/caf%E9.pdf", "file:///data/caf%E9.pdf"),
        ("https://example.org/a.pdf", "https://example.org/a.pdf"),
        ("s3://bucket/a.pdf", ""),
        ("javascript:alert(1)", ""),
        ("JAVASCRIPT://%0aalert(1)", ""),
        ("data:text/html,x", ""),
        ("http://[broken", ""),
        ("relative.pdf", ""),
    ],
)
def test_links_lead_only_where_a_browser_may_go(uri: str, link: str) -> None:
    assert source_link(uri) == link


def test_there_is_advice_for_every_kind_and_it_names_real_settings() -> None:
    assert set(ADVICE) == set(FailureKind)
    config = Config()
    for text in ADVICE.values():
        for section, field in re.findall(r"\b(limits|generation)\.(\w+)", text):
            assert hasattr(getattr(config, section), field), f"{section}.{field}"


def test_the_longest_texts_bound_the_page() -> None:
    """5,000 documents as full as documents get still leave a page of tens of megabytes, not hundreds."""
    text = {"title": 80, "uri": 120, "summary": 900, "caption": 200}
    table = rows(
        *(
            summary(f"/{n}{'u' * text['uri']}", title="t" * text["title"], summary="s" * text["summary"],
                    figures=[figure(caption="c" * text["caption"])] * 2)
            for n in range(BLOCK)
        )
    )  # fmt: skip
    block = sum(len(piece) for piece in render_report(table, lambda row: [], title="t", about={}, count=BLOCK))
    assert block * 100 + PICTURE_BYTES * 4 / 3 < 48 * 10**6

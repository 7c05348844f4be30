"""The page as a reader meets it: opened from a file, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.report.conftest import Open
from tests.report.rows import failed, figure, picture, rows, summary


def _shelf() -> list[dict[str, Any]]:
    """30 documents: 24 plain ones, and one of each thing that the page treats in its own way."""
    plain = [
        summary(f"/archive/plain {n:02d}.pdf", title=f"Plain {n}", summary=f"Library number {n}.") for n in range(24)
    ]
    return rows(
        summary("/archive/wind.pdf", title="Wind at Kelso", summary="Output rose.", tokens_total=5610, tokens_read=1204,
                figures=[figure(page=3), figure("Figure 2", "Océan levels.", page=9, shown=False)]),
        summary("s3://bucket/soil.pdf", title="Soil", summary="Moisture.", figures=[figure(shown=False)]),
        *plain,
        summary("/archive/notes.docx", title="Notes", summary="Words only.", format="docx"),
        summary("/archive/long.pdf", title="Long", summary="The first part.", status="partial", pages_total=240,
                failure_kind="timed_out", failure_message="stopped at page 4", retryable=True),
        failed("/archive/locked.pdf", "encrypted", "it asks for a password"),
        failed("/archive/locked2.pdf", "encrypted", "it asks for a password"),
        failed("/archive/torn.pdf", "corrupt", "no header", format=""),
    )  # fmt: skip


def _pictures(row: dict[str, Any]) -> list[bytes]:
    return [picture(300, 200, seed=n) for n, _ in enumerate(row["figures"])]


@pytest.fixture
def shelf(open_report: Open) -> Page:
    return open_report(_shelf(), _pictures)


def _expect_titles(page: Page, titles: list[str]) -> None:
    expect(page.locator("article h2")).to_have_text(titles)


def test_it_opens_with_counts_cards_and_pictures(shelf: Page) -> None:
    names, numbers = (shelf.locator(f".stats {tag}").all_inner_texts() for tag in ("dt", "dd"))
    counts = dict(zip(names, numbers, strict=True))
    assert counts == {"documents": "31", "ok": "27", "partial": "1", "failed": "3", "pages read": "112", "figures": "3"}
    expect(shelf.locator("article")).to_have_count(25)
    wind = shelf.get_by_role("article", name="Wind at Kelso")
    expect(wind.locator(".text")).to_have_text("Output rose.")
    expect(wind.locator(".badge")).to_have_text("ok")
    expect(wind.locator(".facts")).to_contain_text("4 of 4 pages read1,204 of 5,610 tokens read2 figures")
    image = wind.get_by_role("button", name="Enlarge Figure 1").locator("img")
    shelf.wait_for_function("img => img.complete && img.naturalWidth === 300", arg=image.element_handle())
    expect(wind.locator("figcaption").nth(0)).to_contain_text("Figure 1 Output by month.page 3 · seen by the model")
    expect(wind.locator("figcaption").nth(1)).to_contain_text("page 9 · not seen by the model")
    assert wind.locator(".uri a").get_attribute("href") == "file:///archive/wind.pdf"
    assert wind.get_by_role("link", name="page 9").get_attribute("href") == "file:///archive/wind.pdf#page=9"
    soil = shelf.get_by_role("article", name="Soil")
    expect(soil).to_contain_text("Its figures were not seen by a trained fusion.")
    expect(soil.get_by_role("link")).to_have_count(0)
    expect(shelf.locator("#unseen")).to_be_hidden()


def test_when_no_figure_was_shown_it_says_so_once(open_report: Open) -> None:
    table = rows(*(summary(f"/{n}.pdf", summary="Text.", figures=[figure(shown=False)]) for n in range(3)))
    page = open_report(table)
    assert page.get_by_text("not seen by").count() == 1
    expect(page.locator("#unseen")).to_contain_text("Figures were not seen by a trained fusion.")
    expect(page.get_by_text("No picture kept")).to_have_count(3)


def test_search_looks_at_titles_addresses_summaries_and_captions(shelf: Page) -> None:
    box = shelf.get_by_role("searchbox", name="Search")
    for query, title in [
        ("kelso", "Wind at Kelso"),
        ("S3://BUCKET", "Soil"),
        ("words", "Notes"),
        ("ocean", "Wind at Kelso"),
    ]:
        box.fill(query)
        expect(shelf.locator("#found")).to_have_text("1 match in 31 documents")
        _expect_titles(shelf, [title])
    box.fill("library number 7")
    expect(shelf.locator("article .text mark").last).to_have_text("7")
    _expect_titles(shelf, ["Plain 7", "Plain 17"])
    box.fill("no such words")
    expect(shelf.locator(".empty")).to_have_text("No document matches.")
    shelf.get_by_role("button", name="Clear filters").click()
    expect(shelf.locator("article")).to_have_count(25)
    expect(box).to_be_focused()


def test_filters_narrow_and_combine_and_survive_a_reload(shelf: Page) -> None:
    shelf.get_by_role("combobox", name="Status").select_option("failed")
    expect(shelf.locator("article")).to_have_count(3)
    shelf.get_by_role("combobox", name="Failure").select_option(label="Encrypted (2)")
    _expect_titles(shelf, ["locked.pdf", "locked2.pdf"])
    expect(shelf.locator("article .why").first).to_contain_text("Encrypted: it asks for a password")
    shelf.reload()
    _expect_titles(shelf, ["locked.pdf", "locked2.pdf"])
    shelf.go_back()
    expect(shelf.locator("article")).to_have_count(3)
    expect(shelf.get_by_role("combobox", name="Failure")).to_have_value("")
    shelf.get_by_role("button", name="Clear filters").click()
    shelf.get_by_role("combobox", name="Figures").select_option(label="With figures the model saw (1)")
    _expect_titles(shelf, ["Wind at Kelso"])
    shelf.get_by_role("combobox", name="Figures").select_option(label="With figures (2)")
    _expect_titles(shelf, ["Wind at Kelso", "Soil"])
    shelf.get_by_role("combobox", name="Format").select_option("docx")
    expect(shelf.locator("article")).to_have_count(0)


def test_pages_turn_and_the_keyboard_is_enough(shelf: Page) -> None:
    pages = shelf.get_by_role("navigation", name="Pages of results")
    expect(pages.get_by_role("button", name="Previous")).to_be_disabled()
    pages.get_by_role("button", name="Page 2").press("Enter")
    expect(shelf.locator("article")).to_have_count(6)
    expect(shelf.locator("#found")).to_have_text("26 to 31 of 31 documents")
    expect(shelf.locator("#cards")).to_be_focused()
    shelf.go_back()
    expect(shelf.locator("article")).to_have_count(25)
    shelf.get_by_role("tab", name="Summaries").press("ArrowRight")
    tab = shelf.get_by_role("tab", name="Failures")
    expect(tab).to_be_focused()
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(shelf.get_by_role("tabpanel", name="Failures")).to_be_visible()
    expect(shelf.locator("#summaries")).to_be_hidden()


def test_failures_are_grouped_counted_and_come_with_advice(shelf: Page) -> None:
    shelf.get_by_role("tab", name="Failures and partials 4").click()
    groups = shelf.locator("section.group")
    assert groups.locator("h2").all_inner_texts() == ["Encrypted", "Corrupt", "Timed out"]
    expect(groups.nth(0)).to_contain_text("2 failed")
    expect(groups.nth(0)).to_contain_text("Save a copy without one")
    expect(groups.nth(0).locator("li")).to_have_count(2)
    expect(groups.nth(0).locator("li").nth(1)).to_contain_text("/archive/locked2.pdf")
    expect(groups.nth(2)).to_contain_text("1 partial · 1 worth another attempt")
    groups.nth(0).get_by_role("button", name="Open as summaries").click()
    _expect_titles(shelf, ["locked.pdf", "locked2.pdf"])


def test_many_failures_open_a_few_at_a_time(open_report: Open) -> None:
    page = open_report(rows(*(failed(f"/{n}.pdf", "corrupt", "torn") for n in range(45))), fragment="#tab=failures")
    items = page.locator(".group li")
    expect(items).to_have_count(20)
    page.get_by_role("button", name="Show 20 more of 25").click()
    page.get_by_role("button", name="Show 5 more of 5").click()
    expect(items).to_have_count(45)
    expect(page.get_by_role("tab", name="Failures 45")).to_be_visible()


def test_a_figure_opens_large_and_escape_closes_it(shelf: Page) -> None:
    opener = shelf.get_by_role("button", name="Enlarge Figure 2")
    opener.press("Enter")
    dialog = shelf.get_by_role("dialog", name="Figure 2")
    expect(dialog).to_contain_text("Océan levels.")
    assert dialog.locator("img").evaluate("img => img.getBoundingClientRect().width") > 400
    shelf.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_of_many_figures_a_few_are_shown_first(open_report: Open) -> None:
    figures = [figure(f"Figure {n}") for n in range(1, 12)]
    page = open_report(rows(summary("/a.pdf", figures=figures)), _pictures)
    expect(page.locator("article figure")).to_have_count(6)
    page.get_by_role("button", name="Show 5 more figures").click()
    expect(page.locator("article figure")).to_have_count(11)
    expect(page.get_by_role("button", name="Enlarge Figure 7")).to_be_focused()


def test_pictures_are_decoded_only_near_the_screen(open_report: Open) -> None:
    page = open_report(rows(*(summary(f"/{n}.pdf", figures=[figure()]) for n in range(25))), _pictures)
    page.wait_for_selector("img[src]")
    filled = page.locator("img[src]").count()
    assert 0 < filled < 15
    page.locator("img").last.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelectorAll('.card')[24].querySelector('img').naturalWidth > 0")


HOSTILE = [
    "</script><script>window.hit = 1; alert(1)</script>",
    "<img src=x onerror='window.hit = 1'>",
    "\" onmouseover=\"window.hit=1\" x=\"",
    "<!--<script>",
    "${window.hit = 1} {{7*7}} $title",
    "&lt;b&gt; &amp; \\u003cb\\u003e \\",
    "\u202egnirts desrever\u202c and \u2066isolated",
    "مرحبا بالعالم 🦉👩‍👩‍👧 \u2028line\u2029paragraph",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(open_report: Open, text: str) -> None:
    table = rows(
        summary("/a.pdf", title=text, summary=text, language=text, format=text, figures=[figure(text, text)]),
        failed("javascript:alert(1)//" + text, "corrupt", text, title=text),
        failed("/" + text, text, text),
    )
    page = open_report(table, lambda row: [picture() for _ in row["figures"]])
    card = page.locator("article").first
    assert card.locator("h2").evaluate("node => node.textContent") == text
    assert card.locator(".text").evaluate("node => node.textContent") == text
    assert card.locator(".caption").evaluate("node => node.textContent") == text
    page.get_by_role("searchbox").fill(text)
    expect(page.locator("article h2 mark").first).to_be_visible()
    assert card.locator(".text").evaluate("node => node.textContent") == text
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("tab", name="Failures").click()
    expect(page.locator(".group")).to_have_count(2)
    assert page.evaluate("window.hit") is None
    hrefs = page.locator("a").evaluate_all("nodes => nodes.map(node => node.protocol)")
    assert set(hrefs) == {"file:"}
    assert page.locator("script").count() == 4  # rows, pictures, totals and the page's own


def test_without_scripts_it_still_says_what_it_holds(open_report: Open) -> None:
    page = open_report(_shelf(), java_script_enabled=False)
    note = page.locator("noscript p")
    expect(note).to_be_visible()
    assert "31 documents: 27 ok, 1 partial, 3 failed." in note.inner_text()
    expect(page.get_by_role("heading", name="A report")).to_be_visible()


def test_no_documents_at_all(open_report: Open) -> None:
    page = open_report([])
    expect(page.locator(".empty")).to_have_text("There are no documents.")
    page.get_by_role("tab", name="Failures").click()
    expect(page.locator("#failures")).to_contain_text("No failures")


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_text_has_contrast(open_report: Open, width: int, scheme: str) -> None:
    table = _shelf() + rows(summary("/" + "long" * 100 + ".pdf", title="unbroken" * 30, summary="word" * 200))
    page = open_report(table[-6:] + table[:4], _pictures, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in (".text", ".uri", ".badge", ".facts", ".stats dt", ".tabs button", ".why p + p", ".caption"):
        assert page.locator(selector).first.evaluate(CONTRAST) >= 4.5, selector
    page.get_by_role("tab", name="Failures").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


CONTRAST = """node => {  // WCAG 2 contrast of a node's text with the nearest background under it
  const light = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const under = (n) => {
    const colour = getComputedStyle(n).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? under(n.parentElement) : colour;
  };
  const [a, b] = [light(getComputedStyle(node).color), light(under(node))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


def test_five_thousand_documents_show_only_the_first_page_of_them(open_report: Open, tmp_path: Path) -> None:
    """Every document takes about the whole share of bytes that a page of this size gives it."""
    text = "The survey counts visitors to five regions, and the south drew most of them. " * 8
    table = rows(
        *(summary(f"/archive/{n:05d}.pdf", title=f"Survey {n}", summary=text, figures=[figure()]) for n in range(5_000))
    )
    image = picture(90, 67, noise=True)
    page = open_report(table, lambda row: [image])
    page.wait_for_selector("article img[src]")
    assert page.locator("article").count() == 25
    assert 25e6 < (tmp_path / "report.html").stat().st_size < 60e6
    expect(page.locator("#found")).to_have_text("1 to 25 of 5,000 documents")
    page.get_by_role("searchbox").fill("survey 4999")
    expect(page.locator("#found")).to_have_text("1 match in 5,000 documents")

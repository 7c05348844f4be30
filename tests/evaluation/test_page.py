"""The page of an evaluation, in a real browser: it loads nothing, runs nothing and fits narrow screens."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mmsum.evaluation import Evaluation
from tests.evaluation.conftest import HOSTILE
from tests.report.conftest import browser

__all__ = ["browser"]


@pytest.mark.parametrize(("width", "scheme"), [(340, "dark"), (1280, "light")])
def test_examples_stand_side_by_side(
    evaluation: Evaluation, out: Path, browser: Browser, width: int, scheme: str
) -> None:
    trouble: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    address = (out / "index.html").as_uri()
    page.on("console", lambda message: trouble.append(message.text))
    page.on("request", lambda request: request.url.startswith((address, "data:")) or trouble.append(request.url))
    page.goto(address)
    expect(page.locator("article")).to_have_count(len(evaluation.examples))
    first, second = page.locator("article").nth(0), page.locator("article").nth(1)
    assert first.locator("h3").text_content() == f"Report 0 {HOSTILE}"
    expect(first.locator("h4")).to_have_count(3)
    expect(first.locator("img")).to_have_count(2)
    page.wait_for_function("() => [...document.images].every(image => image.naturalWidth > 0)")
    expect(first.locator("mark.wrong").first).to_have_text("Figure 1 shows that loans rose.")
    expect(first.locator("section").nth(0).locator("mark.wrong")).to_have_count(0)  # the gold
    expect(second.locator("mark.wrong")).to_have_count(0)
    expect(first.locator(".badge")).to_have_text(["wrong", "wrong", "right", "right"])
    assert page.locator("script").count() == 0
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert trouble == []
    context.close()

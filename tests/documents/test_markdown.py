"""Markdown as it is found: front matter, notes, citations, attributes, code."""

from __future__ import annotations

import time

import pytest

from mmsum.config import Figures, Limits
from mmsum.documents.markdown import read_markdown
from tests.documents import papers

PICTURE = papers.photo(91, 80)


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("title: 'Ferns'", "Ferns"),
        ("author: A\r\ntitle: Ferns of the north\r\ndate: 2020", "Ferns of the north"),
        ("title: >-\n  Ferns of\n  the north\ndate: 2020", "Ferns of the north"),
        ("title: |\n  Ferns", "Ferns"),
        ('title: "Ferns of\n  the north"', "Ferns of the north"),
        ("title: >-", ""),
        ("subtitle: x", ""),
        ('# of the site\n\n"short title": x\ntitle: Ferns', "Ferns"),
    ],
)
def test_front_matter(front: str, title: str) -> None:
    ends = "\r\n" if "\r" in front else "\n"
    info, blocks = read_markdown(
        ends.join(["---", front, "---", "", "# Head", "They grow."]), Limits(), Figures(), lambda _: b""
    )
    assert info.title == title
    assert [block.text for block in blocks] == ["Head", "They grow."]


@pytest.mark.parametrize(
    "between",
    ["Ferns are old.", "Ferns, we know: they are old.", "# Ferns: a book\n\nThey are old.", "> Ferns: all of them"],
)
def test_a_text_between_two_lines_is_no_front_matter(between: str) -> None:
    info, blocks = read_markdown(f"---\n{between}\n\n---\n\nThe end.\n", Limits(), Figures(), lambda _: b"")
    said = " ".join(block.text for block in blocks)
    assert info.title == "" and "Ferns" in said and said.endswith("The end.")


def test_markdown_of_papers_without_its_marks() -> None:
    text = """# Wells

Wells matter[^1] [@doe2020; @roe2021, p. 3], see [a link](x.md) and [@fig:a], by [jane@example.org](mailto:x).

![Levels. \\label{fig:a}](1.png){ width=50% }

```py
a = b[^1]  # [@kept]
```

[^1]: A note
    of two lines.

The end.
"""
    _, blocks = read_markdown(text, Limits(), Figures(), lambda link: PICTURE if link == "1.png" else b"")
    assert [block.text for block in blocks] == [
        "Wells",
        "Wells matter, see a link and [@fig:a], by jane@example.org.",
        "Levels.",
        "a = b[^1]  # [@kept]",
        "The end.",
    ]


def test_code_in_a_line_keeps_its_brackets_and_attributes_go() -> None:
    text = """# Wells {#sec:wells .wide}

## Thanks {-}

Numbers match `[^0-9]`{.re} or ``a`[@b]``, \\`not [@doe2020] that`. Deep^[As [here](x.md).] wells[^1] in [red]{.mark}.

::: {.note}
The set {1, 2} and f(x) {y}.
:::

[^1]: A note of

    two paragraphs.

The `end
of [^2] code`.
"""
    _, blocks = read_markdown(text, Limits(), Figures(), lambda link: b"")
    assert [block.text for block in blocks] == [
        "Wells",
        "Thanks",
        "Numbers match [^0-9] or a`[@b], `not that`. Deep wells in red.",
        "The set {1, 2} and f(x) {y}.",
        "The end of [^2] code.",
    ]


@pytest.mark.parametrize("text", ["[^1]: a" + 50_000 * "\n", "x" + 50_000 * " " + "[", 30_000 * "[^"])
def test_marks_that_do_not_come_take_no_quadratic_time(text: str) -> None:
    started = time.process_time()
    list(read_markdown(text, Limits(), Figures(), lambda link: b"")[1])
    assert time.process_time() - started < 3

"""Which caption each figure of a document without pages takes."""

from __future__ import annotations

import pytest

from mmsum.documents.flow import Block, FlowInfo, assemble_flow
from mmsum.records import Figure


def captions(order: str) -> tuple[list[str], str]:
    """The captions of the figures in `order`, and the text: f a figure, digits captions of that number, t a paragraph."""
    blocks = []
    for letter in order:
        if letter == "f":
            blocks.append(Block("figure", "", figure=Figure("", 1, (0, 0, 90, 90), "", "figure", 90, 90)))
        else:
            blocks.append(Block("text", "Words." if letter == "t" else f"Figure {letter}: Ferns."))
    _, sections, figures, _ = assemble_flow(FlowInfo("html"), blocks)
    return [figure.label[-1:] for figure in figures], "\n".join(section.text for section in sections)


@pytest.mark.parametrize(
    ("order", "taken"),
    [
        ("f1f2f3", "123"),  # below
        ("tf1tf2t", "12"),
        ("1f2f3f", "123"),  # above
        ("t1f2ft3f", "123"),
        ("1ftf2", "12"),  # mixed
        ("1f2ftf3f4", "1234"),
        ("f12f", "12"),
        ("f1f", "1 "),  # without one
        ("ftf1", " 1"),
        ("ff1f2", " 12"),
        ("1ftft2f", "1 2"),
        ("1f2", "2"),  # nothing tells: below
        ("tft", " "),
    ],
)
def test_each_figure_takes_its_own_caption(order: str, taken: str) -> None:
    found, text = captions(order)
    assert [label or " " for label in found] == list(taken)
    assert text.count("Figure") == sum(letter.isdigit() for letter in order) - len(taken.replace(" ", ""))

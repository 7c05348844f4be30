"""Which caption each figure of a document without pages takes."""

from __future__ import annotations

import pytest

from mmsum.documents.flow import Block, FlowInfo, assemble_flow
from mmsum.records import Figure


def captions(order: str) -> tuple[list[str], str]:
    """The captions of the figures in `order`, and the text: f a figure, digits captions of that number, t a paragraph, a and
    b what marks panels."""
    blocks = []
    for letter in order:
        if letter == "f":
            blocks.append(Block("figure", "", figure=Figure("", 1, (0, 0, 90, 90), "", "figure", 90, 90)))
        else:
            words = {"t": "Words.", "a": "(a) In spring", "b": "b)"}
            blocks.append(Block("text", words.get(letter, f"Figure {letter}: Ferns.")))
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
        ("ff1f2", "12"),  # panels
        ("1ff2fff", "12"),
        ("fafb1", "1"),
        ("ff12", "12"),  # as many captions as figures
        ("12ff", "12"),
        ("fft", "  "),
        ("ftf1", " 1"),
        ("1ftft2f", "1 2"),
        ("1f2", "2"),  # nothing tells: below
        ("tft", " "),
    ],
)
def test_each_figure_takes_its_own_caption(order: str, taken: str) -> None:
    found, text = captions(order)
    assert [label or " " for label in found] == list(taken)
    assert text.count("Figure") == sum(letter.isdigit() for letter in order) - len(taken.replace(" ", ""))


def test_marks_of_panels_stand_in_the_caption() -> None:
    figure = [Block("figure", figure=Figure("", 1, (0, 0, 90, 90), "", "figure", 90, 90)) for _ in range(2)]
    blocks = [
        figure[0],
        Block("text", "(a) In spring"),
        figure[1],
        Block("text", "(b)"),
        Block("caption", "Figure 1: Ferns."),
    ]
    _, sections, figures, _ = assemble_flow(FlowInfo("docx"), blocks)
    assert [figure.caption for figure in figures] == ["Figure 1: Ferns. (a) In spring"]
    assert sections == []


@pytest.mark.parametrize("form", ["docx", "pptx"])
def test_what_has_no_label_or_its_own_place_is_no_panel(form: str) -> None:
    """A caption by its style alone is the nearest picture's; pictures of slides stay where they stand."""
    blocks = [Block("figure", figure=Figure("", 1, (0, 0, 90, 90), "", "photo", 90, 90)) for _ in range(2)]
    words = "Our two gardens." if form == "docx" else "Figure 1: Our garden."
    _, _, figures, _ = assemble_flow(FlowInfo(form), [*blocks, Block("caption", words)])
    assert [figure.caption for figure in figures] == ["", words]


def test_a_logo_is_no_panel() -> None:
    logo, chart = (Figure("", 1, (0, 0, 90, 90), "", "figure", 90, 90, image=image) for image in (b"logo", b"chart"))
    blocks = [Block("figure", figure=logo), Block("figure", figure=chart), Block("caption", "Figure 1: Sales.")]
    blocks += [
        Block("text", "Words."),
        Block("figure", figure=logo),
        Block("text", "More."),
        Block("figure", figure=logo),
    ]
    _, _, figures, _ = assemble_flow(FlowInfo("docx"), blocks)
    assert [(figure.image, figure.label) for figure in figures] == [
        (b"logo", ""),
        (b"chart", "Figure 1"),
        (b"logo", ""),
        (b"logo", ""),
    ]

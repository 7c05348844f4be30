"""Captions: what begins one, where it ends, which figure it belongs to, and where a text names its label."""

from __future__ import annotations

import pymupdf
import pytest

from mmsum.documents.captions import find_captions, find_mentions, join_lines
from mmsum.documents.page import Line
from mmsum.documents.parse import Parser
from tests.documents import papers
from tests.documents.conftest import REF


def line(text: str, y: float, block: int = 0) -> Line:
    return Line(text, (72, y, 72 + 5 * len(text), y + 10), 10, False, block)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Figure 3: Results", "Figure 3"),
        ("Fig. 2a Overview of it", "Figure 2a"),
        ("FIGURE 12 | Flow", "Figure 12"),
        ("Table 1. Sizes", "Table 1"),
        ("Abb. 4: Ertrag", "Abbildung 4"),
        ("Supplementary Figure S2: More", "Supplementary Figure S2"),
        ("Figure 7-26. Nuts.", "Figure 7-26"),
        ("Plate IV. Ferns", "Plate IV"),
        ("Figura 2: Ejemplo", "Figura 2"),
        ("Tableau 3 Résultats", "Tableau 3"),
        ("Рис. 7. Схема", "Рисунок 7"),
        ("图3 技术路线", "图 3"),
        ("図２：構成", "図 2"),
        ("表 7.5 停车区用地指标", "表 7.5"),
        ("[그림 4-5] 보안기술", "그림 4-5"),
        ("شكل 1: النتائج", "شكل 1"),
        ("GRAFİK 1: Verim", "Grafik 1"),  # lower() makes two characters of its İ
        ("Fıg. 2. Verim", "Figure 2"),
        ("図1に示す", None),
        ("Figura 3 è un esempio", None),
        ("Figure 3 shows that it grew", None),
        ("Figure 2.a) and b) were rendered", None),
        ("figure 3: not at the start", None),
        ("Figures 3 and 4 agree", None),
        ("Mapping 3: no", None),
    ],
)
def test_caption_anchors(text: str, label: str | None) -> None:
    found = find_captions([line(text, 100)])
    assert [caption.label for caption in found] == ([label] if label else [])


def test_caption_goes_on_over_its_lines_and_not_into_the_body() -> None:
    lines = [
        line("Figure 1: A caption that is bro-", 100),
        line("ken over two lines.", 111),
        line("Body text.", 140, 1),
    ]
    (caption,) = find_captions(lines)
    assert caption.text == "Figure 1: A caption that is broken over two lines."


def test_sentence_that_breaks_before_a_label_is_no_caption() -> None:
    assert find_captions([line("The yield grew, as is seen in", 100), line("Figure 3. Then it fell.", 111)]) == []


def mentions(sentence: str, label: str) -> bool:
    return find_mentions(["No figure.", sentence], [label]) == {label: [1]}


def test_each_figure_has_the_sentences_that_name_it() -> None:
    told = ["Figures 1-3 agree.", "None here.", "See Fig. 2a, and table ii.", "Figures 3 and 4-5 do not."]
    labels = ["Figure 1", "Figure 2", "Figure 3", "Figure 4-5", "Table II", "Supplementary Figure 1"]
    assert list(find_mentions(told, labels).values()) == [[0], [0, 2], [0, 3], [], [2], []]


@pytest.mark.parametrize("text", ["see Fig. 3.", "(Figure 3a)", "figs. 3 and 4", "Figure 3"])
def test_mentions(text: str) -> None:
    assert mentions(text, "Figure 3")
    assert not mentions(text.replace("3", "13"), "Figure 3") and not mentions(text.replace("3", "33"), "Figure 3")


@pytest.mark.parametrize(
    ("label", "text", "named"),
    [
        ("Figure 3", "Figures 1, 2 and 3 agree", True),
        ("Figure 26", "Figure 7-26 shows nuts", False),
        ("Abbildung 4", "wie Abb. 4 zeigt", True),
        ("Figura 2", "como muestra la figura 2", True),
        ("图 3", "如图3所示", True),
        ("图 3", "如图31所示", False),
        ("그림 4-5", "그림 4-5에서", True),
        ("Рисунок 7", "как видно на рис. 7", True),
        ("Abbildung 2", "Die Abbildungen 1 und 2 zeigen", True),
        ("Figure 2", "Figures 1-3 agree", True),
        ("Figure 2", "as Figure 2a shows", True),
        ("Figure 2", "Supplementary Figure 2 and Extended Data Figure 2", False),
        ("Supplementary Figure 2", "Supplementary Fig. 2 shows it", True),
        ("Supplementary Figure 2", "Figure 2 shows it", False),
        ("Table II", "see Table II.", True),
    ],
)
def test_mentions_of_many_and_in_other_languages(label: str, text: str, named: bool) -> None:
    assert mentions(text, label) == named


def test_captions_above_their_figures_keep_to_them(parser: Parser) -> None:
    """The first figure is nearer to the second caption than the second figure is, and below the first caption."""
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    first, second = (72, 90, 372, 250), (72, 360, 372, 520)
    papers.paragraph(page, (72, 66, 540, 84), "Figure 1: The field in spring.", 9)
    page.insert_image(pymupdf.Rect(first), stream=papers.photo(300, 160), keep_proportion=False)
    papers.paragraph(page, (72, 280, 540, 300), "Figure 2: The field in autumn.", 9)
    page.insert_image(pymupdf.Rect(second), stream=papers.photo(300, 161), keep_proportion=False)
    papers.paragraph(page, (72, 600, 540, 740), papers.LOREM * 3)
    figures = parser.parse(REF, document.tobytes()).figures
    assert [figure.label for figure in figures] == ["Figure 1", "Figure 2"]
    assert all(papers.iou(f.bbox, box) > 0.95 for f, box in zip(figures, (first, second), strict=True))


def two_columns(foot: str, head: str, size: float, body: str = "") -> pymupdf.Document:
    """A photo at the foot of the left column with `foot` as its caption; `head` begins the right column."""
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (52, 80, 296, 520), "Left starts. " + papers.LOREM * 6 + body)
    page.insert_image(pymupdf.Rect(52, 530, 296, 660), stream=papers.photo(244, 130), keep_proportion=False)
    page.insert_text((52, 676), foot, fontsize=size)
    page.insert_text((316, 92), head, fontsize=size)
    papers.paragraph(page, (316, 110, 560, 500), "Right starts. " + papers.LOREM * 5)
    return document


def test_a_caption_goes_on_in_the_next_column(parser: Parser) -> None:
    document = two_columns("Figure 1: A caption that its column", "cuts before it has ended.", 8)
    found = parser.parse(REF, document.tobytes())
    (figure,) = found.figures
    assert figure.caption == "Figure 1: A caption that its column cuts before it has ended."
    assert papers.iou(figure.bbox, (52, 530, 296, 660)) > 0.95 and "before it has" not in found.text


@pytest.mark.parametrize(
    ("foot", "size", "body"),
    [("Figure 1: It has ended.", 8, ""), ("Figure 1: In the body's size", 10, "This sentence")],
)
def test_a_caption_takes_nothing_of_the_body(parser: Parser, foot: str, size: float, body: str) -> None:
    document = two_columns(foot, "goes on before it has ended.", size, body)
    found = parser.parse(REF, document.tobytes())
    assert [figure.caption for figure in found.figures] == [foot] and "goes on before it" in found.text


def test_a_caption_goes_on_over_the_page(parser: Parser) -> None:
    document = pymupdf.open()
    for number in range(2):
        page = document.new_page(width=612, height=792)
        page.insert_text((72, 40), "Annals of Testing", fontsize=8)
        page.insert_text((300, 770), str(number + 1), fontsize=8)
        if number == 0:
            papers.paragraph(page, (72, 80, 540, 480), papers.LOREM * 9)
            page.insert_image(pymupdf.Rect(72, 500, 540, 660), stream=papers.photo(234, 80), keep_proportion=False)
            page.insert_text((72, 676), "Figure 1: A caption that the foot of its", fontsize=8)
        else:
            page.insert_text((72, 90), "page cuts in two.", fontsize=8)
            papers.paragraph(page, (72, 110, 540, 400), "The second page starts. " + papers.LOREM * 5)
    found = parser.parse(REF, document.tobytes())
    (figure,) = found.figures
    assert figure.caption == "Figure 1: A caption that the foot of its page cuts in two."
    assert "cuts in two" not in found.text and "The second page starts." in found.text


@pytest.mark.parametrize(
    ("below", "head", "label"),
    [
        ("", "Figure 1: A caption that stands on the next page.", "Figure 1"),
        ("Text below the picture.", "Figure 1: A caption of something else.", ""),
        ("", "Table 1: A caption of a table.", ""),
        ("", "Figure 1 shows what a sentence says.", ""),
    ],
)
def test_a_caption_may_stand_on_the_next_page(parser: Parser, below: str, head: str, label: str) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 80, 540, 440), papers.LOREM * 7)
    page.insert_image(pymupdf.Rect(72, 460, 540, 660), stream=papers.photo(234, 100), keep_proportion=False)
    page.insert_text((72, 690), below, fontsize=10)
    page = document.new_page(width=612, height=792)
    page.insert_text((72, 60), head, fontsize=8)
    papers.paragraph(page, (72, 90, 540, 400), "The second page starts. " + papers.LOREM * 5)
    found = parser.parse(REF, document.tobytes())
    (figure,) = found.figures
    assert (figure.label, figure.caption) == (label, head if label else "")
    assert (head in found.text) != bool(label) and "The second page starts." in found.text


def test_join_lines_mends_words_and_keeps_hyphens() -> None:
    assert join_lines(["a recon-", "struction of X-", "Ray data"]) == "a reconstruction of X-Ray data"

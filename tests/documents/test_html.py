"""Web pages as they are found: deep, wrapped in forms and tables, with panels and captions."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pymupdf
import pytest

from mmsum.config import Figures, Limits
from mmsum.documents.epub import read_epub
from mmsum.documents.flow import Block
from mmsum.documents.html import RestLost, read_html
from mmsum.documents.package import Package
from mmsum.documents.parse import Parser
from tests.documents import packages, papers
from tests.documents.conftest import REF

PICTURES = {f"{n}.png": papers.photo(90 + n, 80) for n in range(3)}


def blocks_of(body: str) -> list[Block]:
    _, blocks = read_html(
        f"<html><body>{body}</body></html>", Limits(), Figures(), lambda link: PICTURES.get(link, b"")
    )
    return list(blocks)


def texts(body: str) -> list[str]:
    return [block.text for block in blocks_of(body)]


def figures(body: str) -> list[str]:
    return [block.text for block in blocks_of(body) if block.kind == "figure"]


def test_a_deep_page_and_a_large_picture_lose_nothing() -> None:
    assert texts("".join(f"<font><b>line {n}\n" for n in range(200))) == [" ".join(f"line {n}" for n in range(200))]
    assert texts("<div>" * 300 + "deep" + "</div>" * 300 + "<p>end</p>") == ["deep", "end"]
    assert texts(f"<p>a</p><img src='data:image/png;base64,{'A' * 11_000_000}'><p>end</p>") == ["a", "end"]


def test_what_is_too_deep_all_the_same_makes_it_partial(parser: Parser) -> None:
    started = time.monotonic()
    document = parser.parse(REF, b"<html><body><p>Kept.</p>" + b"<div>x" * 5000 + b"<p>Lost.</p>")
    assert (document.status, document.failure_kind) == ("partial", "corrupt")
    assert "the rest from line 1 on is lost" in document.failure_message and document.text.startswith("Kept.")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "opened", ["<table><tr><td>x", "<figure><figcaption>x</figcaption>", "<figure><table><tr><td>x"]
)
def test_deep_nesting_takes_no_quadratic_time(opened: str) -> None:
    started = time.process_time()
    times = 1900 // opened.count("<")
    found = " ".join(texts(opened * times + " word" * 200_000)).split()
    assert (found.count("x"), found.count("word")) == (times, 200_000)
    assert time.process_time() - started < 5


def test_a_chapter_that_is_too_deep_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(packages.rewritten(packages.book(), "OEBPS/text/a.xhtml", lambda _: b"<p>Kept." + b"<div>" * 5000))
    _, blocks = read_epub(Package(str(path), Limits()), Limits(), Figures())
    read = []
    with pytest.raises(RestLost, match=r"^chapter 1: the rest from line"):
        for block in blocks:
            read.append(block.text)
    assert "Kept." in read and "It will rain." in read


def test_a_form_around_the_page_is_no_form_to_fill() -> None:
    page = "<form><input value='v'><h1>Ferns</h1><p>They grow.</p><select><option>red</option></select><textarea>say"
    assert texts(f"{page}</textarea><button>Send</button></form>") == ["Ferns", "They grow."]


def test_nested_tables_say_each_word_once_and_no_scripts() -> None:
    inner = "<table><tr><td>oak</td><td>30</td></tr><tr><td>elm</td><td>40</td></tr></table>"
    page = f"""<table><caption>Trees</caption>
      <tr><th>name</th><th>cm<script>var x=1;</script><style>.a{{}}</style><!-- no --></th></tr>
      <tr><td>Before <table><tr><td>{inner}</td></tr></table> after</td><td>Beside</td></tr></table>"""
    assert texts(page) == ["Trees", "name | cm", "Before", "oak | 30\nelm | 40", "after", "Beside"]


def test_words_that_only_marks_part_stay_whole() -> None:
    """In a cell and in a caption as in a paragraph."""
    words = "CO<sub>2</sub> after <a>Smith</a>, and (<i>n</i> = 3)<sup>a</sup><!-- no -->"
    whole = "CO2 after Smith, and (n = 3)a"
    assert texts(f"<p>{words}</p><table><tr><td>{words}</td><td>10<sup>5</sup></td></tr></table>") == [
        whole,
        f"{whole} | 105",
    ]
    assert figures(f"<figure><img src='1.png'><figcaption>{words}</figcaption></figure>") == [whole]
    cell = "rye<br>oats<p>barley</p><ul><li>hay</li><li>straw</li></ul>and<div>beans</div>or<h4>peas</h4>"
    assert texts(f"<table><tr><td>{cell}<br/></td></tr></table>") == ["rye oats barley hay straw and beans or peas"]


def test_a_formula_is_read_once() -> None:
    shown = "<mrow><mi>E</mi><mo>=</mo><mi>m</mi></mrow>"
    forms = (
        "<annotation-xml encoding='MathML-Content'><apply><eq/><ci>E</ci><ci>m</ci></apply></annotation-xml>"
        "<annotation encoding='application/x-tex'>E=m\\alpha</annotation>"
    )
    formula = f"<math alttext='E=m'><semantics>{shown}{forms}</semantics></math>"
    assert texts(f"<p>With {formula} it grows.</p><table><tr><td>{formula}</td></tr></table>") == [
        "With E=m it grows.",
        "E=m",
    ]


def test_lines_of_code_break_where_the_page_breaks_them() -> None:
    assert texts("<pre>if a:<br>    b</pre><p>One<br>two</p>") == ["if a:\n    b", "One two"]


def test_pictures_in_tables_of_layout_are_found() -> None:
    cell = "<tr><td><figure><img src='{0}.png'><figcaption>Figure {0}: A fern.</figcaption></figure></td></tr>"
    assert figures("<table>" + cell.format(1) + "<tr><td><img src='2.png' alt='B'></td></tr></table>") == [
        "Figure 1: A fern.",
        "B",
    ]


def test_a_figure_of_panels_has_its_own_caption_first() -> None:
    panels = "".join(
        f"<figure><img src='{n}.png' alt='Refer to caption'><figcaption>({'ab'[n]}) Panel.</figcaption></figure>"
        for n in range(2)
    )
    whole = "<figcaption><span>Figure 1:</span> Whole caption.</figcaption>"
    assert figures(f"<figure>{panels}{whole}</figure>") == ["Figure 1: Whole caption. (a) Panel.", "(b) Panel."]
    assert figures(f"<figure>{whole}<div>{panels}</div></figure><img src='2.png' alt='Other'>") == [
        "Figure 1: Whole caption. (a) Panel.",
        "(b) Panel.",
        "Other",
    ]


def test_a_picture_in_a_button_is_the_figures_and_an_icon_takes_no_caption() -> None:
    icon = "data:image/png;base64," + base64.b64encode(papers.photo(8, 8)).decode()
    figure = f"<figure><img src='{icon}'><button>Enlarge <img src='1.png'></button><figcaption>A fern.</figcaption>"
    assert texts(f"{figure}</figure>") == ["A fern."]


def test_a_table_in_a_figure_is_a_table_and_its_caption_no_pictures(parser: Parser) -> None:
    table = "<figure><table><tr><td>oak</td><td>30</td></tr></table><figcaption>Table 1: Trees.</figcaption></figure>"
    assert [(b.kind, b.text) for b in blocks_of(table)] == [("table", "oak | 30"), ("table", "Table 1: Trees.")]
    document = f"<html><body>{table}<p><img src='data:image/png;base64,{base64.b64encode(PICTURES['1.png']).decode()}'>"
    read = parser.parse(REF, document.encode())
    assert [figure.caption for figure in read.figures] == [""]
    assert read.text == "oak | 30\n\nTable 1: Trees."


def test_other_figures_keep_lines_and_captions() -> None:
    listing = "<figure><pre>if a:\n    b</pre><figcaption>Listing 1: Code.</figcaption></figure>"
    far = "<figure><img src='https://example.org/a.png'><figcaption>Figure 2: Far.</figcaption></figure>"
    assert texts(listing + far) == ["if a:\n    b", "Listing 1: Code.", "Figure 2: Far."]


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        ("<meta charset=windows-1252>", "cp1252"),
        ("<meta http-equiv=content-type content='text/html; charset=ISO-8859-1'>", "cp1252"),
        ("", "cp1252"),
        ("<meta charset=utf-8>", "utf-8"),
        ("", "utf-8"),
        ("<meta charset=no-such-thing>", "cp1252"),
        ("<meta charset='shift_jis'>", "shift_jis"),
    ],
)
def test_a_byte_that_is_none_of_its_charset_costs_itself_alone(head: str, codec: str) -> None:
    """libxml2 gave up there."""
    word = "図" if codec == "shift_jis" else "naïve – “so”"
    odd = b"\xff" if codec == "utf-8" else b"\xa0\xff" if codec == "shift_jis" else b"\x81"
    page = f"<html><head>{head}</head><body><p>Before {word}.</p><p>".encode(codec) + odd
    page += f" odd</p><p>Behind {word}.</p></body></html>".encode(codec)
    _, blocks = read_html(page, Limits(), Figures(), lambda link: b"")
    found = [block.text for block in blocks]
    assert found[0] == f"Before {word}." and found[-1] == f"Behind {word}."


def test_what_a_page_hides_is_not_read() -> None:
    hidden = ("hidden", 'style="color: red; DISPLAY:none"', "style='visibility: hidden'")
    assert texts("".join(f"<div {how}><p>Secret <img src='0.png'></p></div>" for how in hidden) + "<p>Seen.</p>") == [
        "Seen."
    ]
    assert texts("<p style='display: block; background: none'>Seen.</p>") == ["Seen."]
    assert texts("<table><tr><td>rye<span style='display:none'> and oats</span></td></tr></table>") == ["rye"]


def test_blocks_of_all_kinds_stand_apart() -> None:
    page = (
        "<header>The report</header><aside>Costs rose.</aside>Water fell.<hr>Power stayed.<footer>Foot</footer>"
        "<details><summary>Results</summary>Output grew.</details><center>Middle</center>tail"
        "<fieldset><legend>Legend</legend>Field</fieldset>"
    )
    assert texts(page) == [
        *(
            "The report",
            "Costs rose.",
            "Water fell.",
            "Power stayed.",
            "Foot",
            "Results",
            "Output grew.",
            "Middle",
            "tail",
        ),
        *("Legend", "Field"),
    ]


def test_a_labelled_picture_that_is_not_at_hand_is_a_figure_without_pixels() -> None:
    found = blocks_of(
        "<p>Wells.</p><img src='gone.png' alt='Figure 1: Depth of the wells'><img src='gone.png' alt='Logo'>"
    )
    assert [(block.kind, block.text, block.figure and block.figure.width) for block in found] == [
        ("text", "Wells.", None),
        ("figure", "Figure 1: Depth of the wells", 0),
    ]


def test_a_page_that_only_says_it_were_utf_8() -> None:
    page = "<html><head><meta charset=utf-8></head><body><p>Die Prüfung der Größe</p></body></html>".encode("cp1252")
    _, blocks = read_html(page, Limits(), Figures(), lambda link: b"")
    assert [block.text for block in blocks] == ["Die Prüfung der Größe"]


@pytest.mark.parametrize(
    "image",
    [
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' data-src='1.png' alt='A'>",
        "<img src='1.png' data-src='https://elsewhere.org/large.png' alt='A'>",
        "<img srcset='1.png 1x, 2.png 2x' alt='A'>",
    ],
    ids=["lazy", "saved", "for screens"],
)
def test_pictures_that_a_script_would_load(image: str) -> None:
    (found,) = blocks_of(image)
    assert found.figure and found.figure.width == 91


ICON = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


@pytest.mark.parametrize(
    "image",
    [
        f"<img src='{ICON}' data-srcset='1.png 300w, 2.png 600w'>",
        f"<img src='{ICON}' srcset='1.png 2x'>",
        f"<picture><source data-srcset='1.png'><source srcset='2.png'><img src='{ICON}'></picture>",
        "<picture><source srcset='1.png' media='print'><img src='gone.png'></picture>",
        "<object data='1.png'><img src='2.png'>No objects.</object>",
        "<object data='clip.swf' type='video/x'><img src='1.png'></object>",
        "<embed src='1.png' type='image/png'>",
        "<img src='1.png'><noscript></noscript>",
    ],
)
@pytest.mark.parametrize("around", ["<figure>{}<figcaption>Figure 1: A.</figcaption></figure>", "{}", "<p>{}</p>"])
def test_a_picture_is_found_wherever_its_page_names_it_and_once(image: str, around: str) -> None:
    (found,) = blocks_of(around.format(image))
    assert found.figure and found.figure.width == 91


def test_an_object_that_is_no_picture_is_left_out() -> None:
    assert blocks_of("<object data='paper.pdf' type='application/pdf'>Get it</object><embed src='film.mp4'>") == []


@pytest.mark.parametrize(
    "table",
    [
        "<tr><td><img src='1.png' alt='of pits'></td></tr><tr><td>Figure 1: Pits.</td></tr>",
        "<tr><td>Figure 1: Pits.</td></tr><tr><td><img src='1.png'></td></tr>",
        "<caption align=bottom><b>Figure 1:</b> Pits.</caption><tr><td><img src='1.png'></td></tr>",
    ],
)
def test_a_caption_in_a_table_is_that_of_its_picture(table: str) -> None:
    """As LaTeX2HTML and old pages set them."""
    assert [(block.kind, block.text) for block in blocks_of(f"<table>{table}</table>")] == [
        ("figure", "Figure 1: Pits.")
    ]


def test_captions_in_a_row_are_each_that_of_the_picture_above() -> None:
    pictures = "".join(f"<td><a href='x'><img src='{n}.png' alt='Number {n}'></a></td>" for n in (1, 2))
    words = "".join(f"<td>Figure {n}: Pit {n}.</td>" for n in (1, 2))
    assert figures(f"<table><tr>{pictures}</tr><tr>{words}</tr></table>") == ["Figure 1: Pit 1.", "Figure 2: Pit 2."]
    assert texts(f"<table><caption>Pits</caption><tr>{pictures}</tr></table>") == ["Pits", "Number 1", "Number 2"]


@pytest.mark.parametrize("image", ["<img src='1.png'>", "<a href='1.png'><img src='1.png'></a>"])
def test_words_before_a_picture_are_no_part_of_its_caption(image: str) -> None:
    page = f"<p>Words.<br>{image}<br><b>Figure 1:</b> Pits. <img src='2.png'> So.</p>"
    assert texts(page) == ["Words.", "", "", "Figure 1: Pits. So."]
    assert texts(f"<p>Press {image} to see Figure 1: it.</p>") == ["", "Press to see Figure 1: it."]


def test_what_is_no_word_is_left_out(parser: Parser) -> None:
    page = (
        "<h2>Ferns<a class='headerlink' href='#ferns'>¶</a></h2><p>Ge\u00adbirgs\u200bfarn<a href='#n1'>*</a> and "
        "<a href='#moss'>moss</a>: <span class='katex'><span class='katex-mathml'><math><mi>E</mi></math></span>"
        "<span class='katex-html' aria-hidden='true'>E</span></span>.</p>"
    )
    document = parser.parse(REF, f"<html><body>{page}</body></html>".encode())
    assert document.title == "Ferns" and document.text == "Ferns\n\nGebirgsfarn and moss: E."


@pytest.mark.parametrize("link", ["xlink:href", "href"])
def test_a_picture_wrapped_in_svg_is_that_picture(link: str) -> None:
    """As covers of EPUBs are set: alone it would be drawn as an empty sheet."""
    wrapped = f"<svg viewBox='0 0 90 80'><image {link}='{{}}' width='90' height='80'/></svg>"
    (block,) = blocks_of(wrapped.format("1.png"))
    assert block.figure is not None and block.figure.image == picture_of("1.png")
    assert blocks_of(wrapped.format("none.png")) == []
    drawn = wrapped.format("1.png").replace("</svg>", "<rect width='90' height='80' fill='red'/></svg>")
    (block,) = blocks_of(drawn)
    assert block.figure is not None and block.figure.image != picture_of("1.png")


def test_a_drawing_in_a_page_keeps_its_sheet() -> None:
    """MuPDF takes letter paper where it finds none, as of names without their capitals."""
    (block,) = blocks_of("<svg viewBox='0 0 90 60'><!-- no --><rect x='45' width='45' height='60' fill='red'/></svg>")
    assert block.figure is not None and block.figure.bbox == (0, 0, 90, 60)
    seen = pymupdf.Pixmap(block.figure.image)
    across, down = seen.width // 4, seen.height // 2
    assert [seen.pixel(across, down), seen.pixel(3 * across, down)] == [(255, 255, 255), (255, 0, 0)]


def picture_of(name: str) -> bytes:
    (block,) = blocks_of(f"<img src='{name}'>")
    assert block.figure is not None
    return block.figure.image


@pytest.mark.parametrize(
    ("page", "title", "text"),
    [
        ("<title>Wells | The Site</title><h1>Wells</h1><p>They fell.</p>", "Wells | The Site", "They fell."),
        ("<title>untitled</title><h1>Wells</h1><p>They fell.</p>", "Wells", "They fell."),
        ("<title>The Site of all</title><h1>Wells</h1><p>They fell.</p>", "The Site of all", "Wells\n\nThey fell."),
    ],
)
def test_a_heading_that_the_title_does_not_say_stays(parser: Parser, page: str, title: str, text: str) -> None:
    document = parser.parse(REF, f"<html>{page}</html>".encode())
    assert (document.title, document.text) == (title, text)

"""Small PDFs drawn for these tests, with the exact place of what was put in."""

from __future__ import annotations

import io
from string import ascii_lowercase

import matplotlib
import pymupdf

matplotlib.use("Agg")
from matplotlib.figure import Figure as Plot

LOREM = (
    "The quick brown fox jumps over the lazy dog while seven wizards vex a bold sphinx near the quartz quarry. "
    "Every measurement was taken three times, and the mean of the three is what the following paragraphs report. "
)


def chart(kind: str = "line", title: str = "Yield") -> bytes:
    """A matplotlib chart as a one-page vector PDF, 4 x 2.5 inches."""
    plot = Plot(figsize=(4, 2.5))
    axes = plot.add_subplot()
    if kind == "line":
        axes.plot(range(12), [3, 4, 2, 5, 7, 6, 8, 9, 7, 10, 12, 11], label="north")
        axes.plot(range(12), [1, 2, 4, 3, 5, 4, 3, 2, 4, 5, 6, 5], label="south")
        axes.legend()
    else:
        axes.bar(["alpha", "beta", "gamma", "delta"], [4, 7, 3, 9])
    axes.set_title(title)
    axes.set_ylabel("tonnes")
    out = io.BytesIO()
    plot.savefig(out, format="pdf")
    return out.getvalue()


def photo(width: int = 160, height: int = 120) -> bytes:
    """A noisy PNG, as photos are."""
    samples = bytes((x * y * 7 + x * 13 + c * 40) % 256 for y in range(height) for x in range(width) for c in range(3))
    return bytes(pymupdf.Pixmap(pymupdf.csRGB, width, height, samples, False).tobytes("png"))


def paragraph(page: pymupdf.Page, box: tuple[float, float, float, float], text: str, size: float = 10) -> None:
    assert page.insert_textbox(pymupdf.Rect(box), text, fontsize=size, align=0) >= 0, "the test's text does not fit"


def report(charts: list[tuple[str, tuple[float, float, float, float], str]], heading: str = "Results") -> bytes:
    """A Letter page with a title, a heading, text, and charts (kind, box, caption) with captions 6 points below."""
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    page.insert_text((72, 80), "Harvest of the northern fields", fontsize=20)
    page.insert_text((72, 120), heading, fontsize=13, fontname="hebo")
    paragraph(page, (72, 126, 540, 214), LOREM * 2 + "As Figure 1 shows, the yield grew.")
    for kind, box, caption in charts:
        page.show_pdf_page(pymupdf.Rect(box), pymupdf.open("pdf", chart(kind)), 0)
        paragraph(page, (box[0], box[3] + 6, box[2], box[3] + 40), caption, 9)
    paragraph(page, (72, 640, 540, 740), LOREM * 3)
    return bytes(document.tobytes())


def pages_of_text(count: int) -> bytes:
    document = pymupdf.open()
    for number in range(1, count + 1):
        page = document.new_page(width=612, height=792)
        page.insert_text((72, 40), "Annals of Testing", fontsize=9)
        page.insert_text((300, 770), str(number), fontsize=9)
        paragraph(page, (72, 100, 540, 400), f"Page {number} begins here. " + LOREM * 3)
    return bytes(document.tobytes())


def bitmap_letters(rows: list[str]) -> pymupdf.Document:
    """A page of words in a Type 3 font of pictures, 600 to the inch, as old TeX files have: its size is 0.12 points."""
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    names, glyphs = "".join(f"/{letter}" for letter in ascii_lowercase), ""
    for letter in ascii_lowercase:
        low, high = (-16 if letter in "gpqy" else 0), (58 if letter in "bdfhkl" else 36)
        glyph = document.get_new_xref()
        document.update_object(glyph, "<<>>")
        document.update_stream(glyph, f"42 0 2 {low} 39 {high} d1 2 {low} 37 {high - low} re f".encode())
        glyphs += f"/{letter} {glyph} 0 R"
    font = document.get_new_xref()
    document.update_object(
        font,
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[1 0 0 -1 0 0]/FirstChar 97/LastChar 122"
        f"/Widths[{'42 ' * 26}]/Encoding<</Type/Encoding/Differences[97 {names}]>>"
        f"/CharProcs<<{glyphs}>>/Resources<<>>>>",
    )
    content = "BT /T3 0.12 Tf "
    for number, row in enumerate(rows):
        content += f"1 0 0 -1 72 {700 - 11 * number} Tm "
        content += " ".join(f"({word})Tj {5.04 * len(word) + 2.4:.2f} 0 Td" for word in row.split()) + " "
    stream = document.get_new_xref()
    document.update_object(stream, "<<>>")
    document.update_stream(stream, (content + "ET").encode())
    document.xref_set_key(page.xref, "Contents", f"{stream} 0 R")
    document.xref_set_key(page.xref, "Resources", f"<</Font<</T3 {font} 0 R>>>>")
    return document


def scan(pages: int = 1, text_page: bool = False) -> bytes:
    """Pages that are one picture each; with text_page, a first page of plain text."""
    document = pymupdf.open()
    if text_page:
        paragraph(document.new_page(), (72, 72, 500, 300), LOREM * 3)
    for _ in range(pages):
        page = document.new_page()
        page.insert_image(page.rect, stream=photo(), keep_proportion=False)
    return bytes(document.tobytes())


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    common = (pymupdf.Rect(a) & pymupdf.Rect(b)).get_area()
    return float(common / (pymupdf.Rect(a).get_area() + pymupdf.Rect(b).get_area() - common))

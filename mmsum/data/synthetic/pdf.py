"""Reports as PDFs, for trying the whole way from files to summaries: text and figures flow down A4 pages."""

from __future__ import annotations

import io
from dataclasses import replace
from html import escape
from pathlib import Path

import pymupdf

from mmsum.data.synthetic import awkward
from mmsum.data.synthetic.render import draw_vector, render_report
from mmsum.data.synthetic.report import ReportPlan, plan_report
from mmsum.examples import Example, ExampleFigure, to_document

_CSS = (
    "body {font-family: %s; font-size: 10.5px} h1 {font-size: 17px} h2 {font-size: 13px}"
    " p.caption {font-size: 9.5px; text-align: center} p.figure {text-align: center}"
)
_PAPER = pymupdf.paper_rect("a4")
_COLUMN = pymupdf.Rect(64, 60, _PAPER.width - 64, _PAPER.height - 60)


def write_demo_archive(folder: Path, n: int = 12, seed: int = 0) -> list[Path]:
    """`n` reports of the kind that the pocket model learned from, of the test split, and three awkward files: their paths.

    These are the next three reports as encrypted.pdf (`awkward.PASSWORD` opens it), truncated.pdf and scanned.pdf.
    """
    examples = [render_report(plan_report("test", seed, index)) for index in range(n + 3)]
    files = [(f"{example.id}.pdf", render_pdf(example)) for example in examples]
    paths = []
    for name, data in [*files[:n], *awkward.make_all([data for _, data in files[n:]])]:
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return paths


def with_pdf(plan: ReportPlan) -> tuple[Example, bytes]:
    """A report as an example that says on which page of its PDF, and where on it, each figure stands, and what text is
    inside it there; and that PDF.

    Its charts are lines and letters where their library draws such. Same plan, same pages; Vega-Lite's fonts lie in any order.
    """
    example = render_report(plan)
    figures = list(example.figures)
    with pymupdf.open("pdf", render_pdf(example)) as document:
        # In the order of the text, as they were set. Read before any is replaced: that adds images of its own.
        boxes = [(page.number, image) for page in document for image in page.get_image_info(xrefs=True)]
        for (index, _), (number, image) in zip(_by_section(example), boxes, strict=True):
            figures[index] = replace(figures[index], page=number + 1, bbox=[round(edge, 1) for edge in image["bbox"]])
            if chart := draw_vector(plan.figures[index]):
                page = document[number]
                page.delete_image(image["xref"])
                with pymupdf.open("pdf", chart) as drawn:
                    place = pymupdf.Rect(image["bbox"])
                    page.show_pdf_page(place, drawn, keep_proportion=False)
                figures[index].text = " ".join(page.get_text(clip=place).split())
        pages: bytes = document.tobytes(garbage=3, deflate=True, no_new_id=True)
    return replace(example, figures=figures), pages


def render_pdf(example: Example) -> bytes:
    """Title, sections, and behind each section the figures that it names first, as images. Same example, same pages."""
    parts = [f"<h1>{escape(example.title)}</h1>"]
    archive = pymupdf.Archive()
    for number, figure in enumerate(example.figures):
        archive.add(figure.image, f"{number}.img")
    homes = _by_section(example)
    for index, section in enumerate(to_document(example).sections):
        if section.heading:
            parts.append(f"<h2>{escape(section.heading)}</h2>")
        parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.text.split("\n\n")]
        parts += [_figure(number, example.figures[number]) for number, home in homes if home == index]
    serif = sum(example.id.encode()) % 2
    story = pymupdf.Story("".join(parts), user_css=_CSS % ("serif" if serif else "sans-serif"), archive=archive)
    target = io.BytesIO()
    writer = pymupdf.DocumentWriter(target)
    more = 1
    while more:
        device = writer.begin_page(_PAPER)
        more, _ = story.place(_COLUMN)
        story.draw(device)
        writer.end_page()
    writer.close()
    return target.getvalue()


def _by_section(example: Example) -> list[tuple[int, int]]:
    """Numbers of the figures in the order of the text, each with that of the section behind which it stands."""
    homes = [(number, figure.section) for number, figure in enumerate(to_document(example).figures)]
    return sorted(homes, key=lambda home: home[1])


def _figure(number: int, figure: ExampleFigure) -> str:
    return f'<p class="figure"><img src="{number}.img" width="300"></p><p class="caption">{escape(figure.caption)}</p>'

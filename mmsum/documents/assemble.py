"""Pages -> sections: furniture dropped, lines joined to paragraphs, paragraphs put under their headings."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from mmsum.claims import sentences
from mmsum.documents.captions import find_mentions, join_lines
from mmsum.documents.continued import join_over_pages, take_from_next_pages
from mmsum.documents.order import reading_order
from mmsum.documents.page import REPEATS, Line, Page, body_size, overlap_x, overlap_y, place
from mmsum.records import Figure, Section

_MARGIN = 0.1
"""Share of the page's height, at its top and its bottom, in which running heads and page numbers stand."""
_EDGE, _APART = 0.14, 1.2
"""The same for a page number that stands apart from the rest, and how many times its size. LaTeX's articles on US letter
have it at 0.11 to 0.13 of the height, two sizes and more below the text; lines that are set far apart leave less than one."""
_TITLE = 1.3
"""Times the body's size, from which on lines are set as titles are."""
_PAGE_NUMBER = re.compile(
    r"^(?:page\s+)?[-\u2013\s]*(?:(?:(?:\d{1,3}|[A-Z])[-\u2013])?\d{1,4}|[ivxlc]{1,6})(?:\s*(?:/|of)\s*\d{1,4})?[-\u2013\s]*$",
    re.I,
)
"""Also of a part or an appendix: 7-45, A-3."""
_NUMBERS = 2
"""Page numbers that one margin may hold, a volume's and an offprint's; more are a table's cells or a plot's ticks."""
_BULLETS = "•·▪■●◦‣⁃∙–"
_NOTE = re.compile(r"^(?:\d{1,2}|[*†‡§¶])\s?[^\W\d_]")
_NUMBERED = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[IVX]{1,4}\.|[A-H]\.(?:\d\.?)*)\s+[A-Z\u00c0-\u00de]")


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together: running text, or a heading."""

    text: str
    page: int
    heading: bool
    size: float


def assemble(pages: list[Page], metadata_title: str = "") -> tuple[str, list[Section], list[Figure]]:
    """Title, sections in reading order, and figures with their mentions and section. No page or line is kept twice."""
    pages = [page for page in pages if not page.error]
    size = body_size(line for page in pages for line in page.lines)
    repeated = _repeated(pages, size)
    kept = {page.number: _without_furniture(page, repeated, size) for page in pages}
    join_over_pages(pages, kept)
    take_from_next_pages(pages, kept)
    size = body_size(line for page_lines in kept.values() for line in page_lines)
    lines = {number: reading_order(_without_footnotes(page_lines, size)) for number, page_lines in kept.items()}
    if not any(lines.values()):  # nothing but running heads: then they are the text
        lines = {page.number: reading_order(page.lines) for page in pages}
    size = body_size(line for page_lines in lines.values() for line in page_lines)
    paragraphs = [p for page in pages for p in _paragraphs(lines[page.number], page.number, size)]
    paragraphs = _across_pages(paragraphs)
    title = _title(metadata_title, paragraphs, size)
    sections = _sections(paragraphs, title)
    figures = _without_repeats([figure for page in pages for figure in page.figures])
    link_figures(figures, sections)
    return title, sections, figures


def _key(line: Line, size: float) -> tuple[bool, str]:
    """What a running head has in common with those of other pages, and whether it is set as titles are.

    Numbers count where they tell titles apart, `Example 1`, `Example 2`, or are all that there is, as in a table's cells.
    """
    is_title, words = line.size >= _TITLE * size, line.text.lower().strip()
    if is_title or not any(char.isalpha() for char in words):
        return is_title, words
    return is_title, re.sub(r"\d+", "#", words)


def _in_margin(line: Line, page: Page) -> bool:
    return line.box[3] < _MARGIN * page.height or line.box[1] > (1 - _MARGIN) * page.height


def _repeated(pages: list[Page], size: float) -> set[tuple[bool, str]]:
    """The keys of running heads. Slides often have equal titles: set so, it must stand on most of several pages."""
    seen: Counter[tuple[bool, str]] = Counter()
    for page in pages:
        seen.update({_key(line, size) for line in page.lines if _in_margin(line, page)})
    enough = {False: 2 if len(pages) < 6 else 3, True: max(4, len(pages) // 2 + 1)}
    return {key for key, count in seen.items() if count >= enough[key[0]]}


def _without_furniture(page: Page, repeated: set[tuple[bool, str]], size: float) -> list[Line]:
    numbers = [line for line in page.lines if _PAGE_NUMBER.match(line.text)]
    heads = [line for line in page.lines if _in_margin(line, page) and _key(line, size) in repeated]
    known = {id(line) for line in numbers}
    gone = {id(line) for line in heads} - known | {id(line) for line in _page_numbers(numbers, page)}
    kept = [line for line in page.lines if id(line) not in gone]
    return [line for line in kept if not (id(line) in known and _is_apart(line, kept, page))]


def _page_numbers(numbers: list[Line], page: Page) -> list[Line]:
    """Those in the margins, unless they are a row of a table or have the next number of a column right above or below."""
    found = []
    for above in (True, False):
        margin = [n for n in numbers if _in_margin(n, page) and (n.box[1] < page.height / 2) == above]
        if len(margin) <= _NUMBERS:
            found += [n for n in margin if not any(_are_stacked(n, other) for other in numbers if other is not n)]
    return found


def _are_stacked(a: Line, b: Line) -> bool:
    return overlap_x(a.box, b.box) > 0 and -overlap_y(a.box, b.box) < _APART * a.size


def _is_apart(line: Line, lines: list[Line], page: Page) -> bool:
    """Whether a line in no larger type than the text stands near an edge of its page, with nothing beyond or beside it."""
    at_foot, at_head = line.box[1] > (1 - _EDGE) * page.height, line.box[3] < _EDGE * page.height
    if not (at_foot or at_head):  # asked first: a page of numbers would look at all its lines for each
        return False
    gap = _APART * line.size
    rest = [other.box for other in lines if other is not line] + [figure.bbox for figure in page.figures]
    if not rest or line.size > _TITLE * body_size(lines):
        return False
    if at_foot:
        return all(box[3] < line.box[1] - gap for box in rest)
    return all(box[1] > line.box[3] + gap for box in rest)


def _without_footnotes(lines: list[Line], size: float) -> list[Line]:
    """The lines above the footnotes: small print with a mark before it, below all that is set in the body's size.

    Rows of captioned tables and small print on a page without the body's size are none.
    """
    left = list(lines)
    notes = [line for line in lines if line.block >= 0 and line.size < 0.92 * size and _NOTE.match(line.text)]
    for note in sorted(notes, key=lambda note: note.box[1]):
        column = [line for line in left if overlap_x(line.box, note.box) > 0]
        below = [line for line in column if line.box[1] >= note.box[1] - 1]
        has_text = any(line.box[1] < note.box[1] and abs(line.size - size) < 0.08 * size for line in column)
        if (
            below
            and has_text
            and all(line.block >= 0 and line.size < 0.92 * size for line in below)
            and _is_low(note, lines)
        ):
            gone = {id(line) for line in below}
            left = [line for line in left if id(line) not in gone]
    return left


def _is_low(note: Line, lines: list[Line]) -> bool:
    """Whether it stands below the middle of what is on its page."""
    return note.box[1] > (min(line.box[1] for line in lines) + max(line.box[3] for line in lines)) / 2


def _paragraphs(lines: list[Line], page: int, size: float) -> list[Paragraph]:
    groups: list[list[Line]] = []
    spread = _spread(lines, size)
    for line in lines:
        if groups and _same_paragraph(groups[-1][-1], line, size, spread):
            groups[-1].append(line)
        else:
            groups.append([line])
    paragraphs = []
    for group in groups:
        text = _words(group)
        if not text.strip():  # nothing but soft hyphens
            continue
        heading = _is_heading(group, text, size)
        paragraphs.append(Paragraph(text, page, heading, max(line.size for line in group)))
    return paragraphs


def _spread(lines: list[Line], size: float) -> float:
    """Points by which lines stand farther apart than usual, as in manuscripts; 0 for what is set like a book."""
    gaps = Counter(
        round(below.box[1] - above.box[3])
        for above, below in pairwise(line for line in lines if line.block >= 0)
        if abs(above.size - below.size) < 0.6 and overlap_x(above.box, below.box) > 10 * size
    )
    usual, count = max(gaps.items(), key=lambda item: item[1], default=(0, 0))
    return float(usual) if count > 2 and 0.35 * size < usual < 1.6 * size else 0.0


def _words(lines: list[Line]) -> str:
    """Running text on one line, each row of a table on its own."""
    if sum(" | " in line.text for line in lines) < 2:
        return join_lines([line.text for line in lines])
    runs: list[list[str]] = []
    for line, before in zip(lines, [None, *lines], strict=False):
        if before is None or " | " in line.text or " | " in before.text or line.block < 0:
            runs.append([])
        runs[-1].append(line.text)
    return "\n".join(join_lines(run) for run in runs)


def _same_paragraph(last: Line, line: Line, size: float, spread: float) -> bool:
    if last.block < 0 or line.block < 0:
        return last.block == line.block
    if _is_heading([last], last.text, size) != _is_heading([line], line.text, size) and last.bold != line.bold:
        return False
    if abs(last.size - line.size) > 0.12 * max(last.size, line.size):
        return False
    gap = line.box[1] - last.box[3]
    if (
        min(last.size, line.size) >= _TITLE * size and overlap_x(last.box, line.box) > 0
    ):  # also centred, or block by block
        return -0.5 * line.size < gap < 0.9 * line.size
    if line.box[1] < last.box[1] - last.height:  # a new column
        return last.text[-1:] not in ".:!?" and line.text[:1].islower()
    indent = line.box[0] - last.box[0]
    if last.text[-1:] in "-\u2010" and line.text[:1].islower() and gap - spread < 0.35 * line.size:
        return True  # whatever the indent: a word goes on
    if spread and gap > 0.35 * line.size:
        word = min(len(line.text.split()[0]), 15) * (line.box[2] - line.box[0]) / len(line.text)
        room = max(last.box[0] - line.box[0], line.box[2] - last.box[2])  # at either end: some are read from the right
        return room < word + 2 * line.size and indent < 0.8 * line.size and gap < spread + 0.15 * line.size
    if last.block != line.block and (gap > 0.35 * line.size or indent > 0.8 * line.size):
        return False
    return gap < 0.75 * line.size and not (indent > 0.8 * line.size and last.text.endswith((".", ":", "?", "!")))


def _is_heading(lines: list[Line], text: str, size: float) -> bool:
    if lines[0].block < 0 or text[0] in _BULLETS:
        return False
    largest = max(line.size for line in lines)
    if largest < 1.15 * size and not lines[0].bold and not text.isupper():
        return False  # most lines end here
    most_lines, most_letters = (5, 250) if largest >= _TITLE * size else (3, 140)
    if len(lines) > most_lines or len(text) > most_letters or sum(c.isalpha() for c in text) < 3 or " | " in text:
        return False
    if text.endswith((",", ";", "-")) or (
        largest < _TITLE * size and text.endswith(".") and not text.endswith("etc.") and len(text) > 60
    ):
        return False
    bold = all(line.bold for line in lines)
    if largest >= 1.15 * size:
        return True
    if largest < (0.75 if text.isupper() else 0.9) * size:  # small capitals
        return False
    numbered = bool(_NUMBERED.match(text))
    if bold and (numbered or (text[:1].isupper() and len(text) < 100 and not text.endswith((".", ":")))):
        return True
    return numbered and len(text) < 80 and len(lines) == 1 and text.isupper()


def _across_pages(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """Join a sentence that a page break cut: no end mark before it, a small letter after it."""
    joined: list[Paragraph] = []
    ends_on = 0  # the page on which the last one ends
    for paragraph in paragraphs:
        last = joined[-1] if joined else None
        if (
            last
            and paragraph.page == ends_on + 1
            and not (paragraph.heading or last.heading)
            and last.text[-1:] not in ".:!?"
            and paragraph.text[:1].islower()
            and abs(last.size - paragraph.size) < 0.6
        ):
            last.text = join_lines([last.text, paragraph.text])
        else:
            joined.append(paragraph)
        ends_on = paragraph.page
    return joined


def _title(metadata: str, paragraphs: list[Paragraph], size: float) -> str:
    """The metadata's title where it is one and stands on the first page; else that page's largest line near its top."""
    first = [p for p in paragraphs if p.page == paragraphs[0].page] if paragraphs else []
    candidates = [p for p in first[:12] if p.heading and p.size > 1.15 * size and _has_words(p.text)]
    largest = max(candidates, key=lambda p: p.size, default=None)
    if is_sane(metadata) and (largest is None or is_alike(metadata, " ".join(p.text for p in first[:12]))):
        return " ".join(metadata.split())
    if largest is not None:
        return largest.text
    return " ".join(metadata.split()) if is_sane(metadata) else ""


def is_sane(title: str) -> bool:
    """Whether metadata's title is one, and no file's or template's name."""
    bad = re.search(
        r"\.(?:docx?|pdf|tex|dvi|indd|qxd|pptx?|xlsx?|odt)\b|^untitled|^microsoft word|^title$|^slide \d", title, re.I
    )
    return len(title) >= 5 and not bad and sum(c.isalpha() for c in title) >= 0.5 * len(title)


def _has_words(text: str) -> bool:
    """Whether half of a text or more are letters or digits, as in a title, and not the signs and spaces of an equation."""
    return 2 * sum(c.isalnum() or unicodedata.category(c)[0] == "M" for c in text) >= len(text)


def is_alike(title: str, text: str) -> bool:
    """Whether most words of a title are in a text."""
    words = re.findall(r"\w+", title.lower())
    present = set(re.findall(r"\w+", text.lower()))
    return bool(words) and sum(word in present for word in words) >= 0.7 * len(words)


def _sections(paragraphs: list[Paragraph], title: str) -> list[Section]:
    sections: list[Section] = []
    texts: dict[int, list[str]] = defaultdict(list)
    title_dropped = False
    for paragraph in paragraphs:
        if not title_dropped and paragraph.page == paragraphs[0].page and paragraph.text == title:
            title_dropped = True
            continue
        if paragraph.heading:
            sections.append(Section(paragraph.text, "", paragraph.page))
        else:
            if not sections:
                sections.append(Section("", "", paragraph.page))
            texts[len(sections) - 1].append(paragraph.text)
    for index, parts in texts.items():
        sections[index].text = "\n\n".join(parts)
    return sections


def _without_repeats(figures: list[Figure]) -> list[Figure]:
    """Drop pictures without a caption that stand, the same, at one place of REPEATS pages or more."""
    places = Counter(place(figure) for figure in figures if not figure.label)
    return [figure for figure in figures if figure.label or places[place(figure)] < REPEATS]


def link_figures(figures: list[Figure], sections: list[Section]) -> None:
    """Give each figure the sentences that name it and the section of the first; else, unless it has one, its page's."""
    told = [(index, s) for index, section in enumerate(sections) for s in sentences(section.text)]
    places = find_mentions([sentence for _, sentence in told], {figure.label for figure in figures if figure.label})
    for figure in figures:
        named = [told[place] for place in places.get(figure.label, ())[:3]]
        figure.mentions = [sentence for _, sentence in named]
        if named:
            figure.section = named[0][0]
        elif figure.section < 0:
            begun = [index for index, section in enumerate(sections) if section.page <= figure.page]
            figure.section = begun[-1] if begun else (0 if sections else -1)

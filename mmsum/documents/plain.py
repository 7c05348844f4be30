"""Plain text -> title and sections; headings may be marked as Markdown marks them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mmsum.fences import FENCED
from mmsum.records import Section

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_UNDERLINE = re.compile(r"^(=+|-+)\s*$")


def read_plain(text: str) -> tuple[str, list[Section]]:
    """Sections at Markdown headings (# or underlined), code blocks left alone; the title is the first top heading."""
    sections = [Section("", "", 1)]
    bodies: list[list[str]] = [[]]
    title = ""
    for line, fenced in _lines(text.replace("\r\n", "\n").replace("\r", "\n")):
        heading, level = "", 0
        if not fenced and (match := _HEADING.match(line)):
            heading, level = match[2], len(match[1])
        elif not fenced and (match := _UNDERLINE.match(line)) and _heading_above(bodies[-1]):
            heading, level = bodies[-1].pop().strip(), 1 if match[1][0] == "=" else 2
        if not heading:
            bodies[-1].append(line.rstrip().replace("\f", ""))
        elif level == 1 and not title:
            title = heading
        else:
            sections.append(Section(heading, "", 1))
            bodies.append([])
    for section, body in zip(sections, bodies, strict=True):
        section.text = re.sub(r"\n{3,}", "\n\n", "\n".join(body)).strip()
    return title, [section for section in sections if section.heading or section.text]


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """(line, whether it is code)"""
    end = 0
    for block in FENCED.finditer(text):
        yield from ((line, False) for line in text[end : block.start()].split("\n")[:-1])
        yield from ((line, True) for line in block[0].split("\n"))
        end = block.end() + 1
    yield from ((line, False) for line in text[end:].split("\n"))


def _heading_above(body: list[str]) -> bool:
    """Whether the line before an underline stands alone, as a heading does."""
    return bool(body and body[-1].strip() and len(body[-1]) < 120 and (len(body) == 1 or not body[-2].strip()))

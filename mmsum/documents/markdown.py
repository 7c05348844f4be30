"""Markdown -> blocks, by way of HTML, without what its writers say to programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from markdown_it import MarkdownIt

from mmsum.config import Figures, Limits
from mmsum.documents.flow import Block, FlowInfo
from mmsum.documents.html import Resolver, read_html
from mmsum.fences import outside_code

_FRONT = re.compile(
    r"---[ \t]*\n(?=(?:[ \t]*(?:#[^\n]*)?\n)*(?:[\w.-]+|\"[^\"\n]*\"|'[^'\n]*'):\s)(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL
)
"""YAML, which begins with a key; a text between two lines is a text."""
_TITLE = re.compile(r"^title:(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_FOLDED = re.compile(r"[>|][-+\d]{0,2}(?:\s|$)")


def read_markdown(text: str, limits: Limits, settings: Figures, resolve: Resolver) -> tuple[FlowInfo, Iterator[Block]]:
    """The blocks of a Markdown text; its title is the first top heading, or that of its front matter."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    title = ""
    if front := _FRONT.match(text):
        text = text[front.end() :]
        title = _front_title(front[1])
    text = _without_marks(text)
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    _, blocks = read_html(f"<html><body>{rendered}</body></html>", limits, settings, resolve)
    return FlowInfo("markdown", title=title), blocks


def _without_marks(text: str) -> str:
    """Markdown of papers without its notes, citations, and what is said to programs; code stays as it is."""

    def change(piece: str) -> str:
        numbers, spans = count(), _CODE.findall(piece)
        piece = _CODE.sub(lambda _: f"\0{next(numbers)}\0", piece)
        piece = _SPAN.sub(r"\1", piece)
        for pattern in _MARKS:
            piece = pattern.sub("", piece)
        return re.sub("\0(\\d+)\0", lambda place: spans[int(place[1])][0], piece)

    return outside_code(text.replace("\0", "\ufffd"), change)


_CODE = re.compile(r"((?<![`\\])(`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)\2(?!`))", re.DOTALL)
"""In a line: `[^0-9]` is no note there."""
_ATTRIBUTES = r"\{(?:[#.][^\s{}]+|-|[\w-]+=[^\n{}]*)(?:[ \t][^{}\n]*)?\}"
"""`{#wells .wide width=50%}`, `{-}`: as Pandoc reads them."""
_SPAN = re.compile(rf"\[([^\[\]\n]*)\]{_ATTRIBUTES}")
_MARKS = (
    re.compile(r"(?<=\))\{[^{}\n]*\}"),  # ![...](a.png){ width=50% }
    re.compile(rf"(?<=\0){_ATTRIBUTES}"),  # `code`{.py}
    re.compile(rf"(?<=\S)[ \t]+{_ATTRIBUTES}(?=[ \t]*$)", re.MULTILINE),  # # Heading {#name}
    re.compile(r"^:{3,}[ \t]*(?:\{[^{}\n]*\}|[\w-]+)?[ \t:]*$", re.MULTILINE),  # ::: {.note}
    re.compile(r"(?<!\s)\s*\\label\{[^{}\n]*\}"),
    re.compile(
        r"^\[\^[^\]\s]+\]:.*(?:\n[ \t]+\S.*|\n(?:[ \t]*\n)+(?:    |\t).*\S.*)*", re.MULTILINE
    ),  # [^1]: a footnote
    re.compile(r"\[\^[^\[\]\s]+\]"),
    re.compile(r"\^\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\]"),  # ^[a note in the line]
    re.compile(
        r"(?<![ \t])[ \t]*\[(?:[^\[\]@\n]*\s)?-?@(?!(?:fig|tbl|eq|sec|lst):)[^\[\]\n]*\](?![(\[])"
    ),  # [see @doe2020, p. 3]
)


def _front_title(front: str) -> str:
    """The title in YAML front matter: in quotes, folded (`title: >-` and indented lines), or as it stands."""
    named = _TITLE.search(front)
    title = _FOLDED.sub("", " ".join(named[1].split()), count=1) if named else ""
    return title[1:-1] if len(title) > 1 and title[0] == title[-1] and title[0] in "'\"" else title

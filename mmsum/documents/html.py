"""HTML and Markdown -> blocks. Pictures come from data URIs and from a resolver given by the caller, never from a network."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import lxml.etree
import lxml.html
from markdown_it import MarkdownIt

from mmsum.config import Figures, Limits
from mmsum.documents.flow import Block, FlowInfo, picture

Resolver = Callable[[str], bytes]
"""A relative link -> bytes of the resource, b"" where there is none."""

_SKIPPED = frozenset(
    {"script", "style", "noscript", "template", "nav", "iframe", "object", "embed", "form", "button", "head"}
)
_WHOLE = frozenset({"table", "figure", "svg"})
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_BLOCKS = frozenset(
    {"p", "li", "pre", "blockquote", "dt", "dd", "td", "th", "div", "section", "article", "main", "body", "address"}
)
_DATA = re.compile(r"data:(?P<type>[^;,]*)(?P<coded>;base64)?[^,]*,(?P<body>.*)", re.DOTALL | re.IGNORECASE)


def read_html(
    data: bytes | str, limits: Limits, settings: Figures, resolve: Resolver, page: int = 1
) -> tuple[FlowInfo, Iterator[Block]]:
    """The title and language of a page, and its blocks. Raises ValueError where nothing can be parsed."""
    parser = lxml.html.HTMLParser(
        encoding="utf-8" if isinstance(data, bytes) and _is_utf8(data) else None, no_network=True, huge_tree=False
    )
    try:
        root = lxml.html.document_fromstring(data, parser=parser)
    except lxml.etree.ParserError as error:
        raise ValueError(str(error)) from error
    language = (root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "")[:2].lower()
    info = FlowInfo("html", title=_words(root.findtext(".//title") or ""), language=language)
    body = root.find("body")
    return info, _Walker(limits, settings, resolve, page).walk(root if body is None else body)


def read_markdown(text: str, limits: Limits, settings: Figures, resolve: Resolver) -> tuple[FlowInfo, Iterator[Block]]:
    """The blocks of a Markdown text; its title is the first top heading, or that of its front matter."""
    front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    title = ""
    if front:
        text = text[front.end() :]
        named = re.search(r"^title:\s*['\"]?(.*?)['\"]?\s*$", front[1], re.MULTILINE)
        title = named[1] if named else ""
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    _, blocks = read_html(f"<html><body>{rendered}</body></html>", limits, settings, resolve)
    return FlowInfo("markdown", title=title), blocks


class _Walker:
    """Goes through the tree once; text between block elements becomes paragraphs."""

    def __init__(self, limits: Limits, settings: Figures, resolve: Resolver, page: int) -> None:
        self.limits, self.settings, self.resolve, self.page = limits, settings, resolve, page
        self.pending: list[str] = []
        self.titled = False
        self.inside: Any = None  # the element that is taken or left out as a whole, while the walk is in it

    def walk(self, root: Any) -> Iterator[Block]:
        for event, element in lxml.etree.iterwalk(root, events=("start", "end", "comment", "pi")):
            if event == "start":
                yield from self._start(element)
            elif event == "end":
                yield from self._end(element)
            elif self.inside is None:
                self.pending.append(element.tail or "")
        yield from self._flush("text")

    def _start(self, element: Any) -> Iterator[Block]:
        tag = element.tag
        if self.inside is not None:
            if tag == "img" and self.inside.tag == "table":  # a page laid out with tables
                yield from self._image(element, _alt(element))
            return
        if tag in _WHOLE or tag in _HEADINGS or tag in _BLOCKS:
            yield from self._flush("text")
        if tag in _SKIPPED or element.get("hidden") is not None or tag in _WHOLE:
            self.inside = element
        if tag == "table":
            yield from self._table(element)
        elif tag == "figure":
            yield from self._figure(element)
        elif tag == "svg":
            yield from self._drawn(lxml.etree.tostring(element, with_tail=False), "")
        elif tag == "img":
            yield from self._image(element, _alt(element))
        elif self.inside is None:
            self.pending.append(" " if tag == "br" else element.text or "")

    def _end(self, element: Any) -> Iterator[Block]:
        tag = element.tag
        if self.inside is element:
            self.inside = None
        elif self.inside is not None:
            return
        elif tag in _HEADINGS:
            first = _HEADINGS[tag] == 1 and not self.titled
            self.titled = self.titled or first
            yield from self._flush("title" if first else "heading")
        elif tag == "pre":
            words = "".join(self.pending).strip("\n")
            self.pending.clear()
            if words.strip():
                yield Block("text", words, self.page)
        elif tag in _BLOCKS:
            yield from self._flush("caption" if "caption" in (element.get("class") or "").lower() else "text")
        self.pending.append(element.tail or "")

    def _flush(self, kind: Any) -> Iterator[Block]:
        words = _words("".join(self.pending))
        self.pending.clear()
        if words:
            yield Block(kind, words, self.page)

    def _figure(self, element: Any) -> Iterator[Block]:
        caption = " ".join(_words(" ".join(part.itertext())) for part in element.iter("figcaption"))
        pictures = [*element.iter("img"), *element.iter("svg")]
        if not pictures:  # a listing or a table set as a figure
            words = _words(" ".join(element.itertext()))
            yield Block("text", words, self.page)
        for number, part in enumerate(pictures):
            words = caption or _alt(part)
            if part.tag == "svg":
                yield from self._drawn(lxml.etree.tostring(part, with_tail=False), words)
            elif number == 0 or not caption:
                yield from self._image(part, words)
            else:
                yield from self._image(part, "")

    def _image(self, element: Any, words: str) -> Iterator[Block]:
        yield from self._drawn(self._bytes(element.get("src") or ""), words)

    def _drawn(self, data: bytes, words: str) -> Iterator[Block]:
        figure = picture(data, self.limits, self.settings, self.page) if data else None
        if figure is not None and (figure.width or words):
            yield Block("figure", words, self.page, figure)

    def _bytes(self, link: str) -> bytes:
        if match := _DATA.match(link.strip()):
            try:
                body = match["body"]
                return base64.b64decode(unquote(body)) if match["coded"] else unquote_to_bytes(body)
            except (binascii.Error, ValueError):
                return b""
        if "://" in link or link.startswith(("//", "/", "\\", "#", "?")) or re.match(r"[a-zA-Z][\w+.-]*:", link):
            return b""  # somebody else's machine, or outside the document's folder: never fetched
        return self.resolve(unquote(link.partition("#")[0].partition("?")[0]))

    def _table(self, element: Any) -> Iterator[Block]:
        rows = []
        for row in element.iter("tr"):
            cells = [_words(" ".join(cell.itertext())) for cell in row if cell.tag in ("td", "th")]
            if any(cells):
                rows.append(" | ".join(cells))
        caption = _words(" ".join(" ".join(part.itertext()) for part in element.iter("caption")))
        if rows or caption:
            yield Block("text", "\n".join([caption, *rows] if caption else rows), self.page)


def _alt(element: Any) -> str:
    return _words(element.get("alt") or "")


def _words(text: str) -> str:
    return " ".join(text.split())


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

"""HTML -> blocks. Pictures come from data URIs and from a resolver given by the caller, never from a network."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import lxml.etree
import lxml.html

from mmsum.config import Figures, Limits
from mmsum.documents.captions import caption_label
from mmsum.documents.detect import page_as_utf8
from mmsum.documents.flow import Block, FlowInfo, picture, table_blocks
from mmsum.documents.web_pictures import PICTURES, as_svg, is_drawing, links_of
from mmsum.records import Figure

Resolver = Callable[[str], bytes]
"""A relative link -> bytes of the resource, b"" where there is none."""

_SKIPPED = frozenset(
    {"script", "style", "noscript", "template", "nav", "iframe", "object", "embed", "head"}
    | {"annotation", "annotation-xml"}  # a formula once more, in TeX and for programs
)
_CONTROLS = frozenset({"button", "select", "option", "input", "textarea"})
"""Left out as well; the form around them is not: some servers put the whole page into one."""
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_BLOCKS = frozenset(
    {"p", "li", "pre", "blockquote", "dt", "dd", "td", "th", "div", "section", "article", "main", "body"}
    | {"address", "form", "tr", "caption", "figcaption", "header", "footer", "aside", "details", "summary", "hr"}
    | {"fieldset", "legend", "center", "ul", "ol", "dl", "hgroup", "search", "dialog", "menu"}
)
_APART = _BLOCKS | _HEADINGS.keys() | {"table", "figure", "br"}
_LAYOUT = ("table", "figure")
"""A table with these in it lays out a page: only those of its rows that hold none are rows."""
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)
_DATA = re.compile(r"data:(?P<type>[^;,]*)(?P<coded>;base64)?[^,]*,(?P<body>.*)", re.DOTALL | re.IGNORECASE)


class RestLost(ValueError):
    """The parser gave up before the end of a page. What stands before it has been yielded."""


def read_html(
    data: bytes | str, limits: Limits, settings: Figures, resolve: Resolver, page: int = 1
) -> tuple[FlowInfo, Iterator[Block]]:
    """The title and language of a page, and its blocks. Raises ValueError where nothing can be parsed.

    The blocks end with RestLost where the parser gave up before the end, as it does 2048 elements deep.
    """
    # Without huge_tree it gives up 256 deep and at 10 MB of one picture; the limits of the child bound it all the same.
    encoding = "utf-8" if isinstance(data, bytes) else None
    parser = lxml.html.HTMLParser(encoding=encoding, no_network=True, huge_tree=True)
    if isinstance(data, bytes):
        data = page_as_utf8(data)
    try:
        root = lxml.html.document_fromstring(data, parser=parser)
    except lxml.etree.ParserError as error:
        raise ValueError(str(error)) from error
    language = (root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "")[:2].lower()
    info = FlowInfo("html", title=_words(root.findtext(".//title") or ""), language=language)
    body = root.find("body")
    blocks = _Walker(limits, settings, resolve, page).walk(root if body is None else body)
    return info, _to_the_end(blocks, parser)


def _to_the_end(blocks: Iterator[Block], parser: lxml.html.HTMLParser) -> Iterator[Block]:
    yield from blocks
    for error in parser.error_log.filter_from_fatals():
        if error.type_name != "ERR_UNSUPPORTED_ENCODING":  # then it goes on with another
            raise RestLost(f"the rest from line {error.line} on is lost: {error.message}")


class _Walker:
    """Goes through the tree once; text between block elements becomes paragraphs."""

    def __init__(self, limits: Limits, settings: Figures, resolve: Resolver, page: int) -> None:
        self.limits, self.settings, self.resolve, self.page = limits, settings, resolve, page
        self.pending: list[str] = []
        self.titled = False
        self.inside: Any = None  # the element that is taken or left out as a whole, while the walk is in it
        self.figures: list[Any] = []  # those that the walk is in, a panel behind the figure that holds it
        self.captions: dict[Any, str] = {}  # of these figures; "" once a picture has taken it
        self.labelled: set[Any] = set()  # those whose caption has a label and a picture: others in them are panels

    def walk(self, root: Any) -> Iterator[Block]:
        steps = lxml.etree.iterwalk(root, events=("start", "end", "comment", "pi"))
        for event, element in steps:
            if event == "start":
                yield from self._start(element)
                if element.tag == "svg":
                    steps.skip_subtree()
            elif event == "end":
                yield from self._end(element)
            elif self.inside is None:
                self.pending.append(element.tail or "")
        yield from self._flush("text")

    def _start(self, element: Any) -> Iterator[Block]:
        tag = element.tag
        if self.inside is not None:
            # A figure with its picture in a button, or again for readers without scripts.
            if tag in PICTURES and self.figures and self.inside.tag not in ("table", "tr", *PICTURES):
                yield from self._picture(element)
            return
        if tag in _BLOCKS or tag in _HEADINGS or tag in ("table", "figure", "svg"):
            yield from self._flush("text")
        if tag in PICTURES and not _is_hidden(element):
            if caption_label(_words_behind(element)):
                yield from self._flush("text")
            yield from self._picture(element)
        if _is_left_out(element) or (tag == "figcaption" and self.figures):
            self.inside = element
        elif tag in ("table", "tr") and next(element.iterdescendants(*_LAYOUT), None) is None:
            self.inside = element
            yield from self._table(element)
        elif tag not in PICTURES:
            if tag == "figure":
                if not self.figures:
                    self.captions, self.labelled = _figcaptions(element), set()
                self.figures.append(element)
            self.pending.append("\n" if tag == "br" else element.text or "")

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
        elif tag == "figure":
            yield from self._flush("text")
            self.figures.pop()
            if caption := self.captions.get(element):  # of a table, of a listing, of a picture that is not at hand
                yield Block("table", caption, self.page)
        elif tag == "figcaption":
            yield from self._flush("caption")
        elif tag in _BLOCKS:
            yield from self._flush("caption" if "caption" in (element.get("class") or "").lower() else "text")
        self.pending.append(element.tail or "")

    def _flush(self, kind: Any) -> Iterator[Block]:
        words = _words("".join(self.pending))
        self.pending.clear()
        if words:
            yield Block(kind, words, self.page)

    def _picture(self, element: Any) -> Iterator[Block]:
        """A picture with what its figures say of it: the first in a figure has the caption of all of it, with a label all
        others are its panels."""
        captioned = [figure for figure in self.figures if figure in self.captions]
        words = _words(" ".join(self.captions[figure] for figure in captioned))
        if not captioned:
            words = _words(element.get("alt") or "")
        figure = self._figure(element, words)
        if figure is not None and (figure.width or words):
            self.captions.update(dict.fromkeys(captioned, ""))
            has_label = bool(caption_label(words))
            yield Block("figure", words, self.page, figure, not has_label and not self.labelled.isdisjoint(captioned))
            self.labelled.update(captioned if has_label else ())

    def _figure(self, element: Any, words: str) -> Figure | None:
        """The best of the pictures that an element names; what a script will replace is an icon, and none."""
        kept = None
        for data in filter(None, [as_svg(element)] if is_drawing(element) else map(self._bytes, links_of(element))):
            kept = picture(data, self.limits, self.settings, self.page) or kept
            if kept is not None and kept.width:
                return kept
        # One that is not at hand has its label in the text: then it is a figure all the same, without its picture.
        return picture(b"", self.limits, self.settings, self.page) if kept is None and caption_label(words) else kept

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
        """A table, or one row of a larger one, with the pictures in it."""
        captions = [_text(part) for part in element.iter("caption")]
        grid = [[[*self._cell(cell)] for cell in row if cell.tag in ("td", "th")] for row in element.iter("tr")]
        if any(captions):
            grid.insert(0, [[Block("text", _words(" ".join(captions)), self.page)]])
        blocks = [block for row in grid for cell in row for block in cell]
        if any(block.figure is None and caption_label(block.text) for block in blocks):
            for block in blocks:
                if block.figure is not None and not caption_label(block.text):
                    block.text = ""  # its `alt`
        yield from table_blocks(grid, self.page)

    def _cell(self, cell: Any) -> Iterator[Block]:
        inside = None
        for event, part in lxml.etree.iterwalk(cell, events=("start", "end"), tag=PICTURES):
            if event == "end":
                inside = None if part is inside else inside
            elif inside is None:
                inside = part
                yield from self._picture(part)
        if words := _text(cell):
            yield Block("text", words, self.page)


def _words_behind(picture: Any) -> str:
    """The first words after a picture, in its paragraph and before the next picture."""
    element = picture
    while element is not None and element.tag not in _BLOCKS:
        if words := _words(element.tail or ""):
            return words
        following = element.getnext()
        if following is None:
            element = element.getparent()
            continue
        if (following.tag in _APART and following.tag != "br") or next(following.iter(*PICTURES), None) is not None:
            return ""
        if isinstance(following.tag, str) and (words := _text(following)):
            return words
        element = following
    return ""


def _figcaptions(figure: Any) -> dict[Any, str]:
    """The captions in a figure, each under the figure that it stands in directly: this one, or a panel of it."""
    captions: dict[Any, str] = {}
    around: list[Any] = []
    steps = lxml.etree.iterwalk(figure, events=("start", "end"), tag=("figure", "figcaption"))
    for event, element in steps:
        if element.tag == "figcaption":
            if event == "start":
                captions[around[-1]] = _words(f"{captions.get(around[-1], '')} {_text(element)}")
                steps.skip_subtree()
        elif event == "start":
            around.append(element)
        else:
            around.pop()
    return captions


def _text(element: Any) -> str:
    """The words in an element, without its scripts and buttons; as in a browser only blocks and breaks stand apart."""
    texts = []
    steps = lxml.etree.iterwalk(element, events=("start", "end", "comment", "pi"))
    for event, part in steps:
        if event == "start" and _is_left_out(part):
            steps.skip_subtree()
            continue
        if part.tag in _APART:
            texts.append(" ")
        if event == "start":
            texts.append(part.text or "")
        elif part is not element:
            texts.append(part.tail or "")
    return _words("".join(texts))


def _is_left_out(element: Any) -> bool:
    tag = element.tag
    if tag in _SKIPPED or tag in _CONTROLS or _is_hidden(element):
        return True
    return tag in ("a", "span") and _is_mark(element)


def _is_hidden(element: Any) -> bool:
    style = element.get("style")
    return element.get("hidden") is not None or bool(style is not None and _HIDDEN.search(style))


def _is_mark(element: Any) -> bool:
    """Whether it is a link in its page that is no word, as the paragraph mark beside a heading is; or a formula's second
    copy, for the eye, which the first gives to programs."""
    if element.tag == "a" and (element.get("href") or "").startswith("#"):
        shown = "".join(element.itertext()).strip()
        return bool(shown) and not any(map(str.isalnum, shown)) and next(element.iter(*PICTURES), None) is None
    before = element.getprevious() if element.get("class") == "katex-html" else None
    return before is not None and before.get("class") == "katex-mathml"


def _words(text: str) -> str:
    return " ".join(text.split())

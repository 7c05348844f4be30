"""HTML and Markdown -> blocks. Pictures come from data URIs and from a resolver given by the caller, never from a network."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import lxml.etree
import lxml.html
from markdown_it import MarkdownIt

from mmsum.config import Figures, Limits
from mmsum.documents.captions import caption_label
from mmsum.documents.detect import decode_text
from mmsum.documents.flow import Block, FlowInfo, picture
from mmsum.fences import outside_code

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
_FRONT = re.compile(
    r"---[ \t]*\n(?=(?:[ \t]*(?:#[^\n]*)?\n)*(?:[\w.-]+|\"[^\"\n]*\"|'[^'\n]*'):\s)(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL
)
"""YAML, which begins with a key; a text between two lines is a text."""
_TITLE = re.compile(r"^title:(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_FOLDED = re.compile(r"[>|][-+\d]{0,2}(?:\s|$)")
_DRAWN = tuple(
    f".//{tag}" for tag in ("path", "rect", "line", "polyline", "polygon", "circle", "ellipse", "text", "use")
)
_CAPITALS = {name.lower(): name for name in ("viewBox", "preserveAspectRatio")}
"""What MuPDF reads of an SVG that is not in small letters; clips and gradients it leaves out anyway."""
_LAZY = ("data-src", "data-original", "data-lazy-src")
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
        data = _as_utf8(data)
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
    """Markdown of papers without its notes, citations, and what is said of pictures to programs; code stays as it is."""

    def change(piece: str) -> str:
        for pattern in _MARKS:
            piece = pattern.sub("", piece)
        return piece

    return outside_code(text, change)


_MARKS = (
    re.compile(r"(?<=\))\{[^{}\n]*\}"),  # ![...](a.png){ width=50% }
    re.compile(r"\s*\\label\{[^{}\n]*\}"),
    re.compile(r"^\[\^[^\]\s]+\]:.*(?:\n[ \t]+\S.*)*", re.MULTILINE),  # [^1]: a footnote
    re.compile(r"\[\^[^\]\s]+\]"),
    re.compile(
        r"[ \t]*\[(?:[^\[\]@\n]*\s)?-?@(?!(?:fig|tbl|eq|sec|lst):)[^\[\]\n]*\](?![(\[])"
    ),  # [see @doe2020, p. 3]
)


def _front_title(front: str) -> str:
    """The title in YAML front matter: in quotes, folded (`title: >-` and indented lines), or as it stands."""
    named = _TITLE.search(front)
    title = _FOLDED.sub("", _words(named[1]), count=1) if named else ""
    return title[1:-1] if len(title) > 1 and title[0] == title[-1] and title[0] in "'\"" else title


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
            # A page laid out with tables; a figure with its picture in a button, or again for readers without scripts.
            if tag in ("img", "svg") and (self.figures or self.inside.tag in ("table", "tr")):
                yield from self._picture(element)
            return
        if tag in _BLOCKS or tag in _HEADINGS or tag in ("table", "figure", "svg"):
            yield from self._flush("text")
        if _is_left_out(element) or (tag == "figcaption" and self.figures):
            self.inside = element
        elif tag in ("img", "svg"):
            yield from self._picture(element)
        elif tag in ("table", "tr") and next(element.iterdescendants(*_LAYOUT), None) is None:
            self.inside = element
            yield from self._table(element)
        else:
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
        svg = element.tag == "svg"
        if (
            svg
            and len(wrapped := list(element.iter("image"))) == 1
            and all(element.find(tag) is None for tag in _DRAWN)
        ):
            link = wrapped[0].get("xlink:href") or wrapped[0].get("href") or ""  # as covers of EPUBs are set
            data = self._bytes(link)
        elif svg:
            data = _as_svg(element)
        else:
            data = next(filter(None, map(self._bytes, _links(element))), b"")
        captioned = [figure for figure in self.figures if figure in self.captions]
        words = _words(" ".join(self.captions[figure] for figure in captioned))
        if not captioned:
            words = _words(element.get("alt") or "")
        # One that is not at hand has its label in the text: then it is a figure all the same, without its picture.
        figure = picture(data, self.limits, self.settings, self.page) if data or caption_label(words) else None
        if figure is not None and (figure.width or words):
            self.captions.update(dict.fromkeys(captioned, ""))
            has_label = bool(caption_label(words))
            yield Block("figure", words, self.page, figure, not has_label and not self.labelled.isdisjoint(captioned))
            self.labelled.update(captioned if has_label else ())

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
        """A table, or one row of a larger one."""
        rows = []
        for row in element.iter("tr"):
            cells = [_text(cell) for cell in row if cell.tag in ("td", "th")]
            if any(cells):
                rows.append(" | ".join(cells))
        caption = _words(" ".join(_text(part) for part in element.iter("caption")))
        if rows or caption:
            yield Block("table", "\n".join([caption, *rows] if caption else rows), self.page)


def _as_svg(element: Any) -> bytes:
    """A drawing in a page as a file of its own, with the capitals in its names: the parser of pages knows none."""
    drawing = deepcopy(element)
    for part in drawing.iter("*"):
        for name in part.attrib.keys() & _CAPITALS.keys():
            part.set(_CAPITALS[name], part.attrib.pop(name))
    return lxml.etree.tostring(drawing, with_tail=False)


def _links(image: Any) -> list[str]:
    """Where its picture may be, best first: what a script puts in the place of `src` while one scrolls, `src` itself, and
    the first of those for other screens."""
    return [
        *(link for name in _LAZY if (link := image.get(name))),
        image.get("src") or "",
        *(link.rstrip(",") for link in (image.get("srcset") or image.get("data-srcset") or "").split()[:1]),
    ]


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
    style = element.get("style")
    is_hidden = element.get("hidden") is not None or (style is not None and _HIDDEN.search(style))
    return element.tag in _SKIPPED or element.tag in _CONTROLS or bool(is_hidden)


def _words(text: str) -> str:
    return " ".join(text.split())


def _as_utf8(data: bytes) -> bytes:
    """In UTF-8 what says it is in something else, also where single bytes are not: libxml2 drops all that is behind them."""
    with suppress(UnicodeDecodeError):
        data.decode("utf-8")
        return data
    declared = _CHARSET.search(data[:4096])
    if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        name = (declared[1] or declared[2]).decode().lower()
        if name not in ("utf-8", "utf8"):  # an older page may say so as well: what its bytes are is asked there
            with suppress(LookupError):  # a name that nobody knows
                return data.decode(_BROWSERS.get(name, name), "replace").encode("utf-8", "replace")
    return decode_text(data).encode("utf-8", "replace")


_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^>]*encoding=[\"']([\w.:-]+)", re.IGNORECASE)
_BROWSERS = dict.fromkeys(("iso-8859-1", "latin1", "us-ascii", "ascii"), "cp1252")
"""What pages mean by it, as browsers read them."""

"""Rows -> one self-contained HTML page, streamed.

The page carries its data as inert JSON blocks (`<script type="application/json">`), a block of rows and a block of
pictures for every BLOCK documents. `report.js` builds what is on screen from them, with text nodes only: everything
that came out of a document is hostile. A content security policy lets the page run its own script and style, by hash,
and nothing else: no network, no inline handlers, no `javascript:` links.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.resources import files
from itertools import islice
from string import Template
from typing import Any
from urllib.parse import quote, urlsplit

from mmsum.documents.thumbnails import Picture, thumbnail
from mmsum.errors import ADVICE, FailureKind
from mmsum.records import caption_without_label

Row = dict[str, Any]

BLOCK = 50
"""Documents in one JSON block."""

PICTURE_BYTES = 24 * 2**20
"""Encoded bytes of all pictures of a page together (base64 makes them a third larger)."""

_LARGEST_SIDE = 480
_SMALLEST_SIDE = 120
_BYTES_PER_PIXEL = 0.08  # measured on charts as WebP at these sizes
_PICTURE_WORTH_ASKING = 500  # bytes that a plain chart takes at the smallest side
_FIGURES_PER_DOCUMENT = 2  # what the size is chosen for; documents with more get smaller pictures

_LONGEST = {"title": 300, "uri": 2_000, "summary": 12_000, "failure_message": 1_000, "label": 80, "caption": 600}
_COPIED = (
    *("document_id", "format", "language", "status", "retryable", "attempts"),
    *("pages_read", "pages_total", "tokens_read", "tokens_total"),
)


def render_report(
    rows: Iterable[Row],
    pictures: Callable[[Row], list[bytes]],
    *,
    title: str,
    about: Mapping[str, str],
    count: int,
) -> Iterator[bytes]:
    """A whole HTML page as UTF-8 pieces; memory stays at one block of documents.

    `rows` are dicts of SUMMARY_SCHEMA, the newest per document, in the order to be shown; tombstones are left out.
    `pictures(row)` gives one encoded image for each of the row's figures (b"" where there is none), or [] for none at
    all; it is called where the page has room for one. `about` is shown in the header: name -> value, empty ones left
    out. `count` is the number of rows: it sets the size of the pictures, so that a page stays near 40 MB at 5,000
    documents; where a document's share is used up its figures are named only.
    Raises ValueError when `pictures` gives another number of images than the row has figures.
    """
    style, script = _asset("report.css"), _asset("report.js")
    head, tail = _asset("report.html").split("<!-- blocks -->")
    names = {
        "title": html.escape(title),
        "about": "".join(_term(name, value) for name, value in about.items() if value),
        "style": style,
        "script": script,
        "style_hash": _csp_hash(style),
        "script_hash": _csp_hash(script),
    }
    yield _utf8(Template(head).substitute(names))
    totals: Counter[str] = Counter()
    kinds: set[str] = set()
    thumbnails = _Thumbnails(count)
    living = (row for row in rows if row["status"] != "deleted")
    while block := list(islice(living, BLOCK)):
        shown = [thumbnails.of(row, pictures) for row in block]
        texts = [_text(row, images) for row, images in zip(block, shown, strict=True)]
        yield _json_block("rows", texts)
        yield _json_block("pictures", [[_base64(image) for image in images] for images in shown])
        for row in block:
            totals.update(_tally(row))
            kinds.add(row["failure_kind"] or "")
    advice = {kind.value: ADVICE[kind] for kind in FailureKind if kind.value in kinds}
    yield _json_block("totals", {**dict.fromkeys(_TALLIES, 0), **totals, "advice": advice})
    names["counts"] = (
        f"{totals['documents']:,} documents: {totals['ok']:,} ok, "
        f"{totals['partial']:,} partial, {totals['failed']:,} failed"
    )
    yield _utf8(Template(tail).substitute(names))


def _term(name: str, value: str) -> str:
    return f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"


def source_link(uri: str) -> str:
    """An address a browser can open for a document's URI: http(s) as it is, file:// for local paths, else ""."""
    if uri.startswith("/"):
        return "file://" + quote(uri)
    try:
        scheme = urlsplit(uri).scheme.lower()
    except ValueError:
        return ""
    return uri if scheme in ("http", "https", "file") else ""


class _Thumbnails:
    """Hands the bytes of a page out evenly: each document adds its share, what it does not use passes on."""

    def __init__(self, count: int) -> None:
        self.share = PICTURE_BYTES / max(count, 1)
        self.left = 0.0
        pixels = self.share / _FIGURES_PER_DOCUMENT / _BYTES_PER_PIXEL
        self.side = round(min(_LARGEST_SIDE, max(_SMALLEST_SIDE, math.sqrt(pixels))))

    def of(self, row: Row, pictures: Callable[[Row], list[bytes]]) -> list[Picture | None]:
        """One picture, or None, for each of the row's figures. Asks for them only where one would find room: to make
        them may take a whole document."""
        self.left += self.share
        figures = row["figures"] or []
        images = pictures(row) if figures and self.left >= _PICTURE_WORTH_ASKING else []
        if images and len(images) != len(figures):
            raise ValueError(
                f"{row['uri']}: {len(images)} images for {len(figures)} figures; "
                'give one for each figure, b"" where there is none'
            )
        shown: list[Picture | None] = []
        for done, data in enumerate(images or [b""] * len(figures)):
            picture = thumbnail(data, self.side, self.left / (len(figures) - done))
            self.left -= len(picture.data) if picture else 0
            shown.append(picture)
        return shown


def _text(row: Row, images: list[Picture | None]) -> Row:
    """What the page says about one document: everything but its pictures."""
    text = {name: row[name] for name in _COPIED}
    for name in ("title", "uri", "summary", "failure_message"):
        text[name] = _clip(row[name], name)
    text["title"] = text["title"].strip() or posixpath.basename(text["uri"].rstrip("/")) or text["uri"]
    text["kind"] = row["failure_kind"] or ""
    text["link"] = source_link(row["uri"])
    text["seconds"] = round(sum(row[f"seconds_{stage}"] or 0.0 for stage in ("fetch", "parse", "generate")), 1)
    text["figures"] = [
        {
            "label": _clip(figure["label"], "label"),
            "caption": _clip(caption_without_label(figure["label"] or "", figure["caption"] or ""), "caption"),
            "page": figure["page"],
            "kind": figure["kind"],
            "shown": bool(figure["shown"]),
            "width": image.width if image else 0,
            "height": image.height if image else 0,
        }
        for figure, image in zip(row["figures"] or [], images, strict=True)
    ]
    return text


_TALLIES = ("documents", "ok", "partial", "failed", "pages", "figures", "figures_shown")


def _tally(row: Row) -> dict[str, int]:
    figures = row["figures"] or []
    return {
        "documents": 1,
        row["status"]: 1,
        "pages": row["pages_read"] or 0,
        "figures": len(figures),
        "figures_shown": sum(bool(figure["shown"]) for figure in figures),
    }


def _clip(text: str | None, field: str) -> str:
    text, longest = text or "", _LONGEST[field]
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _base64(picture: Picture | None) -> str:
    return base64.b64encode(picture.data).decode() if picture else ""


_INERT = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def _json_block(name: str, value: Any) -> bytes:
    """A block of data that no HTML parser can take for markup, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_INERT)
    return _utf8(f'<script type="application/json" class="{name}">{text}</script>\n')


def _asset(name: str) -> str:
    return files("mmsum.report").joinpath(name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a lone surrogate, from an undecodable path, becomes "?"

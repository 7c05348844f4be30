"""What a file is, judged by its bytes; a name only tells kinds of text apart."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NoReturn

from mmsum.documents.package import package_format
from mmsum.errors import DocumentFailure, FailureKind

IMAGE_FORMATS = frozenset({"png", "jpeg", "webp", "tiff", "svg"})
FLOW_FORMATS = frozenset({"html", "markdown", "epub", "docx", "pptx", "odt"})

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_PACKAGES = {
    "": "a ZIP archive of no known kind; archives are not unpacked",
    "xlsx": "a spreadsheet; save what it tells as PDF or DOCX",
    "odf": "an OpenDocument file other than a text; save it as PDF",
}
_TAG = re.compile(r"<(?:!doctype\s+html|html|head|body|svg)\b", re.IGNORECASE)
_BEFORE = re.compile(r"(?:\s|<!--.*?-->|<\?xml\b.*?\?>)*", re.DOTALL | re.IGNORECASE)
"""What may stand before the first tag of a page."""
_FRAGMENT = re.compile(
    r"<(?:title|meta|link|style|div|p|h[1-6]|table|ul|ol|dl|section|article|main|header|nav|figure|blockquote|pre|form|center"
    r"|font|span|a|img|b|i|em|strong)\b[^<>]*>",
    re.IGNORECASE,
)
"""A page may begin with any of these: browsers supply the tags around them."""
_CLOSED = re.compile(r"</\w+\s*>|<br\b", re.IGNORECASE)
_MIME = re.compile(r"(?:[\w-]+:.*\r?\n(?:[ \t]+\S.*\r?\n)*)*?MIME-Version:[ \t]*1", re.IGNORECASE)
"""Header lines up to the one that says so; an address at the head of a letter says it not."""
_MARKDOWN = re.compile(r"^#{1,6}\s+\S|^(?:```|~~~)|^\s*[-*]\s+\S|\]\(\S+\)|^\|.+\|$", re.MULTILINE)
_PICTURE = re.compile(r"!\[[^\]]*\]\(\S+")


def detect_format(data: bytes, name: str = "") -> str:
    """One of pdf, text, IMAGE_FORMATS and FLOW_FORMATS; `name` only tells plain text, Markdown and pieces of HTML apart.

    Raises DocumentFailure (empty, encrypted, corrupt or unsupported) for anything else.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise DocumentFailure(FailureKind.EMPTY, "the file holds no content; check the upload")
    if data.startswith(_ZIP):
        kind = package_format(data)
        return kind if kind in FLOW_FORMATS else _unsupported(_PACKAGES[kind])
    # The header of a PDF may stand a little after the start of the file.
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    if data.startswith(_OLE):
        if _ENCRYPTED_OFFICE in data:
            raise DocumentFailure(
                FailureKind.ENCRYPTED, "the Office file needs a password; store a copy without one and run again"
            )
        return _unsupported("an old Office file (.doc, .ppt, .xls); save it as DOCX, PPTX or PDF")
    if data.startswith(b"{\\rtf"):
        return _unsupported("an RTF file; save it as DOCX or PDF")
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _unsupported("a GIF image; save it as PNG")
    if data.startswith(b"BM") and b"\0" in data[:64]:
        return _unsupported("a BMP image; save it as PNG")
    if b" obj" in data[:4096] and b"endobj" in data:
        return "pdf"  # headless: the repair of the PDF reader decides
    if data.lstrip()[:1] == b"{" and b'"nbformat"' in data:
        return _unsupported("a Jupyter notebook; save it as HTML or Markdown")
    if not _is_text(data):
        return _unsupported(f"a binary file that starts with {data[:8].hex(' ')}")
    return _text_format(decode_text(data[:65536]), name.lower())


def _text_format(text: str, name: str) -> str:
    if _MIME.match(text):
        return _unsupported("an e-mail or a page saved with all its parts (MIME); save it as HTML or PDF")
    before = _BEFORE.match(text)
    head = text[before.end() if before else 0 :]
    if head.startswith("<") and (tag := _TAG.search(head[:4096])):
        return "svg" if tag[0].lower() == "<svg" else "html"
    if text.lstrip().startswith("<?xml"):
        return _unsupported("XML of no known kind")
    if name.endswith((".md", ".markdown")) or _PICTURE.search(text) or len(_MARKDOWN.findall(text)) > 3:
        return "markdown"
    is_page = _FRAGMENT.match(head) or name.endswith((".html", ".htm", ".xhtml"))
    return "html" if is_page and _CLOSED.search(head) else "text"


def decode_text(data: bytes) -> str:
    """Text by its byte order mark, else UTF-8 where more of it is sound than damaged, else Windows-1252, undefined bytes
    replaced; where that makes hardly any ASCII letters of the letters, by what its bytes look like."""
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(codec, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        as_utf8 = data.decode("utf-8", errors="replace")
        # One byte may be broken, or the last character cut: the rest is none the worse.
        if 2 * as_utf8.count("\ufffd") <= len(as_utf8) - len(as_utf8.encode("ascii", "ignore")):
            return as_utf8
    western = data.decode("cp1252", errors="replace")
    letters = [letter for letter in western[:65536] if letter.isalpha() or letter == "\ufffd"]
    if sum(map(str.isascii, letters)) > _WESTERN * len(letters):
        return western
    from charset_normalizer import from_bytes  # takes a while, and is seldom wanted

    guess = from_bytes(data[:65536]).best()
    return data.decode(guess.encoding, errors="replace") if guess else western


_WESTERN = 0.6
"""Share of ASCII letters above which a text is of Western Europe: German and French have nine in ten, Russian and Japanese read
as if they were theirs next to none."""


def _is_text(data: bytes) -> bool:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    sample = data[:65536]
    control = sum(sample.count(code) for code in range(32) if code not in (9, 10, 12, 13, 27))
    return control * 200 <= len(sample)


def _unsupported(what: str) -> NoReturn:
    raise DocumentFailure(
        FailureKind.UNSUPPORTED,
        f"this is {what}; supported are PDF, DOCX, PPTX, ODT, EPUB, HTML, Markdown, text, PNG, JPEG, WebP, TIFF and SVG",
    )


def page_as_utf8(data: bytes) -> bytes:
    """A web page of any charset as UTF-8, also where single bytes are not of it: libxml2 drops all that is behind them."""
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

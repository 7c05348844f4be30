"""What a file is, judged by its bytes and never by its name."""

from __future__ import annotations

from mmsum.errors import DocumentFailure, FailureKind

IMAGE_FORMATS = frozenset({"png", "jpeg", "webp", "tiff"})

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def detect_format(data: bytes) -> str:
    """One of pdf, png, jpeg, webp, tiff, text. Raises DocumentFailure (empty or unsupported) for anything else."""
    if not data.strip(b"\0 \t\r\n"):
        raise DocumentFailure(FailureKind.EMPTY, "the file holds no content; check the upload")
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
    if data.startswith(_ZIP) or data.startswith(_OLE):
        raise _unsupported("a ZIP or Office file")
    if b" obj" in data[:4096] and b"endobj" in data:
        return "pdf"  # headless: the repair of the PDF reader decides
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<?xml")):
        raise _unsupported("HTML or XML")
    if _is_text(data):
        return "text"
    raise _unsupported(f"a binary file that starts with {data[:8].hex(' ')}")


def decode_text(data: bytes) -> str:
    """Text by its byte order mark, else UTF-8, else Windows-1252 with undefined bytes replaced."""
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(codec, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _is_text(data: bytes) -> bool:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    sample = data[:65536]
    control = sum(sample.count(code) for code in range(32) if code not in (9, 10, 12, 13, 27))
    return control * 200 <= len(sample)


def _unsupported(what: str) -> DocumentFailure:
    return DocumentFailure(
        FailureKind.UNSUPPORTED, f"this is {what}; supported are PDF, text, Markdown, PNG, JPEG, WebP and TIFF"
    )

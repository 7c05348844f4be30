"""Three files that a reader must survive: encrypted, truncated, scanned."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import pymupdf

PASSWORD = "correct horse"
"""Opens encrypted.pdf."""

# Algorithm 2 of the PDF reference pads passwords with these bytes.
_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_PERMISSIONS = -4  # everything is allowed once the password is given


def make_all(pdfs: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the three, each made from one of three PDFs."""
    first, second, third = pdfs
    yield "encrypted.pdf", encrypt(first)
    yield "truncated.pdf", truncate(second)
    yield "scanned.pdf", scan(third)


def truncate(pdf: bytes) -> bytes:
    """The first 45 % of the report, as an interrupted copy leaves it, so that a repairing reader finds no page.

    The objects are first put in the order of programs that write as they go, the page tree and the catalog last.
    """
    with pymupdf.open(stream=pdf, filetype="pdf") as source:
        objects = {xref: _object(source, xref) for xref in range(source.xref_length() - 1, 0, -1)}
        whole = _assemble(objects, f"/Root {source.xref_get_key(-1, 'Root')[1]}")
    return whole[: len(whole) * 45 // 100]


def scan(pdf: bytes, dpi: int = 110) -> bytes:
    """The report printed and put on a scanner a little askew: one grey JPEG a page, no text layer."""
    target = pymupdf.open()
    with pymupdf.open(stream=pdf, filetype="pdf") as source:
        for page in source:
            zoom = dpi / 72
            tilt = 0.35 if page.number % 2 else -0.25  # degrees
            picture = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom).prerotate(tilt), colorspace=pymupdf.csGRAY)
            sheet = target.new_page(width=page.rect.width, height=page.rect.height)
            sheet.insert_image(sheet.rect, stream=picture.tobytes("jpeg", jpg_quality=70), keep_proportion=False)
    target.xref_set_key(-1, "ID", "[<{0}><{0}>]".format(_md5(pdf).hex()))
    data: bytes = target.tobytes(garbage=4, deflate=True, no_new_id=True, reproducible=True)
    return data


def encrypt(pdf: bytes, password: str = PASSWORD) -> bytes:
    """The same document behind a user password (128-bit RC4, PDF 1.5, security handler revision 4).

    Written out by hand because PyMuPDF draws a new random id, and so other bytes, for each file it encrypts. Streams
    are encrypted; strings are left readable, which revision 4 allows.
    """
    with pymupdf.open(stream=pdf, filetype="pdf") as source:
        key_id = hashlib.md5(pdf, usedforsecurity=False).digest()
        padded = (password.encode("latin-1") + _PAD)[:32]
        owner = _owner_entry(padded)
        key = _md5(padded + owner + struct.pack("<i", _PERMISSIONS) + key_id, rounds=51)
        objects = {xref: _object(source, xref, key) for xref in range(1, source.xref_length())}
        root = source.xref_get_key(-1, "Root")[1]
    ident, user = key_id.hex(), _user_entry(key, key_id).hex()
    trailer = (
        f"/Root {root}/ID[<{ident}><{ident}>]/Encrypt<</Filter/Standard/V 4/R 4/Length 128/P {_PERMISSIONS}"
        f"/CF<</StdCF<</CFM/V2/AuthEvent/DocOpen/Length 16>>>>/StmF/StdCF/StrF/Identity/O<{owner.hex()}>/U<{user}>>>"
    )
    return _assemble(objects, trailer)


def _assemble(objects: dict[int, bytes], trailer: str) -> bytes:
    """A PDF file of numbered objects (1..n) in the order given, with its cross-reference table."""
    body, offsets = b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n", {}
    for xref, data in objects.items():
        offsets[xref] = len(body)
        body += data
    size = len(objects) + 1
    table = b"".join(b"%010d 00000 n \n" % offsets[xref] for xref in range(1, size))
    head = f"xref\n0 {size}\n0000000000 65535 f \n"
    end = f"trailer\n<</Size {size}{trailer}>>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + head.encode() + table + end.encode()


def _object(source: Any, xref: int, key: bytes = b"") -> bytes:
    """One indirect object; with a file key, its stream is encrypted under the object's own key (algorithm 1)."""
    dictionary = source.xref_object(xref, compressed=True).encode("latin-1")
    if not source.xref_is_stream(xref):
        return b"%d 0 obj\n%s\nendobj\n" % (xref, dictionary)
    data: bytes = source.xref_stream_raw(xref)
    if key:
        data = _rc4(_md5(key + struct.pack("<I", xref)[:3] + b"\0\0"), data)
    return b"%d 0 obj\n%s\nstream\n%s\nendstream\nendobj\n" % (xref, dictionary, data)


def _owner_entry(padded: bytes) -> bytes:
    """Algorithm 3, with the user password as the owner's."""
    key, entry = _md5(padded, rounds=51), padded
    for step in range(20):
        entry = _rc4(bytes(byte ^ step for byte in key), entry)
    return entry


def _user_entry(key: bytes, key_id: bytes) -> bytes:
    """Algorithm 5."""
    entry = _md5(_PAD + key_id)
    for step in range(20):
        entry = _rc4(bytes(byte ^ step for byte in key), entry)
    return entry + _PAD[:16]


def _md5(data: bytes, rounds: int = 1) -> bytes:
    for _ in range(rounds):
        data = hashlib.md5(data, usedforsecurity=False).digest()
    return data


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)

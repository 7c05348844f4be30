"""ZIP packages (DOCX, PPTX, ODT, EPUB): which one it is, and whether it is safe to open."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib

from mmsum.config import Limits
from mmsum.errors import DocumentFailure, FailureKind

_MOST_MEMBERS = 20_000
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, KeyError, ValueError)
"""What zipfile answers to damage, unknown compression and missing members."""


def package_format(data: bytes) -> str:
    """docx, pptx, odt or epub; "" for any other ZIP file. Raises DocumentFailure (corrupt) for a damaged one."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            kind = archive.read("mimetype")[:100].strip() if "mimetype" in names else b""
    except DAMAGED_ZIP as error:
        raise DocumentFailure(
            FailureKind.CORRUPT, f"the ZIP package cannot be opened ({error}); fetch the file again"
        ) from error
    if kind == b"application/epub+zip" or "META-INF/container.xml" in names:
        return "epub"
    if kind.startswith(b"application/vnd.oasis.opendocument.text"):
        return "odt"
    if kind.startswith(b"application/vnd.oasis.opendocument."):
        return "odf"
    if "[Content_Types].xml" in names:
        for folder, word in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
            if any(name.startswith(folder) for name in names):
                return word
    return ""


_STRICT = b"http://purl.oclc.org/ooxml/"
_STRICT_NAME = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")


def as_transitional(path: str) -> str | io.BytesIO:
    """An Office file of the strict kind with the names that all others use, which the readers know; any other as it is."""
    with zipfile.ZipFile(path) as strict:
        if _STRICT not in strict.read("_rels/.rels"):
            return path
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as renamed:
            for member in strict.infolist():
                data = strict.read(member)
                if member.filename.endswith((".xml", ".rels")):
                    data = _STRICT_NAME.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", data)
                renamed.writestr(member.filename, data)
    return out


class Package:
    """The members of a ZIP file, read one at a time and never unpacked to disk."""

    def __init__(self, path: str, limits: Limits) -> None:
        self._archive = zipfile.ZipFile(path)
        members = self._archive.infolist()
        size = sum(member.file_size for member in members)
        if size > limits.bytes or len(members) > _MOST_MEMBERS:
            raise DocumentFailure(
                FailureKind.TOO_LARGE,
                f"unpacked it would be {size} bytes in {len(members)} members, more than limits.bytes={limits.bytes} or "
                f"{_MOST_MEMBERS} members; raise the limit if you trust the file",
            )
        self.names = {member.filename for member in members}

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises one of DAMAGED_ZIP where it is missing, damaged or encrypted (RuntimeError)."""
        return self._archive.read(name)

    def beside(self, name: str, link: str) -> bytes:
        """The member that a relative link in member `name` means; b"" where there is none. Never leaves the package."""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
        try:
            return self.read(target) if target in self.names else b""
        except (*DAMAGED_ZIP, RuntimeError):
            return b""

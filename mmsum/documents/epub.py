"""EPUB -> blocks: the chapters of the spine, each through the HTML reader."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import unquote

import lxml.etree

from mmsum.config import Figures, Limits
from mmsum.documents.flow import Block, FlowInfo
from mmsum.documents.html import RestLost, read_html
from mmsum.documents.package import DAMAGED_ZIP, Package
from mmsum.errors import DocumentFailure, FailureKind

_NAMES = {
    "c": "urn:oasis:names:tc:opendocument:xmlns:container",
    "o": "http://www.idpf.org/2007/opf",
    "dc": "http://purl.org/dc/elements/1.1/",
    "e": "http://www.w3.org/2001/04/xmlenc#",
}


def read_epub(package: Package, limits: Limits, settings: Figures) -> tuple[FlowInfo, Iterator[Block]]:
    """A book: a chapter of its spine is a page. Raises DocumentFailure: corrupt or encrypted."""
    try:
        container = _xml(package.read("META-INF/container.xml"))
        root = container.xpath("string(//c:rootfile/@full-path)", namespaces=_NAMES)
        book = _xml(package.read(root))
        links = {i.get("id"): unquote(i.get("href") or "") for i in book.iterfind(".//o:manifest/o:item", _NAMES)}
    except (*DAMAGED_ZIP, RuntimeError, lxml.etree.XMLSyntaxError) as error:
        raise DocumentFailure(
            FailureKind.CORRUPT, f"the EPUB has no readable table of its parts ({error}); fetch the file again"
        ) from error
    spine = [links[i.get("idref")] for i in book.iterfind(".//o:spine/o:itemref", _NAMES) if i.get("idref") in links]
    if _is_locked(package, spine):
        raise DocumentFailure(FailureKind.ENCRYPTED, "the EPUB is locked to a reader; store a copy without a lock")
    title = " ".join(book.xpath("string(//dc:title)", namespaces=_NAMES).split())
    language = book.xpath("string(//dc:language)", namespaces=_NAMES).strip()[:2].lower()
    info = FlowInfo("epub", pages=len(spine), title=title, language=language)
    return info, _chapters(package, root, spine, limits, settings)


def _chapters(package: Package, root: str, spine: list[str], limits: Limits, settings: Figures) -> Iterator[Block]:
    lost: list[RestLost] = []
    for number, link in enumerate(spine[: limits.pages], start=1):
        yield Block("page", page=number)
        data = package.beside(root, link)
        if not data:
            lost.append(RestLost(f"chapter {number} ({link}) is missing, damaged or empty"))
            continue
        # Links in a chapter are relative to it, and it is relative to the table of parts.
        resolve = partial(package.beside, root.rpartition("/")[0] + "/" + link if "/" in root else link)
        try:
            _, blocks = read_html(data, limits, settings, resolve, number)
        except ValueError:
            continue  # an empty chapter
        try:
            for block in blocks:
                if block.kind == "title":
                    block.kind = "heading"
                yield block
        except RestLost as error:
            lost.append(RestLost(f"chapter {number}: {error}"))
    if lost:
        raise lost[0]


def _is_locked(package: Package, spine: list[str]) -> bool:
    """Whether chapters are encrypted (fonts often are, which does not matter)."""
    if "META-INF/encryption.xml" not in package.names:
        return False
    locked = _xml(package.read("META-INF/encryption.xml")).xpath("//e:CipherReference/@URI", namespaces=_NAMES)
    return any(unquote(uri).endswith(link) for uri in locked for link in spine)


def _xml(data: bytes) -> lxml.etree._Element:
    return lxml.etree.fromstring(data, lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))

"""The parsing child: what runs in the killable process. Its parent is mmsum.documents.parse.Parser."""

from __future__ import annotations

import ctypes
import os
import pickle
import re
import resource
import signal
import sys
from pathlib import Path

from mmsum.config import Figures, Limits
from mmsum.documents import draw
from mmsum.documents.assemble import assemble
from mmsum.documents.detect import IMAGE_FORMATS, decode_text, detect_format
from mmsum.documents.image import read_image
from mmsum.documents.mupdf import quiet, reason
from mmsum.documents.page import Page
from mmsum.documents.pdf import PdfInfo, open_pdf, read_pages
from mmsum.documents.plain import read_plain
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.records import Box, Document, ObjectRef

_SECRET = re.compile(
    r"^(AWS|GOOGLE|GCP|GCS|AZURE|ARM|HF|BOTO)_|TOKEN|SECRET|KEY|PASSWORD|PASSWD|CREDENTIAL|AUTH|COOKIE", re.I
)
_PR_SET_PDEATHSIG = 1


def start_child(parent: int, memory_mb: int) -> None:
    """Initializer: die with the parent, hold no credentials, stay within memory_mb MiB, keep MuPDF quiet."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler in Python would wait for a hung call to return
    _forget_credentials()
    quiet()
    limit = memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _forget_credentials() -> None:
    """Delete secrets from os.environ, and from the block that /proc/PID/environ shows, which outlives a deletion."""
    for name in [name for name in os.environ if _SECRET.search(name)]:
        del os.environ[name]
    if sys.platform != "linux":
        return
    # Fields 50 and 51 of proc(5) stat, env_start and env_end; the second field may itself hold spaces.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        if _SECRET.search(entry.partition(b"=")[0].decode(errors="replace")):
            ctypes.memset(start, 0, len(entry))
        start += len(entry) + 1


def parse_file(ref: ObjectRef, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    """The document in `source`. Finished pages of a PDF go to `spool` at once, so that a kill keeps them."""
    try:
        data = source.read_bytes()
        kind = detect_format(data)
        if kind == "pdf":
            return _parse_pdf(ref, source, spool, limits, figures)
        if kind in IMAGE_FORMATS:
            return _parse_image(ref, source, kind, limits, figures)
        title, sections = read_plain(decode_text(data))
        return Document(ref, format=kind, title=title, pages_total=1, pages_read=1, sections=sections)
    except DocumentFailure as failure:
        return Document.failed(ref, failure.kind, failure.message)
    except MemoryError:
        return finish_spool(ref, spool, limits, FailureKind.OUT_OF_MEMORY, out_of_memory(limits))
    except Exception as error:  # the one place: whatever a hostile file provokes becomes its row
        message = f"the file cannot be read ({type(error).__name__}: {reason(error, str(source))})"
        return finish_spool(ref, spool, limits, FailureKind.CORRUPT, message)


def _parse_image(ref: ObjectRef, source: Path, kind: str, limits: Limits, figures: Figures) -> Document:
    pages, found, damage = read_image(str(source), kind, limits, figures)
    document = Document(ref, format=kind, pages_total=pages, pages_read=len(found), figures=found)
    if damage:
        return _with_failure(document, "partial", FailureKind.CORRUPT, f"the image is damaged ({damage})")
    return _limited(document, limits)


def _parse_pdf(ref: ObjectRef, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    document, info = open_pdf(str(source))
    pages = []
    with spool.open("wb") as out, document:
        pickle.dump(info, out)
        out.flush()
        for page in read_pages(document, limits, figures):
            pickle.dump(page, out)
            out.flush()
            pages.append(page)
    return finish_pdf(ref, info, pages, limits)


def finish_spool(ref: ObjectRef, spool: Path, limits: Limits, kind: FailureKind, message: str) -> Document:
    """The document as far as a killed child came; failed where it finished no page with anything on it."""
    info, pages = read_spool(spool)
    if info is None:
        return Document.failed(ref, kind, message)
    document = finish_pdf(ref, info, pages, limits)
    if document.status == "failed":
        return _with_failure(document, "failed", kind, message)
    kept = f"{message}; kept the {len(pages)} of {info.pages} pages read before"
    return _with_failure(document, "partial", kind, kept)


def read_spool(spool: Path) -> tuple[PdfInfo | None, list[Page]]:
    """What a child wrote, without the record that a kill cut short."""
    info, pages = None, []
    if spool.exists():
        with spool.open("rb") as file:
            try:
                info = pickle.load(file)
                while True:
                    pages.append(pickle.load(file))
            except (EOFError, pickle.UnpicklingError):
                pass
    return info, pages


def finish_pdf(ref: ObjectRef, info: PdfInfo, pages: list[Page], limits: Limits) -> Document:
    """Pages -> Document with its status."""
    title, sections, figures = assemble(pages, info.title)
    good = [page for page in pages if not page.error]
    document = Document(
        ref,
        format="pdf",
        title=title,
        pages_total=info.pages,
        pages_read=len(good),
        sections=sections,
        figures=figures,
    )
    lost = [page for page in pages if page.error]
    scanned = [page.number for page in good if page.scanned]
    if lost and not good:
        message = f"none of {info.pages} pages can be read ({lost[0].error}); fetch the file again"
        return _with_failure(document, "failed", FailureKind.CORRUPT, message)
    if scanned and not document.text:
        message = f"{len(scanned)} of {info.pages} pages are scans without text; run OCR on the file first"
        document.figures = []
        return _with_failure(document, "failed", FailureKind.NEEDS_OCR, message)
    if not document.text and not figures:
        return _with_failure(document, "failed", FailureKind.EMPTY, "no text and no figures on any page")
    if lost:
        message = f"{len(lost)} of {info.pages} pages are damaged (page {lost[0].number}: {lost[0].error})"
        return _with_failure(document, "partial", FailureKind.CORRUPT, message)
    if scanned:
        message = f"{len(scanned)} of {info.pages} pages are scans without text (first: {scanned[0]}); run OCR on them"
        return _with_failure(document, "partial", FailureKind.NEEDS_OCR, message)
    return _limited(document, limits)


def _limited(document: Document, limits: Limits) -> Document:
    if document.pages_total > document.pages_read:
        message = f"read {document.pages_read} of {document.pages_total} pages; raise limits.pages={limits.pages}"
        return _with_failure(document, "partial", FailureKind.TOO_LARGE, message)
    return document


def _with_failure(document: Document, status: str, kind: FailureKind, message: str) -> Document:
    document.status, document.failure_kind, document.failure_message = status, str(kind), message
    return document


def out_of_memory(limits: Limits) -> str:
    return f"parsing needs more than limits.memory_mb={limits.memory_mb}; raise it or split the document"


def render_places(source: Path, places: list[tuple[int, Box]], longest_side: int, limits: Limits) -> list[bytes]:
    """Job for Parser.render."""
    return draw.render_places(source, detect_format(source.read_bytes()), places, longest_side, limits)


def draw_boxes(source: Path, document: Document) -> bytes:
    """Job for Parser.draw_boxes."""
    return draw.draw_boxes(source, detect_format(source.read_bytes()), document)

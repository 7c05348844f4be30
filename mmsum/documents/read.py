"""A file -> its Document: by its format, piece by piece, with the status that its damage and limits give it."""

from __future__ import annotations

import gc
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from mmsum.config import Figures, Limits
from mmsum.documents import ocr
from mmsum.documents.assemble import assemble
from mmsum.documents.child import MACHINES_ERRORS, out_of_memory
from mmsum.documents.detect import FLOW_FORMATS, IMAGE_FORMATS, decode_text, detect_format
from mmsum.documents.flow import Block, FlowInfo, assemble_flow
from mmsum.documents.image import read_image
from mmsum.documents.language import language_of
from mmsum.documents.mupdf import reason
from mmsum.documents.package import Package, as_transitional
from mmsum.documents.page import Page, PagesInfo
from mmsum.documents.pdf import open_pdf, read_pages
from mmsum.documents.picture_legends import legend_of_picture, may_be_chart
from mmsum.documents.plain import read_plain
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.records import Document, ObjectRef
from mmsum.storage.uris import local_path


def parse_file(ref: ObjectRef, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    """The document in `source`. Finished pages and blocks go to `spool` at once, so that a kill keeps them."""

    def failed(error: Exception) -> Document:
        if isinstance(error, DocumentFailure):
            return Document.failed(ref, error.kind, error.message)
        if isinstance(error, MemoryError):
            return finish_spool(ref, spool, limits, FailureKind.OUT_OF_MEMORY, out_of_memory(limits))
        own = type(error).__module__.startswith("mmsum.")  # says all of it
        message = f"the file cannot be read ({'' if own else f'{type(error).__name__}: '}{reason(error, str(source))})"
        return finish_spool(ref, spool, limits, FailureKind.CORRUPT, message)

    try:
        return _as_row(lambda: _read(ref, source, spool, limits, figures), failed)
    finally:
        # Office packages hold themselves in circles, and Python looks for circles rarely: a child grew by 70 MB. What is
        # still there now is modules and caches; frozen, they are not looked at again (a look at them takes 50 ms).
        gc.collect()
        gc.freeze()


def _as_row(made: Callable[[], Document], failed: Callable[[Exception], Document]) -> Document:
    """What `made` gives, or what `failed` makes of its failure; the machine's own errors are no document's."""
    try:
        return made()
    except Exception as error:  # the one place: whatever a hostile file provokes becomes its row
        if isinstance(error, OSError) and error.errno in MACHINES_ERRORS:
            raise
        return failed(error)


def _read(ref: ObjectRef, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    data = source.read_bytes()
    kind = detect_format(data, ref.uri)
    info: PagesInfo | FlowInfo
    pieces: Iterable[Any]
    if kind == "pdf":
        opened, info = open_pdf(str(source))
        pieces = read_pages(opened, limits, figures)
    elif kind in IMAGE_FORMATS:
        info, pieces = read_image(data, kind, limits, figures)
    elif kind in FLOW_FORMATS:
        info, pieces = _open_flow(ref, source, data, kind, limits, figures)
        info.longest_side = figures.longest_side
    else:
        title, sections = read_plain(decode_text(data))
        document = Document(ref, format=kind, title=title, pages_total=1, pages_read=1, sections=sections)
        document.language = language_of(document.text)
        return document
    return finish(
        ref, info, _spooled(spool, info, _with_legends(pieces, figures, info.format in IMAGE_FORMATS)), limits
    )


def _open_flow(
    ref: ObjectRef, source: Path, data: bytes, kind: str, limits: Limits, figures: Figures
) -> tuple[FlowInfo, Iterable[Block]]:
    # Imported here: together they take a second that an archive of PDFs need not pay.
    from mmsum.documents import epub, html, markdown, office

    resolve = partial(_beside, ref.uri, limits.bytes)
    if kind == "html":
        return html.read_html(data, limits, figures, resolve)
    if kind == "markdown":
        return markdown.read_markdown(decode_text(data), limits, figures, resolve)
    package = Package(str(source), limits)
    if kind == "epub":
        return epub.read_epub(package, limits, figures)
    if kind == "odt" and b"encryption-data" in package.beside("", "META-INF/manifest.xml"):
        raise DocumentFailure(
            FailureKind.ENCRYPTED, "the file needs a password; store a copy without one and run again"
        )
    if kind == "odt":
        return office.read_odt(str(source), limits, figures)
    reader = office.read_docx if kind == "docx" else office.read_pptx
    return reader(as_transitional(str(source)), limits, figures)


def _beside(uri: str, most: int, link: str) -> bytes:
    """A file in the folder of a local document, or below it; b"" for anything else."""
    if not uri or ("://" in uri and not uri.startswith("file://")):
        return b""
    folder = Path(local_path(uri)).parent.resolve()
    with suppress(OSError, ValueError):
        target = (folder / link).resolve()  # follows links: what counts is where the file really lies
        if target.is_relative_to(folder) and target.is_file() and target.stat().st_size <= most:
            return target.read_bytes()
    return b""


def _with_legends(
    pieces: Iterable[Page | Block], settings: Figures, image_file: bool = False
) -> Iterator[Page | Block]:
    """The pages or blocks; the first `settings.read_legends` figures that may be pictures of charts have their legends."""
    left = settings.read_legends if ocr.is_available() else 0
    for piece in pieces:
        figures = piece.figures if isinstance(piece, Page) else filter(None, [piece.figure])
        charts = [figure for figure in figures if may_be_chart(figure, image_file)]
        for figure in charts[: min(left, _LEGENDS_OF_A_PAGE)]:
            figure.legend = legend_of_picture(figure.image)
            left -= 1
        yield piece


_LEGENDS_OF_A_PAGE = 6
"""The densest of 78 figures of papers took OCR eight seconds on one core; limits.seconds_per_page is 60."""


def _spooled(spool: Path, info: PagesInfo | FlowInfo, pieces: Iterable[Any]) -> list[Any]:
    kept = []
    with spool.open("wb") as out:
        pickle.dump(info, out)
        out.flush()
        for piece in pieces:
            pickle.dump(piece, out)
            out.flush()
            kept.append(piece)
    return kept


def finish_spool(ref: ObjectRef, spool: Path, limits: Limits, kind: FailureKind, message: str) -> Document:
    """The document as far as a killed child came; failed where it finished no piece with anything on it.

    Failed, too, where the pieces cannot be put together: that may be why it is asked for.
    """

    def kept() -> Document:
        info, pieces = read_spool(spool)
        if info is None:
            return Document.failed(ref, kind, message)
        document = finish(ref, info, pieces, limits)
        if document.status == "failed":
            return _with_failure(document, "failed", kind, message)
        some = document.pages_read < info.pages
        what = f"kept the {document.pages_read} of {info.pages} pages read before" if some else "the rest of it is kept"
        return _with_failure(document, "partial", kind, f"{message}; {what}")

    def failed(error: Exception) -> Document:
        if isinstance(error, MemoryError):
            raise error
        return Document.failed(ref, kind, message)

    return _as_row(kept, failed)


def read_spool(spool: Path) -> tuple[PagesInfo | FlowInfo | None, list[Any]]:
    """What a child wrote, without the record that a kill cut short."""
    info, pieces = None, []
    if spool.exists():
        with spool.open("rb") as file:
            try:
                info = pickle.load(file)
                while True:
                    pieces.append(pickle.load(file))
            except (EOFError, pickle.UnpicklingError):
                pass
    return info, pieces


def finish(ref: ObjectRef, info: PagesInfo | FlowInfo, pieces: list[Any], limits: Limits) -> Document:
    """Pages or blocks -> Document with its language and status."""
    if isinstance(info, FlowInfo):
        document = _finish_flow(ref, info, pieces, limits)
    else:
        document = _finish_pages(ref, info, pieces, limits)
    document.language = document.language or language_of(document.text)
    return document


def _finish_flow(ref: ObjectRef, info: FlowInfo, blocks: list[Block], limits: Limits) -> Document:
    title, sections, figures, pages = assemble_flow(info, blocks)
    copies = Counter(figure.image for figure in figures if not figure.label)
    figures = [figure for figure in figures if figure.label or not figure.image or copies[figure.image] < 3]  # logos
    document = Document(
        ref,
        format=info.format,
        language=info.language,
        title=title,
        pages_total=info.pages,
        pages_read=min(pages, info.pages),
        sections=sections,
        figures=figures[: limits.figures],
    )
    if not document.text and not figures:
        return _with_failure(document, "failed", FailureKind.EMPTY, "no text and no figures in it; check the upload")
    return _limited(document, limits, len(figures) > limits.figures)


def _finish_pages(ref: ObjectRef, info: PagesInfo, pages: list[Page], limits: Limits) -> Document:
    title, sections, figures = assemble(pages, info.title)
    good = [page for page in pages if not page.error]
    document = Document(
        ref,
        format=info.format,
        title=title,
        pages_total=info.pages,
        pages_read=len(good),
        sections=sections,
        figures=figures,
    )
    lost = [page for page in pages if page.error]
    scanned = [page.number for page in good if page.scanned]
    damaged = [page for page in good if page.damage]
    if lost and not good:
        message = f"none of {info.pages} pages can be read ({lost[0].error}); fetch the file again"
        return _with_failure(document, "failed", FailureKind.CORRUPT, message)
    if scanned and not document.text:
        message = f"{len(scanned)} of {info.pages} pages are scans without text; {_scan_hint(limits)}"
        document.figures = []
        return _with_failure(document, "failed", FailureKind.NEEDS_OCR, message)
    if not document.text and not figures:
        message = "no text and no figures on any page" + (
            ", and OCR found none" if any(p.read_by_ocr for p in good) else ""
        )
        return _with_failure(document, "failed", FailureKind.EMPTY, f"{message}; check the file")
    if lost:
        message = f"{len(lost)} of {info.pages} pages are damaged (page {lost[0].number}: {lost[0].error})"
        return _with_failure(document, "partial", FailureKind.CORRUPT, message)
    if damaged:
        message = f"page {damaged[0].number} of {info.pages} is damaged ({damaged[0].damage}); fetch the file again"
        return _with_failure(document, "partial", FailureKind.CORRUPT, message)
    if scanned:
        message = f"{len(scanned)} of {info.pages} pages are scans without text (first: {scanned[0]}); "
        return _with_failure(document, "partial", FailureKind.NEEDS_OCR, message + _scan_hint(limits))
    return _limited(document, limits, any(page.figures_cut for page in good))


def _scan_hint(limits: Limits) -> str:
    return f"raise limits.ocr_pages={limits.ocr_pages}" if ocr.is_available() else ocr.HINT


def _limited(document: Document, limits: Limits, figures_cut: bool) -> Document:
    if document.pages_total > document.pages_read:
        message = f"read {document.pages_read} of {document.pages_total} pages; raise limits.pages={limits.pages}"
        return _with_failure(document, "partial", FailureKind.TOO_LARGE, message)
    if figures_cut:
        message = f"kept the first {len(document.figures)} figures; raise limits.figures={limits.figures}"
        return _with_failure(document, "partial", FailureKind.TOO_LARGE, message)
    return document


def _with_failure(document: Document, status: str, kind: FailureKind, message: str) -> Document:
    document.status, document.failure_kind, document.failure_message = status, str(kind), message
    return document

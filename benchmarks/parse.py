"""Speed of reading PDFs, beside bare PyMuPDF loops and pymupdf4llm; and what odd files come to.

    python benchmarks/parse.py [FOLDER] [--files N]     pages a second, with and without figure evidence
    python benchmarks/parse.py --odd [FOLDER]           one row a file: status, seconds, peak memory of the child
    python benchmarks/parse.py --many N                 memory of worker and child over N documents of five kinds

The files (of FOLDER, else of $MMSUM_DATA, and always some reports typeset here) are parted into pages with figure
evidence (images above icon size, vector drawings) and pages without, each part a PDF of its own that everyone reads.
Peers: `text` asks every page for get_text("dict"); `text+layout` runs PyMuPDF's layout model on it too;
`pymupdf4llm` is its to_markdown without OCR. All run on one thread. mmsum also finds, links and renders the figures.
--clock cpu counts the processors' seconds of everyone, mmsum's child included, which other work on the machine touches less.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pymupdf
from typeset import reports

from mmsum.config import Figures, Limits
from mmsum.documents.evidence import MIN_STROKES, EvidenceWindow, load_layout
from mmsum.documents.mupdf import quiet
from mmsum.documents.parse import Parser
from mmsum.records import ObjectRef

GOALS = {"text+layout": 0.8, "pymupdf4llm": 2.0}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?", type=Path)
    arguments.add_argument("--files", type=int, default=20, help="files read, in steps over the folder")
    arguments.add_argument("--odd", action="store_true")
    arguments.add_argument("--many", type=int)
    arguments.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = arguments.parse_args()
    quiet()
    data = os.environ.get("MMSUM_DATA")
    if given.odd:
        return odd(given.folder or (Path(data, "pdfs", "malformed") if data else None))
    if given.many:
        return many(given.many)
    folders = (
        [given.folder] if given.folder else [Path(data, "joss", "pdf"), Path(data, "pdfs", "good")] if data else []
    )
    paths = [path for folder in folders for path in _some(sorted(folder.glob("*.pdf")), given.files // len(folders))]
    with tempfile.TemporaryDirectory() as scratch, Parser(Limits(), Figures()) as parser:
        for number, (pdf, _) in enumerate(reports(max(2, given.files // 4))):
            paths.append(Path(scratch, f"typeset{number}.pdf"))
            paths[-1].write_bytes(pdf)
        compare(paths, Path(scratch), parser, time.perf_counter if given.clock == "wall" else cpu_seconds)
    return 0


def _some(paths: list[Path], count: int) -> list[Path]:
    return paths[:: max(1, len(paths) // max(1, count))][:count]


def cpu_seconds() -> float:
    """Processor seconds of this process and of its living children."""
    ticks = 0
    for pid in (os.getpid(), *(child.pid for child in multiprocessing.active_children())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def compare(paths: list[Path], scratch: Path, parser: Parser, clock: Callable[[], float]) -> None:
    """Prints pages a second of mmsum and its peers, for pages with and without evidence of figures."""
    load_layout()  # one thread, as in our child
    pymupdf4llm = importlib.import_module("pymupdf4llm")
    readers: dict[str, Callable[[Path], object]] = {
        "mmsum": lambda path: parser.parse(ObjectRef(str(path), 0, ""), path.read_bytes()),
        "text": lambda path: _bare(path, layout=False),
        "text+layout": lambda path: _bare(path, layout=True),
        "pymupdf4llm": lambda path: pymupdf4llm.to_markdown(str(path), use_ocr=False),
    }
    parts: dict[str, list[tuple[Path, int]]] = {"with": [], "without": []}
    for number, path in enumerate(paths):
        for word, pages in _parted(path).items():
            if pages:
                target = scratch / f"{number}-{word}.pdf"
                with pymupdf.open(path) as document:
                    document.select(pages)
                    document.save(target, garbage=3)
                parts[word].append((target, len(pages)))
    for word, files in parts.items():
        total = sum(pages for _, pages in files)
        print(f"\n{total} pages {word} figure evidence, of {len(files)} files")
        seconds = {name: _time(files, read, clock) for name, read in readers.items()}
        for name, spent in seconds.items():
            ratio = spent / seconds["mmsum"]
            goal = ""
            if name in GOALS:
                goal = f"  (goal {GOALS[name]}: {'reached' if ratio >= GOALS[name] else 'missed'})"
            print(f"{name:12s} {total / spent:8.1f} pages/s   mmsum runs at {ratio:6.2f} x its speed{goal}", flush=True)


def _parted(path: Path) -> dict[str, list[int]]:
    """Numbers (from 0) of the pages with and without evidence; nothing for a file that cannot be opened plainly."""
    pages: dict[str, list[int]] = {"with": [], "without": []}
    with pymupdf.open(path) as document:
        if document.needs_pass or document.is_encrypted or document.is_form_pdf:
            return pages
        window = EvidenceWindow(document)
        for index in range(min(document.page_count, 20)):
            found = window.of_page(index)
            big = any(piece.images for piece in found.ink())
            drawn = sum(piece.strokes for piece in found.drawings) >= MIN_STROKES
            pages["with" if big or drawn else "without"].append(index)
    return pages


def _time(files: list[tuple[Path, int]], read: Callable[[Path], object], clock: Callable[[], float]) -> float:
    """Seconds over all files; the first is read once before, so that models are loaded."""
    read(files[0][0])
    started = clock()
    for path, _ in files:
        read(path)
    return clock() - started


def _bare(path: Path, layout: bool) -> None:
    with pymupdf.open(path) as document:
        for page in document:
            page.get_text("dict")
            if layout:
                page.get_layout()


def odd(folder: Path | None) -> int:
    """Prints one row a file, and the totals."""
    if folder is None:
        print("give a folder: python benchmarks/parse.py --odd FOLDER (or set MMSUM_DATA)", file=sys.stderr)
        return 2
    counts: dict[str, int] = {}
    highest = 0.0
    with Parser(Limits(), Figures()) as parser:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            document = parser.parse(ObjectRef(str(path), 0, ""), path.read_bytes())
            peak = parser.peak_mb()
            highest = max(highest, peak)
            word = f"{document.status} {document.failure_kind}".strip()
            counts[word] = counts.get(word, 0) + 1
            pages = f"{document.pages_read}/{document.pages_total}"
            print(
                f"{path.name:44.44s} {word:20s} {pages:>8s} pages {len(document.text):7d} characters "
                f"{len(document.figures):3d} figures {document.seconds_parse:6.2f} s {peak:6.0f} MiB"
            )
    print(f"{sum(counts.values())} files, one row each: {counts}; peak memory of the child {highest:.0f} MiB")
    return 0


def many(count: int) -> int:
    """Prints the memory of this process and of its child at ten places of `count` documents."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.documents import packages, papers

    report, _ = next(reports(1))
    kinds = [report, packages.word(), packages.slides(), packages.book(), papers.photo(640, 480)]
    highest: list[float] = []
    peak = 0.0
    with Parser(Limits(ocr_pages=0), Figures()) as parser:
        for number in range(1, count + 1):
            parser.parse(ObjectRef(f"mem://{number}", 0, ""), kinds[number % len(kinds)])
            if number % 20 == 0:
                peak = max(peak, parser.peak_mb())
            if number % max(20, count // 10) == 0:
                own = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
                print(f"{number:6d} documents: worker {own:5.0f} MiB, peak of its child {peak:5.0f} MiB", flush=True)
                highest.append(own + peak)
                peak = 0.0
    print(f"the last tenth beside the second: {highest[-1] / highest[1]:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

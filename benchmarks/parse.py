"""Speed of reading PDFs: mmsum's Parser beside bare PyMuPDF loops, on the same files in the same run.

    python benchmarks/parse.py [FOLDER]

Peers: `dict` opens each file and asks every page for get_text("dict"), as a plain extractor does; `layout` does that
and runs PyMuPDF's layout model on every page. Each reads all files once, after one file to warm up.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents.mupdf import quiet
from mmsum.documents.parse import Parser
from mmsum.records import ObjectRef

_MOST_FILES = 30


def main() -> int:
    folder = _folder()
    if folder is None:
        print("give a folder of PDF files: python benchmarks/parse.py FOLDER (or set MMSUM_DATA)", file=sys.stderr)
        return 2
    paths = sorted(folder.glob("*.pdf"))[:_MOST_FILES]
    if not paths:
        print(f"{folder} holds no *.pdf; give another folder", file=sys.stderr)
        return 2
    quiet()
    with Parser(Limits(), Figures()) as parser:
        speeds = {
            "mmsum": _speed(
                paths, lambda path: parser.parse(ObjectRef(str(path), 0, ""), path.read_bytes()).pages_read
            ),
            "dict": _speed(paths, lambda path: _bare(path, layout=False)),
            "layout": _speed(paths, lambda path: _bare(path, layout=True)),
        }
    print(f"{len(paths)} files of {folder}")
    for name, (pages, seconds) in speeds.items():
        ratio = speeds["mmsum"][1] / seconds
        print(f"{name:8s} {pages:5d} pages {pages / seconds:8.1f} pages/s   mmsum runs at {1 / ratio:5.2f} x its speed")
    return 0


def _folder() -> Path | None:
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    data = os.environ.get("MMSUM_DATA")
    return Path(data, "joss", "pdf") if data else None


def _speed(paths: list[Path], read: Callable[[Path], int]) -> tuple[int, float]:
    """Pages and seconds over all paths; the first is read once before, so that models are loaded."""
    read(paths[0])
    started = time.perf_counter()
    return sum(read(path) for path in paths), time.perf_counter() - started


def _bare(path: Path, layout: bool) -> int:
    if layout:
        importlib.import_module("pymupdf.layout")  # activates the model
    try:
        document = pymupdf.open(path)
        if document.needs_pass:
            return 0
    except RuntimeError:
        return 0
    for page in document:
        page.get_text("dict")
        if layout:
            page.get_layout()
    return int(document.page_count)


if __name__ == "__main__":
    sys.exit(main())

"""Figures: how many are found, where exactly, and with which caption; mmsum beside three peers on three sets.

    python benchmarks/figures.py [--files N] [--half even|odd] [--sets raster,published,vector] [--peers ...] [--misses]

raster     typeset papers with raster figures, exact boxes ($MMSUM_DATA/joss)
published  published articles and handbooks ($MMSUM_DATA/pdfs); logos (no caption, under 2 % of the page) do not count.
           Most were marked by "placement of the embedded raster image(s) above the caption", so their vector figures
           are not in the truth: what is found there without an image object in it, under a "Figure N" that the truth
           does not have, is neither right nor wrong, whoever finds it. `unmarked` counts these.
vector     vector charts and diagrams by four libraries, typeset here by typeset.py, exact boxes

Peers: `layout` takes the pictures of PyMuPDF's layout model, `images` the image objects above icon size, `pymupdf4llm`
the pictures of its to_json. Where a peer gives captions without linking them, each picture gets the nearest one in its
column. A figure counts as found where its IoU with the truth reaches the threshold, each truth once. Captions: of the
figures found at 0.5 whose truth has one, the share whose caption says the same (similarity 0.8). Tables do not count.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pymupdf
from typeset import reports

from mmsum.config import Figures, Limits
from mmsum.documents.mupdf import quiet
from mmsum.documents.page import area, intersect, overlap_x
from mmsum.documents.parse import Parser
from mmsum.records import Box, ObjectRef

GOALS = {"raster": (0.95, 0.90), "published": (0.85, 0.75), "vector": (0.95, 0.90)}


@dataclass(slots=True)
class Found:
    page: int  # from 1
    bbox: Box
    caption: str = ""
    counts: bool = True  # false in the truth: neither asked for nor wrong to find
    raster_only: bool = False  # in the truth: its file's vector figures were not marked


@dataclass(slots=True)
class Score:
    """Counts over a set of files. `right` by IoU threshold."""

    wanted: int
    found: int
    right: dict[float, int]
    captions: int  # of figures found at 0.5 that have one
    linked: int
    unmarked: int  # found and not judged
    seconds: float

    def f1(self, threshold: float) -> float:
        return 2 * self.right[threshold] / max(1, self.wanted + self.found)

    def row(self, name: str) -> str:
        cells = []
        for threshold, right in self.right.items():
            precision, recall = right / max(1, self.found), right / max(1, self.wanted)
            cells.append(f"{precision:9.3f} {recall:6.3f} {self.f1(threshold):6.3f}")
        captions = f"{self.linked / self.captions:8.3f}" if self.linked else "       -"
        return f"{name:12s} {' '.join(cells)} {captions} {self.unmarked:9d} {self.seconds:9.1f}"


def iou(a: Box, b: Box) -> float:
    common = area(intersect(a, b))
    return common / (area(a) + area(b) - common) if common else 0.0


def matches(truth: list[Found], found: list[Found], threshold: float) -> list[tuple[Found, Found]]:
    """Pairs of at least that IoU, the best first, each box once."""
    pairs = sorted(
        ((iou(t.bbox, f.bbox), i, j) for i, t in enumerate(truth) for j, f in enumerate(found) if t.page == f.page),
        reverse=True,
    )
    used: tuple[set[int], set[int]] = (set(), set())
    matched = []
    for overlap, i, j in pairs:
        if overlap >= threshold and i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            matched.append((truth[i], found[j]))
    return matched


def same_words(a: str, b: str) -> bool:
    a, b = (re.sub(r"[\W_]+", "", text.lower()) for text in (a, b))
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() >= 0.8


def score(
    files: dict[Path, list[Found]], find: Callable[[Path], list[Found]], misses: bool = False
) -> tuple[Score, list[str]]:
    total = Score(0, 0, {0.5: 0, 0.8: 0}, 0, 0, 0, 0.0)
    told: list[str] = []
    for path, truth in files.items():
        started = time.perf_counter()
        found = find(path)
        total.seconds += time.perf_counter() - started
        ignored = [t for t in truth if not t.counts]
        truth = [t for t in truth if t.counts]
        found = [f for f in found if not any(t.page == f.page and iou(t.bbox, f.bbox) > 0.3 for t in ignored)]
        judged = [f for f in found if not _is_unmarked(path, f, truth)]
        total.unmarked += len(found) - len(judged)
        found = judged
        total.wanted += len(truth)
        total.found += len(found)
        for threshold in total.right:
            total.right[threshold] += len(matches(truth, found, threshold))
        pairs = matches(truth, found, 0.5)
        total.captions += sum(bool(t.caption) for t, _ in pairs)
        total.linked += sum(bool(t.caption) and same_words(t.caption, f.caption) for t, f in pairs)
        told += _misses(path, truth, found, pairs)
    return total, told if misses else []


_NUMBERED = re.compile(r"(?:figure|fig\.)\s*(\d+)", re.IGNORECASE)


def _is_unmarked(path: Path, found: Found, truth: list[Found]) -> bool:
    """Whether it is a numbered vector figure of a file in which only raster figures were marked."""
    number = _NUMBERED.match(found.caption)
    marked = {match[1] for t in truth if (match := _NUMBERED.match(t.caption))}
    if not (number and number[1] not in marked and truth and all(t.raster_only for t in truth)):
        return False
    with pymupdf.open(path) as document:
        images = document[found.page - 1].get_image_info()
    return not any(area(intersect(tuple(info["bbox"]), found.bbox)) for info in images)


def _misses(path: Path, truth: list[Found], found: list[Found], pairs: list[tuple[Found, Found]]) -> Iterable[str]:
    def place(figure: Found) -> str:
        return f"p{figure.page} {[round(v) for v in figure.bbox]}"

    for t in truth:
        if not any(t is a for a, _ in pairs):
            yield f"  lost   {path.name} {place(t)} {t.caption[:40]!r}"
    for f in found:
        if not any(f is b for _, b in pairs):
            yield f"  extra  {path.name} {place(f)} {f.caption[:40]!r}"
    for t, f in pairs:
        if iou(t.bbox, f.bbox) < 0.8:
            yield f"  loose  {path.name} truth {place(t)} found {place(f)}"
        if t.caption and not same_words(t.caption, f.caption):
            yield f"  words  {path.name} truth {t.caption[:70]!r} found {f.caption[:90]!r}"


def _truth_file(file: Path, root: Path) -> dict[Path, list[Found]]:
    truth: dict[Path, list[Found]] = defaultdict(list)
    for row in map(json.loads, file.read_text().splitlines()):
        width, height = row.get("page_size", (0, 0))
        logo = not row["caption"] and area(row["bbox"]) < 0.02 * width * height
        raster_only = "raster" in row.get("method", "")
        truth[root / row["pdf"]].append(Found(row["page"], tuple(row["bbox"]), row["caption"], not logo, raster_only))
    return truth


def _vector(folder: Path, count: int) -> dict[Path, list[Found]]:
    truth = {}
    for index, (data, placed) in enumerate(reports(count)):
        path = folder / f"{index:03d}.pdf"
        path.write_bytes(data)
        truth[path] = [Found(p.page, p.bbox, p.caption) for p in placed]
    return truth


def _nearest_caption(box: Box, captions: list[tuple[Box, str]]) -> str:
    near = [(min(abs(c[1] - box[3]), abs(box[1] - c[3])), words) for c, words in captions if overlap_x(box, c) > 0]
    return min(near, default=(0, ""))[1]


def layout_model(path: Path) -> list[Found]:
    found = []
    with pymupdf.open(path) as document:
        for page in document:
            page.get_layout()
            boxes = page.layout_information or ()
            captions = [(tuple(b[:4]), page.get_text(clip=pymupdf.Rect(b[:4]))) for b in boxes if b[4] == "caption"]
            found += [
                Found(page.number + 1, tuple(b[:4]), _nearest_caption(tuple(b[:4]), captions))
                for b in boxes
                if b[4] == "picture"
            ]
    return found


def image_objects(path: Path) -> list[Found]:
    with pymupdf.open(path) as document:
        return [
            Found(page.number + 1, tuple(info["bbox"]))
            for page in document
            for info in page.get_image_info()
            if min(info["bbox"][2] - info["bbox"][0], info["bbox"][3] - info["bbox"][1]) >= 24
        ]


def pymupdf4llm_json(path: Path) -> list[Found]:
    pymupdf4llm = importlib.import_module("pymupdf4llm")
    found = []
    for page in json.loads(pymupdf4llm.to_json(str(path), use_ocr=False))["pages"]:
        boxes = [((b["x0"], b["y0"], b["x1"], b["y1"]), b) for b in page["boxes"]]
        captions = [
            (box, " ".join(span["text"] for line in b["textlines"] or () for span in line["spans"]))
            for box, b in boxes
            if b["boxclass"] == "caption"
        ]
        found += [
            Found(page["page_number"], box, _nearest_caption(box, captions))
            for box, b in boxes
            if b["boxclass"] == "picture"
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=30, help="files of each set, in steps over the whole of it")
    parser.add_argument("--half", choices=("even", "odd"), help="only every second file: one half to tune on")
    parser.add_argument("--sets", default="raster,published,vector")
    parser.add_argument("--peers", default="layout,images,pymupdf4llm")
    parser.add_argument("--misses", action="store_true", help="list what mmsum lost, invented or cut loosely")
    arguments = parser.parse_args()
    quiet()
    data = os.environ.get("MMSUM_DATA")
    with tempfile.TemporaryDirectory() as folder, Parser(Limits(), Figures()) as ours:

        def mmsum(path: Path) -> list[Found]:
            document = ours.parse(ObjectRef(str(path), 0, ""), path.read_bytes())
            return [Found(f.page, f.bbox, f.caption) for f in document.figures if f.kind != "table"]

        finders: dict[str, Callable[[Path], list[Found]]]
        finders = {"mmsum": mmsum, "layout": layout_model, "images": image_objects, "pymupdf4llm": pymupdf4llm_json}
        finders = {name: finders[name] for name in ("mmsum", *filter(None, arguments.peers.split(",")))}
        if len(finders) > 1:
            importlib.import_module("pymupdf.layout")  # activates the model
        for name in arguments.sets.split(","):
            if name == "vector":
                files = _vector(Path(folder), arguments.files)
            elif data is None:
                print(f"\n{name}: left out, MMSUM_DATA is not set")
                continue
            else:
                root = Path(data, "joss" if name == "raster" else "pdfs")
                files = _truth_file(root / "figures_truth.jsonl", root)
            files = dict(list(files.items())[:: max(1, len(files) // arguments.files)][: arguments.files])
            if arguments.half:
                files = dict(list(files.items())[arguments.half == "odd" :: 2])
            _print_set(name, files, finders, arguments.misses)


def _print_set(
    name: str, files: dict[Path, list[Found]], finders: dict[str, Callable[[Path], list[Found]]], misses: bool
) -> None:
    print(f"\n{name}: {sum(t.counts for truth in files.values() for t in truth)} figures in {len(files)} files")
    print(
        f"{'':12s} {'P@0.5':>9s} {'R':>6s} {'F1':>6s} {'P@0.8':>9s} {'R':>6s} {'F1':>6s} captions  unmarked   seconds"
    )
    for finder, find in finders.items():
        total, told = score(files, find, misses and finder == "mmsum")
        goal = ""
        if finder == "mmsum":
            wanted = GOALS[name]
            reached = total.f1(0.5) >= wanted[0] and total.f1(0.8) >= wanted[1]
            reached = reached and total.linked >= 0.95 * total.captions
            goal = f"   goal F1 {wanted[0]} / {wanted[1]}, captions 0.95: {'reached' if reached else 'missed'}"
        print(total.row(finder) + goal, flush=True)
        for line in told:
            print(line)


if __name__ == "__main__":
    main()

"""What a run does with documents that do not fit: one huge one among small ones, and more figures than the object store holds.

    python benchmarks/feed.py huge [--pages 3000] [--bound 5]
    python benchmarks/feed.py fat [--documents 120] [--store 150]

huge  one PDF of many pages in a shard with 31 short texts, three more shards of those beside it. How long its shard's
      commit comes after the other shards', with limits.seconds_per_document as it is, and lowered to --bound seconds, which
      costs that document.
fat   PDFs of 16 photographs each, several times the object store altogether, before a stand-in model that is slower than
      parsing. Parsing has to be held back: bytes that Ray spilled to disk, the most that lay in the store, idle share.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymupdf

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/: the archive of short texts

import mmsum
from mmsum import storage
from mmsum.config import Config, load_config
from mmsum.documents.parse import Parser
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.runlog import read_logs
from mmsum.records import Document, ObjectRef
from tests.conftest import write_archive

LINE = "The town library lent {n} books in week {w}, and nobody had expected that many in a season so wet."


def write_huge(path: Path, pages: int) -> None:
    """A PDF of `pages` pages, 50 lines of text on each."""
    document = pymupdf.open()
    for number in range(pages):
        page = document.new_page()
        page.insert_text((50, 60), [LINE.format(n=number + week, w=week) for week in range(50)], fontsize=9)
    document.save(path)


def huge(pages: int, bound: float) -> None:
    with tempfile.TemporaryDirectory(prefix="mmsum-feed-") as folder:
        archive = write_archive(Path(folder, "archive"), 127)
        write_huge(archive / "huge.pdf", pages)  # sorted before the reports: the first of its shard
        for name, limits in (("as it is", {}), ("lowered", {"seconds_per_document": bound})):
            config = load_config(summarizer="lead", limits=limits)
            out = storage.normalize(str(Path(folder, name)))
            mmsum.summarize(archive, out, config)
            [(_, events)] = read_logs(out, 1)
            at = {event["shard"]: event["at"] - events[0]["at"] for event in events if event["event"] == "shard"}
            rows = mmsum.read_summaries(out).to_pylist()
            [row] = [row for row in rows if row["uri"].endswith("huge.pdf")]
            others = sorted(seconds for shard, seconds in at.items() if shard)
            print(
                f"limits.seconds_per_document={config.limits.seconds_per_document:g} ({name}): {row['status']}, "
                f"{row['pages_read']} of {row['pages_total']} pages in {row['seconds_parse']:.1f} s; its shard was "
                f"committed after {at[0]:.1f} s, the others after {', '.join(f'{s:.1f}' for s in others)} s",
                flush=True,
            )
            unread = row["status"] == "failed" and name == "as it is"
            if len(rows) != 128 or unread or sum(other["status"] == "ok" for other in rows) < 127:
                sys.exit(f"{len(rows)} rows of 128; {row['failure_message']}")


def write_fat(folder: Path, documents: int) -> Path:
    """PDFs with 16 pictures of noise each, about a megabyte a document."""
    folder.mkdir()
    draw = random.Random(0)
    for number in range(documents):
        document = pymupdf.open()
        for place in range(16):
            page = document.new_page()
            page.insert_text((72, 72), f"Photograph {place} of report {number} shows the river in spring.")
            noise = pymupdf.Pixmap(pymupdf.csRGB, 320, 240, draw.randbytes(3 * 320 * 240), 0)
            page.insert_image((72, 100, 472, 400), stream=noise.tobytes("jpg", jpg_quality=80))
        document.save(folder / f"report-{number:04d}.pdf")
    return folder


def cropped_bytes(path: Path, config: Config) -> int:
    """What the figures of one document take on their way to the model."""
    with Parser(config.limits, config.figures) as parser:
        document = parser.parse(ObjectRef(str(path), path.stat().st_size, ""), path.read_bytes())
    return sum(len(figure.image) for figure in document.figures)


class Slow:
    """Half a second a document, as a model on a GPU that leaves the CPUs alone."""

    name = "slow"

    def __init__(self, config: Config) -> None:
        pass

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        time.sleep(0.5 * len(documents))
        return [Draft(text="asleep", output_tokens=1, seconds=0.5) for _ in documents]


@dataclass
class Store:
    """What was seen of the object store, in MB."""

    used: float = 0.0
    spilled: float = 0.0


@contextmanager
def watched_store() -> Iterator[Store]:
    """Looks at the connected Ray's object store twice a second."""
    import ray
    from ray._private.internal_api import get_memory_info_reply, get_state_from_address

    seen, done = Store(), threading.Event()
    state = get_state_from_address(ray.get_runtime_context().gcs_address)

    def watch() -> None:
        while not done.wait(0.5):
            stats = get_memory_info_reply(state).store_stats
            seen.used = max(seen.used, stats.object_store_bytes_used / 1e6)
            seen.spilled = stats.spilled_bytes_total / 1e6

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def fat(documents: int, store_mb: int) -> None:
    import ray

    with tempfile.TemporaryDirectory(prefix="mmsum-feed-") as folder:
        archive = write_fat(Path(folder, "archive"), documents)
        ray.init(address="local", include_dashboard=False, log_to_driver=False, object_store_memory=store_mb * 2**20)
        config = load_config(summarizer="lead", shard_size=4)
        with watched_store() as seen:
            result = mmsum.summarize(archive, str(Path(folder, "out")), config, summarizer=Slow)
        ray.shutdown()
        crops = documents * cropped_bytes(next(archive.iterdir()), config) / 1e6
        print(
            f"{documents} documents with {result.totals.figures} figures, {crops:.0f} MB of crops through a store of "
            f"{store_mb} MB: at most {seen.used:.0f} MB used, {seen.spilled:.0f} MB spilled; "
            f"idle share {result.totals.idle_share:.1%}"
        )
        if result.totals.counts["ok"] != documents:
            sys.exit(f"rows: {dict(result.totals.counts)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("huge")
    part.add_argument("--pages", type=int, default=3000)
    part.add_argument("--bound", type=float, default=5.0)
    part = parts.add_parser("fat")
    part.add_argument("--documents", type=int, default=120)
    part.add_argument("--store", type=int, default=150, help="MB of object store")
    given = parser.parse_args()
    if given.part == "huge":
        huge(given.pages, given.bound)
    else:
        fat(given.documents, given.store)


if __name__ == "__main__":
    main()

"""End to end: documents/s of the whole flow against the slower of its two stages, run alone on the same files.

    python benchmarks/end_to_end.py [FOLDER] [--documents N] [--summarizer fused|lead] [--preset pocket]

Parsing and generating share the same cores here, so a second run puts a stand-in behind the Summarizer seam that sleeps at
a fixed token rate, as a GPU would leave the CPU alone: its idle share says whether the flow keeps it fed. It gets as many
copies of the files as make --fed documents, so that the first seconds do not decide.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import mmsum
from mmsum import storage
from mmsum.config import Config, load_config
from mmsum.documents.parse import Parser
from mmsum.generation.summarizer import Draft, build_summarizer, check_summarizer
from mmsum.pipeline.summarize import Result
from mmsum.records import Document
from mmsum.storage.uris import local_path

STAND_IN_TOKENS = 100  # written per document by the stand-in


class SleepingSummarizer:
    """Takes as long as writing STAND_IN_TOKENS a document at MMSUM_STAND_IN_RATE tokens/s, without using the CPU."""

    name = "stand-in"

    def __init__(self, config: Config) -> None:
        self.rate = float(os.environ["MMSUM_STAND_IN_RATE"])

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        seconds = STAND_IN_TOKENS / self.rate
        time.sleep(seconds * len(documents))
        return [Draft(text="asleep", output_tokens=STAND_IN_TOKENS, seconds=seconds) for _ in documents]


def sleeping(config: Config) -> SleepingSummarizer:
    return SleepingSummarizer(config)


def copies(folder: Path, parsed: list[Document], to: Path, count: int) -> None:
    """The files of `parsed`, again and again under other names, until there are `count`."""
    files = [Path(local_path(document.ref.uri)) for document in parsed]
    for number in range(count):
        file = files[number % len(files)]
        shutil.copy(file, to / f"{number:05d}-{file.name}")


def parse_alone(folder: Path, documents: int, config: Config) -> tuple[list[Document], float]:
    """The files parsed one after the other; returns them and documents/s."""
    refs = sorted(storage.list_source(str(folder)), key=lambda ref: ref.uri)[:documents]
    with Parser(config.limits, config.figures) as parser:
        parser.parse(refs[0], storage.read(refs[0].uri))  # the child is up
        started = time.perf_counter()
        parsed = [parser.parse(ref, storage.read(ref.uri)) for ref in refs]
        return parsed, len(refs) / (time.perf_counter() - started)


def generate_alone(parsed: list[Document], config: Config) -> float:
    """The summarizer on the parsed documents, shard by shard; documents/s."""
    summarizer = build_summarizer(config)
    readable = [document for document in parsed if document.status != "failed"]
    started = time.perf_counter()
    for at in range(0, len(readable), config.shard_size):
        summarizer.summarize(readable[at : at + config.shard_size])
    return len(parsed) / (time.perf_counter() - started)


def flow(folder: Path, documents: int, config: Config, **options: object) -> tuple[Result, float]:
    """The whole flow on a Ray that is already up; documents/s without Ray's own start."""
    with tempfile.TemporaryDirectory() as out:
        result = mmsum.summarize(folder, out, config, limit=documents, **options)  # type: ignore[arg-type]
    return result, result.totals.documents / result.totals.wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("MMSUM_DATA")
    default = Path(data, "joss", "pdf") if data else None
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    parser.add_argument("--documents", type=int, default=24)
    parser.add_argument("--fed", type=int, default=400, help="documents of the run with the stand-in")
    parser.add_argument("--summarizer", choices=["fused", "lead"], default="fused")
    parser.add_argument("--preset", default="pocket")
    given = parser.parse_args()
    if given.folder is None:
        sys.exit("give a FOLDER of PDFs, or set MMSUM_DATA")

    settings = {"summarizer": given.summarizer, "shard_size": 8}
    config = check_summarizer(load_config(preset=given.preset, **settings))
    parsed, parse_rate = parse_alone(given.folder, given.documents, config)
    pages = sum(document.pages_read for document in parsed)
    print(f"{len(parsed)} documents, {pages} pages, summarizer {given.summarizer}, {os.cpu_count()} cores")
    print(f"parse alone, one core     {parse_rate:8.2f} documents/s")

    rate = STAND_IN_TOKENS * parse_rate * 0.8
    os.environ["MMSUM_STAND_IN_RATE"] = str(rate)
    import ray

    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    small = load_config(preset=given.preset, summarizer="lead", shard_size=8)
    with tempfile.TemporaryDirectory() as scratch:
        copies(given.folder, parsed, Path(scratch), given.fed)
        flow(Path(scratch), 32, small)  # workers are up
        result, whole = flow(Path(scratch), given.fed, small, summarizer=sleeping)
    idle = result.totals.idle_share
    print(f"stand-in at {rate:5.0f} tokens/s  {whole:8.2f} documents/s   idle share {idle:.1%} (goal: at most 5%)")

    generate_rate = generate_alone(parsed, config)
    print(f"generate alone            {generate_rate:8.2f} documents/s")
    _, whole = flow(given.folder, given.documents, config)
    slower = min(parse_rate, generate_rate)
    both = 1 / (1 / parse_rate + 1 / generate_rate)
    print(f"end to end                {whole:8.2f} documents/s   {whole / slower:.2f} of the slower stage")
    print(f"                                                {whole / both:.2f} of one stage after the other")
    ray.shutdown()


if __name__ == "__main__":
    main()

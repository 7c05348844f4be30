"""What each subcommand of `mmsum` does, printed for people."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from textwrap import shorten

from rich.console import Console
from rich.table import Table

from mmsum import storage
from mmsum.config import Config, load_config
from mmsum.documents.inspect import inspect_json
from mmsum.documents.parse import Parser
from mmsum.errors import DocumentFailure, OutputError, SourceError, StorageError, UsageError
from mmsum.generation.summarizer import check_summarizer
from mmsum.pipeline.commit import read_summaries
from mmsum.pipeline.plan import latest_snapshot
from mmsum.pipeline.summarize import summarize as run_summarize
from mmsum.records import Document


def config_of(arguments: argparse.Namespace) -> Config:
    """The config that --config, --preset, --model and --set describe."""
    model = {"model.export": arguments.model} if arguments.model else {}
    return load_config(arguments.config, arguments.set, arguments.preset, **model)


def summarize(arguments: argparse.Namespace) -> None:
    config = check_summarizer(config_of(arguments))
    run_summarize(
        arguments.source,
        arguments.out,
        config,
        limit=arguments.limit,
        new=arguments.snapshot == "new",
        restart=arguments.restart,
        console=Console(),
    )
    console = Console()
    console.print(f"summaries  {storage.join(storage.normalize(arguments.out), 'summaries')}", soft_wrap=True)
    console.print(f"report     mmsum report {arguments.out}", soft_wrap=True)


def status(out: str) -> None:
    """Progress from committed parts alone, so it works from any machine that sees OUT."""
    out = storage.normalize(out)
    snapshot = latest_snapshot(out)
    if snapshot is None:
        raise SourceError(f"{out}: no run has been started there; start one with mmsum summarize SRC {out}")
    committed = snapshot.committed()
    planned, done = snapshot.count(), snapshot.count(committed)
    table = read_summaries(out)
    counts = Counter(table["status"].to_pylist())
    kinds = Counter(kind for kind in table["failure_kind"].to_pylist() if kind)
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(style="bold")
    shown.add_column(overflow="fold")
    state = "complete" if len(committed) == snapshot.shards else "unfinished; the same summarize command resumes"
    shown.add_row("snapshot", f"{snapshot.number} of {snapshot.source}: {state}")
    shown.add_row("documents", f"{done} of {planned} ({done / max(planned, 1):.0%})")
    shown.add_row("shards", f"{len(committed)} of {snapshot.shards}")
    shown.add_row(
        "rows", ", ".join(f"{counts[s]} {s}" for s in ("ok", "partial", "failed", "deleted") if counts[s]) or "none"
    )
    if kinds:
        shown.add_row("failures", ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    if table.num_rows:
        shown.add_row("last row", f"{max(table['finished_at'].to_pylist()):%Y-%m-%d %H:%M:%S} UTC")
    Console().print(shown)


def report(out: str, to: str | None) -> None:
    from mmsum.report.build import write_report

    Console().print(f"report     {write_report(out, to)}", soft_wrap=True)


def inspect(arguments: argparse.Namespace) -> None:
    """Parses one file and prints what was found: a table, or one JSON object; --boxes draws the figures."""
    config = config_of(arguments)
    uri = storage.normalize(arguments.file)
    ref = storage.stat(uri)
    if ref is None:
        raise SourceError(f"{uri}: no such file; give the path or URI of one document")
    with Parser(config.limits, config.figures) as parser:
        try:
            data = storage.read(uri, max_bytes=config.limits.bytes)
        except DocumentFailure as failure:
            document = Document.failed(ref, failure.kind, failure.message)
            data = b""
        else:
            document = parser.parse(ref, data)
        if arguments.boxes:
            _write_boxes(arguments.boxes, parser, data, document)
    if arguments.json:
        json.dump(inspect_json(document), sys.stdout, ensure_ascii=False)
        print()
    else:
        _print_document(document)


def _write_boxes(path: str, parser: Parser, data: bytes, document: Document) -> None:
    try:
        drawn = parser.draw_boxes(data, document)
    except DocumentFailure as failure:
        raise UsageError(f"--boxes: {document.ref.uri} cannot be drawn: {failure.message}") from failure
    try:
        storage.put(storage.normalize(path), drawn)
    except StorageError as error:
        raise OutputError(f"--boxes: {error}") from error


def _print_document(document: Document) -> None:
    console = Console()
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    facts.add_row("uri", document.ref.uri)
    facts.add_row("status", document.status + (f" ({document.failure_kind})" if document.failure_kind else ""))
    if document.failure_message:
        facts.add_row("reason", document.failure_message)
    facts.add_row("title", document.title or "(none)")
    facts.add_row("pages", f"{document.pages_read} read of {document.pages_total}")
    facts.add_row("text", f"{len(document.text.split())} words in {len(document.sections)} sections")
    console.print(facts)
    if document.figures:
        table = Table(
            "label", "page", "kind", "box (points)", "pixels", "caption", title="figures", title_justify="left"
        )
        for figure in document.figures:
            box = " ".join(f"{value:.0f}" for value in figure.bbox)
            size = f"{figure.width}x{figure.height}"
            table.add_row(
                figure.label or "-",
                str(figure.page),
                figure.kind,
                box,
                size,
                shorten(figure.caption, 160, placeholder=" …"),
            )
        console.print(table)


def demo(arguments: argparse.Namespace) -> None:
    """A sample archive, its summaries and their report, in one folder."""
    from mmsum.data.figure_reports import write_sample_archive

    folder = Path(arguments.folder)
    archive, out = folder / "archive", folder / "summaries"
    console = Console()
    arguments.preset = arguments.preset or "pocket"
    arguments.set = ["shard_size=5", *arguments.set]  # three shards: progress is seen, and a resume can be tried
    config = check_summarizer(config_of(arguments))
    try:
        archive.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; give another FOLDER") from error
    written = write_sample_archive(archive)
    console.print(f"archive    {archive}: {len(written)} sample documents", soft_wrap=True)
    run_summarize(str(archive), str(out), config, console=console)
    console.print(f"summaries  {out / 'summaries'} (Parquet)", soft_wrap=True)
    report(str(out), None)

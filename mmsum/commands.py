"""What each subcommand of `mmsum` does, printed for people."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from textwrap import shorten

from rich.table import Table

from mmsum import storage
from mmsum.config import Config, load_config
from mmsum.documents.inspect import inspect_json
from mmsum.documents.parse import Parser
from mmsum.errors import DocumentFailure, OutputError, SourceError, UsageError
from mmsum.generation.summarizer import check_summarizer
from mmsum.model.manifest import trained_sets
from mmsum.pipeline.progress import format_seconds
from mmsum.pipeline.snapshots import count_in_all
from mmsum.pipeline.status import Kept, Status, read_status
from mmsum.pipeline.summarize import summarize as run_summarize
from mmsum.records import Document
from mmsum.screen import open_console


def config_of(arguments: argparse.Namespace) -> Config:
    """The config that --config, --preset, --model and --set describe. A model alone is read as it was trained."""
    if not arguments.model:
        return load_config(arguments.config, arguments.set, arguments.preset)
    alone = not (arguments.config or arguments.preset)
    sets = [*(trained_sets(arguments.model) if alone else []), *arguments.set]
    return load_config(arguments.config, sets, arguments.preset, **{"model.export": arguments.model})


def summarize(arguments: argparse.Namespace) -> None:
    config = check_summarizer(config_of(arguments))
    run_summarize(
        arguments.source,
        arguments.out,
        config,
        limit=arguments.limit,
        new=arguments.snapshot == "new",
        restart=arguments.restart,
        retry=arguments.retry,
        console=open_console(),
    )
    console = open_console()
    console.print(f"summaries  {storage.join(storage.normalize(arguments.out), 'summaries')}", soft_wrap=True)
    console.print(f"report     mmsum report {shlex.quote(arguments.out)}", soft_wrap=True)


def status(out: str, watch: bool) -> None:
    """Progress from what is under OUT alone, so it works from any machine that sees it; `watch`: until it is complete."""
    console, kept = open_console(), Kept()
    while True:
        seen = read_status(out, kept)
        if watch and console.is_terminal:
            console.clear()
        last = not watch or seen.is_complete
        console.print(_status_table(seen, count_in_all(seen.snapshot) if last and seen.snapshot.number > 1 else None))
        if last:
            return
        time.sleep(STATUS_SECONDS)


STATUS_SECONDS = 10.0
"""Between two looks of `mmsum status --watch`."""


def _status_table(seen: Status, in_all: int | None) -> Table:
    """in_all: documents with a row, of any snapshot; every plan is read for it, so not at each look."""
    snapshot = seen.snapshot
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(style="bold")
    shown.add_column(overflow="fold")
    state = "complete" if seen.is_complete else "unfinished; the same summarize command resumes"
    if seen.is_running and not seen.is_complete:  # or killed a moment ago: nobody can tell
        state = "unfinished; a driver is at work"
    shown.add_row("snapshot", f"{snapshot.number} of {snapshot.source}: {state}")
    shown.add_row("documents", f"{seen.done} of {seen.planned} ({seen.done / max(seen.planned, 1):.0%})")
    if in_all is not None:
        shown.add_row("in all", f"{in_all} documents have a row")
    shown.add_row("shards", f"{len(seen.committed)} of {snapshot.shards}")
    kinds = ("ok", "partial", "failed", "deleted")
    shown.add_row("rows", ", ".join(f"{seen.counts[kind]} {kind}" for kind in kinds if seen.counts[kind]) or "none")
    if seen.failures:
        shown.add_row("failures", ", ".join(f"{count} {kind}" for kind, count in seen.failures.most_common()))
    if seen.rate:
        shown.add_row(
            "rates",
            f"{seen.rate:.2f} documents/s, {seen.pages_rate:.1f} pages/s, {seen.tokens_rate:.0f} generated tokens/s "
            f"over {format_seconds(seen.rate_seconds)}",
        )
    if seen.seconds_left is not None:
        basis = f"{seen.planned - seen.done} documents at that rate"
        shown.add_row("time left", f"about {format_seconds(seen.seconds_left)} ({basis})")
    for work in seen.under_way:
        since = format_seconds(time.time() - work["since"])
        shown.add_row(
            "under way", f"{work['stage']} of shard {work['shard']} on {work['node']}, {since} {work['document']}"
        )
    for seconds, uri in seen.slowest:
        shown.add_row("slowest", f"{seconds:.1f} s {uri}")
    if seen.lost_workers or seen.repeated:
        shown.add_row("lost", f"{seen.lost_workers} workers; {seen.repeated} documents were tried again")
    if seen.drivers:
        shown.add_row("cost", _cost(seen))
    if seen.last_heard:
        heard = datetime.fromtimestamp(seen.last_heard, UTC)
        ended = f"; it ended with: {seen.last_error}" if seen.last_error else ""
        shown.add_row("last heard", f"{heard:%Y-%m-%d %H:%M:%S} UTC{ended}")
    return shown


def _cost(seen: Status) -> str:
    cost = f"{seen.node_hours:.2f} node-hours in {seen.drivers} runs"
    if seen.node_hour_price is None:
        return f"{cost}; set prices.node_hour to see money"
    money, price = seen.node_hours * seen.node_hour_price, seen.node_hour_price
    return f"{cost}, {money:.2f} at {price:g} an hour, {1000 * money / max(seen.done, 1):.2f} per 1,000 documents"


def sizing(arguments: argparse.Namespace) -> None:
    """Machines and money for a large archive, with the sums that lead to them."""
    from mmsum.pipeline.sizing import SPARE, machines, read_rates

    documents, hours = arguments.documents, arguments.hours
    if not 0 < hours < math.inf:
        raise UsageError("--hours: give a time above 0")
    if not (0 <= arguments.actor_hour < math.inf and 0 <= arguments.cpu_hour < math.inf):
        raise UsageError("--actor-hour, --cpu-hour: give prices of at least 0")
    rates = read_rates(arguments.out)
    prices = {"actor_hour": arguments.actor_hour, "cpu_hour": arguments.cpu_hour}
    need = machines(rates, documents, hours, **prices)
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(style="bold")
    shown.add_column(overflow="fold")
    shown.add_row(
        "measured",
        f"{rates.documents} documents: {rates.generate:.3g} s of a generating actor (g) and {rates.parse:.3g} s of a "
        f"parsing CPU (p) each; actors waited {rates.idle:.0%} of their time",
    )
    shown.add_row(
        "one actor", f"3600 / g = {3600 / rates.generate:,.0f} documents an hour; a GPU where the run had them"
    )
    shown.add_row("actors", f"{documents:,} x g / (3600 x {hours:g} h) = {need.actors:,}")
    shown.add_row("CPUs", f"{SPARE:g} x {documents:,} x p / (3600 x {hours:g} h) = {need.cpus:,}")
    if need.cost:
        sums = f"{hours:g} h x ({need.actors:,} x {arguments.actor_hour:g} + {need.cpus:,} x {arguments.cpu_hour:g})"
        shown.add_row("cost", f"{sums} = {need.cost:,.2f}, or {1000 * need.cost / documents:.2f} per 1,000 documents")
    open_console().print(shown)


def compact(out: str) -> None:
    """Few large parts of all finished snapshots' newest rows."""
    from mmsum.pipeline.compact import compact as run_compact

    done, is_new = run_compact(out)
    said = f"{done.rows} rows of {len(done.covers)} snapshots in {done.files} parts"
    open_console().print(f"compacted  {said}" if is_new else f"nothing to do: {said} already", soft_wrap=True)


def prune(out: str) -> None:
    """Deletes what compacted parts replace."""
    from mmsum.pipeline.compact import prune as run_prune

    open_console().print(f"pruned     {run_prune(out)} objects", soft_wrap=True)


def report(out: str, to: str | None) -> None:
    from mmsum.report.build import write_report

    open_console().print(f"report     {write_report(out, to)}", soft_wrap=True)


def inspect(arguments: argparse.Namespace) -> None:
    """Parses one file and prints what was found: a table, or one JSON object; --boxes draws the figures."""
    config = config_of(arguments)
    uri = storage.normalize(arguments.file)
    ref = storage.stat(uri)
    if ref is None:
        what = "is a folder" if storage.folder_exists(uri) else "no such file"
        raise SourceError(f"{uri}: {what}; give the path or URI of one document")
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
    with storage.writing(f"--boxes: {path}"):
        storage.put(storage.normalize(path), drawn)


def _print_document(document: Document) -> None:
    console = open_console()
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
            "label", "page", "kind", "box (points)", "pixels", "caption, legend", title="figures", title_justify="left"
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
                shorten(f"{figure.caption} {figure.legend}", 160, placeholder=" …"),
            )
        console.print(table)


def train(arguments: argparse.Namespace) -> None:
    """Trains as the config's `training` section says; started again, goes on from the last checkpoint."""
    from mmsum.training.launch import parse_workers, run_training

    workers = {"training.workers": parse_workers(arguments.workers)} if arguments.workers else {}
    config = load_config(arguments.config, arguments.set, arguments.preset, **workers)
    run_training(config, open_console(), local=arguments.local)


def demo(arguments: argparse.Namespace) -> None:
    """A sample archive, its summaries and their report, in one folder."""
    from mmsum.data.synthetic.pdf import write_demo_archive

    folder = Path(arguments.folder)
    archive, out = folder / "archive", folder / "summaries"
    console = open_console()
    arguments.preset = arguments.preset or "pocket"
    arguments.set = ["shard_size=5", *arguments.set]  # three shards: progress is seen, and a resume can be tried
    config = check_summarizer(config_of(arguments))
    try:
        archive.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; give another FOLDER") from error
    written = write_demo_archive(archive)
    console.print(f"archive    {archive}: {len(written)} sample documents", soft_wrap=True)
    run_summarize(str(archive), str(out), config, console=console)
    console.print(f"summaries  {out / 'summaries'} (Parquet)", soft_wrap=True)
    report(str(out), None)

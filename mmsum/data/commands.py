"""What each `mmsum data` subcommand does, printed for people."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator

from rich.table import Table

from mmsum import storage
from mmsum.data.check import FIGURE_FACTS_LEAST, GOLD_TO_GOLD_MOST, TEXT_ONLY_MOST, DataCheck, check_data
from mmsum.data.importers.report import ImportReport
from mmsum.data.synthetic.generate import write_figure_reports
from mmsum.data.synthetic.variation import Variation
from mmsum.errors import SourceError
from mmsum.screen import open_console


def figure_reports(arguments: argparse.Namespace) -> None:
    """Makes synthetic examples, one line a split."""
    console, start = open_console(), time.monotonic()
    done = write_figure_reports(
        arguments.out,
        arguments.n,
        arguments.seed,
        arguments.split,
        variation=Variation(arguments.made_up, tuple(arguments.kinds), arguments.advised, arguments.ratios),
        pdf=arguments.pdf,
        workers=arguments.workers,
    )
    rate = sum(done.values()) / (time.monotonic() - start)
    for split, count in done.items():
        folder = storage.join(storage.normalize(arguments.out), split)
        console.print(f"{split:<10} {count} examples in {folder}", soft_wrap=True)
    console.print(f"{'speed':<10} {rate:.1f} examples/s", soft_wrap=True)


def import_markdown(arguments: argparse.Namespace) -> None:
    from mmsum.data.importers.markdown import import_markdown as run

    _print_import(run(arguments.source, arguments.out, arguments.licence), arguments.out)


def import_jats(arguments: argparse.Namespace) -> None:
    from mmsum.data.importers.jats import import_jats as run

    _print_import(run(arguments.files, arguments.out, arguments.split), arguments.out)


def import_folder(arguments: argparse.Namespace) -> None:
    from mmsum.data.importers.folder import import_folder as run

    _print_import(run(arguments.folder, arguments.csv, arguments.out), arguments.out)


def _print_import(report: ImportReport, out: str) -> None:
    """Raises SourceError, behind what was left out, where nothing is left to write."""
    console = open_console()
    for split, count in report.written.items():
        folder = storage.join(storage.normalize(out), split)
        console.print(f"{split:<10} {count} examples in {folder}", soft_wrap=True)
    if report.other_licence:
        console.print(f"licence    {report.other_licence} left out: under another one", soft_wrap=True)
    for name, reason in report.skipped.items():
        console.print(f"left out   {' '.join(f'{name}: {reason}'.split())}", soft_wrap=True, markup=False)
    for name in report.broken:
        console.print(f"no image   {name}", soft_wrap=True, markup=False)
    console.print(f"counted    {len(report.skipped)} left out, {len(report.broken)} images missing or broken")
    if not report.written:
        other = f" and {report.other_licence} under another licence" if report.other_licence else ""
        counts = f"{len(report.skipped)} left out{other}"
        raise SourceError(
            f"nothing was written to {out}: {counts}; correct what is named above or give other documents"
        )


def check(arguments: argparse.Namespace) -> None:
    """Prints what `check_data` found; --json writes it, too."""
    found = check_data(arguments.data, text_only=arguments.text_only)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _check_rows(found):
        table.add_row(name, value)
    open_console().print(table)
    if arguments.json:  # last: what was found is seen, also where the file cannot be written
        data = json.dumps(found.as_dict(), ensure_ascii=False, indent=1).encode()
        with storage.writing(f"--json: {arguments.json}"):
            storage.put(storage.normalize(arguments.json), data)


def _check_rows(found: DataCheck) -> Iterator[tuple[str, str]]:
    yield "examples", _counts(found.examples)
    yield "licences", _counts(found.licences)
    yield "figures", f"{found.figures}: {_counts(found.kinds)}"
    yield "broken images", _some(found.broken_images)
    yield "repeated ids", str(found.repeated_ids)
    yield "near duplicates", f"{found.near_within} pairs inside a split; between splits {_some(found.near_between)}"
    yield "between splits", f"{found.same_image_between} equal images, {found.same_gold_between} equal golds"
    yield "gold in body", f"{found.gold_in_body:.1%} of gold sentences of 8 words or more stand there word for word"
    yield "without gold", str(found.without_gold)
    if found.gold_words is not None:
        yield "gold length", f"{found.gold_words:.0f} words"
    if found.gold_without_words:
        yield "gold not scored", f"{found.gold_without_words}: no word that ROUGE counts, a-z and 0-9"
    if found.gold_rouge_l is not None:
        target = _target(f"at most {GOLD_TO_GOLD_MOST}", found.gold_rouge_l <= GOLD_TO_GOLD_MOST)
        yield "gold to gold", f"ROUGE-L {found.gold_rouge_l:.3f}, stemmed, mean over pairs of documents; {target}"
    yield "text-only model", _text_only(found)
    if found.facts:
        yield "facts", _counts(found.facts)
        target = _target(f"at least {FIGURE_FACTS_LEAST}", found.figure_facts_least >= FIGURE_FACTS_LEAST)
        facts = f"{found.figure_facts_mean:.1f} facts an example, at least {found.figure_facts_least}"
        yield "only in figures", f"{facts}, of those that list facts; {found.without_facts} list none; {target}"
        yield "own gold wrong", f"{found.facts_not_right} facts"
        yield "chance", f"{found.chance_all:.2f}: " + ", ".join(f"{k} {v:.2f}" for k, v in found.chance.items())


def _text_only(found: DataCheck) -> str:
    limit = f"at most {TEXT_ONLY_MOST}"
    if not (scores := found.text_only):
        how = "mmsum evaluate MODEL DATA --text-only EXPORT --json FILE, then --text-only FILE"
        return f"not measured: {how}; target {limit}"
    target = _target(limit, scores.rouge_l <= TEXT_ONLY_MOST)
    return f"ROUGE-L {scores.rouge_l:.3f} on {scores.examples} examples of {scores.data}; {target}"


def _target(limit: str, met: bool) -> str:
    return f"target {limit}" if met else f"target {limit}: MISSED"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)}: {'; '.join(names[:3])}{more}" if names else "none"

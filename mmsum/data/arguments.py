"""The arguments of `mmsum data ...`. Loads nothing heavy: what a subcommand does is imported when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_data_commands(parser: argparse.ArgumentParser, parser_class: Any) -> None:
    """Subcommands that make, import and check examples; each sets `run`."""
    kinds = parser.add_subparsers(dest="data_command", required=True, metavar="KIND", parser_class=parser_class)

    command = kinds.add_parser("figure-reports", help="make illustrated reports whose gold summaries need the figures")
    command.add_argument("out", metavar="OUT", help="folder or prefix for <split>/part-NNNNN.parquet")
    command.add_argument(
        "--n", type=count_of("examples"), default=1000, metavar="N", help="training examples (default: 1000)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="S", help="another seed makes other examples")
    command.add_argument("--split", choices=["train", "valid", "test", "heldout"], help="only this one, of N examples")
    command.add_argument(
        "--made-up",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="0 to 1: share of figures whose quantity and names are made up, so that no subject gives its figure away",
    )
    command.add_argument(
        "--kinds",
        type=kinds_of_figures,
        default=(),
        metavar="KINDS",
        help="comma-separated: only figures of these kinds, such as line,heat_map (default: all)",
    )
    command.add_argument(
        "--advised",
        type=share,
        default=0.4,
        metavar="SHARE",
        help="0 to 1: share of summaries that also tell what the text recommends (default: 0.4)",
    )
    command.add_argument(
        "--ratios",
        action="store_true",
        help="bars stand in rough ratios (twice, three times, ...), and the summaries also tell these",
    )
    command.add_argument("--pdf", action="store_true", help="also one PDF per example, under <split>/pdf/")
    command.add_argument("--workers", type=count_of("processes"), metavar="N", help="processes (default: one per core)")
    command.set_defaults(run=_figure_reports)

    command = kinds.add_parser("import-markdown", help="papers.jsonl with Markdown bodies and figures -> examples")
    command.add_argument("source", metavar="SRC", help="a .jsonl file, or a folder with <split>/papers.jsonl")
    command.add_argument("out", metavar="OUT", help="folder or prefix for <split>/part-00000.parquet")
    command.add_argument("--licence", metavar="NAME", help="only papers under it, such as CC-BY-4.0")
    command.set_defaults(run=_import_markdown)

    command = kinds.add_parser("import-jats", help="JATS XML articles with their graphics beside them -> examples")
    command.add_argument("files", metavar="FILE", nargs="+", help="local .xml or .nxml files")
    command.add_argument("out", metavar="OUT", help="folder or prefix for <split>/part-00000.parquet")
    command.add_argument("--split", default="train", help="split to write (default: train)")
    command.set_defaults(run=_import_jats)

    command = kinds.add_parser("import-folder", help="documents with a CSV of file,summary[,split,licence] -> examples")
    command.add_argument("folder", metavar="FOLDER", help="local folder of the documents")
    command.add_argument("csv", metavar="CSV", help="a header line and one line per document")
    command.add_argument("out", metavar="OUT", help="folder or prefix for <split>/part-00000.parquet")
    command.set_defaults(run=_import_folder)

    command = kinds.add_parser("check", help="duplicates, leaks, broken images, balance and chance levels of examples")
    command.add_argument("data", metavar="DATA", help="folder or prefix of examples")
    command.add_argument("--json", metavar="FILE", help="also write the numbers there")
    command.add_argument(
        "--text-only",
        metavar="FILE",
        help="also tell how a model trained without figures did: JSON of `mmsum evaluate ... --text-only EXPORT --json FILE`",
    )
    command.set_defaults(run=_check)


def share(text: str) -> float:
    """An argument's type: a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def kinds_of_figures(text: str) -> tuple[str, ...]:
    """An argument's type: kinds of figures that the generator draws, comma-separated."""
    from mmsum.data.synthetic.plot import KINDS

    kinds = tuple(part.strip() for part in text.split(","))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no kind of figure; there are {', '.join(KINDS)}")
    return kinds


def count_of(things: str) -> Callable[[str], int]:
    """An argument's type: a number of `things`, at least 1."""

    def count(text: str) -> int:
        value = int(text) if text.isdigit() else 0
        if value < 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of {things} above 0")
        return value

    return count


def _figure_reports(arguments: argparse.Namespace) -> None:
    from mmsum.data.commands import figure_reports

    figure_reports(arguments)


def _import_markdown(arguments: argparse.Namespace) -> None:
    from mmsum.data.commands import import_markdown

    import_markdown(arguments)


def _import_jats(arguments: argparse.Namespace) -> None:
    from mmsum.data.commands import import_jats

    import_jats(arguments)


def _import_folder(arguments: argparse.Namespace) -> None:
    from mmsum.data.commands import import_folder

    import_folder(arguments)


def _check(arguments: argparse.Namespace) -> None:
    from mmsum.data.commands import check

    check(arguments)

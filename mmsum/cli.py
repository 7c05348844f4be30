"""The `mmsum` command. Loads nothing heavy: each subcommand imports what it needs when it runs.

Exit codes: 0 done, 1 the run could not finish, 2 bad arguments or config, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import NoReturn

from mmsum.data.arguments import add_data_commands, count_of
from mmsum.errors import MmsumError, UsageError

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

_COMMITTED = "; what is committed stays, the same command (without --restart) resumes"
_RESUME_HINTS = {
    "summarize": _COMMITTED,
    "demo": _COMMITTED,
    "train": "; the same command goes on from the last checkpoint",
    "evaluate": "; the same command writes only the summaries that are missing",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = _parser().parse_args(argv)
    # Or a thread of Ray Data's that outlives a run starts another Ray.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    command: Callable[[argparse.Namespace], None] = arguments.run
    try:
        with _sigterm_exits():
            command(arguments)
    except UsageError as error:
        return _complain(f"mmsum {arguments.command}: {error}", EXIT_USAGE)
    except MmsumError as error:
        return _complain(f"mmsum {arguments.command}: {error}", EXIT_FAILED)
    except KeyboardInterrupt:
        return _complain(_stopped(arguments.command), EXIT_INTERRUPTED)
    except SystemExit as left:
        if left.code != signal.SIGTERM:
            raise
        return _complain(f"{_stopped(arguments.command)} (SIGTERM)", EXIT_FAILED)
    except BrokenPipeError:  # `mmsum inspect FILE | head`
        sys.stderr.close()
        return EXIT_FAILED
    return 0


@contextmanager
def _sigterm_exits() -> Iterator[None]:
    """SIGTERM raises SystemExit with its number, as where Ray has its own handler; a run that is under way waits for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stopped(command: str) -> str:
    return f"mmsum {command}: stopped{_RESUME_HINTS.get(command, '')}"


def _complain(line: str, code: int) -> int:
    from mmsum.screen import visible

    print(visible(" ".join(line.split())), file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """argparse with one-line errors."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mmsum", description="Summaries of documents that have looked at the figures.")
    parser.add_argument("--version", action="version", version=f"mmsum {version('mmsum')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    command = commands.add_parser("summarize", help="summarize an archive of documents; again: do what is missing")
    command.add_argument(
        "source", metavar="SRC", help="file, folder, glob, s3:// gs:// abfss:// prefix, .txt/.parquet list"
    )
    command.add_argument("out", metavar="OUT", help="folder or prefix for Parquet parts; created if missing")
    _config_arguments(command)
    command.add_argument(
        "--limit", type=count_of("documents"), metavar="N", help="only the first N documents of the listing"
    )
    command.add_argument("--snapshot", choices=["new"], help="new: plan and summarize every document again")
    command.add_argument(
        "--retry",
        choices=["failed", "partial"],
        help="also plan the documents whose row is failed, or with partial those that were read in part as well",
    )
    command.add_argument("--restart", action="store_true", help="delete this output's rows and start over")
    command.set_defaults(run=lambda arguments: _commands().summarize(arguments))

    command = commands.add_parser("status", help="progress of a run, from what is committed and logged")
    command.add_argument("out", metavar="OUT")
    command.add_argument("--watch", action="store_true", help="look again every ten seconds until it is complete")
    command.set_defaults(run=lambda arguments: _commands().status(arguments.out, arguments.watch))

    command = commands.add_parser("sizing", help="machines and money for a large archive, by the rates of a small run")
    command.add_argument("out", metavar="OUT", help="the output of a run over some hundred documents")
    command.add_argument("--documents", type=count_of("documents"), required=True, metavar="N")
    command.add_argument("--hours", type=float, default=10.0, metavar="H", help="in which they are to be done (10)")
    command.add_argument(
        "--actor-hour", type=float, default=0.0, metavar="PRICE", help="of a generating actor's machine"
    )
    command.add_argument("--cpu-hour", type=float, default=0.0, metavar="PRICE", help="of one CPU for parsing")
    command.set_defaults(run=lambda arguments: _commands().sizing(arguments))

    command = commands.add_parser("compact", help="few large parts of all finished snapshots' newest rows")
    command.add_argument("out", metavar="OUT")
    command.set_defaults(run=lambda arguments: _commands().compact(arguments.out))

    command = commands.add_parser("prune", help="delete the parts that compacted ones replace")
    command.add_argument("out", metavar="OUT")
    command.set_defaults(run=lambda arguments: _commands().prune(arguments.out))

    command = commands.add_parser("report", help="one HTML page of an output")
    command.add_argument("out", metavar="OUT")
    command.add_argument("--to", metavar="FILE", help="where to write it (default: OUT/report.html)")
    command.set_defaults(run=lambda arguments: _commands().report(arguments.out, arguments.to))

    command = commands.add_parser("inspect", help="what is taken out of one file")
    command.add_argument("file", metavar="FILE")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--boxes", metavar="PNG", help="draw the figures' boxes on the pages")
    _config_arguments(command)
    command.set_defaults(run=lambda arguments: _commands().inspect(arguments))

    command = commands.add_parser(
        "train", help="train adapters and CLIP on examples; again: go on from the last checkpoint"
    )
    command.add_argument("config", metavar="CONFIG", help="YAML file with a training section, as jobs/train.yaml")
    _key_arguments(command)
    command.add_argument("--workers", metavar="N", help="training workers: a number, or MIN-MAX for an elastic group")
    command.add_argument("--local", action="store_true", help="one process here, without Ray and DeepSpeed")
    command.set_defaults(run=lambda arguments: _commands().train(arguments))

    command = commands.add_parser("evaluate", help="score a model's summaries of examples, beside baselines")
    command.add_argument("model", metavar="MODEL", help="a preset, an export folder of `mmsum train`, or lead")
    command.add_argument("data", metavar="DATA", help="Parquet of examples: a file, folder, glob or prefix")
    command.add_argument("--out", metavar="OUT", default="evaluation", help="folder or prefix (default: evaluation)")
    command.add_argument(
        "--ablate", action="store_true", help="also without figures, with others', without captions, text"
    )
    command.add_argument("--json", metavar="FILE", help="also write the numbers here")
    command.add_argument("--baselines", metavar="NAMES", help="comma-separated, or none (default: all)")
    command.add_argument("--no-backbone", action="store_true", help="leave out the plain language model as a baseline")
    command.add_argument("--text-only", metavar="EXPORT", help="compare with a model that was trained without figures")
    command.add_argument("--limit", type=count_of("examples"), metavar="N", help="only the first N examples")
    command.add_argument("--split", metavar="NAME", help="only examples of this split")
    command.add_argument("--source", metavar="TEXT", help="only examples whose source holds it, as vega-lite")
    command.add_argument(
        "--unit",
        choices=["document", "figure"],
        default="document",
        help="figure: each figure by itself, without the text, against what the summary says of it",
    )
    command.add_argument("--local", action="store_true", help="in this process, without Ray")
    command.add_argument("--config", metavar="FILE", help="YAML file of config keys")
    _key_arguments(command)
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("data", help="make, import and check examples with gold summaries")
    add_data_commands(command, _Parser)

    command = commands.add_parser("demo", help="make a sample archive, summarize it, write its report")
    command.add_argument("folder", metavar="FOLDER", nargs="?", default="demo")
    _config_arguments(command)
    command.set_defaults(run=lambda arguments: _commands().demo(arguments))
    return parser


def _config_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE", help="YAML file of config keys")
    _key_arguments(command)
    command.add_argument("--model", metavar="FOLDER", help="trained weights written by `mmsum train`")


def _key_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one config key; repeatable")
    command.add_argument("--preset", metavar="NAME", help="named settings, such as pocket")


def _commands() -> ModuleType:
    """mmsum.commands, imported when a command runs: what it needs takes seconds to load."""
    from mmsum import commands

    return commands


def _evaluate(arguments: argparse.Namespace) -> None:
    from mmsum.evaluation.command import evaluate

    evaluate(arguments)


if __name__ == "__main__":
    sys.exit(main())

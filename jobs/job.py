"""What the job files of summarize and evaluate have in common: YAML keys in, a command line out."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the submitted working directory, not installed

from mmsum.cli import main


def read_job(job: Path, needed: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """The settings of a job file; leaves with one line where a key is unknown or missing."""
    settings: dict[str, Any] = yaml.safe_load(job.read_text()) or {}
    unknown = sorted(set(settings) - {*needed, *optional})
    missing = sorted(set(needed) - set(settings))
    if unknown or missing:
        said = f"{(unknown or missing)[0]} is {'unknown' if unknown else 'missing'}"
        sys.exit(f"{job}: {said}; keys are {', '.join([*needed, *optional])}")
    return settings


def config_file(settings: dict[str, Any]) -> list[str]:
    """`--config FILE` with what stands under `config`."""
    config = Path(tempfile.mkdtemp(prefix="mmsum-job-"), "config.yaml")
    config.write_text(yaml.safe_dump(settings.get("config") or {}))
    return ["--config", str(config)]


def run_job(arguments_of: Callable[[Path, list[str]], list[str]], about: str | None) -> int:
    """Runs the command line that `arguments_of` makes of a job file and --set items; returns its exit code."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("job", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    return main(arguments_of(given.job, given.set))


def set_items(sets: list[str]) -> list[str]:
    """`--set` before each item."""
    return [part for item in sets for part in ("--set", item)]

"""What the job files of summarize and evaluate have in common: YAML keys in, a command line out."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the submitted working directory, not installed

from mmsum.cli import EXIT_USAGE, main


def read_job(job: Path, needed: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """The settings of a job file; leaves with one line where it cannot be read, or a key is unknown or missing."""
    try:
        settings = yaml.safe_load(job.read_text()) or {}
    except OSError as error:
        _leave(f"{job}: cannot be read: {error.strerror}; give a file as in jobs/ of the submitted folder")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        _leave(f"{job}: is not YAML: {' '.join(str(error).split())}")
    keys = f"keys are {', '.join([*needed, *optional])}"
    if not isinstance(settings, dict):
        _leave(f"{job}: holds no keys; {keys}")
    unknown = sorted(map(str, set(settings) - {*needed, *optional}))
    missing = sorted(set(needed) - set(settings))
    if unknown or missing:
        _leave(f"{job}: {(unknown or missing)[0]} is {'unknown' if unknown else 'missing'}; {keys}")
    return settings


def _leave(line: str) -> NoReturn:
    """As `mmsum` does where arguments are wrong."""
    print(line, file=sys.stderr)
    sys.exit(EXIT_USAGE)


def config_file(settings: dict[str, Any]) -> list[str]:
    """`--config FILE` with what stands under `config`."""
    config = Path(tempfile.mkdtemp(prefix="mmsum-job-"), "config.yaml")
    config.write_text(yaml.safe_dump(settings.get("config") or {}))
    return ["--config", str(config)]


def run_job(arguments_of: Callable[[Path], list[str]], about: str | None) -> int:
    """Runs the command line that `arguments_of` makes of a job file, with all that follows it; returns its exit code."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("job", type=Path)
    given, options = parser.parse_known_args()
    return main([*arguments_of(given.job), *options])

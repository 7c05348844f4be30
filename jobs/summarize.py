"""Entry point for `ray job submit --working-dir . -- python jobs/summarize.py jobs/summarize.yaml [--set key=value ...]`.

The YAML file holds `source`, `out`, optionally `limit`, and under `config` what `mmsum summarize --config` takes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the submitted working directory, not installed

from mmsum.cli import main


def arguments_of(job: Path, sets: list[str]) -> list[str]:
    """The `mmsum summarize` command line that a job file describes."""
    settings = yaml.safe_load(job.read_text()) or {}
    unknown = set(settings) - {"source", "out", "limit", "config"}
    missing = {"source", "out"} - set(settings)
    if unknown or missing:
        wrong = sorted(unknown) or sorted(missing)
        sys.exit(f"{job}: {wrong[0]} is {'unknown' if unknown else 'missing'}; keys are source, out, limit, config")
    config = Path(tempfile.mkdtemp(prefix="mmsum-job-"), "config.yaml")
    config.write_text(yaml.safe_dump(settings.get("config") or {}))
    command = ["summarize", str(settings["source"]), str(settings["out"]), "--config", str(config)]
    if settings.get("limit"):
        command += ["--limit", str(settings["limit"])]
    return command + [part for item in sets for part in ("--set", item)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    sys.exit(main(arguments_of(given.job, given.set)))

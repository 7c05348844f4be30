"""Entry point for `ray job submit --working-dir . -- python jobs/evaluate.py jobs/evaluate.yaml [--set key=value ...]`.

The YAML file holds `model`, `data`, `out`, optionally `ablate`, `json`, `baselines`, `text_only`, `limit` and `split`, and
under `config` what `mmsum evaluate --config` takes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the submitted working directory, not installed

from mmsum.cli import main

NEEDED, OPTIONAL = ("model", "data", "out"), ("ablate", "json", "baselines", "text_only", "limit", "split", "config")


def arguments_of(job: Path, sets: list[str]) -> list[str]:
    """The `mmsum evaluate` command line that a job file describes."""
    settings = yaml.safe_load(job.read_text()) or {}
    unknown = sorted(set(settings) - {*NEEDED, *OPTIONAL})
    missing = sorted(set(NEEDED) - set(settings))
    if unknown or missing:
        said = f"{(unknown or missing)[0]} is {'unknown' if unknown else 'missing'}"
        sys.exit(f"{job}: {said}; keys are {', '.join([*NEEDED, *OPTIONAL])}")
    command = ["evaluate", str(settings["model"]), str(settings["data"]), "--out", str(settings["out"])]
    if settings.get("config"):
        config = Path(tempfile.mkdtemp(prefix="mmsum-job-"), "config.yaml")
        config.write_text(yaml.safe_dump(settings["config"]))
        command += ["--config", str(config)]
    if settings.get("ablate"):
        command.append("--ablate")
    for key in ("json", "baselines", "text_only", "limit", "split"):
        if settings.get(key):
            command += [f"--{key.replace('_', '-')}", str(settings[key])]
    return command + [part for item in sets for part in ("--set", item)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    sys.exit(main(arguments_of(given.job, given.set)))

"""Entry point for `ray job submit --working-dir . -- python jobs/evaluate.py jobs/evaluate.yaml [OPTION ...]`.

The YAML file holds `model`, `data`, `out`, optionally `ablate`, `json`, `baselines`, `text_only`, `limit`, `split` and
`source`, and under `config` what `mmsum evaluate --config` takes. After it come options of `mmsum evaluate`, such as
`--set key=value`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from job import config_file, read_job, run_job

OPTIONS = ("json", "baselines", "text_only", "limit", "split", "source")


def arguments_of(job: Path) -> list[str]:
    """The `mmsum evaluate` command line that a job file describes."""
    settings = read_job(job, ("model", "data", "out"), ("ablate", *OPTIONS, "config"))
    command = ["evaluate", str(settings["model"]), str(settings["data"]), "--out", str(settings["out"])]
    if settings.get("config"):
        command += config_file(settings)
    if settings.get("ablate"):
        command.append("--ablate")
    for key in OPTIONS:
        if settings.get(key) not in (None, ""):
            command += [f"--{key.replace('_', '-')}", str(settings[key])]
    return command


if __name__ == "__main__":
    sys.exit(run_job(arguments_of, __doc__))

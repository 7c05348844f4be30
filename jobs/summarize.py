"""Entry point for `ray job submit --working-dir . -- python jobs/summarize.py jobs/summarize.yaml [OPTION ...]`.

The YAML file holds `source`, `out`, optionally `limit`, and under `config` what `mmsum summarize --config` takes. After it come
options of `mmsum summarize`, such as `--set key=value` or `--retry failed`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from job import config_file, read_job, run_job


def arguments_of(job: Path) -> list[str]:
    """The `mmsum summarize` command line that a job file describes."""
    settings = read_job(job, ("source", "out"), ("limit", "config"))
    command = ["summarize", str(settings["source"]), str(settings["out"]), *config_file(settings)]
    if settings.get("limit") is not None:
        command += ["--limit", str(settings["limit"])]
    return command


if __name__ == "__main__":
    sys.exit(run_job(arguments_of, __doc__))

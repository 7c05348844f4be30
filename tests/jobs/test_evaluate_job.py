"""jobs/evaluate.py: the entry script for `ray job submit`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from mmsum.cli import _parser
from mmsum.config import load_config

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "jobs" / "evaluate.py"


def command_of(job: Path) -> list[str]:
    """The arguments that the script hands to `mmsum`."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import evaluate, pathlib, json; "
    code += f"print(json.dumps(evaluate.arguments_of(pathlib.Path({str(job)!r}))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    arguments: list[str] = yaml.safe_load(done.stdout)
    return arguments


def test_a_job_file_is_a_command_line(tmp_path: Path) -> None:
    job = {
        "model": "lead",
        "data": "d",
        "out": "o",
        "ablate": True,
        "limit": 3,
        "text_only": "e",
        "config": {"seed": 4},
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    given = _parser().parse_args(command_of(tmp_path / "job.yaml"))
    assert (given.command, given.model, given.data, given.out) == ("evaluate", "lead", "d", "o")
    assert (given.ablate, given.limit, given.text_only) == (True, 3, "e")
    assert load_config(given.config).seed == 4


def test_a_limit_of_none_is_no_whole_data_set(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("model: lead\ndata: d\nout: o\nlimit: 0\nsplit:\n")
    assert command_of(tmp_path / "job.yaml")[-2:] == ["--limit", "0"]


def test_a_wrong_job_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("model: lead\ndata: d\nwhere: o\n")
    done = subprocess.run([sys.executable, str(SCRIPT), "job.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("job.yaml: where is unknown; keys are model, data, out, ablate")


def test_the_example_job_is_valid() -> None:
    given = _parser().parse_args(command_of(ROOT / "jobs" / "evaluate.yaml"))
    assert given.ablate and load_config(given.config).preset == "pocket"

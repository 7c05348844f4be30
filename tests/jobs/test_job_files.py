"""The files in jobs/, and every line of the pages that submits one with other keys: nothing of it fails after machines came."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from ray._private.runtime_env import packaging

from mmsum.config import load_config
from mmsum.pipeline.cluster import Cluster
from mmsum.training.launch import check_caps, check_training
from tests.pages import DOCS

ROOT = Path(__file__).parents[2]
LINES = [
    (page.name, line)
    for page in sorted(DOCS.glob("*.md"))
    for line in re.findall(r"^ *((?:ray job submit|sbatch) .*)$", page.read_text(), re.MULTILINE)
]


def keys_of(line: str) -> tuple[str, list[str]]:
    """(job file, --set items) of a line."""
    words = shlex.split(line, comments=True)
    (job,) = [
        word
        for word in words
        if word.startswith("jobs/") and word != "jobs/runtime_env.yaml" and word.endswith(".yaml")
    ]
    return job, [item for word, item in pairwise(words) if word == "--set"]


def test_there_are_such_lines() -> None:
    jobs = {keys_of(line)[0] for _, line in LINES}
    assert jobs == {"jobs/summarize.yaml", "jobs/train.yaml", "jobs/evaluate.yaml"}
    assert sum(bool(keys_of(line)[1]) for _, line in LINES) >= 4


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}-{number}" for number, (page, _) in enumerate(LINES)])
def test_a_line_of_the_pages_is_a_valid_job(page: str, line: str, tmp_path: Path) -> None:
    job, sets = keys_of(line)
    if job == "jobs/train.yaml":
        config = load_config(ROOT / job, sets)
        check_training(config)
        check_caps(config)
        assert config.preset
        preset = load_config(preset=config.preset).training
        assert (config.training.micro_batch, config.training.zero) == (preset.micro_batch, preset.zero)
        return
    settings = yaml.safe_load((ROOT / job).read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings["config"]))
    config = load_config(tmp_path / "config.yaml", sets)
    resources = config.resources
    assert None not in (resources.max_cpus, resources.max_gpus, resources.max_object_store_mb)
    # What is there at first, on a cluster that scales from 0: no GPU but those that the run says it may have.
    actors, asked = Cluster(cpus=0, gpus=resources.max_gpus or 0, nodes=1).actor_pool(config)
    assert actors == max(1, resources.max_gpus or 0) and asked.get("num_gpus", 0) == (config.preset != "pocket")


@pytest.mark.parametrize("preset", ["pocket", "small", "llama3.2-3b", "qwen2.5-7b"])
def test_clip_alone_is_trained_with_every_preset(preset: str) -> None:
    config = load_config(ROOT / "jobs" / "finetune_clip.yaml", [f"preset={preset}"])
    check_training(config)
    assert config.training.stage == "finetune_clip"


def test_what_the_pages_make_here_is_not_sent_to_the_cluster(tmp_path: Path) -> None:
    """By Ray's own rules; it refuses a working directory above 512 MiB."""
    shutil.copy(ROOT / ".gitignore", tmp_path)
    made = ["examples/train/x", "run/export/x", "runs/adapters/x", "evaluation/x", "demo/x", "out/x", "reports/x"]
    made += [
        "pocket-run/encoded/x",
        "documents/train/x",
        "papers/train/x",
        "data/test/x",
        "reports-data/x",
        "mmsum.sif",
    ]
    made += [".venv/x", ".git/x", "mmsum-train-1.log"]
    for job in (ROOT / "jobs").glob("pocket*.yaml"):
        training = load_config(job).training
        made += [f"{training.out}/export/x", f"{training.data.partition('/')[0]}/train/x"]
    needed = ["jobs/train.yaml", "mmsum/data/check.py", "mmsum/documents/parse.py", "mmsum/presets/pocket/x"]
    for name in [*made, *needed]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    sent: list[Path] = []
    excludes = yaml.safe_load((ROOT / "jobs" / "runtime_env.yaml").read_text())["excludes"]
    packaging._dir_travel(tmp_path, [packaging._get_excludes(tmp_path, excludes)], sent.append, include_gitignore=True)
    files = {str(path.relative_to(tmp_path)) for path in sent if path.is_file()}
    assert files == {".gitignore", *needed}


def test_every_file_that_is_kept_is_one_that_git_does_not_ignore() -> None:
    """A name made in the root must not hide a file of the project."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == ""

"""The training jobs that come along: each one YAML that `mmsum train` and jobs/train.py take."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsum.config import load_config
from mmsum.pipeline.cluster import _worker_environment
from mmsum.training.launch import check_caps, check_training

JOBS = Path(__file__).parents[2] / "jobs"
STAGES = {
    "finetune_clip.yaml": "finetune_clip",
    "train.yaml": "train",
    "pocket-clip.yaml": "finetune_clip",
    "pocket-figure.yaml": "train",
    "pocket.yaml": "train",
    "pocket-lines.yaml": "train",
    "pocket-words.yaml": "train",
    "pocket-blocks.yaml": "train",
    "pocket-text.yaml": "train",
}


@pytest.mark.parametrize(("name", "stage"), STAGES.items())
def test_a_training_job_is_valid(name: str, stage: str) -> None:
    config = load_config(JOBS / name)
    check_training(config)
    assert config.training.stage == stage


@pytest.mark.parametrize("name", ["train.yaml", "finetune_clip.yaml"])
def test_a_job_for_a_cluster_has_caps_with_room_for_its_workers(name: str) -> None:
    """Without them what encodes examples takes every CPU. README: --workers 8, --workers 2-8; docs/ray-up.md: 11 CPUs each."""
    for keys in ([], ["training.workers=[2, 8]"], ["training.workers=8", "training.worker_cpus=11"]):
        config = load_config(JOBS / name, keys)
        check_training(config)
        check_caps(config)
        resources = config.resources
        assert None not in (resources.max_cpus, resources.max_gpus, resources.max_object_store_mb)


def test_trackers_are_told_where_the_first_worker_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the worker, on whatever machine, that writes to them. MLflow's address may hold a password: not by this way."""
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    for name in ("WANDB_PROJECT", "WANDB_RUN_ID", "WANDB_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "given")
    told = _worker_environment()
    assert {name for name in told if name.startswith(("WANDB_", "MLFLOW_"))} == {"WANDB_PROJECT", "WANDB_RUN_ID"}

"""The training jobs that come along: each one YAML that `mmsum train` and jobs/train.py take."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsum.config import load_config
from mmsum.training.launch import check_training

JOBS = Path(__file__).parents[2] / "jobs"
STAGES = {
    "finetune_clip.yaml": "finetune_clip",
    "train.yaml": "train",
    "pocket-clip.yaml": "finetune_clip",
    "pocket-figure.yaml": "train",
    "pocket.yaml": "train",
    "pocket-lines.yaml": "train",
    "pocket-words.yaml": "train",
    "pocket-text.yaml": "train",
}


@pytest.mark.parametrize(("name", "stage"), STAGES.items())
def test_a_training_job_is_valid(name: str, stage: str) -> None:
    config = load_config(JOBS / name)
    check_training(config)
    if name in ("train.yaml", "finetune_clip.yaml"):  # README: --workers 8, --workers 2-8
        check_training(load_config(JOBS / name, **{"training.workers": (2, 8)}))  # type: ignore[arg-type]
    assert config.training.stage == stage

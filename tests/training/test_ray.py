"""Training under Ray Train: the same losses as alone, also when a worker is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from mmsum.errors import ConfigError
from mmsum.training.launch import run_training
from tests.training.runs import losses, steps, training_config, write_config


def start(config_file: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mmsum.cli", "train", str(config_file), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def ray_workers(ancestor: psutil.Process) -> list[psutil.Process]:
    """Ray Train's workers among the descendants of a process."""
    found = []
    for child in ancestor.children(recursive=True):
        try:
            if "RayTrainWorker" in child.name() or any("RayTrainWorker" in part for part in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow  # unbroken, it is a submitted job in tests/jobs/test_submit.py; workers without Ray die in test_resume.py
@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_two_workers_end_as_if_nothing_had_been_killed(tmp_path: Path, victim: str) -> None:
    keys = {"training.steps": 12, "training.checkpoint_steps": 3, "training.zero": 2, "training.workers": 2}
    alone = training_config(tmp_path, **{**keys, "training.out": str(tmp_path / "alone"), "training.workers": 1})
    run_training(alone, Console(quiet=True), local=True)

    config = training_config(tmp_path, **keys, **{"training.worker_cpus": 0.5})
    file = write_config(config, tmp_path / "config.yaml")
    process = start(file)
    deadline = time.monotonic() + 240
    while len(steps(config)) < 6:  # two checkpoints
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no checkpoint in 240 s"
        time.sleep(0.1)
    if victim == "worker":
        ray_workers(psutil.Process(process.pid))[-1].send_signal(signal.SIGKILL)
    else:
        workers = ray_workers(psutil.Process(process.pid))
        process.kill()
        process.communicate()
        assert len(workers) == 2 and not psutil.wait_procs(workers, timeout=60)[1]  # none lives on and writes
        assert len(steps(config)) < 12
        process = start(file)
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    assert losses(config) == pytest.approx(losses(alone), abs=1e-4)
    assert "18 examples with 18 figures" in printed and "resuming at step" in printed
    assert (tmp_path / "run" / "loss.png").read_bytes()[:4] == b"\x89PNG"
    assert printed.rstrip().endswith(f"mmsum summarize SRC OUT --model {tmp_path}/run/export")


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
def test_a_workers_own_error_is_the_runs_error(tmp_path: Path) -> None:
    config = training_config(
        tmp_path, **{"training.worker_cpus": 0.5, "training.restarts": 0, "model.fusion_every": 99}
    )
    with pytest.raises(ConfigError, match="^model.fusion_every: 99 is more than the backbone's 4 layers; lower it$"):
        run_training(config, Console(quiet=True))

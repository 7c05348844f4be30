"""Training under Ray Train: the same losses as alone, also when a worker is killed on the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest
import ray
from ray.cluster_utils import Cluster
from rich.console import Console

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import EnvironmentFailure
from mmsum.training.launch import run_training
from mmsum.training.on_ray import _announce_waiting, encode_on_ray
from tests.conftest import mmsum_command, write_archive
from tests.servers import moto_s3
from tests.training.runs import losses, steps, training_config, write_config, write_examples


def start(config_file: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = mmsum_command("train", config_file, *arguments)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


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


def wait_for_steps(config: Config, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while len(steps(config)) < count:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"no {count} steps in checkpoints after 240 s"
        time.sleep(0.1)


@pytest.mark.slow  # unbroken, it is a submitted job in tests/jobs/test_submit.py; workers without Ray die in test_resume.py
@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_two_workers_end_as_if_nothing_had_been_killed(tmp_path: Path, victim: str) -> None:
    keys = {"training.steps": 12, "training.checkpoint_steps": 3, "training.zero": 2, "training.workers": 2}
    alone = training_config(tmp_path, **{**keys, "training.out": str(tmp_path / "alone"), "training.workers": 1})
    run_training(alone, Console(quiet=True), local=True)

    # No restart in a row is allowed: the checkpoints between make the run go on all the same.
    config = training_config(tmp_path, **keys, **{"training.worker_cpus": 0.5, "training.restarts": 0})
    file = write_config(config, tmp_path / "config.yaml")
    process = start(file)
    wait_for_steps(config, 6, process)  # two checkpoints
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
def test_an_elastic_group_shrinks_when_a_node_is_lost_and_grows_when_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes with room for one worker each, one of them killed; then a new one joins."""
    count = 600  # more than a minute of them: Ray Train looks for new nodes once a minute
    keys = {"training.steps": count, "training.checkpoint_steps": 10, "training.zero": 2, "training.log_steps": 10}
    keys |= {"training.learning_rate": 1e-4, "training.vision_learning_rate": 1e-5}
    alone = training_config(tmp_path, **keys, **{"training.out": str(tmp_path / "alone")})
    run_training(alone, Console(quiet=True), local=True)

    config = training_config(tmp_path, **keys, **{"training.workers": (1, 2)})
    file = write_config(config, tmp_path / "config.yaml")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # or nodes need each other's token
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        lost = cluster.add_node(num_cpus=1)
        process = start(file, RAY_ADDRESS=cluster.address)
        wait_for_steps(config, 20, process)
        cluster.remove_node(lost, allow_graceful=False)
        wait_for_steps(config, 40, process)
        cluster.add_node(num_cpus=1)
        printed = process.communicate(timeout=400)[0]
    finally:
        cluster.shutdown()
    assert process.returncode == 0, printed
    groups = [line.split(",")[0] for line in printed.splitlines() if line.endswith(", ZeRO 2")]
    assert groups[0] == "2 workers" and "1 worker" in groups[1:] and groups[-1] == "2 workers", printed
    assert printed.count("resuming at step ") >= 2
    assert losses(config) == pytest.approx(losses(alone), abs=1e-3)


@pytest.mark.slow
def test_a_run_keeps_everything_in_an_object_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"training.steps": 6, "training.checkpoint_steps": 2, "training.zero": 3, "training.workers": 2}
    valid = write_examples(tmp_path / "valid" / "valid.parquet")
    keys |= {"training.worker_cpus": 0.5, "training.keep": 2, "training.valid": str(valid)}
    alone = training_config(tmp_path, **{**keys, "training.out": str(tmp_path / "alone"), "training.workers": 1})
    run_training(alone, Console(quiet=True), local=True)
    with moto_s3() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="bucket")
        config = training_config(tmp_path, **keys, **{"training.out": "s3://bucket/run"})
        process = start(write_config(config, tmp_path / "config.yaml"))
        printed = process.communicate(timeout=300)[0]
        assert process.returncode == 0, printed
        assert losses(config) == pytest.approx(losses(alone), abs=1e-4)
        names = [ref.uri.removeprefix("s3://bucket/run/") for ref in storage.list_objects("s3://bucket/run")]
        shards = [name for name in names if name.startswith("checkpoints/")]
        for step in (4, 6):  # the last two, a shard of each worker
            for file in ("manifest.json", "shard-0.safetensors", "shard-1.safetensors"):
                assert f"checkpoints/step-{step:08d}/{file}" in shards
        assert len(shards) == 6
        told = [storage.read(f"s3://bucket/run/{name}") for name in names if name.endswith("uri.txt")]
        assert b"s3://bucket/run/checkpoints/step-00000006" in told  # Ray Train has been told
        assert any(name.startswith("tensorboard/") for name in names) and "loss.png" in names
        write_archive(tmp_path / "archive", 1)
        command: list[str | Path] = [
            "summarize",
            tmp_path / "archive",
            tmp_path / "out",
            "--model",
            "s3://bucket/run/export",
        ]
        done = subprocess.run(mmsum_command(*command), capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0 and "1 (1 ok)" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_a_workers_own_error_is_the_runs_error_at_once(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.worker_cpus": 0.5, "model.fusion_every": 99})
    process = start(write_config(config, tmp_path / "config.yaml"), "--workers", "2", "--set", "training.restarts=2")
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 2, printed
    assert (
        printed.splitlines()[-1] == "mmsum train: model.fusion_every: 99 is more than the backbone's 4 layers; lower it"
    )


def test_what_encoding_failed_of_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "part.parquet: not a readable Parquet file (torn); write the examples again"
    told = f"ray::MapBatches(_encode_task)()\n  File encode.py, line 1\nmmsum.errors.SourceError: {said}\n\nray.exceptions.X"

    class Failing:
        """A data set of Ray whose tasks fail."""

        def repartition(self, blocks: int) -> Failing:
            return self

        def map_batches(self, task: object, **how: object) -> Failing:
            return self

        def iter_rows(self) -> Iterator[dict[str, int]]:
            raise ray.exceptions.RayError(told)

    monkeypatch.setattr(ray.data, "from_items", lambda items: Failing())
    with pytest.raises(EnvironmentFailure, match=rf"^{re.escape(said)} \(run the same command again to resume\)$"):
        list(encode_on_ray([], "folder", training_config(tmp_path)))


def test_waiting_for_machines_is_said(tmp_path: Path) -> None:
    """What an autoscaler is to add is not there yet, whatever `resources.max_gpus` says of it."""
    config = training_config(tmp_path, **{"training.workers": 6, "resources.max_gpus": 8})
    console = Console(width=200)
    with console.capture() as said:
        _announce_waiting(config, {"CPU": 64.0, "GPU": 4.0}, True, console)
        _announce_waiting(config, {"CPU": 64.0, "GPU": 8.0}, True, console)
    lines = said.get().splitlines()
    assert len(lines) == 1 and lines[0].startswith("waiting    6 workers ask for 6 GPUs, the cluster has 4: ")


def test_workers_import_no_torch_before_others_gpus_are_hidden() -> None:
    code = "import sys, mmsum.training.on_ray; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

"""What a run takes of a cluster."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mmsum
from mmsum.config import Resources, load_config
from mmsum.errors import EnvironmentFailure
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.cluster import LOCAL_TRIES, Cluster, _connect, _worker_environment, ray_session
from mmsum.records import Document


def pool(cluster: Cluster, **settings: Any) -> tuple[int, dict[str, float]]:
    return cluster.actor_pool(load_config(**settings))


def test_one_actor_per_gpu() -> None:
    assert pool(Cluster(32, 4, 2)) == (4, {"num_cpus": 0.5, "num_gpus": 1.0})
    assert pool(Cluster(32, 0, 2)) == (2, {"num_cpus": 0.5})
    assert pool(Cluster(32, 4, 2), summarizer="lead") == (2, {"num_cpus": 0.1})


def test_more_gpus_than_there_are_is_said() -> None:
    with pytest.raises(EnvironmentFailure, match=r"the cluster has 0 GPUs; .*resources.max_gpus"):
        pool(Cluster(32, 0, 2), resources={"generate_gpus": 1})
    with pytest.raises(EnvironmentFailure, match=r"but resources.max_gpus=0 is all that this run may take"):
        pool(Cluster(32, 0, 2), resources={"generate_gpus": 1, "max_gpus": 0})


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize(
    ("settings", "cpus", "gpus"),
    [({}, 2, 0), ({"max_cpus": 1}, 1, 0), ({"max_cpus": 9, "max_gpus": 8}, 2, 8)],
    ids=["what there is", "capped", "GPUs that an autoscaler is to add"],
)
def test_caps_and_what_is_to_come(settings: dict[str, float], cpus: float, gpus: float) -> None:
    with ray_session(load_config(resources=settings).resources) as cluster:
        assert (cluster.cpus, cluster.gpus, cluster.nodes) == (cpus, gpus, 1)


@pytest.mark.usefixtures("local_ray")
def test_ray_data_is_told_the_caps_of_this_run_alone() -> None:
    from ray.data import DataContext

    options = DataContext.get_current().execution_options
    with ray_session(load_config(resources={"max_cpus": 1.5, "max_object_store_mb": 100}).resources):
        assert options.resource_limits.cpu == 1.5
        assert options.resource_limits.object_store_memory == 100 * 2**20
    with ray_session(load_config().resources):
        assert options.resource_limits.cpu in (None, float("inf"))


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize(("cap", "low", "high"), [(None, 1.8, 2.0), (1.3, 0.9, 1.3)], ids=["no cap", "capped"])
def test_a_run_stays_below_its_cap(tmp_path: Path, cap: float | None, low: float, high: float) -> None:
    """What the whole pipeline holds of the cluster's two CPUs, looked at all the while."""
    import ray

    folder = tmp_path / "long"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.txt").write_text(f"The library of district {number} lent books on every day. " * 20_000)
    held, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            held.append(2 - ray.available_resources().get("CPU", 0.0))

    watch = threading.Thread(target=look)
    watch.start()
    try:
        mmsum.summarize(folder, tmp_path / "out", summarizer="lead", shard_size=1, resources={"max_cpus": cap})
    finally:
        over.set()
        watch.join()
    assert low <= max(held) <= high + 1e-6


class SeenGpus:
    """Writes which GPUs its process sees."""

    name = "seen-gpus"

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        return [Draft(text=repr(os.environ.get("CUDA_VISIBLE_DEVICES")), tokens_read=1) for _ in documents]


@pytest.mark.usefixtures("local_ray")
def test_an_actor_without_a_gpu_sees_none(archive: Path, tmp_path: Path) -> None:
    """Ray leaves all GPUs of the machine visible to it; torch would take the first, whoever's it is."""
    mmsum.summarize(archive, tmp_path / "out", summarizer=lambda config: SeenGpus(), limit=1)
    assert mmsum.read_summaries(tmp_path / "out")["summary"].to_pylist() == ["''"]


class SlowRay:
    """A Ray whose node comes up in time at the last of so many tries."""

    def __init__(self, tries: int) -> None:
        self.tries, self.calls = tries, list[str]()

    def init(self, **options: Any) -> None:
        self.calls.append("init")
        if self.calls.count("init") < self.tries:
            raise Exception("The current node timed out\nduring startup.")

    def shutdown(self) -> None:
        self.calls.append("shutdown")


def test_a_local_ray_that_does_not_come_up_in_time_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    slow = SlowRay(LOCAL_TRIES)
    _connect(slow, Resources())
    assert slow.calls == ["init", "shutdown"] * (LOCAL_TRIES - 1) + ["init"]
    with pytest.raises(
        EnvironmentFailure, match=r"timed out during startup\.; see whether .* run the same command again$"
    ):
        _connect(SlowRay(LOCAL_TRIES + 1), Resources())
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(EnvironmentFailure, match=r"^10.0.0.1:6379 could not .*; check that address, then run"):
        _connect(SlowRay(2), Resources())


def test_workers_are_not_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray refuses a job whose driver repeats a variable of the job's own runtime environment."""
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("MMSUM_CACHE", "/scratch/cache")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never")
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    told = _worker_environment()
    assert (told["AWS_REGION"], told["MMSUM_CACHE"]) == ("eu-north-1", "/scratch/cache")
    assert "AWS_SECRET_ACCESS_KEY" not in told
    submitted = {"runtime_env": {"env_vars": {"AWS_REGION": "eu-north-1"}}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(submitted))
    assert "AWS_REGION" not in _worker_environment()
    assert "MMSUM_CACHE" in _worker_environment()

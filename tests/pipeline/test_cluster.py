"""What a run takes of a cluster."""

from __future__ import annotations

import json

import pytest

from mmsum.config import load_config
from mmsum.errors import EnvironmentFailure
from mmsum.pipeline.cluster import Cluster, _worker_environment, ray_session


def pool(cluster: Cluster, **settings: object) -> tuple[int, dict[str, float]]:
    return cluster.actor_pool(load_config(**settings))


def test_one_actor_per_gpu() -> None:
    assert pool(Cluster(32, 4, 2)) == (4, {"num_cpus": 0.5, "num_gpus": 1.0})
    assert pool(Cluster(32, 0, 2)) == (2, {"num_cpus": 0.5})
    assert pool(Cluster(32, 4, 2), summarizer="lead") == (2, {"num_cpus": 0.1})


def test_more_gpus_than_there_are_is_said() -> None:
    with pytest.raises(EnvironmentFailure, match=r"the cluster has 0 GPUs; .*resources.max_gpus"):
        pool(Cluster(32, 0, 2), resources={"generate_gpus": 1})


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

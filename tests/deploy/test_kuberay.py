"""deploy/kuberay: every manifest against its kind's published schema, and what holds across them."""

from __future__ import annotations

import copy
import os
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.scripts.scripts import start as ray_start

from mmsum.config import load_config
from mmsum.training.launch import check_caps, check_training
from tests.deploy.schemas import problems

FOLDER = Path(__file__).parents[2] / "deploy" / "kuberay"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
RAY = ["cluster.yaml", "summarize.yaml", "train.yaml"]

needs_schemas = pytest.mark.skipif(
    "MMSUM_SCHEMAS" not in os.environ, reason="MMSUM_SCHEMAS is not set: no KubeRay schemas"
)


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def ray_cluster(name: str) -> dict[str, Any]:
    (found,) = [d for d in documents(name) if d["kind"] in ("RayJob", "RayCluster")]
    spec = found["spec"]
    return dict(spec.get("rayClusterSpec", spec))


def pod_specs(name: str) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(group, most pods, pod spec) of a file's Ray cluster."""
    cluster = ray_cluster(name)
    yield "head", 1, cluster["headGroupSpec"]["template"]["spec"]
    for group in cluster["workerGroupSpecs"]:
        yield group["groupName"], group["maxReplicas"], group["template"]["spec"]


def amount(quantity: str) -> float:
    for suffix, factor in (("Gi", 2**30), ("Mi", 2**20), ("m", 1e-3)):
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * factor
    return float(quantity)


@needs_schemas
@pytest.mark.parametrize("name", FILES)
def test_manifests_are_what_the_api_accepts(name: str) -> None:
    for manifest in documents(name):
        assert problems(manifest) == []
        assert manifest["metadata"].get("namespace", manifest["metadata"]["name"]) == "mmsum"


@needs_schemas
@pytest.mark.parametrize("path", [["spec", "entrypont"], ["spec", "rayClusterSpec", "workerGroupSpecs", 0, "template"]])
def test_a_wrong_manifest_is_found(path: list[Any]) -> None:
    """The check itself: a misspelt field, and a pod without containers."""
    manifest = copy.deepcopy(documents("summarize.yaml")[1])
    place: Any = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = {"spec": {"volumes": []}} if path[-1] == "template" else "python x.py"
    assert problems(manifest) != []


@needs_schemas
def test_the_fault_tolerant_head_is_an_option() -> None:
    (manifest,) = documents("cluster.yaml")
    del manifest["spec"]["gcsFaultToleranceOptions"]
    assert problems(manifest) == []


@pytest.mark.parametrize("name", RAY)
def test_clusters_are_closed_by_default(name: str) -> None:
    cluster = ray_cluster(name)
    assert cluster["rayVersion"] == version("ray")  # KubeRay and the token need the version of the image
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["headGroupSpec"].get("serviceType", "ClusterIP") == "ClusterIP"
    # KubeRay makes the head's service of the ports that the container names, and asks for jobs at `dashboard`.
    (head,) = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in head["ports"]}
    assert ports == {"gcs-server": 6379, "dashboard": 8265, "metrics": 8080}
    for group, _, pod in pod_specs(name):
        assert pod["securityContext"]["runAsUser"] == 1000
        (container,) = pod["containers"]
        assert container["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not container["image"].endswith(":latest")
        needs_api = group == "head" and cluster.get("enableInTreeAutoscaling", False)
        assert pod.get("automountServiceAccountToken", True) is needs_api


@pytest.mark.parametrize("name", RAY)
def test_what_is_fetched_and_encoded_lies_on_the_node_s_disk(name: str) -> None:
    """Not in the container's own layer. One place on all pods: the driver's, where it has one, goes to the workers."""
    for group, _, pod in pod_specs(name):
        (container,) = pod["containers"]
        if group == "head" and name == "summarize.yaml":
            assert "env" not in container
            continue
        # Nothing else: other values belong into the Secret or the job's file.
        assert container["env"] == [{"name": "MMSUM_CACHE", "value": "/mnt/spill/cache"}]
        assert {"name": "spill", "mountPath": "/mnt/spill"} in container["volumeMounts"]
        assert any(volume["name"] == "spill" and "emptyDir" in volume for volume in pod["volumes"])


@pytest.mark.parametrize("name", RAY)
def test_ray_start_knows_the_parameters(name: str) -> None:
    cluster = ray_cluster(name)
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        options = [f"--{key}={value}" for key, value in group["rayStartParams"].items()]
        ray_start.make_context("ray start", options)  # raises for an unknown option or a wrong value


@pytest.mark.parametrize("name", RAY)
def test_gpu_workers_find_gpu_nodes(name: str) -> None:
    gpu_groups = 0
    for _, _, pod in pod_specs(name):
        (container,) = pod["containers"]
        gpus = container["resources"]["limits"].get("nvidia.com/gpu")
        gpu_groups += gpus is not None
        assert ("nodeSelector" in pod, "tolerations" in pod) == (gpus is not None, gpus is not None)
    assert gpu_groups == 1


@pytest.mark.parametrize("name", RAY)
def test_a_run_at_its_largest_fits_the_quota(name: str) -> None:
    (quota,) = [d for d in documents("base.yaml") if d["kind"] == "ResourceQuota"]
    for resource in ("cpu", "memory", "nvidia.com/gpu"):
        asked = sum(
            most * amount(pod["containers"][0]["resources"]["requests"].get(resource, "0"))
            for _, most, pod in pod_specs(name)
        )
        assert asked <= amount(quota["spec"]["hard"][f"requests.{resource}"])


def test_only_references_to_secrets() -> None:
    assert [d["kind"] for name in FILES for d in documents(name) if d["kind"] == "Secret"] == []


@pytest.mark.parametrize("name", RAY)
def test_what_pods_refer_to_exists(name: str) -> None:
    shared = {(d["kind"], d["metadata"]["name"]) for d in [*documents("base.yaml"), *documents(name)]}
    for _, _, pod in pod_specs(name):
        assert ("ServiceAccount", pod["serviceAccountName"]) in shared
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == set(volumes)
        for volume in volumes.values():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in shared
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in shared


def test_the_summarize_job_is_a_valid_one_within_its_caps() -> None:
    settings = yaml.safe_load(documents("summarize.yaml")[0]["data"]["job.yaml"])
    config = load_config(**settings["config"])
    workers = {
        group: (most, pod["containers"][0]["resources"]["limits"]) for group, most, pod in pod_specs("summarize.yaml")
    }
    gpus = sum(most * int(limits.get("nvidia.com/gpu", 0)) for most, limits in workers.values())
    assert config.resources.max_gpus == gpus
    assert config.model.backbone == "HuggingFaceTB/SmolLM2-1.7B-Instruct", "no licence to accept, no token"


def test_the_train_job_is_a_valid_one_that_fits_its_pods() -> None:
    """It is jobs/train.yaml with other keys, so that both begin alike."""
    (job,) = documents("train.yaml")
    python, script, settings, *sets = shlex.split(job["spec"]["entrypoint"])
    share = "/opt/mmsum/share/mmsum/"
    assert f"COPY jobs {share}jobs" in (FOLDER.parent / "Dockerfile").read_text().splitlines()
    assert (python, script, settings) == ("python", f"{share}jobs/train.py", f"{share}jobs/train.yaml")
    assert set(sets[::2]) == {"--set"}
    config = load_config(FOLDER.parents[1] / "jobs" / "train.yaml", sets[1::2])
    check_training(config)
    check_caps(config)
    ((_, pods, pod),) = [spec for spec in pod_specs("train.yaml") if spec[0] == "train"]
    limits = pod["containers"][0]["resources"]["limits"]
    here = min(int(limits["nvidia.com/gpu"]), int(amount(limits["cpu"]) / config.training.worker_cpus))
    assert config.training.worker_range[1] == pods * here == config.resources.max_gpus
    assert config.training.worker_range[1] * config.training.worker_cpus == config.resources.max_cpus
    preset = load_config(preset=config.preset).training
    assert (config.training.micro_batch, config.training.zero) == (preset.micro_batch, preset.zero)


def test_gpus_that_nothing_scales_down_are_not_held_after_a_run() -> None:
    (job,) = documents("train.yaml")
    assert not ray_cluster("train.yaml").get("enableInTreeAutoscaling")
    assert job["spec"]["shutdownAfterJobFinishes"] and job["spec"]["ttlSecondsAfterFinished"] <= 60


def test_nothing_gets_in_but_what_is_named() -> None:
    policies = {d["metadata"]["name"]: d["spec"] for d in documents("base.yaml") if d["kind"] == "NetworkPolicy"}
    for spec in policies.values():
        for rule in spec.get("ingress", []):
            assert rule.get("from"), "an ingress rule without `from` lets everybody in"
            for source in rule["from"]:
                assert source == {"podSelector": {}} or "namespaceSelector" in source
    everything = policies["only-among-themselves"]
    assert everything["podSelector"] == {}
    assert everything["policyTypes"] == ["Ingress", "Egress"]
    blocks = [to["ipBlock"] for rule in policies["stores-and-names"]["egress"] for to in rule["to"] if "ipBlock" in to]
    (outside,) = [block for block in blocks if block["cidr"] == "0.0.0.0/0"]
    assert "169.254.169.254/32" in outside["except"]  # the machine's own credentials

"""The Ray to run on: the cluster this process is in, or a local one of its own, kept quiet."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmsum.config import Config, Resources
from mmsum.errors import EnvironmentFailure


@dataclass(frozen=True)
class Cluster:
    """What there is to use, or will be, up to the run's own caps."""

    cpus: float
    gpus: float
    nodes: int

    def actor_pool(self, config: Config) -> tuple[int, dict[str, float]]:
        """(actors, what each asks for): one GPU each where there are GPUs, else one actor per node.

        Raises EnvironmentFailure when more GPUs are asked for than there are.
        """
        wanted, needs_model = config.resources, config.summarizer == "fused"
        gpus = wanted.generate_gpus if wanted.generate_gpus is not None else float(needs_model and self.gpus > 0)
        if gpus > self.gpus and wanted.max_gpus is not None:
            raise EnvironmentFailure(
                f"resources.generate_gpus={gpus:g}, but resources.max_gpus={wanted.max_gpus:g} is all that this run may "
                "take; raise it to the GPUs that there are, or that the cluster's autoscaler may add"
            )
        if gpus > self.gpus:
            raise EnvironmentFailure(
                f"resources.generate_gpus={gpus:g}, but the cluster has {self.gpus:g} GPUs; lower it, "
                "add GPU workers, or set resources.max_gpus to what its autoscaler may add"
            )
        most = int(self.gpus / gpus) if gpus else self.nodes
        cpus = wanted.generate_cpus if wanted.generate_cpus is not None else (0.5 if needs_model else 0.1)
        ask = {"num_cpus": cpus}
        return wanted.generate_actors or max(1, most), ask | ({"num_gpus": gpus} if gpus else {})


@contextmanager
def ray_session(resources: Resources) -> Iterator[Cluster]:
    """Connects to the cluster that RAY_ADDRESS names (a submitted job has it set), else starts a local Ray of its own.

    A Ray started here is shut down at the end. Raises EnvironmentFailure when the named cluster does not answer.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    _quiet()
    started_here = not ray.is_initialized()
    with _native_stderr_to_file():
        if started_here:
            _connect(ray, resources)
        try:
            _cap(resources)
            yield _cluster(ray, resources)
        finally:
            if started_here:
                ray.shutdown()


def beside_the_driver() -> dict[str, Any]:
    """Options of an actor that lives on the driver's node: where that dies the run does too. Killed, it comes back empty."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}


def hide_other_gpus() -> None:
    """For an actor, before it loads torch: one that was given no GPU sees none, or it would take a GPU of another run."""
    import ray

    if not ray.get_runtime_context().get_accelerator_ids().get("GPU"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def alive_nodes() -> int:
    """Nodes of the connected cluster that are up now."""
    import ray

    return sum(1 for node in ray.nodes() if node["Alive"])


def _connect(ray: Any, resources: Resources) -> None:
    options: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "runtime_env": {"env_vars": _worker_environment()},
    }
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        # Never "auto": that would find another command's local Ray, which ends when that command does.
        store = resources.object_store_mb
        options |= {"address": "local", "include_dashboard": False}
        options["object_store_memory"] = store * 2**20 if store else None
    for tries_left in reversed(range(1 if address else LOCAL_TRIES)):
        try:
            ray.init(**options)
            return
        except Exception as error:  # Ray raises the bare class where a node does not come up in time
            ray.shutdown()
            if tries_left:
                continue
            reason = " ".join(str(error).split()) or type(error).__name__
            hint = "check that address" if address else "see whether the machine is too busy, or its disk full"
            raise EnvironmentFailure(
                f"{address or 'a local Ray'} could not be reached or started: {reason}; {hint}, then run the same command again"
            ) from error


LOCAL_TRIES = 3
"""Ray gives a node 30 seconds to come up, which on a busy machine may be too few."""


def _cluster(ray: Any, resources: Resources) -> Cluster:
    """What there is, and with resources.max_gpus what an autoscaler is to add: Ray does not tell how far it would go."""
    there = ray.cluster_resources()
    cpus, gpus = there.get("CPU", 0.0), there.get("GPU", 0.0)
    nodes = sum(1 for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) > 0)
    return Cluster(
        cpus if resources.max_cpus is None else min(cpus, resources.max_cpus),
        gpus if resources.max_gpus is None else resources.max_gpus,
        max(1, nodes),
    )


def _cap(resources: Resources) -> None:
    """Ray Data keeps what this process's datasets take of a shared cluster below the run's caps."""
    from ray.data import DataContext, ExecutionResources

    store = resources.max_object_store_mb
    DataContext.get_current().execution_options.resource_limits = ExecutionResources(
        cpu=resources.max_cpus,
        gpu=resources.max_gpus,
        object_store_memory=None if store is None else store * 2**20,
    )


_FORWARDED = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "MMSUM_CACHE",
    "HF_HUB_OFFLINE",
    "WANDB_PROJECT",
    "WANDB_RUN_ID",
)


def _worker_environment() -> dict[str, str]:
    """Settings (no secrets) that workers on other machines need as this process has them.

    Workers have those of the submitted job's own runtime environment already, and Ray refuses to be told twice.
    """
    submitted = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR") or "{}")
    told = submitted.get("runtime_env", {}).get("env_vars", {})
    return {name: os.environ[name] for name in _FORWARDED if name in os.environ and name not in told}


@contextmanager
def _native_stderr_to_file() -> Iterator[None]:
    """Ray's C++ core writes to file descriptor 2 whatever its log settings say: send that to a file, keep Python's stderr.

    The file is removed unless an error leaves the block.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError):  # stderr is captured, as under pytest: nothing to keep clean
        yield
        return
    handle, path = tempfile.mkstemp(prefix="mmsum-ray-", suffix=".log")
    screen = os.dup(descriptor)
    python_stderr = sys.stderr
    with os.fdopen(screen, "w", buffering=1) as sys.stderr:
        os.dup2(handle, descriptor)
        try:
            yield
        finally:
            python_stderr.flush()
            os.dup2(screen, descriptor)
            os.close(handle)
            sys.stderr = python_stderr
    os.unlink(path)


def _quiet() -> None:
    """Ray's and Ray Data's own lines and bars stay in their log files, off the user's screen."""
    from ray.data import DataContext

    # The only way to set retries in Ray 2.60; pyproject keeps Ray below the version that drops it.
    warnings.filterwarnings("ignore", message=".*ray_remote_args_fn.*")
    # Said of a run with fewer shards than tasks are allowed at once.
    warnings.filterwarnings("ignore", message="The maximum number of concurrent tasks")
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray", "ray.data", "ray.worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

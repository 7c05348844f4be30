"""Checkpoints that any number of workers, at any ZeRO stage, can resume.

    OUT/checkpoints/step-00000200/shard-0.safetensors ...   a share of the trained tensors with their Adam moments
    OUT/checkpoints/step-00000200/manifest.json             written last: without it there is no checkpoint

Tensors are whole, each in one worker's shard; DeepSpeed's own format ties a checkpoint to its stage and worker count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from mmsum import storage
from mmsum.errors import ConfigError, EnvironmentFailure, ObjectNotFound, StorageError
from mmsum.training.optimizers import MOMENTS, Optimizer, TensorState
from mmsum.training.world import World


@dataclass(frozen=True)
class Progress:
    """Where a run stands. steps: taken, skipped ones included. adam_steps: those that changed weights."""

    steps: int = 0
    adam_steps: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint says about itself; `settings` are those that a resume must share, `metrics` what an export tells."""

    progress: Progress
    shards: int
    settings: dict[str, Any]
    metrics: dict[str, float] = field(default_factory=dict)


def save_checkpoint(
    out: str, optimizer: Optimizer, manifest: Manifest, world: World, write_seconds: float, last_good: str | None
) -> str:
    """Writes a checkpoint, all workers together, and returns its folder. A store in trouble is waited for.

    Raises EnvironmentFailure on every worker, naming the last good checkpoint, when one of them cannot write its share.
    """
    folder = storage.join(out, "checkpoints", f"step-{manifest.progress.steps:08d}")
    share, held = {}, [0] * world.size
    for name, state in optimizer.read():
        worker = held.index(min(held))  # every worker deals alike, each tensor to whoever holds least
        held[worker] += state.value.numel()
        if worker == world.rank:
            share[name] = state.value.contiguous()
            share |= {f"{name}@{key}": getattr(state, key).contiguous() for key in MOMENTS}
    shard = storage.join(folder, f"shard-{world.rank}.safetensors")
    problem = together(lambda: storage.put(shard, save(share)), world, write_seconds)
    if problem is None:
        problem = together(lambda: _write_manifest(manifest, folder) if world.first else None, world, write_seconds)
    if problem is not None:
        # Known from the run, not from a look: the store may be out of reach.
        good = f"the last good checkpoint is {last_good}" if last_good else "there is no good checkpoint yet"
        raise EnvironmentFailure(
            f"{folder}: the checkpoint cannot be written: {problem}; {good}; mend it and start again"
        )
    return folder


def _write_manifest(manifest: Manifest, folder: str) -> None:
    text = json.dumps(asdict(manifest), indent=2, sort_keys=True)
    storage.put(storage.join(folder, "manifest.json"), text.encode())


def together(write: Callable[[], None], world: World, seconds: float) -> str | None:
    """None when `write` succeeds on every worker, else the reason why not: all must hear of it before one may leave."""
    problem = None
    try:
        storage.patiently(write, seconds)
    except StorageError as error:
        problem = str(error)
    failed = world.sum([float(problem is not None)])[0] > 0
    return problem or "another worker could not write its share" if failed else None


def latest(out: str) -> tuple[str, Manifest] | None:
    """The newest complete checkpoint under `out`."""
    for folder in reversed(_folders(out)):
        try:
            found = json.loads(storage.read(storage.join(folder, "manifest.json")))
            return folder, Manifest(**found | {"progress": Progress(**found["progress"])})
        except ObjectNotFound:
            continue  # torn by a kill
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(folder, error) from error
    return None


def _damaged(folder: str, error: Exception) -> EnvironmentFailure:
    """A checkpoint that was whole once: the manifest comes last."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return EnvironmentFailure(
        f"{folder}: the checkpoint is damaged ({line}); delete that folder, and the same command goes on from the checkpoint "
        "before it, or from the start"
    )


def _folders(out: str) -> list[str]:
    root = storage.join(out, "checkpoints")
    if not storage.folder_exists(root):
        return []
    found = {ref.uri.removeprefix(f"{root}/").partition("/")[0] for ref in storage.list_objects(root)}
    return [storage.join(root, name) for name in sorted(found) if _FOLDER.fullmatch(name)]


_FOLDER = re.compile(r"step-\d{8,}")
"""Whatever else lies there is somebody's own."""


def load_checkpoint(folder: str, manifest: Manifest, optimizer: Optimizer) -> None:
    """Fills the optimizer's tensors and moments, whatever wrote them, a shard at a time. Raises ConfigError when they do not
    fit, EnvironmentFailure for a damaged one."""
    missing = {name for name, _ in optimizer.named()}

    def states() -> Iterator[tuple[str, TensorState]]:
        for shard in range(manifest.shards):
            tensors = load(storage.read(storage.join(folder, f"shard-{shard}.safetensors")))
            # Sorted: all workers must write in one order, and safetensors hands them out in any.
            for name in sorted(name for name in tensors if "@" not in name):
                if name not in missing:
                    raise _misfit(folder, name)
                missing.remove(name)
                yield name, TensorState(tensors.pop(name), *(tensors.pop(f"{name}@{key}") for key in MOMENTS))

    try:
        optimizer.write(states(), manifest.progress.adam_steps)
    except (SafetensorError, ObjectNotFound, KeyError) as error:
        raise _damaged(folder, error) from error
    if missing:
        raise _misfit(folder, min(missing))


def _misfit(folder: str, name: str) -> ConfigError:
    return ConfigError(
        f"{folder}: it holds other trained tensors than this config ({name}, ...); "
        "train with the config that it was begun with, or into another training.out"
    )


def check_settings(manifest: Manifest, settings: dict[str, Any], folder: str) -> None:
    """Raises ConfigError with the difference when a resume would follow other settings."""
    changed = [key for key in {**manifest.settings, **settings} if manifest.settings.get(key) != settings.get(key)]
    if changed:
        shown = ", ".join(f"{key}: {manifest.settings.get(key)!r} then, {settings.get(key)!r} now" for key in changed)
        raise ConfigError(
            f"{folder} was begun with other settings ({shown}); use the same to resume, or another training.out"
        )


def prune(out: str, keep: int) -> None:
    """Deletes all but the `keep` newest complete checkpoints (and torn ones older than these); manifests go first.

    A store in trouble keeps them for now: the next checkpoint's call deletes them.
    """
    with suppress(StorageError):
        folders = _folders(out)
        complete = [folder for folder in folders if storage.exists(storage.join(folder, "manifest.json"))]
        for folder in folders:
            if len(complete) > keep and folder < complete[-keep]:
                storage.delete([storage.join(folder, "manifest.json")])
                storage.delete([ref.uri for ref in storage.list_objects(folder)])

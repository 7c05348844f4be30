"""How a checkpoint is dealt among workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from mmsum import storage
from mmsum.errors import ConfigError, EnvironmentFailure
from mmsum.model.torchstack import torch
from mmsum.training import checkpoints
from mmsum.training.checkpoints import Manifest, Progress, latest, load_checkpoint, save_checkpoint
from mmsum.training.optimizers import TensorState
from mmsum.training.world import World

SIZES = (1000, 10, 10, 400, 300, 300)


class Held:
    """An optimizer that holds tensors of SIZES, and notes which of them it is given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def named(self) -> list[tuple[str, None]]:
        return [(f"tensor{number}", None) for number in range(len(SIZES))]

    def read(self) -> Iterator[tuple[str, TensorState]]:
        for number, size in enumerate(SIZES):
            yield f"tensor{number}", TensorState(*(torch.full((size,), float(number)) for _ in range(3)))

    def write(self, states: Iterable[tuple[str, TensorState]], steps: int) -> None:
        for name, state in states:
            assert torch.equal(state.exp_avg, torch.full_like(state.value, float(name.removeprefix("tensor"))))
            self.given.append(name)


def test_workers_write_about_equally_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(write: Callable[[], None], world: World, seconds: float) -> None:
        write()

    monkeypatch.setattr(checkpoints, "together", alone)
    held: Any = Held()
    for rank in (1, 0):
        world = World(rank, 2, torch.device("cpu"))
        save_checkpoint(str(tmp_path), held, Manifest(Progress(5), 2, {}), world, 0, None)
    found = latest(str(tmp_path))
    assert found
    shards = [load_file(Path(found[0]) / f"shard-{rank}.safetensors") for rank in (0, 1)]
    assert {name for shard in shards for name in shard if "@" not in name} == {f"tensor{n}" for n in range(len(SIZES))}
    written = [sum(tensor.numel() for tensor in shard.values()) for shard in shards]
    assert sum(written) == 3 * sum(SIZES) and max(written) - min(written) <= 3 * 20

    fetched: list[tuple[str, int]] = []  # each shard, and how many tensors had been given by then
    read = storage.read
    monkeypatch.setattr(storage, "read", lambda uri: fetched.append((uri[-19:], len(held.given))) or read(uri))
    load_checkpoint(*found, held)
    assert sorted(held.given) == sorted(name for name, _ in held.named())
    first = sum("@" not in name for name in shards[0])
    assert fetched == [("shard-0.safetensors", 0), ("shard-1.safetensors", first)]  # one is held at a time


def test_other_tensors_than_a_runs_own_are_refused(tmp_path: Path) -> None:
    held: Any = Held()
    save_checkpoint(str(tmp_path), held, Manifest(Progress(5), 1, {}), World(0, 1, torch.device("cpu")), 0, None)
    found = latest(str(tmp_path))
    assert found
    for names, odd in ((range(5), "tensor5"), (range(7), "tensor6")):
        held.named = lambda names=names: [(f"tensor{number}", None) for number in names]
        with pytest.raises(ConfigError, match=rf"other trained tensors than this config \({odd}, "):
            load_checkpoint(*found, held)


@pytest.mark.parametrize("name", ["manifest.json", "shard-0.safetensors"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, name: str) -> None:
    held: Any = Held()
    save_checkpoint(str(tmp_path), held, Manifest(Progress(5), 1, {}), World(0, 1, torch.device("cpu")), 0, None)
    folder = tmp_path / "checkpoints" / "step-00000005"
    (folder / name).write_bytes((folder / name).read_bytes()[:90])
    with pytest.raises(EnvironmentFailure, match=rf"^{folder}: the checkpoint is damaged .* delete that folder"):
        found = latest(str(tmp_path))
        assert found
        load_checkpoint(*found, held)

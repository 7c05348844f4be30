"""The backbone is the same to the last bit after training as before, whatever cut it among workers."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from mmsum.config import Config, load_config
from mmsum.training.checkpoints import Progress
from mmsum.training.encode import encode
from mmsum.training.learners import Learner
from mmsum.training.loop import train
from mmsum.training.optimizers import Optimizer
from mmsum.training.step import StepLog
from mmsum.training.world import join_world
from tests.training.runs import run_workers, training_config, write_config


class Holder:
    """A Watcher that holds on to the learner."""

    def begin(self, learner: Learner, optimizer: Optimizer, start: Progress, resumed: str | None) -> None:
        self.learner = learner

    def step(self, log: StepLog) -> None:
        pass

    def held_out(self, loss: float, step: int) -> None:
        pass

    def checkpoint(self, folder: str, step: int) -> None:
        pass


class Looker(Holder):
    """Remembers how the backbone was."""

    def begin(self, learner: Learner, optimizer: Optimizer, start: Progress, resumed: str | None) -> None:
        super().begin(learner, optimizer, start, resumed)
        self.before = self.digest()

    def digest(self) -> str:
        """Of all that is frozen: the backbone's tensors but LoRA's."""
        digest = hashlib.sha256()
        tensors = self.learner.model.backbone.state_dict()
        for name, tensor in sorted((name.replace(".base_layer", ""), tensor) for name, tensor in tensors.items()):
            if ".lora_" not in name:
                digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def main() -> None:
    """One worker of several runs; prints, for each, the digests before and after."""
    world = join_world()
    for file in sys.argv[1:]:
        config, looker = load_config(file), Looker()
        encoded = world.tell(encode(config.training.data, config) if world.first else None)
        train(config, encoded, None, world, looker)
        print(looker.before, looker.digest())


def case(folder: Path, name: str, **changes: object) -> tuple[Config, Path]:
    keys = {"training.steps": 3, "training.workers": 2, "training.out": str(folder / name)}
    config = training_config(folder, **keys, **changes)
    return config, write_config(config, folder / f"{name}.yaml")


def test_clip_learns_without_the_language_model(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.stage": "finetune_clip", "training.steps": 2})
    holder = Holder()
    assert train(config, encode(config.training.data, config), None, join_world(), holder, deepspeed=False)
    model = holder.learner.model
    assert all(parameter.is_meta for parameter in model.backbone.parameters())
    assert not any(parameter.is_meta for parameter in holder.learner.parameters())


def test_frozen_weights_are_the_same_after_training(tmp_path: Path) -> None:
    lora = {
        "model.fusion": "prefix",
        "model.prefix_tokens": 2,
        "model.lora_rank": 2,
        "training.lora_learning_rate": 0.1,
    }
    files = [case(tmp_path, f"zero-{zero}", **{"training.zero": zero})[1] for zero in (0, 3)]
    files.append(case(tmp_path, "lora", **{"training.zero": 3}, **lora)[1])
    printed = run_workers(2, *files, main=main).splitlines()
    pairs = [line.split() for line in printed if len(line) == 129]
    assert len(pairs) == len(files)
    assert all(before == after for before, after in pairs)
    assert len({before for before, _ in pairs}) == 1

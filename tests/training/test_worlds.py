"""One run, cut in every way: plain PyTorch, alone, 1, 2 and 3 workers, ZeRO 0 to 3, with changes between them on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from safetensors.torch import load_file

from mmsum.claims import CheckedFact, write_facts
from mmsum.config import Config
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch
from mmsum.training import optimizers, worker
from mmsum.training.batches import EncodedData, Schedule, micro_batches
from mmsum.training.encode import encode
from mmsum.training.launch import run_training
from mmsum.training.learners import build_learner
from mmsum.training.optimizers import BETAS
from mmsum.training.step import learning_rate_share
from tests.training.runs import losses, run_workers, training_config, write_config, write_examples

STEPS = 50
GENTLE = {"training.learning_rate": 0.003, "training.vision_learning_rate": 0.0003}
"""For STEPS: at three times these rates the order of sums shows in the losses' third digit after 30 steps."""
GENTLER = {"training.learning_rate": 0.001, "training.vision_learning_rate": 0.0001}
"""In bfloat16, where at GENTLE rates three of fifty losses were up to 0.018 apart."""
PAIRS = {"training.stage": "finetune_clip", "training.learning_rate": 0.0002, "training.vision_learning_rate": 0.0001}
"""At ten times these rates CLIP stays at chance."""
SHORT = 6
FEW = 3
"""For soft tokens: their gradients are tiny at first, and Adam makes whole steps of them, rounding included. Alone, one and
two examples a forward pass part by 1e-3 after four steps."""
STAGES = (0, 1, 2, 3)
ENDS = (0, 3)
"""The stages that differ most in how they hold what trains."""
SHARDED = (3,)
"""The stage whose checkpoints are cut most; the others change their workers in a slow test."""


def release_at_once() -> None:
    """A worker at ZeRO 3 that lets go of every parameter after use, as DeepSpeed does with a billion of them."""
    ours = optimizers.deepspeed_config

    def releasing(config: Config, accumulate: int) -> dict[str, Any]:
        found = ours(config, accumulate)
        few = {"stage3_max_live_parameters": 1000, "stage3_max_reuse_distance": 1000}
        found["zero_optimization"] |= {**few, "stage3_param_persistence_threshold": 0}
        return found

    optimizers.deepspeed_config = releasing
    worker.main()


@dataclass
class Runs:
    """Configs by name; all of them have run."""

    folder: Path
    configs: dict[str, Config]

    def losses(self, name: str) -> list[float]:
        return losses(self.configs[name])


def write_facts_data(path: Path) -> Path:
    """Examples whose figures list a fact each."""
    options = {colour: colour for colour in ("red", "green", "blue")}
    facts = [
        CheckedFact("colour", f"Figure {n} is {answer}.", f"Figure {n}", False, [], options, answer)
        for n, answer in ((1, "red"), (2, "blue"))
    ]
    summary = " ".join(fact.statement for fact in facts)
    return write_examples(path, summary=summary, facts=write_facts(facts))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """All runs, in as few launches as there are numbers of workers."""
    folder = tmp_path_factory.mktemp("worlds")
    configs: dict[str, Config] = {}

    def case(name: str, **changes: object) -> Path:
        keys = {"training.steps": SHORT, "training.out": str(folder / name), **changes}
        configs[name] = training_config(folder, **{k.replace("__", "."): v for k, v in keys.items()})
        return write_config(configs[name], folder / f"{name}.yaml")

    case("alone", training__steps=STEPS, **GENTLE)
    case("short")
    case("alone-bf16", model__dtype="bfloat16")
    case("pairs", **PAIRS)
    prefix = {"model.fusion": "prefix", "model.prefix_tokens": 3, "model.lora_rank": 2, "training.figure_dropout": 0.2}
    prefix |= {"training.steps": FEW, **GENTLE}
    case("prefix", **prefix)
    lora = {"model.lora_rank": 2, "training.lora_learning_rate": 0.003, "generation.describe_figures": True}
    lora |= {"training.unit": "both", "training.learning_rate": 0, "training.vision_learning_rate": 0}
    case("lora", **lora)
    facts = {
        **PAIRS,
        "training.unit": "figure",
        "training.data": str(write_facts_data(folder / "data" / "facts.parquet")),
    }
    case("facts", **facts)
    for name in ("alone", "short", "alone-bf16", "pairs", "facts", "prefix", "lora"):
        run_training(configs[name], Console(quiet=True), local=True)
    changing = [case(f"changing-{zero}", training__zero=zero, training__workers=[1, 3]) for zero in SHARDED]
    two = [case(f"two-{zero}", training__zero=zero, training__workers=2) for zero in STAGES]
    recompute = {"training.activation_checkpointing": True, "training.zero": 3, "training.workers": 2}
    two.append(case("two-recomputed", **recompute))
    uneven = {"training.micro_batch": 2, "training.workers": 2}  # three micro-batches a step
    two.append(case("uneven-3", training__zero=3, **uneven))
    two.append(case("uneven-pairs", training__zero=2, **PAIRS, **uneven))
    two.append(case("uneven-facts", training__zero=2, **facts, **uneven))
    for zero in ENDS:  # from the end of one run, each writes its export once more
        two.append(case(f"again-{zero}", training__zero=zero, training__workers=2))
        shutil.copytree(folder / "short", folder / f"again-{zero}", ignore=shutil.ignore_patterns("export"))
    two.append(case("two-bf16", model__dtype="bfloat16", training__zero=2, training__workers=2))
    two.append(case("two-pairs", training__zero=2, training__workers=2, **PAIRS))
    two.append(case("two-facts", training__zero=3, training__workers=2, **facts))
    two += [case(f"two-prefix-{zero}", training__zero=zero, training__workers=2, **prefix) for zero in (2, 3)]
    two.append(case("two-lora", training__zero=3, training__workers=2, **lora))
    offloaded = case("offload-3", training__zero=3, training__workers=2, training__offload=True)
    run_workers(2, *two, f"{offloaded}@3", offloaded, *(f"{file}@2" for file in changing))
    released = [
        case("two-released", training__zero=3, training__workers=2),
        case("two-released-recomputed", **recompute),
    ]
    run_workers(2, *released, main=release_at_once)
    one = [case("one-3", training__zero=3)]
    run_workers(1, *one, *(f"{file}@4" for file in changing))
    run_workers(3, *changing)
    return Runs(folder, configs)


def test_alone_is_a_plain_pytorch_loop(runs: Runs) -> None:
    config = runs.configs["alone"]
    encoded = encode(config.training.data, config)
    model = load_fused(config.model, seed=config.seed, train=True, gate=config.training.gate_start)
    learner = build_learner(model, config)
    data = EncodedData(encoded, config, pad=model.tokenizer.eos_token_id)
    schedule = Schedule(data.alike, config.training, config.seed)
    groups = learner.groups(config)
    peaks = [group["lr"] for group in groups]
    adam = torch.optim.AdamW(groups, betas=BETAS)
    found = []
    for step in range(STEPS):
        whole = data.batch(schedule.examples(step), step)
        tokens = int((whole.labels >= 0).sum())
        loss = learner(whole) / tokens
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in adam.param_groups for p in group["params"]], 1.0)
        for group, peak in zip(adam.param_groups, peaks, strict=True):
            group["lr"] = peak * learning_rate_share(step, config.training)
        adam.step()
        found.append(float(loss.detach()))
    assert runs.losses("alone") == pytest.approx(found, abs=1e-4)
    assert found[-1] < found[0] - 1  # it learns


@pytest.mark.parametrize(
    "name",
    [
        *(f"two-{zero}" for zero in STAGES),
        *("one-3", "offload-3", "two-recomputed", "two-released", "two-released-recomputed", "uneven-3"),
    ],
)
def test_every_stage_and_number_of_workers_gives_the_same_losses(runs: Runs, name: str) -> None:
    whole = runs.losses("short")
    assert len(whole) == SHORT
    assert runs.losses(name) == pytest.approx(whole, abs=1e-4)


def test_ranks_without_figures_are_among_them(runs: Runs) -> None:
    """Where one worker's micro-batch has figures and another's none, ZeRO 1 and 2 once crashed and ZeRO 3 hung."""
    config = runs.configs["two-3"]
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    schedule = Schedule(data.alike, config.training, config.seed)
    pairs = set()
    for step in range(SHORT):
        first, second = (micro_batches(data, schedule, step, rank, workers=2, size=1) for rank in (0, 1))
        pairs |= {(bool(a.figures[0]), bool(b.figures[0])) for a, b in zip(first, second, strict=True)}
    assert any(first != second for first, second in pairs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "stages", "apart"),
    [
        ({}, STAGES, 1e-4),
        # Half of bfloat16's last place at losses of 4 to 8.
        ({"model.dtype": "bfloat16", **GENTLER}, (2, 3), 2**-6),
        ({"training.micro_batch": 1, **PAIRS}, (2, 3), 1e-4),
    ],
    ids=["fp32", "bf16", "pairs"],
)
def test_fifty_steps_of_every_stage_agree(
    tmp_path: Path, changes: dict[str, object], stages: Sequence[int], apart: float
) -> None:
    """A run alone, DeepSpeed with one worker, and two workers at each stage; the data have examples without figures."""

    def case(name: str, **keys: object) -> tuple[Config, Path]:
        out = {"training.out": str(tmp_path / name), "training.steps": STEPS}
        config = training_config(tmp_path, **{**GENTLE, **changes, **out, **keys})
        return config, write_config(config, tmp_path / f"{name}.yaml")

    whole, _ = case("alone")
    run_training(whole, Console(quiet=True), local=True)
    one = case("one")
    run_workers(1, one[1])
    two = [case(f"two-{zero}", **{"training.zero": zero, "training.workers": 2}) for zero in stages]
    run_workers(2, *(file for _, file in two))
    expected = losses(whole)
    assert len(expected) == STEPS and expected[-1] < expected[0] - 0.1
    for config, file in (one, *two):
        assert losses(config) == pytest.approx(expected, abs=apart), file.stem


@pytest.mark.slow
def test_torchrun_starts_workers(runs: Runs, tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.steps": SHORT, "training.zero": 1, "training.workers": 2})
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command += ["-m", "mmsum.training.worker", str(write_config(config, tmp_path / "config.yaml"))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert "2 workers, ZeRO 1" in done.stdout
    assert losses(config) == pytest.approx(runs.losses("short"), abs=1e-4)


@pytest.mark.parametrize("zero", SHARDED)
def test_two_workers_then_one_then_three(runs: Runs, zero: int) -> None:
    assert runs.losses(f"changing-{zero}") == pytest.approx(runs.losses("short"), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("zero", [stage for stage in STAGES if stage not in SHARDED])
def test_other_stages_change_their_workers_too(runs: Runs, tmp_path: Path, zero: int) -> None:
    keys = {"training.steps": SHORT, "training.zero": zero, "training.workers": [1, 3]}
    config = training_config(tmp_path, **keys)
    file = write_config(config, tmp_path / "config.yaml")
    for workers, until in ((2, "@2"), (1, "@4"), (3, "")):
        run_workers(workers, f"{file}{until}")
    assert losses(config) == pytest.approx(runs.losses("short"), abs=1e-4)


def test_bfloat16(runs: Runs) -> None:
    assert runs.losses("two-bf16") == pytest.approx(runs.losses("alone-bf16"), abs=1e-2)
    config = runs.configs["two-bf16"]
    weights = load_file(Path(config.training.out, "export", "weights.safetensors"))
    untrained = load_fused(config.model, seed=config.seed).clip.visual.state_dict()  # type: ignore[union-attr]
    running = {name: tensor for name, tensor in untrained.items() if "running" in name}
    assert running
    for name, tensor in running.items():  # BatchNorm stays in eval mode, its buffers float32
        assert weights[f"vision.{name}"].dtype == torch.float32 and torch.equal(weights[f"vision.{name}"], tensor)


@pytest.mark.parametrize("name", ["two-pairs", "uneven-pairs", "two-facts", "uneven-facts"])
def test_the_contrastive_loss_is_that_of_the_whole_batch(runs: Runs, name: str) -> None:
    assert runs.losses(name) == pytest.approx(runs.losses(name.partition("-")[2]), abs=1e-4)


@pytest.mark.parametrize("name", ["two-prefix-2", "two-prefix-3"])
def test_soft_tokens_and_lora_learn_the_same_everywhere(runs: Runs, name: str) -> None:
    assert runs.losses(name) == pytest.approx(runs.losses("prefix"), abs=1e-4)
    folders = [Path(runs.configs[one].training.out, "export") for one in ("prefix", name)]
    for file in ("weights.safetensors", "adapter_model.safetensors"):
        first, second = (load_file(folder / file) for folder in folders)
        assert first.keys() == second.keys() and first
        for key, tensor in first.items():
            torch.testing.assert_close(second[key], tensor, rtol=0, atol=FEW * 2 * GENTLE["training.learning_rate"])
    assert any(tensor.any() for key, tensor in first.items() if "lora_B" in key)  # it starts at zero
    config = runs.configs[name]
    loaded = load_fused(config.model.model_copy(update={"export": str(folders[1]), "fusion": "cross_attention"}))
    assert loaded.trained and loaded.fusion.soft_tokens == 3


def test_lora_learns_alone_beside_frozen_adapters(runs: Runs) -> None:
    assert runs.losses("two-lora") == pytest.approx(runs.losses("lora"), abs=1e-4)
    config = runs.configs["two-lora"]
    folder = Path(config.training.out, "export")
    model = load_fused(config.model, seed=config.seed, train=True, gate=config.training.gate_start)
    weights = load_file(folder / "weights.safetensors")
    for name, tensor in model.fusion.state_dict().items():
        assert torch.equal(weights[f"fusion.{name}"], tensor)
    learned = load_file(folder / "adapter_model.safetensors")
    assert any(tensor.any() for key, tensor in learned.items() if "lora_B" in key)


@pytest.mark.parametrize(
    "names", [("two-0", "two-1"), ("two-2", "two-3"), ("two-0", "one-3"), ("two-0", "two-released")]
)
def test_every_stage_exports_the_same_weights(runs: Runs, names: tuple[str, str]) -> None:
    folders = [Path(runs.configs[name].training.out, "export") for name in names]
    first, second = (load_file(folder / "weights.safetensors") for folder in folders)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.numel() > 0
        torch.testing.assert_close(second[name], tensor, rtol=1e-3, atol=1e-3)
    sizes = [(folder / "weights.safetensors").stat().st_size for folder in folders]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("zero", ENDS)
def test_one_state_is_exported_to_the_same_bytes_by_every_stage(runs: Runs, zero: int) -> None:
    first, again = (Path(runs.configs[name].training.out, "export") for name in ("short", f"again-{zero}"))
    for file in ("weights.safetensors", "mmsum.json", "README.md"):
        assert (again / file).read_bytes() == (first / file).read_bytes(), file


def test_an_export_of_stage_3_is_a_model(runs: Runs) -> None:
    config = runs.configs["two-3"]
    model = config.model.model_copy(update={"export": str(Path(config.training.out, "export"))})
    loaded = load_fused(model)
    assert loaded.trained
    with pytest.raises(Exception, match="was trained on the backbone"):
        other = runs.configs["alone"].model.model_copy(update={"export": model.export})
        Path(other.backbone, "config.json").write_text(Path(other.backbone, "config.json").read_text() + "\n")
        load_fused(other)

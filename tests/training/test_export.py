"""What a training run hands over: what was trained, and what it was trained on top of."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from rich.console import Console
from safetensors.torch import load_file

from mmsum.config import Config
from mmsum.model.fused import load_fused
from mmsum.model.lora import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from mmsum.model.manifest import WEIGHTS, read_manifest
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData
from mmsum.training.encode import encode
from mmsum.training.launch import train_in_process
from tests.training.runs import steps, training_config, write_examples

PREFIX = {"model.fusion": "prefix", "model.prefix_tokens": 4, "model.prefix_layers": 1, "model.lora_rank": 2}


def export_of(config: Config) -> Path:
    folder = train_in_process(config, Console(quiet=True))
    assert folder
    return Path(folder)


def test_bfloat16_halves_the_weights_and_rounds_them(tmp_path: Path) -> None:
    whole = export_of(training_config(tmp_path, **{"training.steps": 2}))
    changes = {"training.steps": 2, "training.export_dtype": "bfloat16", "training.out": str(tmp_path / "half")}
    half = export_of(training_config(tmp_path, **changes))
    ours, theirs = load_file(half / WEIGHTS), load_file(whole / WEIGHTS)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        wanted = theirs[name]
        assert torch.equal(tensor, wanted.to(torch.bfloat16) if wanted.is_floating_point() else wanted), name
    assert (half / WEIGHTS).stat().st_size < 0.6 * (whole / WEIGHTS).stat().st_size
    model = training_config(tmp_path).model.model_copy(update={"export": str(half)})
    assert load_fused(model).trained


def test_it_takes_no_room_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's own temporary folder may be small; only what cannot be written to OUT is told by name."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    config = training_config(tmp_path, **{"training.steps": 1, "model.lora_rank": 2})
    assert load_fused(config.model.model_copy(update={"export": str(export_of(config))})).trained


def test_its_card_and_its_manifest_tell_how_well_it_learned(tmp_path: Path) -> None:
    valid = write_examples(tmp_path / "valid" / "valid.parquet")
    config = training_config(tmp_path, **{"training.steps": 3, "training.valid": str(valid)})
    folder = export_of(config)
    logs = steps(config)
    training = read_manifest(folder).training
    assert training["metrics"]["loss"] == pytest.approx(sum(log.loss for log in logs) / 3)
    for name in ("loss_with_figures", "loss_without_figures", "gate_mean"):
        assert training["metrics"][name] == logs[-1].extra[name]
    assert training["data_fingerprint"] and training["examples"] == 18
    card = (folder / "README.md").read_text()
    for name, shown in (("loss", "loss, mean of the last steps"), ("held_out_loss", "loss on held-out examples")):
        assert f"| {shown} | {training['metrics'][name]:.4f} |" in card
    (folder / "mmsum.json").unlink()  # killed before its export was whole: the numbers stand in the checkpoint
    assert read_manifest(export_of(config)).training == training


def test_the_second_stage_takes_the_tower_of_the_first(tmp_path: Path) -> None:
    first = export_of(training_config(tmp_path, **{"training.stage": "finetune_clip", "training.steps": 2}))
    changes = {"model.export": str(first), "training.steps": 2, "training.vision_learning_rate": 0}
    second = export_of(training_config(tmp_path, **changes, **{"training.out": str(tmp_path / "second")}))
    before, after = load_file(first / WEIGHTS), load_file(second / WEIGHTS)
    towers = [{name: t for name, t in one.items() if name.startswith("vision.")} for one in (before, after)]
    assert "vision.head.pool.project.weight" in towers[0] and towers[0].keys() == towers[1].keys()
    assert all(torch.equal(tensor, towers[1][name]) for name, tensor in towers[0].items())
    new = load_fused(training_config(tmp_path).model).clip.visual.state_dict()  # type: ignore[union-attr]
    assert any(not torch.equal(tensor, new[name.removeprefix("vision.")]) for name, tensor in towers[0].items())


def test_figures_are_of_the_size_of_the_export(tmp_path: Path) -> None:
    first = export_of(training_config(tmp_path, **{"training.steps": 1, "model.image_size": 64}))
    keys = {"model.export": str(first), "training.steps": 1}  # the config's own is 96
    config = training_config(tmp_path, **keys, **{"training.out": str(tmp_path / "second")})
    assert read_manifest(export_of(config)).vision["image_size"] == 64
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    for example in (0, 1):  # the first has no figure: its image is a blank one
        assert data.batch([example], step=None).images.shape == (1, 64, 64, 3)


def test_a_stage_of_single_figures_reads_documents_as_the_one_before(tmp_path: Path) -> None:
    first = export_of(training_config(tmp_path, **{"training.steps": 1}))
    told = json.loads((first / "mmsum.json").read_text())
    told["training"]["generation"]["describe_figures"] = True
    (first / "mmsum.json").write_text(json.dumps(told))
    changes = {"model.export": str(first), "training.steps": 1, "generation.summary_tokens": 20}
    for unit, described in (("figure", True), ("document", False)):
        out = {"training.unit": unit, "training.out": str(tmp_path / unit)}
        reading = read_manifest(export_of(training_config(tmp_path, **changes, **out))).training["generation"]
        assert (reading["describe_figures"], reading["summary_tokens"]) == (described, 20)


@pytest.mark.parametrize("rate", [0.003, 0.0])
def test_lora_is_added_to_an_export_that_has_none(tmp_path: Path, rate: float) -> None:
    first = export_of(training_config(tmp_path, **{"training.steps": 2}))
    changes = {
        "model.export": str(first),
        "model.lora_rank": 2,
        "training.learning_rate": rate,
        "training.lora_learning_rate": 0.01,
        "training.steps": 2,
    }
    second = export_of(training_config(tmp_path, **changes, **{"training.out": str(tmp_path / "second")}))
    manifest = read_manifest(second)
    assert "lora" in manifest.parts and manifest.vision["lora_rank"] == 2
    assert manifest.vision | {"lora_rank": 0} == read_manifest(first).vision
    assert any(tensor.any() for name, tensor in load_file(second / ADAPTER_WEIGHTS).items() if "lora_B" in name)
    layers = json.loads((second / ADAPTER_CONFIG).read_text())["target_modules"]
    assert len(layers) == 7 and layers == sorted(layers)  # one run, one export: peft keeps them as a set
    before, after = load_file(first / WEIGHTS), load_file(second / WEIGHTS)
    kept = [torch.equal(tensor, after[name]) for name, tensor in before.items() if name.startswith("fusion.")]
    assert kept and all(kept) == (rate == 0)  # frozen adapters are handed on as they were
    model = training_config(tmp_path).model
    plain, tuned = (load_fused(model.model_copy(update={"export": str(export)})) for export in (first, second))
    states = [list(one.backbone.state_dict().values()) for one in (plain, tuned)]
    assert any(not torch.equal(a, b) for a, b in zip(*states, strict=True))  # merged for reading


@pytest.mark.parametrize("rate", [0.0, 0.001])
def test_a_run_goes_on_from_an_export_of_another_shape(tmp_path: Path, rate: float) -> None:
    first = export_of(training_config(tmp_path, **PREFIX, **{"training.steps": 2, "training.lora_learning_rate": 0.01}))
    changes = {
        "model.export": str(first),  # its shapes, not those of the config, which says cross_attention
        "training.steps": 2,
        "training.lora_learning_rate": rate,
        "training.out": str(tmp_path / "second"),
    }
    second = export_of(training_config(tmp_path, **changes))
    assert read_manifest(second).vision == read_manifest(first).vision
    before, after = load_file(first / ADAPTER_WEIGHTS), load_file(second / ADAPTER_WEIGHTS)
    assert before.keys() == after.keys()
    changed = any(not torch.equal(before[name], after[name]) for name in before)
    assert changed == (rate > 0)


def test_clip_goes_on_from_an_export_of_its_own(tmp_path: Path) -> None:
    """Its text side and its pooling come back with the tower."""
    config = training_config(tmp_path, **{"training.stage": "finetune_clip", "training.steps": 2})
    folder = export_of(config)
    weights = load_file(folder / WEIGHTS)
    text = {"text.token_embedding.weight", "text.logit_scale", "text.whole_texts.table.weight"}
    assert {*text, "vision.head.pool.project.weight"} <= weights.keys()
    clip = load_fused(config.model.model_copy(update={"export": str(folder)}), seed=7, train=True).clip
    held = dict(clip.named_parameters())
    for name, tensor in weights.items():
        key = name.removeprefix("text.") if name.startswith("text.") else name.replace("vision.", "visual.", 1)
        if key in held:
            assert torch.equal(held[key].flatten(), tensor.flatten()), name

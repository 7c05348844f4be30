"""What learns, what does not, and that figures of one document never reach another's."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from torch import nn

from mmsum.config import Config, Training
from mmsum.errors import ConfigError, EnvironmentFailure
from mmsum.model.backbone import load_tokenizer
from mmsum.model.fused import FusedModel, decoder_layers, load_fused
from mmsum.model.torchstack import torch, transformers
from mmsum.training import loop
from mmsum.training.batches import EncodedData, MicroBatch
from mmsum.training.encode import encode
from mmsum.training.launch import run_training
from mmsum.training.learners import (
    ClipLearner,
    SummaryLearner,
    _figures_of_the_next,
    build_learner,
    exported_name,
    unused_parameters,
)
from mmsum.training.loop import _memory_explained
from mmsum.training.optimizers import PlainOptimizer
from mmsum.training.screen import trained_table
from mmsum.training.step import learning_rate_share
from tests.tiny import write_tiny_backbone
from tests.training.runs import training_config, write_examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("learners")


def load(folder: Path, gate: float, **changes: object) -> tuple[Config, FusedModel, SummaryLearner, EncodedData]:
    config = training_config(folder, **changes)
    model = load_fused(config.model, train=True, gate=gate)
    learner = build_learner(model, config)
    assert isinstance(learner, SummaryLearner)
    data = EncodedData(encode(config.training.data, config), config, pad=model.tokenizer.eos_token_id)
    return config, model, learner, data


def backbone_loss(model: FusedModel, batch: MicroBatch) -> torch.Tensor:
    logits = model.backbone(input_ids=batch.tokens, attention_mask=batch.mask).logits
    length = batch.labels.shape[1]
    picked = logits[:, -length - 1 : -1]
    return torch.nn.functional.cross_entropy(picked.flatten(0, 1), batch.labels.flatten(), reduction="sum")


def test_closed_gates_give_the_text_model_and_still_learn(folder: Path) -> None:
    _, model, learner, data = load(folder, gate=0.0)
    batch = data.batch([1, 2, 4, 5], step=None)
    loss = learner(batch)
    torch.testing.assert_close(loss, backbone_loss(model, batch), rtol=1e-6, atol=1e-4)
    assert torch.equal(loss, learner(batch, without_figures=True))
    loss.backward()
    gates = [p for name, p in learner.named_parameters() if name.endswith("_gate")]
    assert gates and all(gate.grad is not None and gate.grad.abs().item() > 0 for gate in gates)


def test_the_head_reads_one_matrix(folder: Path) -> None:
    """Cut from the last positions of several rows it is none, and torch copies the frozen vocabulary for each row."""
    _, model, learner, data = load(folder, gate=0.5)
    read: list[torch.Tensor] = []
    head = model.backbone.get_output_embeddings()  # type: ignore[operator]
    head.register_forward_pre_hook(lambda module, args: read.append(args[0]))
    batch = data.batch([1, 2, 4], step=None)
    learner(batch).backward()
    assert [tuple(hidden.shape[:2]) for hidden in read] == [(3, batch.labels.shape[1] + 1)]
    assert read[0].is_contiguous()


def test_swapped_figures_are_those_of_the_next_example(folder: Path) -> None:
    _, _, learner, data = load(folder, gate=0.5)
    batch = data.batch([1, 2, 4], step=None)
    one, two = batch.figures[:2]
    assert (one, two) == (1, 2)
    assert _figures_of_the_next([1, 2, 0, 1]) == [1, 3, 3, 0]
    assert _figures_of_the_next([0, 2]) == [0, 1] and _figures_of_the_next([0, 0]) == [0]
    swapped = replace(batch, images=batch.images[_figures_of_the_next(batch.figures)])
    assert torch.equal(learner(batch, swapped_figures=True), learner(swapped))
    assert not torch.equal(learner(batch, swapped_figures=True), learner(batch))
    same = replace(batch, images=batch.images[:1].expand_as(batch.images))
    assert torch.equal(learner(same, swapped_figures=True), learner(same))  # figures that all look alike


def test_figures_reach_their_own_document_only(folder: Path) -> None:
    _, _, learner, data = load(folder, gate=0.5)
    batch = data.batch([1, 2], step=None)  # one figure, then two

    def row_losses(images: torch.Tensor) -> list[float]:
        found = []
        for row in range(2):
            labels = batch.labels.clone()
            labels[1 - row] = -100
            found.append(learner(replace(batch, labels=labels, images=images)).item())
        return found

    before = row_losses(batch.images)
    other = batch.images.clone()
    other[1:] = 255 - other[1:]  # the second document's figures
    after = row_losses(other)
    assert after[0] == before[0] and after[1] != before[1]


def test_an_example_without_figures_is_left_as_it_is(folder: Path) -> None:
    _, model, learner, data = load(folder, gate=0.5)
    batch = data.batch([0, 3], step=None)
    assert batch.figures == [0, 0]
    loss = learner(batch)
    torch.testing.assert_close(loss, backbone_loss(model, batch), rtol=1e-6, atol=1e-4)
    loss.backward()  # every parameter gets a gradient, which is zero: workers stay in step
    assert all(p.grad is not None and not p.grad.any() for p in learner.parameters() if p.requires_grad)


def test_only_what_is_named_trains(folder: Path) -> None:
    config, model, learner, data = load(folder, gate=0.3)
    before = {name: p.clone() for name, p in model.backbone.named_parameters()}
    optimizer = PlainOptimizer(learner, config)
    lines = trained_table(learner, optimizer)
    assert lines[1].split()[0] == "fusion" and lines[-1].split()[0::2] == ["backbone", "frozen"]
    optimizer.backward(optimizer(data.batch([1, 2], step=None)))
    result = optimizer.step(1.0)
    assert result.norm > 0 and not result.skipped
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in model.backbone.named_parameters())
    held = {id(p) for p in optimizer.adam.state}
    assert held and not held & {id(p) for p in model.backbone.parameters()}


def test_a_frozen_tower_and_no_learning_at_all(folder: Path) -> None:
    _, model, learner, data = load(folder, gate=0.3, **{"training.vision_learning_rate": 0})
    learner(data.batch([1], step=None)).backward()
    assert all(p.grad is None for p in model.vision.parameters())
    with pytest.raises(ConfigError, match="nothing would learn"):
        load(folder, gate=0.3, **{"training.vision_learning_rate": 0, "training.learning_rate": 0})


def test_a_tower_behind_shut_gates_that_stay_so_is_refused(folder: Path) -> None:
    tower = {"training.learning_rate": 0, "training.vision_learning_rate": 0.01}
    with pytest.raises(ConfigError, match=r"vision_learning_rate: .* the tower learns nothing; open them"):
        load(folder, gate=0.0, **tower)
    _, model, learner, data = load(folder, gate=0.1, **tower)
    learner(data.batch([1], step=None)).backward()
    assert any(p.grad is not None and p.grad.any() for p in model.vision.parameters())
    load(folder, gate=0.0, **tower, **PREFIX)  # soft tokens have no gates


@pytest.mark.parametrize(
    "key", ["training.activation_checkpointing", pytest.param("training.compile", marks=pytest.mark.slow)]
)
def test_recomputing_and_compiling_change_nothing(folder: Path, key: str) -> None:
    two = {"model.backbone": str(write_tiny_backbone(folder / "two-layers", layers=2))}
    _, _, learner, data = load(folder, gate=0.3, **two)
    batch = data.batch([1, 2], step=None)
    expected = learner(batch)
    expected.backward()
    _, model, other, _ = load(folder, gate=0.3, **two, **{key: True})
    calls: list[nn.Module] = []
    if key == "training.activation_checkpointing":
        for module in (decoder_layers(model.backbone)[-1].mlp, model.fusion.blocks[-1].up):  # type: ignore[index, union-attr]
            module.register_forward_pre_hook(lambda module, _: calls.append(module))  # type: ignore[union-attr]
    loss = other(batch)
    once = list(calls)
    loss.backward()
    # Backward runs them again, last first. (A block comes before its layer.)
    assert calls == [*once, *reversed(once)] and len(set(once)) == len(once)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-4)
    for (name, ours), theirs in zip(learner.named_parameters(), other.parameters(), strict=True):
        if ours.grad is not None:
            torch.testing.assert_close(theirs.grad, ours.grad, rtol=1e-3, atol=1e-4, msg=name)


def test_recomputed_layers_drop_nothing_out(folder: Path) -> None:
    """OPT's layers ask themselves, not their modules, whether they train."""
    tokenizer = load_tokenizer(write_tiny_backbone(folder / "bytes"))
    sizes = {
        "hidden_size": 64,
        "word_embed_proj_dim": 64,
        "ffn_dim": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    opt = transformers.OPTConfig(vocab_size=len(tokenizer), dropout=0.5, **sizes)
    for part in (tokenizer, transformers.OPTForCausalLM(opt)):
        part.save_pretrained(folder / "opt")
    keys = {"model.backbone": str(folder / "opt"), "training.text_dropout": 0}
    losses = []
    for recompute in (False, True):
        _, _, learner, data = load(folder, gate=0.3, **keys, **{"training.activation_checkpointing": recompute})
        losses.append(learner(data.batch([1, 2], step=None)))
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-4)


PREFIX = {"model.fusion": "prefix", "model.prefix_tokens": 2, "model.prefix_layers": 1, "model.lora_rank": 2}


@pytest.mark.parametrize("stage", ["train", "finetune_clip"])
def test_a_tower_drops_nothing_out(folder: Path, stage: str) -> None:
    """As open_clip's ConvNeXt and ViTamin would: what CLIP's two passes saw would differ, and so would numbers of workers."""
    config = training_config(folder, **{"training.stage": stage})
    model = load_fused(config.model, train=True, gate=0.3)
    model.clip.visual.head.append(torch.nn.Dropout(0.5))  # type: ignore[union-attr, operator]
    learner = build_learner(model, config)
    assert learner.training
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    batch = data.batch(range(6), step=None)
    first, again = learner(batch), learner(batch)
    torch.testing.assert_close(first, again, rtol=0, atol=0)


def test_soft_tokens_and_lora_are_recomputed_too(folder: Path) -> None:
    _, _, learner, data = load(folder, gate=0.0, **PREFIX)
    batch = data.batch([1, 2], step=None)
    _, _, other, _ = load(folder, gate=0.0, **PREFIX, **{"training.activation_checkpointing": True})
    losses = [one(batch) for one in (learner, other)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-4)
    grads = [{name: p.grad for name, p in one.named_parameters() if p.grad is not None} for one in (learner, other)]
    assert grads[0].keys() == grads[1].keys() and any("lora" in name for name in grads[0])
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("changes", [{}, PREFIX, {"training.stage": "finetune_clip"}], ids=["cross", "prefix", "clip"])
def test_nothing_that_trains_is_a_scalar(folder: Path, changes: dict[str, object]) -> None:
    """ZeRO cannot cut or broadcast 0-dimensional parameters: gates and CLIP's factor have shape [1]."""
    config = training_config(folder, **changes)
    learner = build_learner(load_fused(config.model, train=True), config)
    assert all(p.ndim >= 1 for p in learner.parameters())
    named = dict(learner.named_parameters())
    if not changes:
        assert named["fusion.blocks.0.attention_gate"].shape == (1,)
    if "training.stage" in changes:
        assert named["clip.logit_scale"].shape == (1,)


def test_rates_warm_up_then_follow_a_cosine(folder: Path) -> None:
    training = Training(steps=110, warmup_steps=10, final_rate=0.2)
    shares = [learning_rate_share(step, training) for step in range(111)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10] == 1.0 and shares[60] == pytest.approx(0.6) and shares[110] == pytest.approx(0.2)
    assert all(before > after for before, after in itertools.pairwise(shares[10:]))


def test_adapters_without_a_rate_stay_frozen_beside_lora(folder: Path) -> None:
    rates = {"training.learning_rate": 0, "training.vision_learning_rate": 0, "training.lora_learning_rate": 0.003}
    config, model, learner, data = load(folder, gate=0.3, **{"model.lora_rank": 2}, **rates)
    assert {group["name"] for group in learner.groups(config)} == {"lora"}
    learner(data.batch([1], step=None)).backward()
    assert all(p.grad is None for p in (*model.fusion.parameters(), *model.vision.parameters()))
    assert all(p.grad is not None for p in learner.parameters())


def test_adapters_tower_and_lora_have_rates_of_their_own(folder: Path) -> None:
    rates = {"training.learning_rate": 0.1, "training.vision_learning_rate": 0.02, "training.lora_learning_rate": 0.003}
    config, _, learner, _ = load(folder, gate=0.0, **PREFIX, **rates)
    groups = learner.groups(config)
    assert {group["name"]: group["lr"] for group in groups} == {"fusion": 0.1, "vision": 0.02, "lora": 0.003}
    for group in groups:  # norms, biases and gates do not decay
        assert all((parameter.ndim > 1) == (group["weight_decay"] > 0) for parameter in group["params"])


@pytest.mark.parametrize("groups", [1, 0])
def test_only_the_last_groups_of_the_tower_learn(folder: Path, groups: int) -> None:
    _, _, learner, _ = load(folder, gate=0.5, **{"training.vision_unlocked_groups": groups})
    trunk = {name for name, parameter in learner.visual.named_parameters() if parameter.requires_grad}
    assert any(name.startswith("head.") for name in trunk)
    assert any(name.startswith("trunk.") for name in trunk) == (groups > 0)
    assert not any(name.startswith(("trunk.conv_stem", "trunk.blocks.0")) for name in trunk)
    plain = load(folder, gate=0.5)[2]
    assert "trunk.conv_stem.weight" in {name for name, p in plain.visual.named_parameters() if p.requires_grad}


def test_a_tower_that_is_locked_as_a_whole_has_no_unused_parameters(folder: Path) -> None:
    _, _, learner, _ = load(folder, gate=0.5)
    learner.visual.requires_grad_(False)
    assert not list(unused_parameters(learner))


def test_a_tower_without_groups_says_so(folder: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"training\.vision_unlocked_groups: \w+ cannot be locked in part .*; leave it out"
    ):
        load(folder, gate=0.5, **{"model.vision": "RN50", "model.image_size": 64, "training.vision_unlocked_groups": 2})


@pytest.mark.parametrize(("rate", "frozen"), [("learning_rate", "text"), ("vision_learning_rate", "vision")])
def test_a_side_of_clip_without_a_rate_is_frozen(folder: Path, rate: str, frozen: str) -> None:
    config = training_config(folder, **{"training.stage": "finetune_clip", f"training.{rate}": 0})
    learner = build_learner(load_fused(config.model, train=True), config)
    assert {group["name"] for group in learner.groups(config)} == {"text", "vision"} - {frozen}
    learns = {exported_name(name) for name, parameter in learner.named_parameters() if parameter.requires_grad}
    # What joins the trunk to the common space goes with the text side.
    assert all(name.startswith("vision.trunk.") == (frozen == "text") for name in learns)
    shown = {line.split()[0]: line.split()[2] for line in trained_table(learner, PlainOptimizer(learner, config))}
    assert shown[frozen] == shown["backbone"] == "frozen"


def test_a_gpu_that_is_full_is_told_with_what_to_do(folder: Path) -> None:
    """Not retried as a lost worker is: the same batch comes again."""
    _, _, _, data = load(folder, gate=0.3)
    batches = [data.batch([1], step=None)]
    said = (
        rf"step 8: .* of up to {batches[0].tokens.shape[1]} tokens .* \(CUDA out of memory.*lower training\.micro_batch"
    )
    with pytest.raises(EnvironmentFailure, match=said), _memory_explained(8, batches):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    ("look", "said"),
    [
        ("look_closer", r"step 2: .* of up to \d+ tokens .*lower training\.micro_batch"),
        ("mean_loss", r"step 4: .* micro-batches of training\.valid .*lower training\.micro_batch"),
    ],
)
def test_a_look_that_finds_no_memory_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: str, said: str
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(loop, look, full)
    valid = write_examples(tmp_path / "valid.parquet", count=2)
    keys = {"training.valid": str(valid), "training.steps": 4}
    with pytest.raises(EnvironmentFailure, match=said):
        run_training(training_config(tmp_path, **keys), Console(quiet=True), local=True)


def test_the_factor_on_clips_products_has_a_ceiling_that_it_can_leave(folder: Path) -> None:
    config = training_config(folder, **{"training.stage": "finetune_clip"})
    learner = build_learner(load_fused(config.model, train=True), config)
    assert isinstance(learner, ClipLearner)
    batch = EncodedData(encode(config.training.data, config), config, pad=0).batch([0, 1], step=None)
    for start, factor in ((200.0, 100.0), (30.0, 30.0)):
        with torch.no_grad():
            learner.clip.logit_scale.fill_(math.log(start))
        learner.zero_grad()
        found = learner(batch)[2]
        assert float(found.detach()) == pytest.approx(factor)
        found.backward()
        assert learner.clip.logit_scale.grad.item() > 0


def test_nothing_unlocked_is_nothing_to_learn(folder: Path) -> None:
    keys = {"training.stage": "finetune_clip", "training.learning_rate": 0, "training.vision_unlocked_groups": 0}
    config = training_config(folder, **keys)
    with pytest.raises(ConfigError, match=r"training\.vision_unlocked_groups: .* nothing would learn"):
        build_learner(load_fused(config.model, train=True), config)


def test_clip_models_with_another_loss_are_refused(folder: Path) -> None:
    config = training_config(folder, **{"training.stage": "finetune_clip"})
    model = load_fused(config.model, train=True)
    other = config.model_copy(update={"model": config.model.model_copy(update={"vision": "ViT-B-16-SigLIP"})})
    with pytest.raises(
        ConfigError, match=r"^model\.vision: ViT-B-16-SigLIP learns with a tokenizer of its own, .* plain CLIP"
    ):
        build_learner(model, other)
    assert build_learner(model, config).model is model

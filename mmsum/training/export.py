"""What a training run hands over: a folder that `mmsum summarize --model FOLDER` loads, with only what was trained."""

from __future__ import annotations

from typing import Any

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import EnvironmentFailure
from mmsum.model.checkpoint import export_files, model_tensors, put_files
from mmsum.model.fused import FusedModel
from mmsum.model.lora import adapter_tensors
from mmsum.model.manifest import manifest_of
from mmsum.model.torchstack import torch
from mmsum.training.card import CARD, model_card
from mmsum.training.checkpoints import together
from mmsum.training.encode import Encoded
from mmsum.training.learners import exported_name
from mmsum.training.optimizers import Optimizer
from mmsum.training.world import World


def write_export(
    model: FusedModel,
    optimizer: Optimizer,
    config: Config,
    encoded: Encoded,
    world: World,
    metrics: dict[str, float],
) -> str:
    """Gathers what was trained and writes it to OUT/export; every worker takes part, the first one writes.

    The same weights come out of every ZeRO stage: whole tensors in `training.export_dtype`, beside the buffers they need.
    Raises EnvironmentFailure on every worker when they cannot be written.
    """
    folder = storage.join(storage.normalize(config.training.out), "export")
    parts = ("vision", "fusion") if config.training.stage == "train" else ("vision",)
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in optimizer.learner.named_parameters():
        whole = optimizer.whole(parameter)
        if world.first:
            tensors[exported_name(name)] = whole.contiguous()
    files: dict[str, bytes] = {}
    if world.first:
        # Beside the learner's tensors: buffers, and a tower or LoRA that was kept frozen.
        held = model_tensors(model, parts) | (adapter_tensors(model.backbone) if "fusion" in parts else {})
        tensors = {**{name: tensor for name, tensor in held.items() if name not in tensors}, **tensors}
        dtype: torch.dtype = getattr(torch, config.training.export_dtype)
        tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
        training = about_training(config, encoded, metrics)
        card = model_card(config, training, tensors)
        files = {CARD: card.encode(), **export_files(model, config.model, tensors, training)}

    if problem := together(lambda: put_files(files, folder), world, config.robustness.write_seconds):
        raise EnvironmentFailure(
            f"{folder}: the export cannot be written: {problem}; mend it and start again: the last checkpoint holds all of it"
        )
    return folder


def about_training(config: Config, encoded: Encoded, metrics: dict[str, float]) -> dict[str, Any]:
    """What an export says about how it was made."""
    training = config.training
    # `mmsum evaluate` reads documents as they were in training. A stage of single figures had none: as in the stage before it.
    keys = {"context_tokens", "summary_tokens", "figures_per_call", "figure_text_tokens", "describe_figures"}
    reading = config.generation.model_dump(include=keys)
    if training.unit == "figure" and config.model.export:
        before = manifest_of(config.model.export).training.get("generation", {})
        reading["describe_figures"] = before.get("describe_figures", reading["describe_figures"])
    return {
        "stage": training.stage,
        "steps": training.steps,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "vision_learning_rate": training.vision_learning_rate,
        "lora_learning_rate": training.lora_learning_rate,
        "unit": training.unit,
        "seed": config.seed,
        "generation": reading,
        "data": training.data,
        "data_fingerprint": encoded.folder.rsplit("/", 1)[-1],
        "examples": encoded.index.num_rows,
        "left_out_or_shortened": encoded.counts,
        "metrics": dict(sorted(metrics.items())),
    }

"""The model card of an export, as Markdown."""

from __future__ import annotations

from typing import Any

from mmsum.config import Config
from mmsum.model.torchstack import torch

CARD = "README.md"

METRICS = {
    "loss": "loss, mean of the last steps",
    "held_out_loss": "loss on held-out examples",
    "loss_with_figures": "loss of one micro-batch of the last step",
    "loss_without_figures": "the same without its figures",
    "loss_with_swapped_figures": "the same with figures of another example",
    "gate_mean": "gates, mean of their sizes",
    "gate_max": "gates, largest",
    "factor": "CLIP's factor on products",
}
"""What the numbers of a run mean, in a card."""


def model_card(config: Config, training: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """What is inside, what it was trained on and how, and how to use it."""
    parts: dict[str, int] = {}
    for name, tensor in tensors.items():
        part = name.partition(".")[0]
        parts[part] = parts.get(part, 0) + tensor.numel()
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in sorted(parts.items()))
    facts = "\n".join(f"| {name} | {value} |" for name, value in training.items() if name != "metrics")
    known = training["metrics"]
    metrics = "\n".join(f"| {shown} | {known[name]:.4f} |" for name, shown in METRICS.items() if name in known)
    use = "mmsum summarize SRC OUT --model FOLDER" if "fusion" in parts else "model.export: FOLDER in a training config"
    return f"""# Adapters trained with mmsum

Joins `{config.model.backbone}` (not included, not changed) and `{config.model.vision}`.

| part | parameters |
|---|---|
{rows}

| training | |
|---|---|
{facts}

| metric | |
|---|---|
{metrics}

Use: `{use}`
"""

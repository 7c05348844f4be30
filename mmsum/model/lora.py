"""LoRA on the backbone's linear layers (Hu et al. 2021), through peft and in peft's own files.

The frozen weights stay as they are while it trains; for generation the update is added to them once, and decoding costs
nothing more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from mmsum.errors import ConfigError, PresetError
from mmsum.model.tensors import read_tensors
from mmsum.model.torchstack import torch

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""peft's names: PeftModel.from_pretrained(backbone, folder) reads them too."""

_PREFIX = "base_model.model."


def inject(backbone: nn.Module, rank: int, seed: int) -> None:
    """Puts LoRA of this rank beside every linear layer but the output embedding. Its start changes no logit.

    Raises ConfigError for a backbone whose layers peft cannot put it beside.
    """
    import peft  # seconds that only those wait who use it

    settings = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", bias="none")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            peft.inject_adapter_in_model(settings, backbone)
        except ValueError as error:
            raise ConfigError(
                f"model.lora_rank: {type(backbone).__name__} takes no LoRA: {error}; set it to 0"
            ) from error
    for module in lora_modules(backbone).values():
        module.float()  # as all that trains


def lora_modules(backbone: nn.Module) -> dict[str, nn.Module]:
    """The A and B matrices by name, as peft's files name them: ``model.layers.0.mlp.up_proj.lora_A``."""
    return {
        f"{name}.{side}": getattr(module, side)["default"]
        for name, module in backbone.named_modules()
        if hasattr(module, "lora_A")
        for side in ("lora_A", "lora_B")
    }


def adapter_tensors(backbone: nn.Module) -> dict[str, torch.Tensor]:
    """The matrices under the names of an export, float32, on the CPU; none where there is no LoRA."""
    return {
        f"lora.{name}.weight": module.weight.detach().float().cpu().contiguous()  # type: ignore[operator, union-attr]
        for name, module in lora_modules(backbone).items()
    }


def lora_files(backbone: Any, tensors: dict[str, torch.Tensor], base: str) -> dict[str, bytes]:
    """peft's two files by name; tensors: lora_modules' names + ``.weight``."""
    settings = backbone.peft_config["default"].to_dict()
    settings |= {"base_model_name_or_path": base, "inference_mode": True}
    # Sets, which are of another order in every process, are sorted.
    text = json.dumps(settings, indent=2, sort_keys=True, default=sorted)
    return {
        ADAPTER_CONFIG: text.encode(),
        ADAPTER_WEIGHTS: save({_PREFIX + name: tensor for name, tensor in tensors.items()}),
    }


@torch.no_grad()
def load_lora(backbone: nn.Module, folder: Path) -> None:
    """Fills injected LoRA from peft's file. Raises PresetError, naming a tensor, where it does not fit."""
    path = folder / ADAPTER_WEIGHTS
    if not path.exists():
        raise PresetError(f"model.export: {folder} has no {ADAPTER_WEIGHTS}; export it again with `mmsum train`")
    found = {name.removeprefix(_PREFIX): tensor for name, tensor in read_tensors(path, "model.export").items()}
    ours = {f"{name}.weight": module.weight for name, module in lora_modules(backbone).items()}
    for name in sorted(ours.keys() | found.keys()):
        if name not in ours or name not in found or ours[name].shape != found[name].shape:  # type: ignore[union-attr]
            raise PresetError(f"model.export: {folder}: the LoRA tensor {name} does not fit the backbone; use its own")
        ours[name].copy_(found[name])  # type: ignore[operator]


def merge(backbone: nn.Module) -> None:
    """Adds every update to its layer's weights and takes LoRA out again."""
    layers = [(name, module) for name, module in backbone.named_modules() if hasattr(module, "lora_A")]
    for name, layer in reversed(layers):  # inner ones first: experts have one update around another
        layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(backbone.get_submodule(parent), child, layer.get_base_layer())

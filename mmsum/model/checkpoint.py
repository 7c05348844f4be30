"""Exports: a folder with what was trained (vision tower and fusion) and the identity of what it was trained on.

- mmsum.json: format version, backbone and its fingerprint, vision settings, fusion shapes, what it was trained on
- weights.safetensors: `vision.*` (the image side of CLIP, with its BatchNorm buffers), and as the stage left them
  `fusion.*` or `text.*` (the rest of CLIP); float32 or bfloat16
- adapter_model.safetensors, adapter_config.json: LoRA on the backbone, as peft writes it, where there is any
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save

from mmsum import storage
from mmsum.config import Model
from mmsum.errors import PresetError
from mmsum.model import lora
from mmsum.model.backbone import fingerprint
from mmsum.model.manifest import FUSION_KEYS, MANIFEST, VISION_KEYS, WEIGHTS, Manifest, as_exported, read_manifest
from mmsum.model.tensors import read_tensors
from mmsum.model.torchstack import torch

if TYPE_CHECKING:
    from mmsum.model.fused import FusedModel


def export_files(
    model: FusedModel,
    config: Model,
    tensors: dict[str, torch.Tensor] | None = None,
    training: dict[str, Any] | None = None,
) -> dict[str, bytes]:
    """The files of an export by name, the manifest last: it says that the export is whole.

    tensors replace the model's own (`part.name` -> tensor), where it holds only shards of them.
    """
    config = as_exported(config)
    tensors = model_tensors(model) if tensors is None else tensors
    adapter = {name.removeprefix("lora."): tensor for name, tensor in tensors.items() if name.startswith("lora.")}
    whole = {name: tensor for name, tensor in tensors.items() if not name.startswith("lora.")}
    manifest = Manifest(
        backbone=config.backbone,
        backbone_fingerprint=model.backbone_fingerprint,
        vision={key: getattr(config, key) for key in (*VISION_KEYS, *FUSION_KEYS)},
        mean=model.vision.mean,
        std=model.vision.std,
        shapes=asdict(model.fusion.config),
        parts=tuple(sorted({name.partition(".")[0] for name in tensors})),
        training=training or {},
        vision_fingerprint=model.vision_fingerprint,
    )
    return {
        **(lora.lora_files(model.backbone, adapter, config.backbone) if adapter else {}),
        WEIGHTS: save(whole),
        MANIFEST: f"{json.dumps(asdict(manifest), indent=2)}\n".encode(),
    }


def put_files(files: Mapping[str, bytes], folder: str) -> None:
    """Writes an export's files, in order, to a folder here or in an object store."""
    for name, data in files.items():
        storage.put(storage.join(folder, name), data)


def model_tensors(model: FusedModel, parts: tuple[str, ...] = ("vision", "fusion")) -> dict[str, torch.Tensor]:
    """The tensors of an export as the model holds them, float32, on the CPU."""
    modules = {"vision": model.vision.clip.visual, "fusion": model.fusion}
    return {
        f"{name}.{key}": (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name in parts
        for key, tensor in modules[name].state_dict().items()  # type: ignore[union-attr]
    }


def load_weights(model: FusedModel, folder: Path) -> str:
    """Fills tower, and fusion or CLIP's text side where the export has one, from an export; returns its weights' fingerprint.

    Raises PresetError, naming a tensor and both shapes, when it does not fit the model.
    """
    path = folder / WEIGHTS
    if not path.exists():
        raise PresetError(f"model.export: {folder} has no {WEIGHTS}; export it again with `mmsum train`")
    manifest = read_manifest(folder)
    if "lora" in manifest.parts:
        lora.load_lora(model.backbone, folder)
    parts = tuple(part for part in ("vision", "fusion") if part in manifest.parts)
    held = read_tensors(path, "model.export").items()
    source = {key: tensor for key, tensor in held if key.partition(".")[0] in (*parts, "text")}
    target = model_tensors(model, parts)
    if not manifest.vision.get("fusion_choice"):  # one that `model` adds stays as it is new
        target = {key: tensor for key, tensor in target.items() if ".choice." not in key}
    if "text" in manifest.parts:
        named = ((name, p.detach()) for name, p in model.clip.named_parameters() if not name.startswith("visual."))
        target |= {f"text.{name}": parameter for name, parameter in named}
        source["text.logit_scale"] = source["text.logit_scale"].squeeze()  # [1] while it trains
    for key in sorted(source.keys() | target.keys()):
        ours, theirs = target.get(key), source.get(key)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            raise PresetError(
                f"model.export: {folder}: {key} is {_shape(theirs)} in the export and {_shape(ours)} in the model; "
                "use the backbone and the vision model that it was trained with"
            )
    modules = {"vision": model.vision.clip.visual, "fusion": model.fusion}
    for name in parts:
        prefix = f"{name}."
        modules[name].load_state_dict(  # type: ignore[union-attr]
            {key.removeprefix(prefix): tensor for key, tensor in source.items() if key.startswith(prefix)}, strict=False
        )
    model.clip.load_state_dict(
        {key.removeprefix("text."): tensor for key, tensor in source.items() if key.startswith("text.")}, strict=False
    )
    model.vision.mean, model.vision.std = manifest.mean, manifest.std
    return "".join(fingerprint(file) for file in (path, folder / lora.ADAPTER_WEIGHTS) if file.exists())


def _shape(tensor: torch.Tensor | None) -> str:
    return "missing" if tensor is None else str(list(tensor.shape))

"""Exports: a folder with what was trained (vision tower and fusion) and the identity of what it was trained on.

- mmsum.json: format version, backbone and its fingerprint, vision settings, fusion shapes, what it was trained on
- weights.safetensors: `vision.*` (the image side of CLIP, with its BatchNorm buffers), and as the stage left them
  `fusion.*` or `text.*` (the rest of CLIP); float32
- adapter_model.safetensors, adapter_config.json: LoRA on the backbone, as peft writes it, where there is any
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file

from mmsum.config import Model
from mmsum.errors import PresetError
from mmsum.model import lora
from mmsum.model.backbone import fingerprint
from mmsum.model.torchstack import torch

if TYPE_CHECKING:
    from mmsum.model.fused import FusedModel

FORMAT = 1
MANIFEST, WEIGHTS = "mmsum.json", "weights.safetensors"
_VISION_KEYS = ("vision", "image_size")
_FUSION_KEYS = ("fusion", "fusion_every", "prefix_tokens", "prefix_layers", "lora_rank")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export says about itself."""

    backbone: str
    backbone_fingerprint: str
    vision: dict[str, Any]  # the fields of config.Model that decide shapes; they replace those of the run
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shapes: dict[str, Any]  # FusionConfig
    parts: tuple[str, ...] = ("vision", "fusion")
    training: dict[str, Any] = field(default_factory=dict)  # stage, data, steps, metrics
    format: int = FORMAT


def save_export(
    model: FusedModel,
    config: Model,
    folder: str | Path,
    tensors: dict[str, torch.Tensor] | None = None,
    training: dict[str, Any] | None = None,
) -> Path:
    """Writes `model`'s tower and fusion to `folder`; the manifest comes last, so a torn export is never loaded.

    tensors replace the model's own (`part.name` -> tensor), where it holds only shards of them.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    tensors = model_tensors(model) if tensors is None else tensors
    adapter = {name.removeprefix("lora."): tensor for name, tensor in tensors.items() if name.startswith("lora.")}
    if adapter:
        lora.save_lora(model.backbone, adapter, folder, config.backbone)
    whole = {name: tensor for name, tensor in tensors.items() if not name.startswith("lora.")}
    save_file(whole, _beside(folder / WEIGHTS))
    os.replace(_beside(folder / WEIGHTS), folder / WEIGHTS)
    manifest = Manifest(
        backbone=config.backbone,
        backbone_fingerprint=model.backbone_fingerprint,
        vision={key: getattr(config, key) for key in (*_VISION_KEYS, *_FUSION_KEYS)},
        mean=model.vision.mean,
        std=model.vision.std,
        shapes=asdict(model.fusion.config),
        parts=tuple(sorted({name.partition(".")[0] for name in tensors})),
        training=training or {},
    )
    _beside(folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    os.replace(_beside(folder / MANIFEST), folder / MANIFEST)
    return folder


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.writing")


def model_tensors(model: FusedModel, parts: tuple[str, ...] = ("vision", "fusion")) -> dict[str, torch.Tensor]:
    """The tensors of an export as the model holds them, float32, on the CPU."""
    modules = {"vision": model.vision.clip.visual, "fusion": model.fusion}
    return {
        f"{name}.{key}": (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name in parts
        for key, tensor in modules[name].state_dict().items()  # type: ignore[union-attr]
    }


def read_manifest(folder: Path) -> Manifest:
    """Raises PresetError when `folder` is no export, or of a format that this version cannot read."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text())
        version = found["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PresetError(
            f"model.export: {folder} holds no readable {MANIFEST}; give a folder written by `mmsum train`"
        ) from error
    if version != FORMAT:
        raise PresetError(
            f"model.export: {folder} has format {version}, this mmsum reads {FORMAT}; use the mmsum that wrote it"
        )
    tuples = {key: tuple(found[key]) for key in ("mean", "std", "parts")}
    return Manifest(**found | tuples)


def as_exported(model: Model) -> Model:
    """`model` with what its export decides: the vision model, and how figures reach the backbone where it holds that."""
    if not model.export:
        return model
    manifest = read_manifest(Path(model.export))
    keys = _VISION_KEYS + (_FUSION_KEYS if "fusion" in manifest.parts else ())
    return model.model_copy(update={key: manifest.vision[key] for key in keys if key in manifest.vision})


def load_weights(model: FusedModel, folder: Path) -> str:
    """Fills tower, and fusion where the export has one, from an export; returns its weights' fingerprint.

    Raises PresetError, naming a tensor and both shapes, when it does not fit the model.
    """
    path = folder / WEIGHTS
    if not path.exists():
        raise PresetError(f"model.export: {folder} has no {WEIGHTS}; export it again with `mmsum train`")
    manifest = read_manifest(folder)
    if "lora" in manifest.parts:
        lora.load_lora(model.backbone, folder)
    parts = tuple(part for part in ("vision", "fusion") if part in manifest.parts)
    source = {key: tensor for key, tensor in load_file(path).items() if key.partition(".")[0] in parts}
    target = model_tensors(model, parts)
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
            {key.removeprefix(prefix): tensor for key, tensor in source.items() if key.startswith(prefix)}
        )
    model.vision.mean, model.vision.std = manifest.mean, manifest.std
    return "".join(fingerprint(file) for file in (path, folder / lora.ADAPTER_WEIGHTS) if file.exists())


def _shape(tensor: torch.Tensor | None) -> str:
    return "missing" if tensor is None else str(list(tensor.shape))

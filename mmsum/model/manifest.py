"""mmsum.json: what an export says about itself. Knows no torch, so a command can read it before it starts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmsum import storage
from mmsum.config import Model
from mmsum.errors import ConfigError, ObjectNotFound, PresetError
from mmsum.model.files import check_there, is_hub_id, is_remote, locate

FORMAT = 1
MANIFEST, WEIGHTS = "mmsum.json", "weights.safetensors"
VISION_KEYS = ("vision", "image_size")
FUSION_KEYS = ("fusion", "fusion_every", "fusion_mlp", "fusion_choice", "prefix_tokens", "prefix_layers", "lora_rank")
_NEEDED = (WEIGHTS, MANIFEST)
_FILES = ("adapter_config.json", "adapter_model.safetensors", *_NEEDED)
"""Of an export; the manifest last: it says that the folder is whole. An export without LoRA has no adapter files."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export says about itself."""

    backbone: str
    backbone_fingerprint: str
    vision: dict[str, Any]  # the fields of config.Model that decide shapes; they replace those of the run
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shapes: dict[str, Any]  # of the fusion
    parts: tuple[str, ...] = ("vision", "fusion")
    training: dict[str, Any] = field(default_factory=dict)  # stage, data and its fingerprint, steps, metrics
    vision_fingerprint: str = ""  # of the weights that the tower came with, before it was trained
    format: int = FORMAT


def read_manifest(folder: Path) -> Manifest:
    """Raises PresetError when `folder` is no export, or of a format that this version cannot read."""
    path = folder / MANIFEST
    if folder.is_dir() and not path.exists():
        raise PresetError(f"model.export: {folder} has no {MANIFEST}; give a folder written by `mmsum train`")
    try:
        found = json.loads(path.read_text())
        version = found["format"]
    except OSError as error:
        raise PresetError(
            f"model.export: {folder} holds no readable {MANIFEST}; give a folder written by `mmsum train`"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise PresetError(f"model.export: {folder}: {MANIFEST} is torn ({error}); export it again") from error
    if version != FORMAT:
        raise PresetError(
            f"model.export: {folder} has format {version}, this mmsum reads {FORMAT}; use the mmsum that wrote it"
        )
    tuples = {key: tuple(found[key]) for key in ("mean", "std", "parts")}
    return Manifest(**found | tuples)


def export_folder(model: Model) -> Path:
    """Where model.export lies on this machine; fetched from an object store first."""
    return Path(local_export(model.export or "")).expanduser()


def local_export(export: str) -> str:
    """A local folder of the export: one in an object store is fetched first, once for each version.

    Raises PresetError where there is none.
    """
    if is_remote(export):
        _check_whole(export)
    return str(locate(export, "model.export")) if export.startswith("package:") or is_remote(export) else export


def _check_whole(export: str) -> None:
    if not export_versions(export).keys() >= set(_NEEDED):
        raise PresetError(f"model.export: {export} is no export; give a folder written by mmsum train")


def manifest_of(export: str) -> Manifest:
    """The manifest of an export, wherever it lies; of one in an object store it alone is fetched."""
    if is_remote(export):
        _check_whole(export)
        return read_manifest(locate(f"{export.rstrip('/')}/{MANIFEST}", "model.export").parent)
    return read_manifest(locate(export, "model.export"))


def trained_sets(export: str) -> list[str]:
    """`--set` items of `generation` that read documents as training did; none where the export does not say, or is none."""
    if not is_remote(export) and not (Path(local_export(export)).expanduser() / MANIFEST).is_file():
        return []  # whoever loads it says so
    found = manifest_of(export).training.get("generation", {})
    return [f"generation.{key}={json.dumps(value)}" for key, value in found.items()]


def export_versions(export: str) -> dict[str, str]:
    """Names and versions of the files of an export, those that are there, the manifest last."""
    folder = str(locate(export, "model.export")) if export.startswith("package:") else export
    try:
        refs = {name: storage.stat(storage.join(storage.normalize(folder), name)) for name in _FILES}
    except ObjectNotFound:  # the bucket itself
        refs = {}
    return {name: ref.version for name, ref in refs.items() if ref}


def as_exported(model: Model, manifest: Manifest | None = None) -> Model:
    """`model` with what its export decides: the vision model, and how figures reach the backbone where it holds that. To an
    export without LoRA, or without a choice of what counts, `model` may add some: at first both change nothing.

    manifest: that of the export, where it has been read already.
    """
    if not model.export:
        return model
    manifest = manifest or manifest_of(model.export)
    keys = VISION_KEYS + (FUSION_KEYS if "fusion" in manifest.parts else ())
    decided = {key: manifest.vision[key] for key in keys if key in manifest.vision}
    if "lora" not in manifest.parts:
        decided.pop("lora_rank", None)
    if not decided.get("fusion_choice"):
        decided.pop("fusion_choice", None)
    return model.model_copy(update=decided)


def soft_tokens(model: Model) -> int:
    """Places that a figure takes in the prompt of a model, its export heeded; 0 for cross-attention."""
    model = as_exported(model)
    return model.prefix_tokens if model.fusion == "prefix" else 0


def complete(model: Model) -> Model:
    """`model` with the backbone that its export names, where it names none itself; its files are checked to be here.

    Raises PresetError when a named file is missing, ConfigError when nothing says which models to join. Hub ids and
    open_clip tags are not looked up.
    """
    if model.export:
        manifest = manifest_of(model.export)
        model = model.model_copy(
            update={
                "backbone": model.backbone or manifest.backbone,
                "vision": model.vision or manifest.vision["vision"],
            }
        )
    for name in ("backbone", "vision"):
        if not getattr(model, name):
            raise ConfigError(f"model.{name}: summarizer fused needs it; choose a preset (--preset pocket) or set it")
    if not is_hub_id(model.backbone):
        check_there(model.backbone, "model.backbone")
    if model.vision_weights.startswith(("package:", "/", ".", "~")) or is_remote(model.vision_weights):
        check_there(model.vision_weights, "model.vision_weights")
    return model

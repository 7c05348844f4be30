"""Finding and loading the frozen language model: `package:NAME/FILE`, a local folder, or a hub id."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import struct
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import nn

from mmsum.config import Model
from mmsum.errors import ConfigError, PresetError
from mmsum.model.files import WEIGHTS, cache_folder, is_hub_id, locate, made_once
from mmsum.model.packing import ATTENTION, uses_plain_cache
from mmsum.model.tensors import TORN
from mmsum.model.torchstack import torch, transformers


def fingerprint(path: Path, weights: bool = True) -> str:
    """16 hex digits over names, sizes and sampled contents of a file, or of a folder's model files, without `weights` of those
    that are none.

    Small files are read whole, large ones at 64 evenly spaced places: cheap for any size, and any retrained or
    requantized file differs nearly everywhere.
    """
    digest = hashlib.sha256()
    kinds = _MODEL_FILES if weights else _MODEL_FILES - {WEIGHTS}
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.suffix in kinds)
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name if path.is_dir() else ''}:{size};".encode())
        with file.open("rb") as stream:
            if size <= 4 * 2**20:
                digest.update(stream.read())
                continue
            for place in range(64):
                stream.seek(place * (size - 2**16) // 63)
                digest.update(stream.read(2**16))
    return digest.hexdigest()[:16]


_MODEL_FILES = {".json", WEIGHTS, ".model", ".txt", ".jinja"}


def auto_dtype(wanted: str, device: torch.device, train: bool = False) -> torch.dtype:
    """The dtype that "auto" means on a device: bfloat16 on GPUs and on CPUs that multiply it; without it float16 on GPUs where
    nothing is trained, else float32.

    Raises ConfigError for training in float16: the mean over a batch's tokens takes most gradients below its range.
    """
    if train and wanted == "float16":
        raise ConfigError("model.dtype: float16 loses gradients in training; set auto, bfloat16 or float32")
    if wanted != "auto":
        dtype: torch.dtype = getattr(torch, wanted)
        return dtype
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        return torch.float32 if train else torch.float16
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return torch.float32


def load_backbone(config: Model, device: torch.device, dtype: torch.dtype) -> tuple[nn.Module, Any, str]:
    """The frozen causal LM in eval mode, its tokenizer, and its fingerprint.

    Raises PresetError when it cannot be found, ConfigError when it is not a causal language model, or not whole.
    """
    if not config.backbone:
        raise ConfigError("model.backbone: empty; choose a preset (--preset pocket) or name a causal language model")
    folder, identity = resolve(config)
    tokenizer = load_tokenizer(folder)
    with _told(config.backbone):
        model, found = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,  # fingerprints cover no other files of weights
            ignore_mismatched_sizes=True,  # or the tensors are not named
            output_loading_info=True,
        )
    # transformers leaves them random, and says so where nobody looks.
    if odd := sorted([*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])]):
        raise ConfigError(
            f"model.backbone: the weights of {config.backbone} do not fit its config.json: {odd[0]} is missing or of another "
            f"shape ({len(odd)} such tensors); fetch it again, or name another"
        )
    model.requires_grad_(False).eval().to(device)
    if model._supports_attention_backend and uses_plain_cache(model.config):
        model.set_attn_implementation(ATTENTION)
    return model, tokenizer, identity


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer beside a backbone, of a folder that `resolve` or `tokenizer_folder` gave. Raises ConfigError if there is
    none."""
    with _told(folder):
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


@contextlib.contextmanager
def _told(backbone: str | Path) -> Iterator[None]:
    """What transformers raises at files that are torn, missing or of another kind, as one line."""
    try:
        yield
    except (*TORN, ImportError, struct.error) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(
            f"model.backbone: {backbone} does not load as a causal language model: {line}; name another"
        ) from error


def tokenizer_folder(config: Model) -> Path:
    """A local folder with the backbone's tokenizer. Raises as `resolve` does, but fetches no weights."""
    path = _found(config, weights=False)
    return _converted(path, fingerprint(path)) if path.suffix == ".gguf" else path


def tokenizer_id(config: Model) -> str:
    """16 hex digits over the files of `tokenizer_folder` that are no weights."""
    return fingerprint(tokenizer_folder(config), weights=False)


def resolve(config: Model) -> tuple[Path, str]:
    """A local folder in transformers' own format, and the fingerprint of what it came from."""
    path = _found(config, weights=True)
    identity = fingerprint(path)
    return _converted(path, identity) if path.suffix == ".gguf" else path, identity


def _found(config: Model, weights: bool) -> Path:
    if is_hub_id(config.backbone):
        return _download(config.backbone, config.backbone_revision, weights)
    return locate(config.backbone, "model.backbone", weights=weights)


def _download(name: str, revision: str | None, weights: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", *(["*.safetensors"] if weights else []), "*.model", "*.txt", "*.jinja"]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError) as error:
        line = " ".join(str(error).split())[:200]
        raise PresetError(
            f"model.backbone: {name} is no folder here and could not be fetched from the hub: {line}; "
            "check the name and the network, or give a local folder"
        ) from error


def _converted(gguf: Path, identity: str) -> Path:
    """The folder that holds this GGUF file as float32 safetensors, written at the first use.

    transformers 5.23 reads SmolLM2's GGUF in 33 s (tokenizer 8, weights 25) and the converted folder in 2; every
    actor pays it.
    """
    cache = cache_folder()
    target = cache / f"{gguf.stem}-{identity}-{version('transformers')}"
    try:
        return made_once(target, partial(_convert, gguf))
    except OSError as error:
        raise PresetError(
            f"model.backbone: no room to convert {gguf.name} under {cache} ({error.strerror or error}); "
            "set MMSUM_CACHE to a writable folder with 1 GB free"
        ) from error


def _convert(gguf: Path, folder: Path) -> None:
    source = {"gguf_file": gguf.name, "local_files_only": True}
    with _told(gguf), contextlib.redirect_stderr(io.StringIO()):  # its progress bar has no switch
        tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, **source)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            gguf.parent, dtype=torch.float32, quantization_config=transformers.GgufConfig(dequantize=True), **source
        )
    config = json.loads(model.config.to_json_string(use_diff=False))
    config.pop("quantization_config", None)
    tokenizer.save_pretrained(folder)
    # Saved through a fresh model of the same config: the loaded one still calls itself quantized.
    plain = type(model)(type(model.config)(**config))
    plain.load_state_dict(model.state_dict())
    plain.generation_config = model.generation_config
    plain.save_pretrained(folder)

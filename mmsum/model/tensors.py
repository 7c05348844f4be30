"""Files of tensors, told from torn ones."""

from __future__ import annotations

import pickle
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from mmsum.errors import PresetError
from mmsum.model.torchstack import torch

TORN = (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError)
"""What torch and safetensors raise at files that are torn, or none of theirs."""


def read_tensors(path: Path, key: str) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file, or of one that torch.save wrote, on the CPU.

    Raises PresetError, naming the key of the config that led there, for a file that is torn or of another kind.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return loaded
    except TORN as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise PresetError(f"{key}: {path} is torn, or no file of tensors ({line}); fetch or export it again") from error

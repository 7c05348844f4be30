"""torch, transformers and open_clip, made to import together and to stay quiet.

Every module of this package imports those libraries through this one. A torchvision wheel built for CUDA cannot load
its compiled operators beside a CPU torch, and then `import torchvision` itself fails (`operator torchvision::nms does
not exist`), taking transformers and open_clip down with it. Declaring the two missing schemas first lets it import;
nothing here ever calls them.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from pathlib import Path

import torch

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _declare_torchvision_operators() -> torch.library.Library | None:
    """Declares torchvision::nms and ::qnms where the real ones do not load; call before torchvision is imported."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or "torchvision" in sys.modules:
        return None
    for folder in spec.submodule_search_locations or []:
        for binary in sorted(Path(folder).glob("_C*")):
            try:
                torch.ops.load_library(binary)
            except OSError:  # built for another torch; torchvision's own loader swallows this too
                continue
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _NMS)
    return library


# Kept for the life of the process: the declarations go when the library object does.
_library = _declare_torchvision_operators()

if not torch.cuda.is_available():  # transformers imports DeepSpeed where it is installed, and that warns otherwise
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # tokenizers warn when a process that used them forks

import open_clip  # noqa: E402
import transformers  # noqa: E402

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
logging.getLogger("timm").setLevel(logging.ERROR)

__all__ = ["open_clip", "torch", "transformers"]

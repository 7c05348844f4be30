"""The fused model: a frozen backbone, a vision tower and the fusion between them."""

from mmsum.model import torchstack  # first: it makes transformers and open_clip importable for the other modules

__all__ = ["torchstack"]

"""Which dtype a model has where."""

from __future__ import annotations

import pytest

from mmsum.errors import ConfigError
from mmsum.model.backbone import auto_dtype
from mmsum.model.torchstack import torch


def test_a_gpu_without_bfloat16_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """float16 is for reading: in training it loses gradients."""
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert (auto_dtype("auto", gpu), auto_dtype("auto", gpu, train=True)) == (torch.float16, torch.float32)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert auto_dtype("auto", gpu) == auto_dtype("auto", gpu, train=True) == torch.bfloat16
    assert auto_dtype("float16", gpu) == torch.float16
    with pytest.raises(ConfigError, match=r"model\.dtype: float16 loses gradients in training"):
        auto_dtype("float16", gpu, train=True)

"""Presets for real hardware: valid, pinned, and with memory sums that are what the script prints."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mmsum.config import load_config, preset_names

ROOT = Path(__file__).parents[2]
HUB = [name for name in preset_names() if name != "pocket"]
GPU_GB = {"small": (24, 24), "llama3.2-3b": (24, 48), "qwen2.5-7b": (48, 48)}
"""GB of the GPUs that the files name, to summarize and to train."""


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import memory

    yield memory
    sys.modules.pop("memory")


@pytest.mark.parametrize("preset", HUB)
def test_a_preset_is_pinned(preset: str) -> None:
    model = load_config(preset=preset).model
    assert re.fullmatch("[0-9a-f]{40}", model.backbone_revision or "")
    assert model.vision_weights


def test_sums_beside_the_presets_are_the_script_s(memory: object) -> None:
    for preset in HUB:
        text = (ROOT / "mmsum" / "presets" / f"{preset}.yaml").read_text()
        printed = "".join(f"#   {line}\n" for line in memory.table(preset).splitlines())  # type: ignore[attr-defined]
        assert text.endswith(printed), f"{preset}: run python benchmarks/memory.py {preset}"
        totals = [float(gb) for gb in re.findall(r"^#   \w.*: ([\d.]+) GB$", text, re.MULTILINE)]
        assert len(totals) == 2
        assert all(need < 0.95 * gpu for need, gpu in zip(totals, GPU_GB[preset], strict=True))


def test_adapters_are_counted_as_they_are(memory: object) -> None:
    from mmsum.model.fusion.cross_attention import CrossAttentionFusion, FusionConfig

    shape = FusionConfig((1, 3), patches=7, vision_width=10, width=24, heads=4, kv_heads=2, head_width=6, mlp_width=20)
    real = sum(parameter.numel() for parameter in CrossAttentionFusion(shape, seed=0).parameters())
    assert memory.adapter_parameters(shape) == real  # type: ignore[attr-defined]


def test_rates_in_the_sizing_page_are_the_script_s(memory: object) -> None:
    page = (ROOT / "docs" / "sizing.md").read_text()
    table = page.split("<!-- rates -->\n")[1].split("<!-- end -->")[0].strip()
    assert table == memory.rates()  # type: ignore[attr-defined]


def test_models_are_fetched_or_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """deploy/fetch_models.py, which the image and docs/slurm.md call, where there is no hub."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    import fetch_models

    assert fetch_models.main(["small"]) == 1
    said = capsys.readouterr().err
    assert "HuggingFaceTB/SmolLM2-1.7B-Instruct is no folder here and could not be fetched" in said
    assert fetch_models.main([]) == 2
    assert "small" in capsys.readouterr().err

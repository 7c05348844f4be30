"""Presets for real hardware: valid, pinned, and with memory sums that are what the script prints."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmsum.config import Config, load_config, preset_names
from mmsum.generation.engine import Engine, Request
from mmsum.model.fused import load_fused
from mmsum.model.packing import SlotCache
from tests.tiny import tiny_model

ROOT = Path(__file__).parents[2]
HUB = [name for name in preset_names() if name != "pocket"]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import memory  # type: ignore[import-not-found]

    yield memory
    sys.modules.pop("memory")


@pytest.mark.parametrize("preset", HUB)
def test_a_preset_is_pinned(preset: str) -> None:
    model = load_config(preset=preset).model
    assert re.fullmatch("[0-9a-f]{40}", model.backbone_revision or "")
    assert model.vision_weights and re.fullmatch("[0-9a-f]{40}", model.vision_revision or "")


def test_notice_names_all_weights_and_what_is_agpl() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for preset in preset_names():
        model = load_config(preset=preset).model
        name = (
            model.backbone.rpartition("/")[2].partition(".")[0]
            if preset == "pocket"
            else model.backbone.rpartition("/")[2]
        )
        assert name in notice, name
        tower = {"timm": "EfficientNet-Lite0"}.get(model.vision.partition(":")[0], model.vision)
        assert tower in notice or tower.replace("-", "/").replace("/", "-", 1) in notice, tower
    agpl = [line for line in notice.splitlines() if "AGPL-3.0" in line]
    assert agpl and all(name in agpl[0] for name in ("PyMuPDF", "pymupdf-layout"))


def test_no_key_of_the_config_is_a_secret() -> None:
    """Tokens and passwords come from the environment: what stands in a config ends in rows, logs and job descriptions."""
    keys = Config().model_json_schema()
    names = {name for section in [keys, *keys["$defs"].values()] for name in section.get("properties", {})}
    assert len(names) > 60
    assert [name for name in names if re.search(r"(^|_)(token|secret|password|credential|api_key)($|_)", name)] == []


def test_sums_beside_the_presets_are_the_script_s(memory: Any) -> None:
    for preset in HUB:
        text = (ROOT / "mmsum" / "presets" / f"{preset}.yaml").read_text()
        printed = "".join(f"#   {line}\n" for line in memory.table(preset).splitlines())
        assert text.endswith(printed), f"{preset}: run python benchmarks/memory.py {preset}"


@pytest.mark.parametrize("preset", HUB)
def test_what_a_preset_takes_follows_from_its_sums(preset: str, memory: Any) -> None:
    """Batch sizes, ZeRO stage and the GPUs that its first lines and docs/sizing.md name are what the sums choose."""
    config = load_config(preset=preset)
    chosen = memory.choose(config)
    assert (config.generation.batch_size, config.training.micro_batch) == (chosen.rows, chosen.micro_batch)
    assert config.training.zero == 1
    for total, gb in zip(memory.totals(config), (chosen.generate_gb, chosen.train_gb), strict=True):
        assert total <= memory.FIT * gb
    head = (ROOT / "mmsum" / "presets" / f"{preset}.yaml").read_text().splitlines()[0]
    assert f"One GPU of {chosen.generate_gb} GB" in head
    if chosen.train_gb != chosen.generate_gb:
        assert f"of {chosen.train_gb} GB" in head
    (row,) = [
        line for line in (ROOT / "docs" / "sizing.md").read_text().splitlines() if line.startswith(f"| `{preset}`")
    ]
    _, _, generate, train, _ = row.split("|")
    assert generate.strip().startswith(f"{chosen.generate_gb} GB") and f" {chosen.rows} rows" in generate
    assert train.strip().startswith(f"{chosen.train_gb} GB") and f" {chosen.micro_batch} examples" in train


def test_the_text_cache_is_what_the_engine_makes(memory: Any, tmp_path: Path) -> None:
    """The text cache, the largest part that a batch size decides: as the sums have it, and as the engine really makes it."""
    config = load_config(model=tiny_model(tmp_path).model_dump(), generation={"batch_size": 3})
    model = load_fused(config.model, device="cpu", seed=0)
    engine = Engine(model, batch_size=3)
    made: list[SlotCache] = []
    engine_module = sys.modules[Engine.__module__]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "SlotCache", lambda *shape: made.append(SlotCache(*shape)) or made[-1])
        engine.generate([Request(list(range(5, 5 + n)), None, 4) for n in (36, 20, 8)])
    (cache,) = made
    real = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    shape = model.backbone.config
    per_token = memory.kv_bytes(shape.num_hidden_layers, shape.num_key_value_heads, 16, number=4)
    assert real == 3 * 40 * per_token


def test_adapters_are_counted_as_they_are(memory: Any) -> None:
    from mmsum.model.fusion.cross_attention import CrossAttentionFusion, FusionConfig

    plain = FusionConfig(
        (1, 3), patches=7, whole_width=5, vision_width=10, width=24, heads=4, kv_heads=2, head_width=6, mlp_width=20
    )
    for shape in (plain, replace(plain, choice_rank=3)):
        real = sum(parameter.numel() for parameter in CrossAttentionFusion(shape, seed=0).parameters())
        assert memory.adapter_parameters(shape) == real


def test_rates_in_the_sizing_page_are_the_script_s(memory: Any) -> None:
    page = (ROOT / "docs" / "sizing.md").read_text()
    table = page.split("<!-- rates -->\n")[1].split("<!-- end -->")[0].strip()
    assert table == memory.rates()


def test_models_are_fetched_or_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """deploy/fetch_models.py, which the image and docs/slurm.md call, where there is no hub."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    import fetch_models  # type: ignore[import-not-found]

    assert fetch_models.main(["small"]) == 1
    said = capsys.readouterr().err
    assert "HuggingFaceTB/SmolLM2-1.7B-Instruct is no folder here and could not be fetched" in said
    assert fetch_models.main([]) == 2
    assert "small" in capsys.readouterr().err

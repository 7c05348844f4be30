"""MODEL is lead, a preset or an export; its rivals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmsum.errors import ConfigError, PresetError
from mmsum.evaluation.systems import BACKBONE, TEXT_ONLY, config_of_model, list_systems
from mmsum.evaluation.variants import ABLATIONS, FIGURES_REMOVED, FIGURES_SWAPPED, FULL
from mmsum.model.manifest import local_export


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with open gates, exported as training does."""
    from mmsum.model.fused import load_fused
    from tests.tiny import save_export, tiny_model

    folder = tmp_path_factory.mktemp("export")
    config = tiny_model(folder)
    model = load_fused(config, gate=3.0)
    recorded = {
        "generation": {"context_tokens": 1500, "summary_tokens": 24, "figures_per_call": 2, "describe_figures": True}
    }
    return save_export(model, config, folder / "export", training=recorded)


def names(config: object, **changes: object) -> list[tuple[str, str]]:
    arguments = {"ablate": False, "can_swap": True, "backbone": True, "text_only": None} | changes
    return [(system.name, system.variant) for system in list_systems(config, **arguments)]  # type: ignore[arg-type]


def test_an_export_is_read_as_it_was_trained_unless_told_otherwise(export: Path) -> None:
    config = config_of_model(str(export))
    assert (config.model.export, config.generation.context_tokens) == (str(export), 1500)
    assert (config.generation.summary_tokens, config.generation.figures_per_call) == (24, 2)
    assert config.generation.describe_figures is True
    assert config_of_model(str(export), ["generation.summary_tokens=9"]).generation.summary_tokens == 9
    assert config_of_model(str(export), preset="pocket").generation.summary_tokens == 256


def test_presets_and_lead() -> None:
    assert config_of_model("pocket").preset == "pocket"
    assert config_of_model("lead").summarizer == "lead"
    assert names(config_of_model("lead")) == [(FULL, FULL)]


def test_what_an_export_is_compared_with(export: Path) -> None:
    config = config_of_model(str(export))
    assert names(config) == [(FULL, FULL), (BACKBONE, FIGURES_REMOVED)]
    assert names(config, backbone=False, text_only=str(export)) == [(FULL, FULL), (TEXT_ONLY, FIGURES_REMOVED)]
    assert names(config, ablate=True, backbone=False) == [(FULL, FULL), *((name, name) for name in ABLATIONS)]
    assert FIGURES_SWAPPED not in dict(names(config, ablate=True, can_swap=False))
    plain = list_systems(config, ablate=False, can_swap=True, backbone=True, text_only=None)[1].config.model
    assert (plain.export, plain.fusion_every, plain.image_size) == (None, 2, 96)


@pytest.mark.parametrize(
    ("model", "preset", "reason"),
    [
        ("pockett", None, "MODEL: pockett is neither a folder here nor one of lead, llama3.2-3b"),
        ("pocket", "pocket", "preset: MODEL pocket is a preset itself"),
    ],
)
def test_an_unknown_model_is_named(model: str, preset: str | None, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        config_of_model(model, preset=preset)


def test_a_folder_that_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="has no mmsum.json"):
        list_systems(config_of_model(str(tmp_path)), ablate=False, can_swap=True, backbone=True, text_only=None)


def test_a_missing_text_only_model_is_named_as_such(tmp_path: Path) -> None:
    wrong = str(tmp_path / "nothing")
    with pytest.raises((ConfigError, PresetError), match="^text-only: .*nothing"):
        list_systems(config_of_model("pocket"), ablate=False, can_swap=True, backbone=False, text_only=wrong)


def test_a_torn_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "mmsum.json").write_text("{")
    with pytest.raises(PresetError, match="mmsum.json is torn"):
        config_of_model(str(tmp_path))


def test_an_export_in_a_store_is_fetched_once(export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.servers import rclone_s3

    bucket = tmp_path / "served" / "bucket" / "export"
    bucket.mkdir(parents=True)
    for file in export.iterdir():
        (bucket / file.name).write_bytes(file.read_bytes())
    with rclone_s3(tmp_path / "served") as server:
        for name, value in {**server.env, "MMSUM_CACHE": str(tmp_path / "cache")}.items():
            monkeypatch.setenv(name, value)
        folder = Path(local_export("s3://bucket/export/"))
        assert json.loads((folder / "mmsum.json").read_text())["format"] == 1
        changed = (folder / "weights.safetensors").stat().st_mtime_ns
        assert local_export("s3://bucket/export/") == str(folder)
        assert (folder / "weights.safetensors").stat().st_mtime_ns == changed
        config = config_of_model("s3://bucket/export/")
        assert (config.model.export, config.generation.summary_tokens) == ("s3://bucket/export/", 24)
        assert names(config)[1:] == [(BACKBONE, FIGURES_REMOVED)]
        with pytest.raises(PresetError, match="is no export"):
            config_of_model("s3://bucket/nothing/")

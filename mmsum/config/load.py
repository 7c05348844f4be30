"""YAML files, presets and ``--set key=value`` become one frozen, checked Config.

Order, later wins: the defaults, the preset's file, ``--config FILE``, ``--set key=value``. An unknown key is an error that
names the nearest known one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mmsum.config.sections import Config, fields_of
from mmsum.errors import ConfigError


def load_config(
    path: str | Path | None = None,
    sets: Sequence[str] = (),
    preset: str | None = None,
    **overrides: Any,
) -> Config:
    """The config of a run from a YAML file, ``key=value`` strings, a preset's name and dotted or nested overrides.

    Raises ConfigError, naming the field, for anything unknown or wrong.
    """
    document: dict[str, Any] = _read_yaml(Path(path)) if path else {}
    changes: dict[str, Any] = {}
    for item in sets:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {item}: expected key=value, as in --set shard_size=64")
        _put(changes, key.strip(), _parse_value(key, value))
    for key, value in overrides.items():
        _put(changes, key, value)
    if preset is not None:
        changes["preset"] = preset
    name = changes.get("preset", document.get("preset"))
    base = _read_preset(name) if isinstance(name, str) else {}
    merged: dict[str, Any] = {}
    for layer in (base, document, changes):
        _merge(merged, layer)
    return _validate(merged)


def preset_names() -> list[str]:
    """Names of the presets in the package."""
    return sorted(p.name.removesuffix(".yaml") for p in files("mmsum.presets").iterdir() if p.name.endswith(".yaml"))


def _read_preset(name: str) -> dict[str, Any]:
    if name in preset_names():
        return _parse_yaml(files("mmsum.presets").joinpath(f"{name}.yaml").read_text(), f"preset {name}")
    if name.endswith((".yaml", ".yml")):
        return _read_yaml(Path(name))
    known = ", ".join(preset_names())
    raise ConfigError(f"preset: there is none called {name!r}; known presets: {known}, or a path to a .yaml file")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ConfigError(f"config file {path}: {reason}; give the path of a YAML file") from error
    return _parse_yaml(text, f"config file {path}")


def _parse_yaml(text: str, where: str) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{where}: not valid YAML: {line}") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{where}: expected `key: value` lines, found a {type(loaded).__name__}")
    return loaded


def _parse_value(key: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: {value!r} is not a YAML value") from error


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{dotted}: {parent} is a value, not a section")
    tree[leaf] = value


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _validate(merged: dict[str, Any]) -> Config:
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(field, list(_known_keys(Config)), n=1, cutoff=0.0)
            raise ConfigError(f"{field}: no such config key; the nearest is {near[0]}") from None
        found = first.get("input")
        raise ConfigError(f"{field}: {first['msg'].lower()} (got {found!r})") from None


def _known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, _, nested in fields_of(model):
        yield prefix + name
        if nested:
            yield from _known_keys(nested, f"{prefix}{name}.")

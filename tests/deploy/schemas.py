"""Checks a Kubernetes object against the published schema of its kind: core types and KubeRay's custom resources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

_CUSTOM = {"RayJob": "ray.io_rayjobs.yaml", "RayCluster": "ray.io_rayclusters.yaml"}


def problems(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with it, one line each. Unknown fields count: the API server would drop them silently."""
    if manifest["apiVersion"].startswith("ray.io/"):
        schema = _custom_schema(manifest["kind"], manifest["apiVersion"].partition("/")[2])
        found = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(manifest)]
        return found + list(_unknown_fields(manifest, schema, "$"))
    try:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    return []


@lru_cache
def _custom_schema(kind: str, version: str) -> dict[str, Any]:
    folder = os.environ.get("MMSUM_SCHEMAS")
    if not folder:
        pytest.skip("MMSUM_SCHEMAS is not set: no folder with kuberay/ray.io_*.yaml")
    definition = yaml.load(Path(folder, "kuberay", _CUSTOM[kind]).read_bytes(), yaml.CSafeLoader)
    (served,) = [v for v in definition["spec"]["versions"] if v["name"] == version]
    return dict(served["schema"]["openAPIV3Schema"])


def _unknown_fields(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    """Fields that a custom resource's schema does not have: jsonschema lets them pass, the API server prunes them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_fields(item, schema.get("items", {}), f"{path}[{index}]")
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields") or path == "$.metadata":
        return
    known = schema.get("properties", {})
    for name, item in value.items():
        if name in known:
            yield from _unknown_fields(item, known[name], f"{path}.{name}")
        elif path == "$" and name in ("apiVersion", "kind", "metadata"):
            continue
        elif isinstance(extra := schema.get("additionalProperties"), dict):
            yield from _unknown_fields(item, extra, f"{path}.{name}")
        elif schema.get("type") == "object" and extra is not True:
            yield f"{path}.{name}: no such field"

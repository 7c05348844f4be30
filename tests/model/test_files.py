"""Where a model's files come from without a hub at hand: an object store, or the hub's cache at one revision."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import boto3
import huggingface_hub.constants
import pytest

from mmsum.config import Model, load_config
from mmsum.errors import ConfigError, PresetError
from mmsum.model.backbone import load_tokenizer, resolve, tokenizer_folder, tokenizer_id
from mmsum.model.files import is_hub_id, locate
from mmsum.model.fused import load_fused
from mmsum.model.manifest import complete
from mmsum.model.vision import _pinned
from tests.servers import moto_s3
from tests.tiny import save_export, tiny_model

REVISION, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder; what `upload` finds there lies under s3://models afterwards."""
    with moto_s3() as server:
        for name, value in {**server.env, "MMSUM_CACHE": str(tmp_path / "cache")}.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3", endpoint_url=server.endpoint).create_bucket(Bucket="models")
        (tmp_path / "models").mkdir()
        yield tmp_path / "models"


def upload(folder: Path) -> None:
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    for file in (file for file in folder.rglob("*") if file.is_file()):
        client.upload_file(str(file), "models", str(file.relative_to(folder)))


def test_a_model_in_a_bucket_is_the_one_on_disk(bucket: Path, tmp_path: Path) -> None:
    """Backbone and export by URI, with no hub: the same model, fetched once to this machine."""
    here = tiny_model(tmp_path)
    export = save_export(load_fused(here, device="cpu"), here, tmp_path / "export")
    shutil.copytree(here.backbone, bucket / "backbone")
    shutil.copytree(export, bucket / "export")
    upload(bucket)
    there = here.model_copy(update={"backbone": "s3://models/backbone/", "export": "s3://models/export"})
    assert not is_hub_id(there.backbone)
    assert complete(there).vision == here.vision
    assert [path.name for path in (tmp_path / "cache" / "fetched").glob("*/*")] == [
        "mmsum.json"
    ]  # to check, no weights
    wanted = load_fused(here.model_copy(update={"export": str(export)}), device="cpu")
    found = load_fused(there, device="cpu")
    assert found.fingerprint == wanted.fingerprint
    folder = locate("s3://models/backbone", "model.backbone")
    assert locate("s3://models/backbone/", "model.backbone") == folder
    (bucket / "backbone" / "config.json").write_text((bucket / "backbone" / "config.json").read_text() + "\n")
    upload(bucket)
    assert locate("s3://models/backbone", "model.backbone") != folder  # another version
    single = locate("s3://models/export/mmsum.json", "model.export")
    assert single.name == "mmsum.json" and single.read_bytes() == (export / "mmsum.json").read_bytes()


def test_a_tokenizer_in_a_bucket_comes_without_weights(bucket: Path, tmp_path: Path) -> None:
    here = tiny_model(tmp_path)
    shutil.copytree(here.backbone, bucket / "backbone")
    assert list((bucket / "backbone").glob("*.safetensors"))
    upload(bucket)
    there = here.model_copy(update={"backbone": "s3://models/backbone"})
    assert tokenizer_id(there) == tokenizer_id(here)
    assert load_tokenizer(tokenizer_folder(there)).encode("a") == load_tokenizer(tokenizer_folder(here)).encode("a")
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_what_is_not_in_the_bucket_is_said(bucket: Path, tmp_path: Path) -> None:
    for field, name in (("backbone", "s3://models/none"), ("vision_weights", "s3://models/none.pth")):
        with pytest.raises(PresetError, match=rf"model\.{field}: {name} is neither an object nor a folder"):
            complete(tiny_model(tmp_path).model_copy(update={field: name}))


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hugging Face's own cache, which deploy/fetch_models.py fills, and no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_a_hub_model_is_that_of_its_revision(hub_cache: Path, tmp_path: Path) -> None:
    here = tiny_model(tmp_path)
    snapshot = hub_cache / "models--someone--tiny" / "snapshots" / REVISION
    shutil.copytree(here.backbone, snapshot)
    named = here.model_copy(update={"backbone": "someone/tiny", "backbone_revision": REVISION})
    assert resolve(named)[0] == snapshot
    with pytest.raises(PresetError, match="someone/tiny is no folder here and could not be fetched"):
        resolve(named.model_copy(update={"backbone_revision": OTHER}))


@pytest.mark.parametrize("preset", ["small", "llama3.2-3b"])
def test_tower_weights_are_those_of_their_revision(preset: str, hub_cache: Path) -> None:
    model = load_config(preset=preset).model
    name = {"small": "CLIP-ViT-B-16", "llama3.2-3b": "CLIP-ViT-L-14"}[preset]
    folder = hub_cache / f"models--laion--{name}-DataComp.XL-s13B-b90K" / "snapshots"
    for revision in (model.vision_revision, OTHER):
        (folder / str(revision)).mkdir(parents=True)
        (folder / str(revision) / "open_clip_model.safetensors").write_text(str(revision))
    file, _ = _pinned(model.vision, model.vision_weights, str(model.vision_revision))
    assert Path(file).read_text() == model.vision_revision
    with pytest.raises(PresetError, match="could not be fetched from laion/"):
        _pinned(model.vision, model.vision_weights, "c" * 40)


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path) -> None:
    """trust_remote_code stays off: a folder (or a hub's repository) may bring modules that transformers would import."""
    folder = Path(tiny_model(tmp_path).backbone)
    mark = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Evil: ...\n")
    for name, entry in (("config.json", "AutoConfig"), ("config.json", "AutoModelForCausalLM")):
        settings = json.loads((folder / name).read_text())
        settings.setdefault("auto_map", {})[entry] = "evil.Evil"
        (folder / name).write_text(json.dumps(settings))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["auto_map"] = {"AutoTokenizer": ["evil.Evil", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    load_fused(tiny_model_at(folder), device="cpu")
    assert not mark.exists()
    settings = json.loads((folder / "config.json").read_text()) | {"model_type": "evil"}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=r"model\.backbone: .* does not load as a causal language model"):
        load_fused(tiny_model_at(folder), device="cpu")
    assert not mark.exists()


def tiny_model_at(folder: Path) -> Model:
    return Model(backbone=str(folder), vision="timm:test_efficientnet", image_size=96, fusion_every=2, dtype="float32")

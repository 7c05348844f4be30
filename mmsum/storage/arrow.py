"""Google Cloud Storage and Azure Data Lake, through pyarrow.fs.

pyarrow offers neither ETags nor conditional writes, so versions are times, and one driver writes to such an OUT at a
time. Emulators: STORAGE_EMULATOR_HOST for gs://, AZURE_STORAGE_BLOB_ENDPOINT for abfss://.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from mmsum.errors import (
    CredentialsRefused,
    DocumentFailure,
    FailureKind,
    ObjectChanged,
    ObjectForbidden,
    ObjectNotFound,
    StorageError,
    UsageError,
)
from mmsum.records import ObjectRef
from mmsum.storage.uris import scheme_of, split

_SETTINGS = (
    "AZURE_STORAGE_BLOB_ENDPOINT",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "STORAGE_EMULATOR_HOST",
)

# Only where a status is stated: object names, request ids and servers' words hold the same digits.
_STATUS = r"google::cloud::Status\({name}:|Azure Error: \[\w*\] {number}\b|(?:status[ _]code[:=]?|HTTP) ?{number}\b"
_REFUSED = re.compile(
    _STATUS.format(name="UNAUTHENTICATED", number=401)
    + r"|Azure Error: \[AuthenticationFailed\]|AuthenticationException|Could not create a "
)
_FORBIDDEN = re.compile(_STATUS.format(name="PERMISSION_DENIED", number=403))


def walk(folder: str, starts_with: str = "", depth: int | None = None) -> Iterator[ObjectRef]:
    """Every object below `folder` whose name, below it, starts so. One request's listing is held in memory."""
    from pyarrow.fs import FileSelector, FileType

    files, top = _locate(folder.rstrip("/"))
    with _explained("list", folder):
        infos = files.get_file_info(FileSelector(top, recursive=depth != 1, allow_not_found=True))
        if not infos and files.get_file_info(bucket := top.partition("/")[0]).type == FileType.NotFound:
            raise ObjectNotFound(f"cannot list {folder}: there is no bucket or container {bucket}; check its name")
    for info in infos:
        name = info.path[len(top) + 1 :]
        hidden = any(part.startswith(".") for part in name.split("/"))
        if info.type == FileType.File and name.startswith(starts_with) and not hidden:
            yield ObjectRef(f"{folder.rstrip('/')}/{name}", info.size, _version(info))


def stat(uri: str) -> ObjectRef | None:
    """Size and time of an object, or None where there is none."""
    info = _info(uri)
    return ObjectRef(uri, info.size, _version(info)) if info.is_file else None


def folder_exists(uri: str) -> bool:
    from pyarrow.fs import FileType

    return bool(_info(uri).type == FileType.Directory)


def read(uri: str, version: str = "", max_bytes: int | None = None) -> bytes:
    """All bytes of an object. See mmsum.storage.read."""
    info = _info(uri)
    if not info.is_file:
        raise ObjectNotFound(f"cannot read {uri}: no such object; check the name")
    _check_version(uri, version, info)
    if max_bytes is not None and info.size > max_bytes:
        raise DocumentFailure(FailureKind.TOO_LARGE, f"{uri} has {info.size} bytes, above limits.bytes={max_bytes}")
    files, path = _locate(uri)
    with _explained("read", uri), files.open_input_stream(path) as stream:
        data: bytes = stream.read()
    return data


def read_range(uri: str, start: int, size: int, version: str = "") -> bytes:
    """Some bytes of an object. See mmsum.storage.read_range."""
    if version:
        _check_version(uri, version, _info(uri))
    files, path = _locate(uri)
    with _explained("read", uri), files.open_input_file(path) as file:
        data: bytes = file.read_at(size, start)
    return data


def put_if_absent(uri: str, data: bytes) -> bool:
    """Writes the object whether it is absent or not: pyarrow has no conditional write."""
    put(uri, data)
    return True


def put(uri: str, data: bytes) -> None:
    """Write or replace an object. After a failure there is none of that name.

    Closing a stream publishes what was written so far, and so does dropping it: a failed write has to be deleted.
    Azure shows an empty object while a write is going on, and keeps that one where the writer is killed.
    """
    files, path = _locate(uri)
    with _explained("write", uri):
        stream = files.open_output_stream(path)
        try:
            stream.write(data)
            stream.close()
        except BaseException:
            with suppress(OSError):
                stream.close()
            with suppress(OSError):
                files.delete_file(path)
            raise


def delete(uris: Iterable[str]) -> None:
    """Delete objects one by one; those that do not exist are fine."""
    for uri in uris:
        files, path = _locate(uri)
        with suppress(ObjectNotFound), _explained("delete", uri):
            files.delete_file(path)


def _info(uri: str) -> Any:
    files, path = _locate(uri)
    with _explained("look at", uri):
        return files.get_file_info(path)


def _version(info: Any) -> str:
    return f"mtime:{info.mtime_ns or 0}:{info.size}"


def _check_version(uri: str, version: str, info: Any) -> None:
    if version and version != _version(info):
        raise ObjectChanged(f"{uri} has changed since it was listed; the next snapshot takes the new version")


def _locate(uri: str) -> tuple[Any, str]:
    """The file system of a URI and the path it has there (bucket or container first)."""
    bucket, key = split(uri)
    settings = tuple(os.environ.get(name, "") for name in _SETTINGS)
    if scheme_of(uri) == "gs":
        return _google(os.getpid(), settings), f"{bucket}/{key}".rstrip("/")
    container, at, host = bucket.partition("@")
    if not at:
        raise UsageError(f"{uri}: no storage account; write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH")
    return _azure(os.getpid(), settings, host.partition(".")[0]), f"{container}/{key}".rstrip("/")


@lru_cache(maxsize=2)
def _google(pid: int, settings: tuple[str, ...]) -> Any:
    from pyarrow.fs import GcsFileSystem

    options: dict[str, Any] = {"retry_time_limit": timedelta(minutes=2)}
    if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
        parts = urlsplit(emulator if "://" in emulator else f"http://{emulator}")
        options |= {"anonymous": True, "scheme": parts.scheme, "endpoint_override": parts.netloc}
    return GcsFileSystem(**options)


@lru_cache(maxsize=4)
def _azure(pid: int, settings: tuple[str, ...], account: str) -> Any:
    from pyarrow.fs import AzureFileSystem

    options: dict[str, Any] = {
        "account_key": os.environ.get("AZURE_STORAGE_KEY") or None,
        "sas_token": os.environ.get("AZURE_STORAGE_SAS_TOKEN") or None,
    }
    if endpoint := os.environ.get("AZURE_STORAGE_BLOB_ENDPOINT"):
        parts = urlsplit(endpoint)
        options |= {"blob_storage_authority": parts.netloc, "blob_storage_scheme": parts.scheme}
        options |= {"dfs_storage_authority": parts.netloc, "dfs_storage_scheme": parts.scheme}
    return AzureFileSystem(account, **options)


@contextmanager
def _explained(action: str, uri: str) -> Iterator[None]:
    """Turn Arrow's errors into ours. Google's and Azure's own codes are only in the text."""
    what = f"cannot {action} {uri}"
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectNotFound(f"{what}: no such object or bucket; check the name") from error
    except (OSError, pa.ArrowException) as error:  # missing credentials and bad requests are no OSError
        reason = " ".join(str(error).split())
        key = split(uri)[1]
        said = str(error).replace(f"/{key}", "").replace(f"'{key}'", "").partition("Request ID:")[0]
        if _REFUSED.search(said):
            raise CredentialsRefused(f"{what}: {reason}; renew the cloud credentials, then run it again") from error
        if isinstance(error, PermissionError) or _FORBIDDEN.search(said):
            raise ObjectForbidden(f"{what}: {reason}; allow it in the bucket's or account's policy") from error
        raise StorageError(f"{what}: {reason}; check the store, then start the same command again") from error

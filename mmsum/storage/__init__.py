"""The one way to bytes: local paths, file://, s3://, gs:// and abfss://, by the same few functions.

Every URI given here is canonical (`normalize`) or came out of a listing. Functions keep one client per process, so
they can be called from any worker. They raise StorageError and its kinds: ObjectNotFound, ObjectForbidden and
ObjectChanged are about that object, CredentialsRefused and plain StorageError about the store as a whole.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from mmsum.errors import ObjectForbidden, OutputError, StorageError
from mmsum.records import ObjectRef
from mmsum.storage import stores
from mmsum.storage.parquet import open_parquet, parquet_bytes, read_table
from mmsum.storage.patience import is_trouble, patiently
from mmsum.storage.sources import list_objects, list_source, read_uri_list
from mmsum.storage.uris import is_local, join, normalize

__all__ = [
    "create",
    "delete",
    "exists",
    "folder_exists",
    "honours_conditions",
    "is_local",
    "is_trouble",
    "join",
    "list_folder",
    "list_objects",
    "list_source",
    "normalize",
    "open_parquet",
    "parquet_bytes",
    "patiently",
    "put",
    "read",
    "read_range",
    "read_table",
    "read_uri_list",
    "stat",
    "writing",
]


def stat(uri: str) -> ObjectRef | None:
    """Size and version of one object; None where there is none (a folder is none)."""
    return stores.of(uri).stat(uri)


def exists(uri: str) -> bool:
    """Whether there is an object of that name."""
    return stat(uri) is not None


def folder_exists(uri: str) -> bool:
    """Whether there is a folder of that name: on object stores, whether any key lies below it."""
    return stores.of(uri).folder_exists(uri)


def list_folder(folder: str, starts_with: str = "", *, deep: bool = True) -> Iterator[ObjectRef]:
    """The objects below a folder whose name below it starts so, in no particular order; none where there is no folder.

    Not `deep`: only those that lie directly in it. Raises ObjectNotFound where there is no such bucket.
    """
    below = len(folder.rstrip("/")) + 1
    for ref in stores.of(folder).walk(folder, starts_with, None if deep else 1):
        if deep or "/" not in ref.uri[below:]:
            yield ref


def read(uri: str, version: str = "", max_bytes: int | None = None) -> bytes:
    """All bytes of one object.

    With `version` (as listed), raises ObjectChanged where the object is another by now. Raises DocumentFailure of kind
    `too_large`, without reading, where it has more than `max_bytes`, and of kind `unsupported` for folders and devices.
    """
    return stores.of(uri).read(uri, version, max_bytes)


def read_range(uri: str, start: int, size: int, version: str = "") -> bytes:
    """The `size` bytes behind the first `start` ones of an object that has them. Raises ObjectChanged as `read` does."""
    return stores.of(uri).read_range(uri, start, size, version)


def create(uri: str, data: bytes) -> bool:
    """Write a new object whole. False: there is one of that name already, and it is left alone.

    Of several writers at once exactly one gets True, except on stores that ignore conditions (`honours_conditions`):
    there only the look beforehand guards, which two writers can pass together; it costs one small request. After a
    lost answer on S3, False may mean the object that an earlier try of this same call wrote.
    """
    store = stores.of(uri)
    with suppress(ObjectForbidden):  # write-only credentials: then the condition alone decides
        found = store.stat(uri)
        if found is not None and (found.size or not data):  # an empty one is a write that was killed, on Azure
            return False
    return store.put_if_absent(uri, data)


def put(uri: str, data: bytes) -> None:
    """Write an object whole, replacing one of that name."""
    stores.of(uri).put(uri, data)


def delete(uris: Iterable[str]) -> None:
    """Delete objects; those that do not exist are fine."""
    by_store = defaultdict[stores.Store, list[str]](list)
    for uri in uris:
        by_store[stores.of(uri)].append(uri)
    for store, names in by_store.items():
        store.delete(names)


def honours_conditions(out: str) -> bool:
    """Whether a second conditional write of one name under `out` is refused, found out by trying.

    Raises OutputError where `out` cannot be written.
    """
    probe = join(out, "_run", f".probe-{secrets.token_hex(8)}")
    store = stores.of(out)
    with writing(out):
        store.put_if_absent(probe, b"1")
        second = store.put_if_absent(probe, b"2")
        with suppress(ObjectForbidden):  # nothing but pruning needs the right to delete; the name is hidden
            store.delete([probe])
    return not second


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Inside it a store in trouble is an OutputError that names `what`: a place that the user chose cannot be written."""
    try:
        yield
    except StorageError as error:
        raise OutputError(f"{what}: cannot be written: {error}") from error

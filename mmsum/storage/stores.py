"""What a store can do, and which one a URI belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from mmsum.records import ObjectRef
from mmsum.storage import arrow, local, s3
from mmsum.storage.uris import scheme_of


class Store(Protocol):
    """The functions each of the modules local, s3 and arrow has. They raise StorageError and its kinds."""

    def walk(self, folder: str, starts_with: str = "", depth: int | None = None) -> Iterator[ObjectRef]: ...
    def stat(self, uri: str) -> ObjectRef | None: ...
    def folder_exists(self, uri: str) -> bool: ...
    def read(self, uri: str, version: str = "", max_bytes: int | None = None) -> bytes: ...
    def read_range(self, uri: str, start: int, size: int, version: str = "") -> bytes: ...
    def put_if_absent(self, uri: str, data: bytes) -> bool: ...
    def put(self, uri: str, data: bytes) -> None: ...
    def delete(self, uris: Iterable[str]) -> None: ...


_STORES: dict[str, Store] = {"": local, "s3": s3, "gs": arrow, "abfss": arrow}


def of(uri: str) -> Store:
    """The store of a URI. Raises UsageError for a scheme there is none for."""
    return _STORES[scheme_of(uri)]

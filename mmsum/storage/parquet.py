"""Parquet objects: built in memory and sent as one request, read as one or in parts. pyarrow is loaded when called."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mmsum.records import ObjectRef
from mmsum.storage import stores

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def parquet_bytes(table: pa.Table, row_group_size: int | None = None) -> bytes:
    """The table as a Parquet file, for `create` and `put`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=row_group_size)
    return bytes(sink.getvalue().to_pybytes())


def read_table(uri: str) -> pa.Table:
    """One Parquet object as a table. Raises what `read` raises, and pyarrow.ArrowInvalid for anything but Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(stores.of(uri).read(uri))).read()


def open_parquet(uri: str) -> pq.ParquetFile:
    """One Parquet object, of which row groups and columns are fetched when they are read. Raises as `read_table` does, reading
    it too."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ref = stores.of(uri).stat(uri)
    if ref is None or ref.size <= READ_AHEAD:
        return pq.ParquetFile(pa.BufferReader(stores.of(uri).read(uri)))
    return pq.ParquetFile(pa.PythonFile(_Ranges(ref), mode="r"))


READ_AHEAD = 4 * 2**20
"""Bytes that are fetched at least: columns of a row group lie behind one another, and each request costs some 30 ms."""


class _Ranges(io.RawIOBase):
    """An object as a file, fetched where it is read. Arrow reads it from one thread at a time."""

    def __init__(self, ref: ObjectRef) -> None:
        self._ref = ref
        self._at = 0
        self._held, self._start = b"", 0  # what was fetched last, and where it begins

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ref.size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._ref.size - self._at)
        size = left if size < 0 else min(size, left)
        if not self._start <= self._at <= self._at + size <= self._start + len(self._held):
            fetched = min(max(size, READ_AHEAD), left)
            self._held = stores.of(self._ref.uri).read_range(self._ref.uri, self._at, fetched, self._ref.version)
            self._start = self._at
        begin = self._at - self._start
        self._at += size
        return self._held[begin : begin + size]

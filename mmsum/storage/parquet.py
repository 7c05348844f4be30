"""Parquet objects, whole: built in memory and sent as one request, read as one. pyarrow is loaded when called."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    return open_parquet(uri).read()


def open_parquet(uri: str) -> pq.ParquetFile:
    """One Parquet object, fetched whole, to be read by row group. Raises as `read_table` does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(stores.of(uri).read(uri)))

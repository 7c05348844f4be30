"""Parquet objects of which parts are read."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsum import storage
from mmsum.errors import ObjectNotFound
from mmsum.storage import local
from mmsum.storage.parquet import READ_AHEAD

ROWS = 40


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each request for a range."""
    sizes: list[int] = []
    read_range = local.read_range

    def noted(uri: str, start: int, size: int, version: str = "") -> bytes:
        sizes.append(size)
        return read_range(uri, start, size, version)

    monkeypatch.setattr(local, "read_range", noted)
    return sizes


def test_what_is_not_read_is_not_fetched(tmp_path: Path, fetched: list[int]) -> None:
    pictures = [os.urandom(2**20) for _ in range(ROWS)]
    table = pa.table({"id": [str(number) for number in range(ROWS)], "picture": pictures, "words": ["a b"] * ROWS})
    file = tmp_path / "part.parquet"
    pq.write_table(table, file, row_group_size=ROWS // 4)
    opened = storage.open_parquet(str(file))
    assert opened.schema_arrow.names == table.column_names and sum(fetched) < 2**20
    fetched.clear()
    assert opened.read_row_group(2, use_threads=False) == table.slice(ROWS // 2, ROWS // 4)
    assert sum(fetched) < (ROWS // 4 + 1) * 2**20 + 2 * READ_AHEAD
    fetched.clear()
    assert opened.read(["id", "words"]) == table.select(["id", "words"])
    assert sum(fetched) <= 8 * READ_AHEAD
    assert storage.read_table(str(file)) == opened.read() == table


def test_a_small_one_is_one_request(tmp_path: Path, fetched: list[int]) -> None:
    table = pa.table({"id": ["a"]})
    storage.put(str(tmp_path / "part.parquet"), storage.parquet_bytes(table))
    assert storage.open_parquet(str(tmp_path / "part.parquet")).read() == table and fetched == []


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    for size in (100, READ_AHEAD + 1):
        (tmp_path / "x.parquet").write_bytes(bytes(size))
        with pytest.raises(pa.ArrowInvalid, match="magic"):
            storage.open_parquet(str(tmp_path / "x.parquet"))
    with pytest.raises(ObjectNotFound, match="nope"):
        storage.open_parquet(str(tmp_path / "nope"))

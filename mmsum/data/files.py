"""Examples from and to Parquet: OUT/<split>/part-00000.parquet."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from mmsum import storage
from mmsum.errors import OutputError, SourceError, StorageError
from mmsum.examples import Example, examples_to_table

GROUP_ROWS = 50
"""Examples of a row group: what training encodes in one task."""


def write_part(folder: str, number: int, examples: list[Example]) -> None:
    """One part; raises OutputError where it cannot be written."""
    target = io.BytesIO()
    pq.write_table(examples_to_table(examples), target, row_group_size=GROUP_ROWS, compression="zstd")
    try:
        storage.put(storage.join(folder, part_name(number)), target.getvalue())
    except StorageError as error:
        raise OutputError(f"{folder}: cannot be written: {error}") from error


def write_splits(out: str, examples: Iterable[Example]) -> dict[str, int]:
    """One part per split under `out`; returns the counts. Raises OutputError where parts are there already."""
    by_split: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_split[example.split].append(example)
    base = storage.normalize(out)
    for split in by_split:
        refuse_parts(storage.join(base, split))
    for split, group in by_split.items():
        write_part(storage.join(base, split), 0, group)
    return {split: len(group) for split, group in by_split.items()}


def refuse_parts(folder: str) -> None:
    """Raises OutputError where `folder` holds examples."""
    if storage.stat(storage.join(folder, part_name(0))) is not None:
        raise OutputError(f"{folder}: holds examples already; give another OUT or delete them")


def part_name(number: int) -> str:
    return f"part-{number:05d}.parquet"


def read_examples(data: str) -> Iterator[Example]:
    """All examples under `data` (a folder, file or prefix), part by part. Raises SourceError where there are none."""
    base = storage.normalize(data)
    uris = sorted(ref.uri for ref in storage.list_objects(base) if ref.uri.endswith(".parquet"))
    if not uris:
        raise SourceError(f"{data}: holds no Parquet files of examples; make some with `mmsum data`")
    for uri in uris:
        try:
            part = pq.ParquetFile(pa.BufferReader(storage.read(uri)))
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"{uri}: is not a Parquet file: {error}") from error
        for group in range(part.num_row_groups):
            for row in part.read_row_group(group).to_pylist():
                yield Example.from_row(row)


def is_image(data: bytes) -> bool:
    """Whether Pillow can decode the whole image."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception:  # Pillow's readers raise whatever their format makes of broken bytes
        return False
    return True

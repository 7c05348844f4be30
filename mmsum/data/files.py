"""Examples from and to Parquet: OUT/<split>/part-00000.parquet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from mmsum import storage
from mmsum.errors import OutputError, SourceError
from mmsum.examples import Example, examples_to_table
from mmsum.records import ObjectRef

GROUP_ROWS = 50
"""Examples of a row group: what training encodes in one task."""


def write_part(folder: str, number: int, examples: list[Example]) -> None:
    """One part; raises OutputError where it cannot be written."""
    part = storage.parquet_bytes(examples_to_table(examples), row_group_size=GROUP_ROWS)
    with storage.writing(folder):
        storage.put(storage.join(folder, part_name(number)), part)


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


def list_examples(data: str) -> list[ObjectRef]:
    """The Parquet files under `data` (a folder, file or prefix), in order of URI. Raises SourceError where there are none."""
    files = [ref for ref in storage.list_objects(storage.normalize(data)) if ref.uri.endswith(".parquet")]
    if not files:
        raise SourceError(f"{data}: holds no Parquet files of examples; make some with `mmsum data`")
    return sorted(files, key=lambda ref: ref.uri)


def open_examples(uri: str) -> pq.ParquetFile:
    """One file of examples. Raises SourceError for anything else."""
    try:
        file = storage.open_parquet(uri)
    except pa.ArrowInvalid as error:
        raise SourceError(f"{uri}: not a readable Parquet file ({error}); write the examples again") from error
    if missing := {"id", "text", "summary"} - set(file.schema_arrow.names):
        names = ", ".join(sorted(missing))
        raise SourceError(f"{uri}: no column {names}; examples need id, title, text, figures and summary")
    return file


def read_examples(data: str) -> Iterator[Example]:
    """All examples under `data`, row group by row group. Raises SourceError where there are none."""
    for ref in list_examples(data):
        file = open_examples(ref.uri)
        for group in range(file.num_row_groups):
            # One thread: Arrow's own, still running when a command ends in an error, now and then abort the process.
            for row in file.read_row_group(group, use_threads=False).to_pylist():
                yield Example.from_row(row)

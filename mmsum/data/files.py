"""Examples from and to Parquet: OUT/<split>/part-00000.parquet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmsum import storage
from mmsum.errors import OutputError, SourceError, UsageError
from mmsum.examples import EXAMPLE_SCHEMA, Example, examples_to_table
from mmsum.records import ObjectRef

GROUP_ROWS = 50
"""Examples of a row group: what training encodes in one task, and at most that of a larger one."""
PART_BYTES = 128 * 2**20
"""Of an imported part: what is held of a split until it is written, and what a task of training fetches."""
_SPLITS = ("train", "valid", "validation", "test", "heldout")
"""Splits that a command looks for by name: other spellings of them would be missed, or learned from."""


def write_part(folder: str, number: int, examples: list[Example]) -> None:
    """One part; raises OutputError where it cannot be written."""
    part = storage.parquet_bytes(examples_to_table(examples), row_group_size=GROUP_ROWS)
    with storage.writing(folder):
        storage.put(storage.join(folder, part_name(number)), part)


def write_splits(out: str, examples: Iterable[Example]) -> dict[str, int]:
    """Parts of about PART_BYTES for each split under `out`, written as examples come; returns the counts.

    Raises OutputError where parts are there already, UsageError where a split cannot be a folder's name.
    """
    base = storage.normalize(out)
    waiting: dict[str, list[Example]] = {}
    held: Counter[str] = Counter()  # bytes that wait
    parts: Counter[str] = Counter()
    counts: Counter[str] = Counter()

    def write(split: str) -> None:
        write_part(storage.join(base, split), parts[split], waiting[split])
        parts[split] += 1
        waiting[split], held[split] = [], 0

    for example in examples:
        split = example.split = split_name(example.split)
        if split not in waiting:
            refuse_parts(storage.join(base, split))
            waiting[split] = []
        waiting[split].append(example)
        counts[split] += 1
        held[split] += len(example.text) + len(example.summary) + sum(len(figure.image) for figure in example.figures)
        if held[split] >= PART_BYTES:
            write(split)
    for split in waiting:
        if waiting[split]:
            write(split)
    return dict(counts)


def split_name(given: str) -> str:
    """The split without blanks around it; ` Train` is `train`. Raises UsageError where it cannot be a folder's name."""
    name = given.strip()
    if name.lower() in _SPLITS:
        return name.lower()
    # It becomes one folder of OUT: those that begin with a dot are not listed, * ? [ make a pattern of OUT/<split>, ? also the
    # signature of a URL, and file systems take 255 bytes.
    named = re.fullmatch(r"[^./\\*?\[][^/\\*?\[]*", name) and name.isprintable()
    if not named or len(name.encode()) > 255:
        rule = "use at most 255 bytes, no dot at the start, none of / \\ * ? [ and nothing invisible"
        raise UsageError(f"the split {given!r} cannot be a folder's name; {rule}")
    return name


def refuse_parts(folder: str) -> None:
    """Raises OutputError where `folder` holds examples. Parts are written in any order: a killed run may have left any."""
    with storage.writing(folder):
        parts = [ref.uri for ref in storage.list_folder(folder, "part-", deep=False) if ref.uri.endswith(".parquet")]
    if parts:
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
    """One file of examples. Raises SourceError for anything else, and for columns of other types than EXAMPLE_SCHEMA's."""
    try:
        file = storage.open_parquet(uri)
        schema = file.schema_arrow
    except _UNREADABLE as error:
        raise _unreadable(uri, error) from error
    if missing := {"id", "text", "summary"} - set(schema.names):
        names = ", ".join(sorted(missing))
        raise SourceError(f"{uri}: no column {names}; examples need id, title, text, figures and summary")
    for column in schema:
        if column.name in EXAMPLE_SCHEMA.names:
            for name, found, expected in _misfits(column.name, column.type, EXAMPLE_SCHEMA.field(column.name).type):
                if name == column.name and _is_empty(file, name):
                    continue  # pandas types a column without any value as numbers
                raise SourceError(
                    f"{uri}: column {name} holds {found}, not {expected}; write the examples again with that type"
                )
    return file


def _is_empty(file: pq.ParquetFile, column: str) -> bool:
    values = file.read(columns=[column], use_threads=False)[column]
    return bool(values.null_count == len(values))


_UNREADABLE = (OSError, pa.ArrowException, ValueError)
"""What pyarrow raises for files that are no Parquet, cut short or damaged, some in a page's bytes, some in a text's."""


def _unreadable(uri: str, error: Exception) -> SourceError:
    reason = " ".join(str(error).split())
    return SourceError(f"{uri}: not a readable Parquet file ({reason}); write the examples again")


def _misfits(name: str, found: pa.DataType, expected: pa.DataType) -> Iterator[tuple[str, pa.DataType, pa.DataType]]:
    """The column, or those of its fields, whose values are others than `Example.from_row` takes: (name, found, expected).

    Other widths, names of a list's elements, further fields and columns without any value do no harm.
    """
    types = pa.types
    if types.is_dictionary(found):
        found = found.value_type
    if types.is_null(found):
        return
    if types.is_struct(expected) and types.is_struct(found):
        for part in found.fields:
            if (at := expected.get_field_index(part.name)) >= 0:
                yield from _misfits(f"{name}.{part.name}", part.type, expected.field(at).type)
    elif types.is_list(expected) and any(is_list(found) for is_list in _LISTS):
        yield from _misfits(f"{name}[]", found.value_type, expected.value_type)
    elif not any(kind[0](expected) and any(is_of(found) for is_of in kind) for kind in _KINDS):
        yield name, found, expected


_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_KINDS = (
    (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    (pa.types.is_large_binary, pa.types.is_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view),
    (pa.types.is_integer,),
    (pa.types.is_floating, pa.types.is_integer),
)
"""Kinds of types that stand for one another; the first is EXAMPLE_SCHEMA's."""


def read_examples(data: str) -> Iterator[Example]:
    """All examples under `data`, row group by row group. Raises SourceError where there are no files, or unreadable ones."""
    for ref in list_examples(data):
        file = open_examples(ref.uri)
        for group in range(file.num_row_groups):
            yield from read_group(ref.uri, file, group)


def read_group(uri: str, file: pq.ParquetFile, group: int) -> list[Example]:
    """The examples of one row group. Raises SourceError, naming `uri`, where they are damaged."""
    try:
        # One thread: Arrow's own, still running when a command ends in an error, now and then abort the process.
        rows = file.read_row_group(group, use_threads=False).to_pylist()
    except _UNREADABLE as error:
        raise _unreadable(uri, error) from error
    return [Example.from_row(row) for row in rows]


class GroupReader:
    """Reads a row group in pieces, each behind the one before, and holds no more of it than a piece."""

    def __init__(self, uri: str, file: pq.ParquetFile, group: int) -> None:
        self.uri = uri
        self.position = 0  # rows that have been read or passed over
        self._batches = file.iter_batches(GROUP_ROWS, row_groups=[group], use_threads=False)

    def read(self, start: int, count: int) -> list[Example]:
        """The examples of rows `start` to `start + count`, both multiples of GROUP_ROWS or the group's end, `start` not before
        `position`. Raises SourceError, naming the file, where they are damaged."""
        rows: list[dict[str, Any]] = []
        try:
            while self.position < start + count and (batch := next(self._batches, None)) is not None:
                if self.position >= start:
                    rows += batch.to_pylist()
                self.position += batch.num_rows
        except _UNREADABLE as error:
            raise _unreadable(self.uri, error) from error
        return [Example.from_row(row) for row in rows]

"""Data sets of examples -> what training steps read, encoded once: rows.py says what an example becomes.

    examples (Parquet) -> one task a row group -> OUT/encoded/<digest>/part-NNNNNN.parquet -> index.parquet

The digest covers the data's versions and every setting that changes an encoded row; a part that is there is not made
again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsum import storage
from mmsum.config import Config
from mmsum.data.files import GROUP_ROWS, GroupReader, list_examples, open_examples
from mmsum.errors import ConfigError, EnvironmentFailure
from mmsum.examples import Example
from mmsum.generation.chat import Chat
from mmsum.model.manifest import as_exported, soft_tokens
from mmsum.records import ObjectRef
from mmsum.training.rows import ENCODED_SCHEMA, VERSION, encode_example, training_units

EXAMPLES_OF_A_PROCESS = 400
"""At least: about as many are encoded in the seconds that a process takes to start."""

INDEX_SCHEMA = pa.schema(
    [
        ("part", pa.int32()),
        ("row", pa.int32()),
        ("prompt_tokens", pa.int32()),
        ("target_tokens", pa.int32()),
        ("answer_tokens", pa.int32()),
        ("figures", pa.int32()),
        ("kind", pa.string()),
    ]
)


@dataclass(frozen=True)
class Part:
    """One row group of one file of examples, or a piece of one, encoded by one task."""

    number: int
    uri: str
    version: str
    row_group: int
    start: int  # its first row in the row group
    examples: int


@dataclass(frozen=True)
class Encoded:
    """An encoded data set: where it lies, its index (INDEX_SCHEMA) and what the rules counted."""

    folder: str
    index: pa.Table
    counts: dict[str, int]

    def part_uri(self, number: int) -> str:
        return storage.join(self.folder, _part_name(number))


def _part_name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def list_parts(files: Iterable[ObjectRef]) -> list[Part]:
    """The row groups of the files, numbered in order; those of more than GROUP_ROWS examples, which may be all of a file, in
    pieces, which are numbered behind all row groups."""
    groups: list[tuple[ObjectRef, int, int]] = []
    for ref in files:
        file = _open(ref.uri, ref.version).metadata
        groups += [(ref, group, file.row_group(group).num_rows) for group in range(file.num_row_groups)]
    behind = count(len(groups))
    parts: list[Part] = []
    for number, (ref, group, rows) in enumerate(groups):
        if rows <= GROUP_ROWS:
            parts.append(Part(number, ref.uri, ref.version, group, 0, rows))
            continue
        for start in range(0, rows, GROUP_ROWS):
            parts.append(Part(next(behind), ref.uri, ref.version, group, start, min(GROUP_ROWS, rows - start)))
    return parts


@lru_cache(maxsize=1)  # a file's row groups are encoded one after the other
def _open(uri: str, version: str) -> pq.ParquetFile:
    return open_examples(uri)


@lru_cache(maxsize=1)
def _open_group(uri: str, version: str, row_group: int) -> GroupReader:
    return GroupReader(uri, _open(uri, version), row_group)


def _read(part: Part) -> list[Example]:
    where = part.uri, part.version, part.row_group
    if _open_group(*where).position > part.start:  # it reads forward only
        _open_group.cache_clear()
    return _open_group(*where).read(part.start, part.examples)


def encode_part(part: Part, folder: str, config: Config) -> int:
    """Encodes one part and writes it, unless it has been written; returns its number."""
    uri = storage.join(folder, _part_name(part.number))
    if storage.exists(uri):
        return part.number
    chat = load_chat(config)
    rows, counts = [], Counter[str]()
    for example in _read(part):
        documents, figures, counted = training_units(example, config.training)
        counts += counted
        for unit, alone in [*((one, False) for one in documents), *((one, True) for one in figures)]:
            row, counted = encode_example(unit, chat, config, alone)
            counts += counted
            if row:
                rows.append(row)
    encoded = pa.Table.from_pylist(rows, schema=ENCODED_SCHEMA.with_metadata({"counts": json.dumps(+counts)}))
    storage.create(uri, storage.parquet_bytes(encoded))
    return part.number


def encoding_digest(files: Iterable[ObjectRef], config: Config, tokenizer: str) -> str:
    """16 hex digits over the examples' versions and the settings that an encoded row depends on."""
    generation = config.generation
    settings = [
        VERSION,
        [(ref.uri, ref.version) for ref in files],
        tokenizer,
        config.model.image_size,
        soft_tokens(config.model),
        generation.context_tokens,
        generation.summary_tokens,
        generation.figures_per_call,
        generation.describe_figures,
        config.training.stage,
        config.training.unit,
        config.training.answer_weight != 1,
        *([generation.figure_text_tokens] if generation.figure_text_tokens else []),
    ]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]


Run = Callable[[list[Part], str, Config], Iterator[int]]
"""Encodes parts somewhere (here, or on a cluster's CPU workers) and yields the number of each that is done."""


def encode_data(config: Config, run: Run | None = None) -> tuple[Encoded, Encoded | None]:
    """What a run learns from, and what it is measured on where `training.valid` names that.

    Raises what `encode` does, and ConfigError where the one is also the other, or figures are to be learned from and there are
    none.
    """
    training = config.training
    if training.valid:
        learned = {ref.uri for ref in list_examples(training.data)}
        shared = sorted(ref.uri for ref in list_examples(training.valid) if ref.uri in learned)
        if shared:
            raise ConfigError(
                f"training.valid: {shared[0]} is among training.data too, and a loss on what was learned says nothing; name "
                "another split, as DATA/valid"
            )
    encoded = encode(training.data, config, run)
    looks = training.stage == "train" and (training.learning_rate > 0 or training.vision_learning_rate > 0)
    if looks and not pc.sum(encoded.index["figures"]).as_py():
        raise ConfigError(
            f"training.data: no example of {training.data} has a figure, and adapters and tower learn from nothing else; give "
            "others, or set training.learning_rate and training.vision_learning_rate to 0 for LoRA alone"
        )
    valid = encode(training.valid, config, run, "training.valid") if training.valid else None
    if training.stage == "finetune_clip":
        for key, data, use in (("training.data", encoded, "learn from"), ("training.valid", valid, "be measured on")):
            if data and not pc.sum(data.index["figures"]).as_py():
                raise ConfigError(f"{key}: no example has a figure that CLIP could {use}; give others")
    return encoded, valid


def encode(data: str, config: Config, run: Run | None = None, key: str = "training.data") -> Encoded:
    """The encoded form of `data` under `training.out`, made where it is not there yet. key: what names it in the config.

    Raises SourceError for data that cannot be read, ConfigError when no example is left to learn from, or where those to be
    measured on are among them.
    """
    from mmsum.model.backbone import tokenizer_id

    config = config.model_copy(update={"model": as_exported(config.model)})  # its image_size is the export's
    files = list_examples(data)
    digest = encoding_digest(files, config, tokenizer_id(config.model))
    folder = storage.join(storage.normalize(config.training.out), "encoded", digest)
    index_uri = storage.join(folder, "index.parquet")
    if not storage.exists(index_uri):
        _check_splits(key, data, files)
        parts = list_parts(files)
        for _ in (run or encode_here)(parts, folder, config):
            pass
        storage.create(index_uri, _index(parts, folder))
    table = storage.read_table(index_uri)
    counts = json.loads(table.schema.metadata[b"counts"])
    if table.num_rows == 0:
        left_out = ", ".join(f"{count} {name}" for name, count in counts.items())
        use = "measure on" if key == "training.valid" else "learn from"
        raise ConfigError(f"{key}: {data} has no example to {use} ({left_out or 'it is empty'})")
    return Encoded(folder, table.replace_schema_metadata(None), counts)


def _check_splits(key: str, data: str, files: Iterable[ObjectRef]) -> None:
    """A folder is read whole, and `mmsum data` writes one of each split into it."""
    found: dict[str, str] = {}
    for ref in files:
        file = open_examples(ref.uri)
        if "split" in file.schema_arrow.names:
            for split in file.read(columns=["split"])["split"].unique().to_pylist():
                found.setdefault(split, ref.uri)
    others = sorted({"valid", "validation", "test", "heldout"} & found.keys())
    if "train" in found and others:
        raise ConfigError(
            f"{key}: {data} holds examples of the split {others[0]} beside those to learn from ({found[others[0]]}); "
            "name the folder of one split, as DATA/train"
        )


def encode_here(parts: list[Part], folder: str, config: Config) -> Iterator[int]:
    """In a process for every core, or in this one where there is little to do."""
    examples = sum(part.examples for part in parts)
    workers = min(len(os.sched_getaffinity(0)), len(parts), examples // EXAMPLES_OF_A_PROCESS)
    if workers < 2:
        for part in parts:
            yield encode_part(part, folder, config)
        return
    # Spawned: this process may have threads, and a GPU. What a part needs is loaded once in each.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        done = [pool.submit(encode_part, part, folder, config) for part in parts]
        try:
            for encoded in as_completed(done):
                yield encoded.result()
        except BrokenProcessPool as error:
            raise EnvironmentFailure(
                f"{folder}: a process that encoded examples died, mostly for want of memory; the same command goes on from the "
                "parts that are there"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@lru_cache(maxsize=1)  # a process encodes many parts
def load_chat(config: Config) -> Chat:
    """How the backbone is spoken to, without the backbone. Raises ConfigError where it has no way to end."""
    from mmsum.model.backbone import load_tokenizer, tokenizer_folder

    tokenizer = load_tokenizer(tokenizer_folder(config.model))
    if tokenizer.eos_token_id is None:
        raise ConfigError(
            f"model.backbone: the tokenizer of {config.model.backbone} has no eos_token, with which summaries learn to end; "
            "name one in its tokenizer_config.json"
        )
    return Chat(tokenizer, soft_tokens(config.model))


def _index(parts: list[Part], folder: str) -> bytes:
    tables, counts = [], Counter[str]()
    for part in parts:
        uri = storage.join(folder, _part_name(part.number))
        # Not the images, which are nearly all of a part.
        encoded = storage.open_parquet(uri).read(["prompt", "target", "captions", "answers", "kind"])
        counts += Counter(json.loads(encoded.schema.metadata[b"counts"]))
        lengths = [pc.list_value_length(encoded[name]).cast(pa.int32()) for name in ("prompt", "target", "captions")]
        rows = encoded.num_rows
        prompts, targets, figures = lengths
        columns = [
            pa.array([part.number] * rows, pa.int32()),
            pa.array(range(rows), pa.int32()),
            prompts,
            targets,
            pa.array([sum(answers) for answers in encoded["answers"].to_pylist()], pa.int32()),
            figures,
            encoded["kind"],
        ]
        tables.append(pa.table(columns, schema=INDEX_SCHEMA))
    table = pa.concat_tables(tables).replace_schema_metadata({"counts": json.dumps(counts)})
    return storage.parquet_bytes(table)

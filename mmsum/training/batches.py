"""Which examples a step reads, and what they look like to the model.

Step s of a run is a pure function of (seed, s): the same examples whatever the number of workers, cut among them in
order. Examples of one step have nearly equal lengths; CLIP's pairs, figures of one kind. Dropout of text and figures is
keyed by (seed, example, step).

Shapes: B examples of a micro-batch, T tokens, N images, S side of an image in pixels.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmsum import storage
from mmsum.config import Config, Training
from mmsum.errors import EnvironmentFailure
from mmsum.model.files import cache_folder, made_once
from mmsum.model.manifest import as_exported
from mmsum.model.places import PLACE
from mmsum.model.torchstack import torch
from mmsum.training.encode import Encoded
from mmsum.training.jitter import draw_change, jittered

POOL_BATCHES = 32
"""Batches whose examples are sorted by what makes them alike, mostly length, together: long enough that a batch wastes few
tokens on padding (under 5 % of random lengths), short enough that an epoch stays shuffled."""

IGNORED = -100
"""Label of a token that no loss is taken on."""


ALIKE_PAIRS = 16
"""CLIP's pairs of one kind of figure in a row, in a batch of several kinds. A batch of one kind alone taught nothing: the loss
stayed at chance (docs/log.md)."""


class Schedule:
    """The examples of every step. `check_training` has seen to it that there is a micro-batch for every worker."""

    def __init__(self, alike: Sequence[int], training: Training, seed: int) -> None:
        self.alike = np.asarray(alike)
        self.size = training.batch_size
        self.run = min(ALIKE_PAIRS, self.size) if training.stage == "finetune_clip" else self.size
        self.seed = seed
        self.per_epoch = max(1, len(alike) // self.size)

    def examples(self, step: int) -> list[int]:
        """Indices of the global batch of a step (from 0)."""
        epoch, place = divmod(step, self.per_epoch)
        return self._epoch(epoch)[place]

    @lru_cache(maxsize=2)  # noqa: B019  one schedule lives as long as its run
    def _epoch(self, epoch: int) -> list[list[int]]:
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(len(self.alike))
        if len(order) < self.size:  # fewer examples than one batch: some come twice
            order = np.resize(order, self.size)
        order = order[: self.per_epoch * self.size]
        pools = [order[at : at + self.size * POOL_BATCHES] for at in range(0, len(order), self.size * POOL_BATCHES)]
        order = np.concatenate([pool[np.argsort(self.alike[pool], kind="stable")] for pool in pools])
        whole = len(order) // self.run * self.run
        runs = order[:whole].reshape(-1, self.run)
        order = np.concatenate([runs[generator.permutation(len(runs))].ravel(), order[whole:]])
        return [list(map(int, batch)) for batch in order.reshape(self.per_epoch, self.size)]


@dataclass(slots=True)
class MicroBatch:
    """What one forward pass reads. Rows are aligned at their end: the targets of all rows are the last tokens."""

    tokens: torch.Tensor  # [B, T] int64
    mask: torch.Tensor  # [B, T] int64, 0 on padding
    labels: torch.Tensor  # [B, L] int64: of the last L positions, IGNORED where there is no target
    weights: torch.Tensor  # [B, L] float32: what each label's loss counts; 0 where there is no target
    images: torch.Tensor  # [N, S, S, 3] uint8; a blank one where no example has any
    figures: list[int]  # images of each example, in order
    captions: list[str]  # of the images
    shown: list[list[list[str]]]  # of each image, each fact: what it shows, then what it could have shown
    ids: list[str]
    changes: torch.Tensor | None = None  # [N, CHANGES] of the images, with training.figure_jitter
    real: bool = True  # or a blank one, which only keeps a worker in step with the others

    def to(self, device: torch.device) -> MicroBatch:
        """The same with its tensors on `device`."""
        names = ("tokens", "mask", "labels", "weights", "images", "changes")
        tensors = {name: tensor for name in names if (tensor := getattr(self, name)) is not None}
        return replace(self, **{name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()})

    def seen(self) -> torch.Tensor:
        """The images as the model is to see them, uint8 [N, S, S, 3]."""
        return self.images if self.changes is None else jittered(self.images, self.changes)


class EncodedData:
    """Encoded examples on this machine, mapped into memory: fetched once per host, read in any order."""

    def __init__(self, encoded: Encoded, config: Config, pad: int) -> None:
        self.pad = pad
        self.side = as_exported(config.model).image_size
        self.training, self.seed = config.training, config.seed
        self.pairs = config.training.stage == "finetune_clip"
        index = encoded.index
        if self.pairs:
            index = index.filter(pc.greater(index["figures"], 0))
        targets = index["target_tokens"].to_numpy()
        # What each example's loss counts: its target tokens, those that answer a fact as often as configured.
        self.weights = targets + (self.training.answer_weight - 1) * index["answer_tokens"].to_numpy()
        lengths = index["prompt_tokens"].to_numpy() + targets
        self.lengths: list[int] = lengths.tolist()
        # CLIP's pairs are batched by kind of figure instead: what tells two charts of a kind apart is what they show.
        self.alike: list[int] = (_codes(index["kind"]) if self.pairs else lengths).tolist()
        self._places = list(zip(index["part"].to_pylist(), index["row"].to_pylist(), strict=True))
        numbers = sorted({part for part, _ in self._places})
        with ThreadPoolExecutor(thread_name_prefix="parts") as pool:
            self._parts = dict(zip(numbers, pool.map(partial(_mapped, encoded), numbers), strict=True))

    def __len__(self) -> int:
        return len(self._places)

    def row(self, index: int) -> dict[str, Any]:
        """One row of ENCODED_SCHEMA."""
        part, row = self._places[index]
        record: dict[str, Any] = self._parts[part].slice(row, 1).to_pylist()[0]
        return record

    def batch(self, indices: Sequence[int], step: int | None) -> MicroBatch:
        """The examples as one micro-batch; a step's number turns dropout on. For CLIP, one figure of each and its caption."""
        rows, jitter = [], self.training.figure_jitter if step is not None else 0
        for index in indices:
            row = self.row(index)
            draw = random.Random(f"{self.seed}:{index}:{step}")
            if self.pairs:
                chosen = draw.randrange(len(row["images"]))
                row |= {name: [row[name][chosen]] for name in ("images", "captions", "shown")}
                row |= {"prompt": row["prompt"][:1], "target": []}
            elif step is not None:
                if draw.random() < self.training.text_dropout and row["bare_prompt"]:
                    row["prompt"] = row["bare_prompt"]
                elif draw.random() < self.training.figure_dropout:
                    row["images"], row["captions"], row["shown"] = [], [], []
                    row["prompt"] = [token for token in row["prompt"] if token != PLACE]
            if jitter:
                row["changes"] = [draw_change(draw, jitter) for _ in row["images"]]
            rows.append(row)
        return collate(rows, self.pad, self.side, self.training.answer_weight)


def collate(rows: Sequence[dict[str, Any]], pad: int, side: int, answer_weight: float = 1.0) -> MicroBatch:
    """Rows of ENCODED_SCHEMA, padded at the front to the longest. `changes` of a row are those of its images."""
    longest = max(len(row["prompt"]) + len(row["target"]) for row in rows)
    answers = max(len(row["target"]) for row in rows)
    tokens = torch.full((len(rows), longest), pad)
    mask = torch.zeros_like(tokens)
    labels = torch.full((len(rows), answers), IGNORED)
    weights = torch.zeros(len(rows), answers)
    for at, row in enumerate(rows):
        ids = row["prompt"] + row["target"]
        tokens[at, longest - len(ids) :] = torch.tensor(ids)
        mask[at, longest - len(ids) :] = 1
        labels[at, answers - len(row["target"]) :] = torch.tensor(row["target"])
        weights[at, answers - len(row["target"]) :] = 1
        if row["answers"]:
            weights[at, answers - len(row["target"]) :][torch.tensor(row["answers"])] = answer_weight
    blobs = [image for row in rows for image in row["images"]] or [bytes([255]) * (side * side * 3)]
    images = torch.from_numpy(np.stack([np.frombuffer(blob, np.uint8).reshape(side, side, 3) for blob in blobs]))
    changes = [change for row in rows for change in row.get("changes", ())]
    return MicroBatch(
        tokens=tokens,
        mask=mask,
        labels=labels,
        weights=weights,
        images=images,
        figures=[len(row["images"]) for row in rows],
        captions=[caption for row in rows for caption in row["captions"]],
        shown=[facts for row in rows for facts in row["shown"]],
        changes=torch.tensor(changes) if changes else None,
        ids=[row["id"] for row in rows],
    )


def micro_batches(
    data: EncodedData, schedule: Schedule, step: int, rank: int, workers: int, size: int
) -> list[MicroBatch]:
    """A worker's share of a step, in micro-batches of `size` examples. Padding is the same for every number of workers.

    All workers get equally many, or ZeRO would wait for ever: where they do not divide a step's, the last ones make it up
    with blank ones.
    """
    examples = schedule.examples(step)
    starts = range(0, len(examples), size)
    share = -(-len(starts) // workers)
    mine = [data.batch(examples[at : at + size], step) for at in starts[rank * share : (rank + 1) * share]]
    missing = share - len(mine)
    return mine + [blank(data.batch(examples[:size], step))] * missing if missing else mine


def blank(batch: MicroBatch) -> MicroBatch:
    """The same work to do, and nothing to learn from it."""
    return replace(batch, labels=torch.full_like(batch.labels, IGNORED), shown=[[] for _ in batch.shown], real=False)


def prefetched(
    data: EncodedData, schedule: Schedule, steps: Iterator[int], rank: int, workers: int, size: int
) -> Iterator[tuple[int, list[MicroBatch]]]:
    """(step, this worker's micro-batches), the next step's being read while one is computed."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        ahead = None
        for step in steps:
            behind, ahead = ahead, (step, pool.submit(micro_batches, data, schedule, step, rank, workers, size))
            if behind:
                yield behind[0], behind[1].result()
        if ahead:
            yield ahead[0], ahead[1].result()


def _codes(names: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A number for each name, in the order of the names."""
    found: np.ndarray[Any, np.dtype[np.int64]] = np.unique(names.to_numpy(), return_inverse=True)[1]
    return found


def _mapped(encoded: Encoded, number: int) -> pa.Table:
    """A part as an Arrow file that is mapped, not read: workers of one host share it."""
    target = cache_folder() / "encoded" / encoded.folder.rsplit("/", 1)[-1] / f"part-{number:06d}.arrow"
    try:
        made_once(target, partial(_write_arrow, encoded, number))
    except OSError as error:
        raise EnvironmentFailure(
            f"{target}: encoded examples cannot be kept there ({error.strerror or error}); "
            "set MMSUM_CACHE to a folder with room for them"
        ) from error
    return pa.ipc.open_file(pa.memory_map(str(target))).read_all()


def _write_arrow(encoded: Encoded, number: int, target: Path) -> None:
    table = storage.read_table(encoded.part_uri(number)).combine_chunks()
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)

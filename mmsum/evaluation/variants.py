"""The examples of an evaluation, whole or with a part taken away or exchanged."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from mmsum.data.files import read_examples
from mmsum.errors import SourceError
from mmsum.examples import Example, ExampleFigure, examples_to_table, split_by_figure

Unit = Literal["document", "figure"]
FULL, FIGURES_REMOVED, FIGURES_SWAPPED = "full", "figures_removed", "figures_swapped"

ABLATIONS = {
    FIGURES_REMOVED: "no figure is shown; labels, captions and the text inside figures stay in the text",
    FIGURES_SWAPPED: "each figure is another document's; labels, captions and the text inside figures stay",
    "captions_removed": "figures are shown, their captions are empty; labels stay",
    "text_removed": "title, captions and figures alone",
}
"""What training's dropouts take away, too: figure_dropout is figures_removed, text_dropout is text_removed."""


class Examples:
    """A table of EXAMPLE_SCHEMA, read into memory, whose rows are given whole or as one of ABLATIONS.

    Images are swapped in a ring over the shuffled documents that have some, so that everybody gets another's, each
    image is used by one document, and equal seeds give equal rings. With fewer than two such documents there is no
    other document, and `can_swap` is False. Rows of one document are those with one value in the column `document`, which
    load_examples adds where rows are figures.
    """

    def __init__(self, table: pa.Table, seed: int) -> None:
        self.table = table
        self.seed = seed
        rows = defaultdict[str, list[int]](list)  # document -> its rows with figures
        self.documents: list[str] = table["document" if "document" in table.column_names else "id"].to_pylist()
        figures = pc.list_value_length(table["figures"]).to_pylist()
        for index, (document, count) in enumerate(zip(self.documents, figures, strict=True)):
            if count:
                rows[document].append(index)
        ring = list(rows.values())
        random.Random(seed).shuffle(ring)
        self._giver: dict[int, int] = {}
        if len(ring) > 1:
            for takers, givers in zip(ring, ring[1:] + ring[:1], strict=True):
                self._giver |= {row: givers[place % len(givers)] for place, row in enumerate(takers)}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def can_swap(self) -> bool:
        return bool(self._giver)

    def get(self, index: int, variant: str = FULL) -> Example:
        """One example as `variant` shows it. Raises KeyError for an unknown variant."""
        example = Example.from_row(self.table.slice(index, 1).to_pylist()[0])
        if variant == FULL:
            return example
        change = {
            FIGURES_REMOVED: lambda: {"figures": [replace(figure, image=b"") for figure in example.figures]},
            FIGURES_SWAPPED: lambda: {"figures": self._swapped(index, example)},
            "captions_removed": lambda: {"figures": [replace(figure, caption="") for figure in example.figures]},
            "text_removed": lambda: {"text": ""},
        }[variant]
        return replace(example, **change())  # type: ignore[arg-type]

    def _swapped(self, index: int, example: Example) -> list[ExampleFigure]:
        if index not in self._giver:
            return example.figures
        others = self.get(self._giver[index]).figures
        return [
            replace(figure, image=others[position % len(others)].image)
            for position, figure in enumerate(example.figures)
        ]


def reasons(left_out: Counter[str]) -> str:
    """Why and how often examples were left out, in one line."""
    return ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in left_out.items())


def load_examples(
    data: str,
    limit: int | None = None,
    split: str | None = None,
    unit: Unit = "document",
    source: str | None = None,
) -> tuple[pa.Table, Counter[str]]:
    """The first `limit` examples of all Parquet files under `data`, in order of URI.

    split, source: only examples of that split, only those whose source holds that.

    unit "figure": each figure by itself, without text, with what the summary says of it, and the id of its document in
    the column `document`; `limit` still counts documents.
    Also what was left out, by reason. Raises SourceError for files or facts that cannot be read, for an id that stands there
    twice, and when there is nothing to evaluate on.
    """
    left_out: Counter[str] = Counter()
    examples: dict[str, Example] = {}
    for example in read_examples(data):
        if len(examples) == limit:
            break
        if split and example.split != split:
            left_out["other_split"] += 1
        elif source and source not in example.source:
            left_out["other_source"] += 1
        elif not example.summary.strip():
            left_out["no_summary"] += 1
        elif example.id in examples:
            raise SourceError(f"{data}: the id {example.id} stands in it twice; ids must be unique")
        else:
            examples[example.id] = example
    documents_read, documents = len(examples), list[str]()
    if unit == "figure" and examples:
        owners = [example.id for example in examples.values() for _ in example.figures]
        pieces = _with_ids([piece for example in examples.values() for piece in split_by_figure(example)])
        documents = [owner for owner, piece in zip(owners, pieces, strict=True) if piece.summary]
        examples = {piece.id: piece for piece in pieces if piece.summary}
        left_out["figures_not_cited"] = sum(not piece.summary for piece in pieces)
    if not examples:
        why = reasons(+left_out) or ("no figures" if documents_read else "no Parquet rows")
        raise SourceError(
            f"{data}: holds no examples to evaluate on ({why}); name others, or make some with `mmsum data`"
        )
    table = examples_to_table(list(examples.values()))
    return table.append_column("document", [documents]) if documents else table, +left_out


def _with_ids(pieces: list[Example]) -> list[Example]:
    """The pieces, each with an id of its own: a document may give two figures one label."""
    seen: Counter[str] = Counter()
    named = []
    for piece in pieces:
        seen[piece.id] += 1
        named.append(piece if seen[piece.id] == 1 else replace(piece, id=f"{piece.id}#{seen[piece.id]}"))
    return named

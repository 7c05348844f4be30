"""One training or evaluation example: a document's text and figures with the summary that people wrote for it.

The same Parquet (`EXAMPLE_SCHEMA`) is written by `mmsum data`, read by `mmsum train` and by `mmsum evaluate`. An example
becomes a Document, so that training and evaluation see what a summarizer sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import pyarrow as pa

from mmsum.claims import CheckedFact, judge, names_figure, read_facts, sentences, write_facts
from mmsum.errors import SourceError
from mmsum.fences import outside_code
from mmsum.legend import caption_with_lists, listed, put_keys
from mmsum.records import Document, Figure, ObjectRef, Section

_FIGURE = pa.struct(
    [
        ("label", pa.string()),
        ("caption", pa.string()),
        ("page", pa.int32()),
        ("bbox", pa.list_(pa.float64())),
        ("kind", pa.string()),
        ("image", pa.large_binary()),
        ("text", pa.string()),
    ]
)

EXAMPLE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("figures", pa.list_(_FIGURE)),
        ("summary", pa.string()),
        ("split", pa.string()),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("facts", pa.string()),
    ]
)


@dataclass(slots=True)
class ExampleFigure:
    """`image`: encoded, any format that Pillow reads. `bbox` in PDF points, empty where there is no page. `text`: inside the
    figure, such as its legend."""

    label: str
    caption: str
    image: bytes
    page: int = 1
    bbox: list[float] = field(default_factory=list)
    kind: str = "figure"
    text: str = ""


@dataclass(slots=True)
class Example:
    """text: paragraphs separated by blank lines; a line `# Heading` of its own begins a section. facts: JSON, or ""."""

    id: str
    title: str
    text: str
    figures: list[ExampleFigure]
    summary: str
    split: str = "train"
    source: str = ""
    licence: str = ""
    facts: str = ""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Example:
        """A row of EXAMPLE_SCHEMA; absent or null fields become empty."""
        figures = [
            ExampleFigure(
                label=figure.get("label") or "",
                caption=figure.get("caption") or "",
                image=figure.get("image") or b"",
                page=figure.get("page") or 1,
                bbox=list(figure.get("bbox") or []),
                kind=figure.get("kind") or "figure",
                text=figure.get("text") or "",
            )
            for figure in row.get("figures") or []
            if figure
        ]
        texts: dict[str, Any] = {name: row.get(name) or "" for name in EXAMPLE_SCHEMA.names if name != "figures"}
        return cls(figures=figures, **texts)


def examples_to_table(examples: list[Example]) -> pa.Table:
    """Rows of EXAMPLE_SCHEMA."""
    return pa.Table.from_pylist([asdict(example) for example in examples], schema=EXAMPLE_SCHEMA)


def facts_of(example: Example) -> list[CheckedFact]:
    """The example's facts. Raises SourceError, naming the example, where they cannot be read or searched for."""
    try:
        facts = read_facts(example.facts)
        for fact in facts:
            for pattern in (*fact.about, *fact.options.values()):
                _check_pattern(pattern)
            if not (isinstance(fact.kind, str) and isinstance(fact.figure, str)):
                raise ValueError("kind and figure must be texts")
            if fact.answer not in fact.options:
                raise ValueError(f"the answer {fact.answer!r} is none of the options")
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise SourceError(
            f"facts: those of example {example.id} cannot be read ({error}); write the examples again with `mmsum data`"
        ) from error
    return facts


@lru_cache(maxsize=65536)
def _check_pattern(pattern: str) -> None:
    re.compile(pattern, re.IGNORECASE)  # as facts are searched for; raises re.error


def to_document(example: Example) -> Document:
    """The example as a parsed document: sections by heading, each figure in the section whose text names it first."""
    sections = [Section(heading, text, 1) for heading, text in _sections(example.text)]
    figures = []
    for given in example.figures:
        box = (*given.bbox, 0.0, 0.0, 0.0, 0.0)[:4]
        figure = Figure(given.label, given.page, box, given.caption, given.kind, 0, 0, given.text, image=given.image)  # type: ignore[arg-type]
        figure.section = _home(given.label, sections)
        figures.append(figure)
    ref = ObjectRef(f"example:{example.id}", -1, "")
    pages = max((figure.page for figure in figures), default=1)
    return Document(
        ref,
        format="example",
        title=example.title,
        pages_total=pages,
        pages_read=pages,
        sections=sections,
        figures=figures,
    )


def _sections(text: str) -> Iterator[tuple[str, str]]:
    heading, paragraphs = "", list[str]()
    for block in outside_code(text.strip(), lambda piece: re.sub(r"\n\s*\n", "\0", piece)).split("\0"):
        if match := re.match(r"#{1,6} +(\S.*)", block):
            if heading or paragraphs:
                yield heading, "\n\n".join(paragraphs)
            heading, paragraphs = match[1].strip(), []
            block = block[match.end() :].strip()
        if block:
            paragraphs.append(block)
    if heading or paragraphs:
        yield heading, "\n\n".join(paragraphs)


def figures_alone(example: Example) -> Example:
    """The example without its text: all its figures, and the sentences of its summary that name any of them."""
    return replace(example, text="", summary=said_of(example, *example.figures))


def said_of(example: Example, *figures: ExampleFigure) -> str:
    """The sentences of the summary that name any of the figures, or tell a fact listed of one."""
    labels = {figure.label for figure in figures}
    every = facts_of(example)
    facts = [fact for fact in every if fact.figure in labels]

    def theirs(line: str) -> bool:
        return any(names_figure(line, label) for label in labels) or any(
            judge(fact, line, every) == "right" for fact in facts
        )

    return " ".join(line for line in sentences(example.summary) if theirs(line))


def description_of(example: Example, figure: ExampleFigure) -> str:
    """What the summary says of the figure, in words that somebody has who sees the figure and its caption alone.

    A name that the caption lists under a key follows its key, or where it lists none, one that the text lists.
    """
    return put_keys(said_of(example, figure), listed(_by_itself(example, figure).caption))


def split_by_figure(example: Example) -> list[Example]:
    """An example of each figure alone, without the document's text: its summary is the `description_of` the figure, empty
    where the example's says nothing of it; its facts are those of the figure.
    """
    pieces = []
    facts = facts_of(example)
    for figure in example.figures:
        shown = write_facts(fact for fact in facts if fact.figure == figure.label)
        alone = _by_itself(example, figure)
        name, summary = f"{example.id}#{figure.label}", description_of(example, alone)
        pieces.append(replace(example, id=name, text="", figures=[alone], summary=summary, facts=shown))
    return pieces


def _by_itself(example: Example, figure: ExampleFigure) -> ExampleFigure:
    """The figure as it is described without the text: where its caption lists no names, with those that the text lists."""
    return replace(figure, caption=caption_with_lists(figure.label, figure.caption, example.text.split("\n\n")))


def what_figure_shows(example: Example, figure: ExampleFigure) -> str:
    """The listed facts of the figure in a fixed form, `pie, largest blue, share over half`; empty where none is listed."""
    told = [shown.removeprefix(f"{figure.kind}, ") for shown, *_ in facts_shown(example, figure)]
    return ", ".join([figure.kind, *told]) if told else ""


def facts_shown(example: Example, figure: ExampleFigure) -> list[list[str]]:
    """What the figure shows of each of its listed facts (`pie, largest blue`), then of the other answers.

    Names cannot be read off a small picture; places and colours can. A fact that does not say what is to be seen is told by
    its answer's place among its rivals.
    """
    facts = []
    for fact in facts_of(example):
        if fact.figure == figure.label:
            kind = fact.kind.removeprefix("misled ")
            places = {name: f"{kind} {i} of {len(fact.options)}" for i, name in enumerate(fact.options, start=1)}
            shows = places | fact.shows
            rivals = [shows[name] for name in fact.options if name != fact.answer]
            facts.append([f"{figure.kind}, {shown}" for shown in (shows[fact.answer], *rivals)])
    return facts


def _home(label: str, sections: list[Section]) -> int:
    """Index of the first section that names the label, else of the last section, -1 where there is none."""
    for index, section in enumerate(sections):
        if names_figure(section.text, label):
            return index
    return len(sections) - 1

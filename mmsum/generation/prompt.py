"""From a document to the calls that read it, under a token budget.

A document that fits is read in one call. A longer one is split at paragraphs into *leaves*, each summarized by its own
call; their summaries are merged by further calls, level by level, until one is left (map-reduce). A figure goes with the
leaf that holds the section it belongs to. Nothing is cut off silently: what the budget of calls cannot cover is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mmsum.records import Document, Figure, caption_without_label

CountTokens = Callable[[str], int]

INSTRUCTION = "Write a one-paragraph summary of this document."
MERGE_INSTRUCTION = "Write a one-paragraph summary of the whole document from the summaries of its parts."
"""Behind the text, not before it: a small model follows what it read last, and otherwise copies the title instead."""


MARK = "\ufffc"
"""Unicode's own character for an object in a text: stands before the caption of each figure that a leaf shows."""


def plain(text: str) -> str:
    """A document's own text: a MARK in it is none of ours."""
    return text.replace(MARK, " ")


def keep_marks(text: str, keep: Sequence[bool]) -> str:
    """`text` with only those of its marks, in order, that `keep` says."""
    first, *rest = text.split(MARK)
    return first + "".join((MARK if kept else "") + piece for kept, piece in zip(keep, rest, strict=True))


@dataclass(slots=True)
class Leaf:
    """One call's share of a document: text with a MARK for each of `figures`, and the last page it reaches."""

    text: str
    tokens: int
    figures: list[int] = field(default_factory=list)  # indices into Document.figures
    last_page: int = 0


@dataclass(slots=True)
class Piece:
    text: str
    tokens: int
    page: int
    figures: list[int]


def first_prompt(title: str, text: str) -> str:
    """The user message of a call that reads a document's own text."""
    heading = f"{title}\n\n" if title else ""
    return f"Document:\n\n{heading}{text}\n\n{INSTRUCTION}"


def merge_prompt(title: str, summaries: Sequence[str]) -> str:
    """The user message of a call that merges the summaries of parts."""
    heading = f"{title}\n\n" if title else ""
    parts = "\n\n".join(f"Part {number}: {plain(text)}" for number, text in enumerate(summaries, 1))
    return f"Summaries of the parts of one document:\n\n{heading}{parts}\n\n{MERGE_INSTRUCTION}"


def split_document(document: Document, budget: int, count: CountTokens, figures_per_call: int) -> list[Leaf]:
    """The document's text as leaves of at most `budget` tokens, in reading order; empty when it has neither text nor captions.

    Every word of the text and of the captions is in exactly one leaf. A leaf holds at most `figures_per_call` figures to
    look at; captions beyond that are still read as text.
    """
    leaves: list[Leaf] = []
    joint = count("\n\n")
    for piece in _pieces(document, budget, count):
        leaf = leaves[-1] if leaves else None
        if leaf is None or leaf.tokens + joint + piece.tokens > budget:
            leaf = Leaf("", 0)
            leaves.append(leaf)
        if len(leaf.figures) + len(piece.figures) > figures_per_call:
            text = plain(piece.text).strip()
            piece = Piece(text, count(text), piece.page, [])
        leaf.figures += piece.figures
        leaf.tokens += piece.tokens + (joint if leaf.text else 0)
        leaf.text = f"{leaf.text}\n\n{piece.text}" if leaf.text else piece.text
        leaf.last_page = max(leaf.last_page, piece.page)
    return leaves


def _pieces(document: Document, budget: int, count: CountTokens) -> Iterator[Piece]:
    """Paragraphs with their heading and the figures that belong to the section, none above `budget` tokens."""
    by_section: dict[int, list[int]] = {}
    for index, figure in enumerate(document.figures):
        home = figure.section if 0 <= figure.section < len(document.sections) else -1
        by_section.setdefault(home, []).append(index)
    for number, section in enumerate(document.sections):
        heading = plain(section.heading)
        for paragraph in plain(section.text).split("\n\n"):
            if paragraph.strip():
                text = f"{heading}\n{paragraph}" if heading else paragraph
                heading = ""
                yield from fit(text, section.page, budget, count)
        if heading:
            yield from fit(heading, section.page, budget, count)
        yield from _figure_pieces(document, by_section.get(number, []), budget, count)
    yield from _figure_pieces(document, by_section.get(-1, []), budget, count)


def _figure_pieces(document: Document, indices: list[int], budget: int, count: CountTokens) -> Iterator[Piece]:
    for index in indices:
        figure = document.figures[index]
        pieces = list(fit(MARK + figure_block(figure), figure.page, budget, count))
        pieces[0].figures.append(index)
        yield from pieces


def figure_block(figure: Figure) -> str:
    """What a call reads of a figure: its caption line, and under it the text inside the figure, where the document has any."""
    inside = plain(figure.text).strip()
    return f"{caption_line(figure)}\n{inside}" if inside else caption_line(figure)


def caption_line(figure: Figure) -> str:
    """A figure as the text names it: ``[Figure 3: caption]``."""
    label = figure.label or "Figure"
    caption = plain(caption_without_label(figure.label, figure.caption))
    return f"[{label}: {caption}]" if caption else f"[{label}]"


_CHARACTERS_OF_A_TOKEN = 8
"""More than a token has on average in any text but rows of one character."""


def fit(text: str, page: int, budget: int, count: CountTokens) -> Iterator[Piece]:
    """`text` as it is, or halved at word boundaries until every part fits; only a single huge word is halved by characters."""
    if len(text) <= _CHARACTERS_OF_A_TOKEN * budget:  # a log of 100 MB is one paragraph, and takes minutes to count
        tokens = count(text)
        if tokens <= budget or len(text) < 2:
            yield Piece(text, tokens, page, [])
            return
    middle = len(text) // 2
    cut = text.rfind(" ", 1, middle + 1)
    if cut < 0:
        cut = text.find(" ", middle)
    if cut < 0:
        cut = middle
    yield from fit(text[:cut], page, budget, count)
    yield from fit(text[cut:].lstrip(" ") or " ", page, budget, count)


def group_for_merging(
    texts: Sequence[str], budget: int, count: CountTokens, cut: Callable[[str, int], str]
) -> list[list[str]]:
    """Consecutive groups whose prompts stay within `budget`, each of at least two texts but the last.

    Summaries are far shorter than half a budget; one that is not (text can grow when it is tokenized again) is cut by
    `cut(text, tokens)`, or merging would never end.
    """
    half = budget // 2 - PART_TOKENS
    groups: list[list[str]] = []
    room = 0
    for text in texts:
        tokens = count(text)
        if tokens > half:
            text, tokens = cut(text, half), half
        if not groups or tokens + PART_TOKENS > room:
            groups.append([])
            room = budget
        groups[-1].append(text)
        room -= tokens + PART_TOKENS
    return groups


def merge_fan_in(budget: int, summary_tokens: int) -> int:
    """How many summaries one merging call can take: at least 2, or merging would never end."""
    return max(2, budget // (summary_tokens + PART_TOKENS))


PART_TOKENS = 12
"""Room for "Part 12: " and the blank line around each merged summary."""


def affordable_leaves(leaves: int, fan_in: int, calls: int) -> int:
    """The most leaves, up to `leaves`, whose own calls and all merging calls stay within `calls` (at least 1)."""
    low, high = 1, leaves
    while low < high:
        middle = (low + high + 1) // 2
        if _total_calls(middle, fan_in) <= calls:
            low = middle
        else:
            high = middle - 1
    return low


def _total_calls(leaves: int, fan_in: int) -> int:
    total, level = leaves, leaves
    while level > 1:
        level = -(-level // fan_in)
        total += level
    return total

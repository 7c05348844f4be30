"""One example -> rows of an encoded data set: token ids, figures as squares of pixels, captions.

What is left out or shortened is counted, by rule, never silently: see `RULES`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from mmsum.claims import answer_spans
from mmsum.config import Config, Generation, Training
from mmsum.examples import (
    Example,
    facts_of,
    facts_shown,
    figures_alone,
    said_of,
    split_by_figure,
    to_document,
    what_figure_shows,
)
from mmsum.generation.chat import Chat
from mmsum.generation.descriptions import described, in_names, keys_of
from mmsum.generation.figure_text import with_figure_text
from mmsum.generation.prompt import MARK, caption_line, figure_block, first_prompt, keep_marks, split_document
from mmsum.images import square_image
from mmsum.legend import key_spans, repeat_keys, told_spans
from mmsum.records import Document, Figure

VERSION = 14
"""Raised when an encoded row changes its meaning."""

RULES = {
    "no_summary": "left out: the gold summary is empty",
    "nothing_to_read": "left out: neither text nor captions nor figures",
    "text_cut": "text over generation.context_tokens: its first part is used",
    "summary_cut": "gold summary over generation.summary_tokens: its start is used",
    "figures_left_out": "figures beyond generation.figures_per_call or the first part of the text",
    "not_cited": "figures of which the summary says nothing; by themselves they teach to say nothing",
    "images_broken": "figures whose image cannot be decoded: the caption is used",
}

ENCODED_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("prompt", pa.list_(pa.int32())),
        ("bare_prompt", pa.list_(pa.int32())),  # without the document's text: title and captions; empty without figures
        ("target", pa.list_(pa.int32())),
        ("answers", pa.list_(pa.bool_())),  # of the target's tokens: those that answer a listed fact; empty at weight 1
        ("images", pa.list_(pa.large_binary())),  # uint8 [S, S, 3]
        ("captions", pa.list_(pa.string())),  # of each image
        ("shown", pa.list_(pa.list_(pa.list_(pa.string())))),  # of each image, each fact: what it shows, rivals
        ("kind", pa.string()),  # of the first figure; empty where there is none, or where CLIP learns from listed facts
    ]
)


def training_units(example: Example, training: Training) -> tuple[list[Example], list[Example], Counter[str]]:
    """The example in pieces of `training.unit`: whole documents, figures without their text, and what was counted on the way.

    A figure of which the summary says nothing is a piece with an empty summary: photographs, logos and figures of unknown kinds
    are passed over in silence.
    """
    if training.stage == "train" and not example.summary.strip():
        return [], [], Counter(no_summary=1)
    if training.unit == "document":
        return [example], [], Counter()
    pieces = split_by_figure(example)
    cited = [piece for piece in pieces if piece.summary]
    counts = Counter(not_cited=len(pieces) - len(cited))
    if training.stage == "finetune_clip":
        return [], cited, counts
    if training.unit == "figures":
        return [], [figures_alone(example)] if cited else [], counts
    return [example] if training.unit == "both" else [], pieces, counts


def encode_example(
    example: Example, chat: Chat, config: Config, alone: bool = False
) -> tuple[dict[str, Any] | None, Counter[str]]:
    """A row of ENCODED_SCHEMA, or None where the example is left out; and what was counted on the way.

    alone: figures without their document, which are to be described.
    """
    counts: Counter[str] = Counter()
    generation = config.generation
    document = _as_read(example, chat, generation, alone)
    in_words = generation.describe_figures and not alone and config.training.stage == "train"
    most = 0 if in_words else generation.figures_per_call
    leaves = split_document(document, chat.budget(generation), chat.count, most)
    if not leaves:
        return None, Counter(nothing_to_read=1)
    leaf = leaves[0]
    counts["text_cut"] = len(leaves) > 1
    counts["figures_left_out"] = 0 if in_words else len(document.figures) - len(leaf.figures)
    figures = [document.figures[index] for index in leaf.figures]
    squares = [square_image(figure.image, config.model.image_size) for figure in figures]
    shown = [square is not None for square in squares]
    counts["images_broken"] = shown.count(False)
    if not example.summary.strip() and not any(shown):
        return None, +counts  # silence is learned of what is seen
    summary = example.summary.strip()
    if alone and len(figures) == 1:
        summary = repeat_keys(summary, keys_of(figures[0]))
    target = chat.answer(summary, generation.summary_tokens)
    counts["summary_cut"] = target[-1:] != [chat.tokenizer.eos_token_id]
    title = chat.title(document.title)
    text = keep_marks(leaf.text, shown)
    captions, facts = _contrasted(
        example, [figure for figure, seen in zip(figures, shown, strict=True) if seen], config
    )
    told, seen = (document.figures, [False] * len(document.figures)) if in_words else (figures, shown)
    row = {
        "id": example.id,
        "prompt": chat.encode(first_prompt(title, text)),
        "bare_prompt": chat.encode(first_prompt(title, _bare(told, seen, chat, generation))) if told else [],
        "target": target,
        "answers": _answered(example, summary, chat, config, in_words)[: len(target)],
        "images": [square.tobytes() for square in squares if square is not None],
        "captions": captions,
        "shown": facts,
        # Listed facts bring rivals of their own: pairs need not be alike, and batches of many kinds learn faster.
        "kind": next((figure.kind for figure, seen in zip(figures, shown, strict=True) if seen and not any(facts)), ""),
    }
    return row, +counts


def _as_read(example: Example, chat: Chat, generation: Generation, alone: bool) -> Document:
    """The example as the model reads it; with `describe_figures` what the gold says of each figure stands for what the model
    will have said of it."""
    document = with_figure_text(to_document(example), generation.figure_text_tokens, chat.count)
    if not generation.describe_figures or alone:
        return document
    pairs = zip(document.figures, example.figures, strict=True)
    return described(document, [in_names(figure, said_of(example, given)) for figure, given in pairs])


def _contrasted(example: Example, seen: list[Figure], config: Config) -> tuple[list[str], list[list[list[str]]]]:
    """What CLIP learns of each figure that is seen: its caption, and facts with what it could have shown instead."""
    if config.training.unit == "document" or config.training.stage == "train":
        return [caption_line(figure).strip("[]") for figure in seen], [[] for _ in seen]
    caption = what_figure_shows(example, example.figures[0]) or example.summary
    return [caption] * len(seen), [facts_shown(example, example.figures[0])] * len(seen)


def _answered(example: Example, summary: str, chat: Chat, config: Config, in_words: bool) -> list[bool]:
    """Of the summary's tokens and its end, which answer a listed fact; none where answers weigh as all else."""
    if config.training.answer_weight == 1:
        return []
    spans = _told_of_text(example, summary) if in_words else _answers(example, summary)
    return [*chat.within(summary, spans), not summary]  # silence is an answer


def _answers(example: Example, summary: str) -> list[tuple[int, int]]:
    """Where the summary answers what its figures are asked."""
    facts = [fact for fact in facts_of(example) if fact.figure]
    if not facts:  # a word in brackets is an abbreviation
        return []
    spans = [span for fact in facts for span in answer_spans(fact, summary, facts)]
    behind_keys = told_spans(summary)
    # A pattern that rules words out matches from its sentence's start: what counts is told behind the key.
    spans = [span for span in spans if not any(span[0] < start < span[1] for start, _ in behind_keys)]
    return spans + key_spans(summary) + behind_keys


def _told_of_text(example: Example, summary: str) -> list[tuple[int, int]]:
    """The sentences that tell a fact of the text: a number, a recommendation. What figures show is copied from their
    descriptions; whether one of these is told at all is decided by one word, the first of its sentence, and was mostly decided
    against (docs/log.md). To end weighs no more than it does: else half of them are left out again."""
    told = [fact.statement for fact in facts_of(example) if fact.said and not fact.figure]
    return [(start, start + len(words)) for words in told if (start := summary.find(words)) >= 0]


def _bare(figures: list[Figure], shown: list[bool], chat: Chat, generation: Generation) -> str:
    """What stays of a document without its text: captions, and the marks of the figures that are shown."""
    lines = [(MARK if seen else "") + figure_block(figure) for figure, seen in zip(figures, shown, strict=True)]
    bare = chat.cut("\n\n".join(lines), chat.budget(generation) - sum(shown) * chat.soft_tokens)
    return bare + MARK * (sum(shown) - bare.count(MARK))

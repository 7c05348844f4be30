"""Summaries that need no model: what any model has to beat, and how far extraction could go."""

from __future__ import annotations

import re
from collections.abc import Callable

from mmsum.claims import sentences
from mmsum.examples import Example
from mmsum.fences import FENCED
from mmsum.records import caption_without_label
from mmsum.rouge import bit_positions, rouge_l, words

_FIGURE_MARK = re.compile(r"^\[Figure [^\]]*\]$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)

ORACLE_SENTENCES = 5


def body_paragraphs(example: Example) -> list[str]:
    """Paragraphs of the text, each on one line, without headings, fenced code and lines that only mark a figure's place."""
    text = example.text
    for skipped in (FENCED, _FIGURE_MARK, _HEADING):
        text = skipped.sub("", text)
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]


def body_sentences(example: Example) -> list[str]:
    """Sentences of the paragraphs; none reaches over the end of one."""
    return [sentence for paragraph in body_paragraphs(example) for sentence in sentences(paragraph)]


def lead_3(example: Example) -> str:
    """The first three sentences."""
    return " ".join(body_sentences(example)[:3])


def first_100_words(example: Example) -> str:
    """The first hundred words."""
    return " ".join(" ".join(body_paragraphs(example)).split()[:100])


def captions(example: Example) -> str:
    """All captions of figures, without their labels."""
    return " ".join(caption_without_label(figure.label, figure.caption) for figure in example.figures if figure.caption)


def oracle(example: Example) -> str:
    """At most five sentences of the body, each time the one that raises ROUGE-L most; it looks at the gold summary.

    No system, but an upper mark for taking sentences out: Nallapati et al. 2017 (SummaRuNNer) train on such picks.
    """
    candidates = body_sentences(example)
    stems = [words(sentence) for sentence in candidates]
    gold = words(example.summary)
    positions = bit_positions(gold)
    kept: list[int] = []
    best = 0.0
    while len(kept) < ORACLE_SENTENCES:
        scores = {}
        for index in range(len(candidates)):
            if index not in kept:
                text = [stem for chosen in sorted([*kept, index]) for stem in stems[chosen]]
                scores[index] = rouge_l(positions, len(gold), text, len(text))
        raised = max(scores, key=scores.__getitem__, default=-1)
        if raised < 0 or scores[raised] <= best:
            break
        kept.append(raised)
        best = scores[raised]
    return " ".join(candidates[index] for index in sorted(kept))


BASELINES: dict[str, Callable[[Example], str]] = {
    "lead-3": lead_3,
    "first-100-words": first_100_words,
    "captions": captions,
    "oracle": oracle,
}
"""By the names that `--baselines` takes."""

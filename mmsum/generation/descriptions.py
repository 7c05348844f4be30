"""What was said of each figure by itself: into the text that is summarized, and into the summary.

A small model that reads a whole document takes one figure of several for another and passes over some; with one figure before
it and nothing else it does neither. So the summary speaks of a figure in the words of its description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mmsum.claims import names_figure, sentences
from mmsum.generation.prompt import MARK, CountTokens, caption_line, first_prompt
from mmsum.legend import lists_of, put_names
from mmsum.records import Document, Figure, caption_without_label

DESCRIPTION_TOKENS = 96
"""Longest description of one figure: three facts of it take about 30."""


def description_prompt(title: str, figure: Figure) -> str:
    """The user message of a call that describes one figure: that of a document which holds nothing else."""
    return first_prompt(title, MARK + caption_line(figure))


def described(document: Document, descriptions: Sequence[str]) -> Document:
    """The document with a description of each figure, or "", behind its caption."""
    figures = [
        replace(figure, caption=f"{figure.caption} {words}".strip()) if words else figure
        for figure, words in zip(document.figures, descriptions, strict=True)
    ]
    return replace(document, figures=figures)


def in_names(document: Document, descriptions: Sequence[str]) -> dict[str, str]:
    """label -> what was said of its figure, with names for the keys that the caption or the text lists, in figures' order.

    Figures without a label are left out: no sentence can speak of them.
    """
    text = "\n\n".join(section.text for section in document.sections)
    said: dict[str, str] = {}
    for figure, words in zip(document.figures, descriptions, strict=True):
        if figure.label and words:
            caption = caption_without_label(figure.label, figure.caption)
            in_caption, in_text = lists_of(figure.label, caption, text)
            told = [put_names(sentence, in_caption, in_text) for sentence in sentences(words)]
            before = said.get(figure.label)  # each chapter may have its own Figure 1
            said[figure.label] = " ".join(
                [*([before] if before else []), *(line[:1].upper() + line[1:] for line in told)]
            )
    return said


def affordable(said: Mapping[str, str], summary: str, tokens: int, count: CountTokens) -> dict[str, str]:
    """The first of the descriptions that stay within `tokens` beside the summary's sentences on other things."""
    rest = [line for line in sentences(summary) if not any(names_figure(line, label) for label in said)]
    left, kept = tokens - count(" ".join(rest)), {}
    for label, words in said.items():
        left -= count(words)
        if left < 0:
            break
        kept[label] = words
    return kept


def speak_of_figures(summary: str, said: Mapping[str, str], labels: Sequence[str]) -> str:
    """The summary with what was said of each figure in place of its own sentences on it.

    said: by label. labels: of all figures, in order. A sentence that also names a figure of which nothing was said stays. A
    figure that the summary passes over is told of behind those before it.
    """
    if not said:
        return summary
    told: list[tuple[str, set[str]]] = []  # a sentence or a description, and the figures it names
    waiting = dict(said)
    for sentence in sentences(summary):
        named = {label for label in labels if names_figure(sentence, label)}
        if not named or named - said.keys():
            told.append((sentence, named))
        told += [(waiting.pop(label), {label}) for label in labels if label in named and label in waiting]
    for label in waiting:
        earlier, later = set(labels[: labels.index(label)]), set(labels[labels.index(label) + 1 :])
        behind = [place for place, (_, named) in enumerate(told, start=1) if named & earlier]
        ahead = [place for place, (_, named) in enumerate(told) if named & later]
        told.insert(max(behind) if behind else min(ahead, default=len(told)), (waiting[label], {label}))
    return " ".join(words for words, _ in told)

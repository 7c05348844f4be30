"""What was said of each figure by itself: into the text that is summarized, and into the summary.

A small model that reads a whole document takes one figure of several for another and passes over some; with one figure before
it and nothing else it does neither. So the summary speaks of a figure in the words of its description.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mmsum.claims import names_figure, placed_sentences, sentences
from mmsum.generation.prompt import MARK, CountTokens, figure_block, first_prompt
from mmsum.legend import caption_with_lists, drop_keys, drop_repeats, keys_in, listed, told_spans
from mmsum.records import Document, Figure, caption_without_label

DESCRIPTION_TOKENS = 144
"""Longest description of one figure: with its keys the longest gold took 128, half of them 72 (looked at by hand)."""


def description_prompt(title: str, figure: Figure, within: Callable[[str], str] = str) -> str:
    """The user message of a call that describes one figure: that of a document which holds nothing else. within: what cuts
    a caption that is too long for a call."""
    return first_prompt(title, within(MARK + figure_block(figure)))


def names_of(figure: Figure) -> dict[str, str]:
    """key -> name, as the figure's caption lists them; without keys that stand for several."""
    keys = keys_of(figure)
    shared = Counter(keys.values())
    return {key: name for name, key in keys.items() if shared[key] == 1}


def without_repeats(figure: Figure, words: str) -> str:
    """A description in which each name has its key once, before it."""
    return drop_repeats(words, keys_in(figure.caption))


def resolved(figure: Figure, words: str) -> str:
    """A description without the sentences that go by a key of which the caption knows nothing: `(4) rose` tells nobody what
    rose, and mostly it was no chart of several either."""
    known = keys_in(figure.caption)
    return " ".join(line for line in sentences(words) if keys_in(line) <= known and not told_spans(line))


def keys_of(figure: Figure) -> dict[str, str]:
    """name -> key, as the figure's caption lists them."""
    return listed(caption_without_label(figure.label, figure.caption))


def with_lists(document: Document) -> Document:
    """The document with the names that only its text, or the figure's own legend, lists behind that figure's caption: whoever
    describes the figure sees no text."""
    paragraphs = [paragraph for section in document.sections for paragraph in section.text.split("\n\n")]
    paragraphs = [paragraph for paragraph in paragraphs if listed(paragraph)]
    figures = [
        replace(
            figure, caption=_with_legend(caption_with_lists(figure.label, figure.caption, paragraphs), figure.legend)
        )
        for figure in document.figures
    ]
    return replace(document, figures=figures)


def _with_legend(caption: str, legend: str) -> str:
    """The caption, and where it lists no names, the legend behind it, as a sentence of its own."""
    if not legend or listed(caption):
        return caption
    end = "" if not caption or caption.rstrip()[-1:] in ".!?。！？" else "."
    return f"{caption.rstrip()}{end} {legend}".strip()


def described(document: Document, descriptions: Sequence[str]) -> Document:
    """The document with a description of each figure, or "", behind its caption."""
    figures = [
        replace(figure, caption=f"{figure.caption} {words}".strip()) if words else figure
        for figure, words in zip(document.figures, descriptions, strict=True)
    ]
    return replace(document, figures=figures)


def in_names(figure: Figure, words: str) -> str:
    """A description without the keys of the names that its figure's caption lists. Each sentence names its figure, if
    that has a label."""
    keys = keys_of(figure)
    told = [(line, drop_keys(line, keys)) for line in sentences(words)]
    # A name that now begins a sentence is written as one.
    lines = [now[:1].upper() + now[1:] if line.startswith("(") else now for line, now in told]
    return " ".join(line if names_figure(line, figure.label) else _cited(line, figure.label) for line in lines)


def said_by_label(figures: Sequence[Figure], descriptions: Sequence[str]) -> dict[str, str]:
    """label -> what was said of its figure, in figures' order.

    Left out are figures without a label, of which no sentence can speak, and labels that several figures share (each chapter
    may have its Figure 1) unless something was said of each.
    """
    said: dict[str, list[str]] = {}
    for figure, words in zip(figures, descriptions, strict=True):
        said.setdefault(figure.label, []).append(words)
    return {label: " ".join(words) for label, words in said.items() if label and all(words)}


def _cited(sentence: str, label: str) -> str:
    """The sentence with its figure behind it, before the mark that ends it: among others' sentences nothing else tells."""
    words = sentence.rstrip(".!?。！？")
    return f"{words} ({label}){sentence[len(words) :]}" if label else sentence


def speak_of_figures(
    summary: str, said: Mapping[str, str], labels: Sequence[str], tokens: int, count: CountTokens
) -> str:
    """The summary with what was said of each figure in place of its own sentences on that figure alone.

    said: by label. labels: of all figures, in order. A figure that the summary passes over is told of behind those before it.
    Where `tokens` do not hold all, the last figures stay as the summary has them.
    """
    left, first = tokens, list(said)
    for place, words in enumerate(said.values()):
        left -= count(words)
        if left < 0:
            first = first[:place]
            break
    while first:
        spoken = _speak(summary, {label: said[label] for label in first}, labels)
        if count(spoken) <= tokens:
            return spoken
        first.pop()
    return summary


def _speak(summary: str, said: Mapping[str, str], labels: Sequence[str]) -> str:
    told: list[tuple[str, set[str]]] = []  # a sentence with the gap before it, or a description; the figures it names
    waiting, end = dict(said), 0
    for start, sentence in placed_sentences(summary):
        gap_from, end = end, start + len(sentence)
        named = {label for label in labels if names_figure(sentence, label, panels=True)}
        # Copied from a description without its figure, it is said of that figure below.
        copied = not named and any(_cited(sentence, label) in words for label, words in said.items())
        if not copied and (len(named) != 1 or named - said.keys()):
            told.append((summary[gap_from:end], named))
        told += [(" " + waiting.pop(label), {label}) for label in said if label in named and label in waiting]
    for label in waiting:
        earlier, later = set(labels[: labels.index(label)]), set(labels[labels.index(label) + 1 :])
        behind = [place for place, (_, named) in enumerate(told, start=1) if named & earlier]
        ahead = [place for place, (_, named) in enumerate(told) if named & later]
        told.insert(max(behind) if behind else min(ahead, default=len(told)), (" " + waiting[label], {label}))
    return "".join(words for words, _ in told).strip()

"""Names that a text lists under keys, as captions do: `(1) Market, (2) Station`, `(blue) loaves`.

A figure shows a place or a colour, seldom a name. To write `(2) Station` only the key has to be seen; the name behind it stands
in the caption, and copying from there is what every language model can do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mmsum.claims import names_figure, sentences

_NAME = r"[^,;:.()\n]+"
_ENTRY = re.compile(rf"(\(\w+\)) ({_NAME})")
_MORE = rf"(?:[,;] \(\w+\) {_NAME})"
_LIST = re.compile(rf"(?<=: )\(\w+\) {_NAME}{_MORE}*|(?<!\w)\(\w+\) {_NAME}{_MORE}+")
_KEY = re.compile(r"(?<!\w)\(\w+\)")
_TOLD = re.compile(r"(?<= )= \w+(?: [\w-]+){0,5}")
_AHEAD = r"(?: (?:was|were|is|are|has|had|kept)\b)?"
_THERE = re.compile(r"\bthere (?:was|were|is|are)\b(?: an?\b)?(?! no\b)", re.IGNORECASE)


def listed(text: str) -> dict[str, str]:
    """name -> key in its brackets: a key is one word, a name goes up to the next mark. Of two keys the first counts.

    One entry is a list only behind a colon: `long short-term memory (LSTM) networks` is none.
    """
    names: dict[str, str] = {}
    for found in _LIST.findall(text):
        for key, name in _ENTRY.findall(found):
            names.setdefault(name.strip(), key)
    return names


def put_keys(text: str, keys: Mapping[str, str]) -> str:
    """`text` with the key of each name (see `listed`) before it."""
    if not keys:
        return text
    by_name = {name.lower(): key for name, key in keys.items()}
    pattern = rf"(?<![\w-]){_any_of(by_name)}(?![\w-])"
    return re.sub(pattern, lambda match: f"{by_name[match[0].lower()]} {match[0]}", text, flags=re.IGNORECASE)


def repeat_keys(text: str, keys: Mapping[str, str]) -> str:
    """What `put_keys` wrote, with each key again right before what is told of its name: `(blue) loaves = blue rose`.

    Over the name a small language model forgets the key, and even over a bracket (docs/log.md). A verb that tells nothing
    yet goes ahead of it: `(blue) loaves was = blue highest`. A sentence that comes to its one name last has the key behind its
    verb, too: `There was a = blue hump in (blue) loaves`.
    """
    if not keys:
        return text
    pair = re.compile(rf"({_any_of(keys.values())}) {_any_of(keys)}(?![\w-])(?:({_AHEAD})(?= \w))?", re.IGNORECASE)
    lines = []
    for line in sentences(text):
        found = {match[1] for match in pair.finditer(line)}
        line = pair.sub(lambda match: match[0] if match[2] is None else match[0] + _again(match[1]), line)
        if len(found) == 1 and (there := _THERE.search(line)):
            line = line[: there.end()] + _again(found.pop()) + line[there.end() :]
        lines.append(line)
    return " ".join(lines)


def drop_repeats(text: str, keys: Iterable[str]) -> str:
    """What `repeat_keys` does, undone."""
    if not (repeats := [_again(key) for key in keys]):
        return text
    return re.sub(rf"{_any_of(repeats)}(?![\w-])", "", text)


def _again(key: str) -> str:
    return f" = {key.strip('()')}"


def drop_keys(text: str, keys: Mapping[str, str]) -> str:
    """What `put_keys` does, undone: keys leave their names. A key without its name stays."""
    if not keys:
        return text
    return re.sub(rf"{_any_of(keys.values())} (?={_any_of(keys)}(?![\w-]))", "", text, flags=re.IGNORECASE)


def _any_of(words: Iterable[str]) -> str:
    """A pattern of any of the words; the longest first, for one may begin another."""
    return f"(?:{'|'.join(map(re.escape, sorted(set(words), key=len, reverse=True)))})"


def caption_with_lists(label: str, caption: str, paragraphs: Iterable[str]) -> str:
    """The caption, and where it lists no names, behind it the sentences that do in paragraphs that name the figure (see
    `listed`), up to LONGEST_LISTS."""
    if listed(caption):
        return caption
    lists = ""
    for paragraph in paragraphs:
        for sentence in sentences(paragraph) if names_figure(paragraph, label) else ():
            if listed(sentence) and len(lists) + len(sentence) < LONGEST_LISTS:
                lists += f" {sentence}"
    return caption + lists


LONGEST_LISTS = 600
"""Characters: two lists of eight names. What is longer is an enumeration, not a legend."""


def keys_in(text: str) -> set[str]:
    """Every key that stands in `text`, as it stands in brackets."""
    return set(_KEY.findall(text))


def key_spans(text: str) -> list[tuple[int, int]]:
    """Where keys stand in `text`: from and to, in characters."""
    return [match.span() for match in _KEY.finditer(text)]


def told_spans(text: str) -> list[tuple[int, int]]:
    """Repeated keys in `text` with the first words behind them, five at most: from and to, in characters."""
    return [match.span() for match in _TOLD.finditer(text)]

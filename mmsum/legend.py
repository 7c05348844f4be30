"""Names that a text lists under keys, as captions do: `(1) Market, (2) Station`, `(blue) loaves`.

A figure shows a place or a colour, seldom a name. To write `(2) Station` only the key has to be seen; the name behind it stands
in the caption, and copying from there is what every language model can do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from mmsum.claims import names_figure

_NAME = r"[^,;:.()\n]+"
_ENTRY = re.compile(rf"(\(\w+\)) ({_NAME})")
_MORE = rf"(?:[,;] \(\w+\) {_NAME})"
_LIST = re.compile(rf"(?<=: )\(\w+\) {_NAME}{_MORE}*|(?<!\w)\(\w+\) {_NAME}{_MORE}+")
_KEY = re.compile(r"(?<!\w)\(\w+\)")
_MARKS = re.compile(r"[.,;:\n]")


def listed(text: str) -> dict[str, str]:
    """name -> key in its brackets: a key is one word, a name goes up to the next mark. Of two keys the first counts.

    One entry is a list only behind a colon: `long short-term memory (LSTM) networks` is none.
    """
    names: dict[str, str] = {}
    for _, key, name in _entries(text):
        names.setdefault(name, key)
    return names


def put_keys(text: str, keys: Mapping[str, str], keep_names: bool = True) -> str:
    """`text` with the key of each name (see `listed`) before it, or in its place."""
    if not keys:
        return text
    by_name = {name.lower(): key for name, key in keys.items()}
    longest_first = sorted(by_name, key=len, reverse=True)
    pattern = rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])"

    def keyed(match: re.Match[str]) -> str:
        key = by_name[match[0].lower()]
        return f"{key} {match[0]}" if keep_names else key

    return re.sub(pattern, keyed, text, flags=re.IGNORECASE)


def leads(text: str) -> dict[str, str]:
    """name -> the words that introduce its list (see `listed`): `Rows from the top`."""
    introduced: dict[str, str] = {}
    for lead, _, name in _entries(text):
        introduced.setdefault(name, lead)
    return introduced


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """What introduces its list, key and name of every entry of every list."""
    before = 0
    for found in _LIST.finditer(text):
        lead = _MARKS.split(text[before : found.start()].rstrip(": "))[-1].strip()
        for key, name in _ENTRY.findall(found[0]):
            yield lead, key, name.strip()
        before = found.end()


def put_names(
    text: str, beside: Mapping[str, str], alone: Mapping[str, str], introduced: Mapping[str, str] | None = None
) -> str:
    """What `put_keys` does, undone: keys of `beside` leave their names, and names of `alone` stand for their keys.

    Of several names that a key of `alone` has, the one is meant whose list is introduced (see `leads`) in words of `text`: in
    `(2) led the rows` a row. A key that leaves it open, or is one of `beside`, too, stays.
    """
    if beside:
        keys, names = ("|".join(map(re.escape, words)) for words in (set(beside.values()), beside))
        text = re.sub(rf"(?:{keys}) (?=(?:{names})(?![\w-]))", "", text, flags=re.IGNORECASE)
    by_key: dict[str, list[str]] = {}
    for name, key in alone.items():
        if key not in beside.values():
            by_key.setdefault(key, []).append(name)
    words = _words(text)
    shared = {name: len(words & _words(lead)) for name, lead in (introduced or {}).items()}

    def meant(match: re.Match[str]) -> str:
        names = by_key.get(match[0], [])
        most = max((shared.get(name, 0) for name in names), default=0)
        likeliest = [name for name in names if shared.get(name, 0) == most]
        return likeliest[0] if len(likeliest) == 1 else match[0]

    return _KEY.sub(meant, text)


def _words(text: str) -> set[str]:
    """Words, one or many alike."""
    return {word.removesuffix("s") for word in re.findall(r"\w+", text.lower())}


def lists_of(
    label: str, caption: str, paragraphs: Iterable[str]
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What the figure's caption lists, what only the text does, in paragraphs that name the figure (see `listed`), and in what
    words the text introduces it (see `leads`)."""
    in_caption = listed(caption)
    text = "\n".join(paragraph for paragraph in paragraphs if names_figure(paragraph, label))
    return in_caption, {name: key for name, key in listed(text).items() if name not in in_caption}, leads(text)


def key_spans(text: str) -> list[tuple[int, int]]:
    """Where keys stand in `text`: from and to, in characters."""
    return [match.span() for match in _KEY.finditer(text)]

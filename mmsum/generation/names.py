"""Which names a summary may tell: those that its document has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

CAPITAL_NOUNS = frozenset({"de", "lb"})
"""Languages in which every noun begins like a name."""
TOO_MANY = 2
"""Unknown names from which on a sentence is made up. One may be what everybody knows: Python, Dijkstra's algorithm."""


class NamesKnown:
    """What a document's words are, so that a name that is not among them shows.

    A small model makes up who wrote a paper, where, and with what: "developed at the University of Amsterdam".
    """

    def __init__(self, read: Iterable[str]) -> None:
        self._words = {part for text in read for word in _WORD.findall(text) for part in _parts(word)}

    def refuses(self, sentence: str) -> bool:
        """Whether it tells TOO_MANY names, or more, that the document does not have."""
        unknown = {name for name in names(sentence) if not all(map(self._knows, _parts(name)))}
        return len(unknown) >= TOO_MANY

    def _knows(self, part: str) -> bool:
        return not self._words.isdisjoint({part, part + "s", part.removesuffix("s")})


def names(sentence: str) -> Iterator[str]:
    """The words that only names are written like: with a capital inside the sentence, or one inside the word. What stands in
    brackets for the words before it, `principal components (PCA)`, is none."""
    words = list(_WORD.finditer(_ABBREVIATION.sub(" ", sentence)))
    for place, found in enumerate(words):
        word = found[0]
        inside = any(letter.isupper() for letter in word[1:])
        begins = place == 0 or found.string[: found.start()].rstrip(" \"'“‘*_#(")[-1:] in (".", ":", "!", "?", "\n")
        if len(word) > 1 and (inside or (word[0].isupper() and not begins)):
            yield word


def _parts(word: str) -> list[str]:
    """`Python-based` is two words, and `Dijkstra's` is one, all in small letters."""
    return [part for part in re.split(r"[-.+]", re.sub(r"['\u2019]s?$", "", word).casefold()) if part]


_WORD = re.compile(r"[^\W\d_](?:[\w.+'\u2019-]*\w)?", re.UNICODE)
_ABBREVIATION = re.compile(r"\([A-Z][\w-]*\)")

"""Names that a text lists under keys, as captions do: `(1) Market, (2) Station`, `(blue) loaves`.

A figure shows a place or a colour, seldom a name. To write `(2) Station` only the key has to be seen; the name behind it stands
in the caption, and copying from there is what every language model can do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENTRY = re.compile(r"(\(\w+\)) ([^,;:.()]+)")
_KEY = re.compile(r"\(\w+\)")


def listed(text: str) -> dict[str, str]:
    """name -> key in its brackets: a key is one word, a name goes up to the next mark. Of two keys the first counts."""
    names: dict[str, str] = {}
    for key, name in _ENTRY.findall(text):
        names.setdefault(name.strip(), key)
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


def key_spans(text: str) -> list[tuple[int, int]]:
    """Where keys stand in `text`: from and to, in characters."""
    return [match.span() for match in _KEY.finditer(text)]

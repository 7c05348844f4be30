"""Fenced code of Markdown: a comment in it is no heading, a bracket no citation."""

from __future__ import annotations

import re
from collections.abc import Callable

FENCED = re.compile(
    r"^[ \t]*(`{3,}(?=[^`\n]*$)|~{3,})[^\n]*(?:\n.*?)??(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
"""A block with its fences, in a list as well, up to a fence that is at least as long, or to the text's end."""


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` made to each piece that stands outside of fenced code."""
    pieces, end = [], 0
    for block in FENCED.finditer(text):
        pieces += [change(text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*pieces, change(text[end:])])

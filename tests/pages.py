"""Commands of the pages in docs/, for tests that run them: a page and its test cannot drift apart."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def page_command(page: str, start: str) -> str:
    """The one command of docs/PAGE that begins with `start`; tests/docs looks for calls of this by their two strings."""
    found = re.findall(rf"^ *({re.escape(start)}.*)$", (DOCS / page).read_text(), re.MULTILINE)
    assert len(found) == 1, f"docs/{page} has {len(found)} commands that begin with {start!r}"
    return str(found[0])

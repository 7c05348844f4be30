"""The terminal."""

from __future__ import annotations

from rich.console import Console


def open_console() -> Console:
    """A console that prints names, titles and captions as they are: a file may be called `[/draft].pdf` or `:smile:.md`."""
    return Console(markup=False, emoji=False)

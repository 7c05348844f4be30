"""The terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text


class _Console(Console):
    """Prints names, titles and captions as they are: a file may be called `[/draft].pdf` or `:smile:.md`. Of what would
    command the terminal, as an escape sequence in a title could, the sign alone is shown."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


def open_console() -> Console:
    """The console that commands print to."""
    return _Console(markup=False, emoji=False)


def visible(text: str) -> str:
    """The text with a sign in place of each control character, but for tabs and ends of lines."""
    return text.translate(_SIGNS)


_SIGNS = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"} | {
    code: 0xFFFD for code in range(0x7F, 0xA0)
}

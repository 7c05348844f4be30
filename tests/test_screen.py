"""Names are printed as they are, but for what would command the terminal."""

from __future__ import annotations

import unicodedata

import pytest
from rich.table import Table

from mmsum.cli import main
from mmsum.screen import open_console


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    name = "s3://b/docs/[bold]a[/b] :smile:.pdf"
    console, table = open_console(), Table(box=None, title=name)
    table.add_row(name)
    console.print(name, soft_wrap=True)
    console.print(table)
    assert capsys.readouterr().out.count(name) == 3


HOSTILE = "a\x1b[2Jb\x9b31m\x07\x7f.pdf"


def test_names_do_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console, table = open_console(), Table(HOSTILE, box=None, title=HOSTILE)
    table.add_row(HOSTILE)
    console.print(HOSTILE, soft_wrap=True)
    console.print(table)
    main(["status", f"/nowhere/{HOSTILE}"])
    main(["inspect", f"/nowhere/{HOSTILE}"])
    shown = "".join(capsys.readouterr())
    assert shown.count("a␛[2Jb\ufffd31m␇\ufffd.pdf") >= 6
    assert not [sign for sign in shown if sign != "\n" and unicodedata.category(sign) == "Cc"]

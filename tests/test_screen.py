"""Names are printed as they are."""

from __future__ import annotations

import pytest
from rich.table import Table

from mmsum.screen import open_console


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    name = "s3://b/docs/[bold]a[/b] :smile:.pdf"
    console, table = open_console(), Table(box=None, title=name)
    table.add_row(name)
    console.print(name, soft_wrap=True)
    console.print(table)
    assert capsys.readouterr().out.count(name) == 3

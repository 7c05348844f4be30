"""Where fenced code begins and ends."""

from __future__ import annotations

import pytest

from mmsum.documents.plain import read_plain
from mmsum.fences import FENCED, outside_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\n```\n# b\n```\n# c", ["```\n# b\n```"]),
        ("````md\n```\n# b\n```\n````\n# c", ["````md\n```\n# b\n```\n````"]),  # a longer fence holds shorter ones
        ("~~~\n```\n~~~\nx", ["~~~\n```\n~~~"]),
        ("- a\n\n    ```sh\n    # b\n    ```\n", ["    ```sh\n    # b\n    ```"]),  # in a list
        ("```\nopen\n\n# b", ["```\nopen\n\n# b"]),  # to the end
        ("```\n```\n# b", ["```\n```"]),
        ("```one line``` and text\n# b", []),
        ("a ``` b\n# c\n", []),
    ],
)
def test_blocks(text: str, code: list[str]) -> None:
    assert [block[0] for block in FENCED.finditer(text)] == code
    assert outside_code(text, str.upper).count("B") == text.count("b") - "".join(code).count("b")


def test_no_line_is_lost_and_headings_stand_outside() -> None:
    text = "# Title\n\nOne.\n````\n# no\n```\n````\n## Two\n```\n# no\n"
    title, sections = read_plain(text)
    assert title == "Title" and [section.heading for section in sections] == ["", "Two"]
    assert [section.text for section in sections] == ["One.\n````\n# no\n```\n````", "```\n# no"]

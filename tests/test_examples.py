"""Examples as documents."""

from __future__ import annotations

import pytest

from mmsum.examples import Example, to_document


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_a_comment_in_fenced_code_is_no_heading(fence: str) -> None:
    code = f"{fence}sh\npip install ferns\n\n# then\nferns grow\n\n## done\n{fence}"
    text = f"Ferns grow.\n\n# Use\n\n{code}\n\n# End\n\nIt rained."
    document = to_document(Example("one", "Ferns", text, [], "Ferns."))
    assert [(section.heading, section.text) for section in document.sections] == [
        ("", "Ferns grow."),
        ("Use", code),
        ("End", "It rained."),
    ]

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmsum.config import Figures, Limits
from mmsum.documents.parse import Parser
from mmsum.records import ObjectRef

REF = ObjectRef("mem://paper", 0, "v1")


@pytest.fixture(scope="session")
def parser() -> Iterator[Parser]:
    with Parser(Limits(), Figures()) as one:
        yield one

from __future__ import annotations

from pathlib import Path

import pytest

from mmsum.config import Model
from tests.tiny import tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A config.Model that loads in a fraction of a second."""
    return tiny_model(Path(tmp_path_factory.mktemp("tiny")))

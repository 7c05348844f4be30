"""Tiny models train fastest on one thread: the barriers of two cost more than the products between them."""

from collections.abc import Iterator

import pytest

from mmsum.model.torchstack import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

"""Tiny models train fastest on one thread: the barriers of two cost more than the products between them."""

from collections.abc import Iterator

import pytest

from mmsum.config import Config
from mmsum.generation.chat import Chat
from mmsum.model.torchstack import torch
from mmsum.training.encode import load_chat
from tests.training.runs import training_config


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return training_config(tmp_path_factory.mktemp("encode"))


@pytest.fixture(scope="module")
def chat(config: Config) -> Chat:
    return load_chat(config)

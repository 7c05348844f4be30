"""A store in trouble is asked again within a budget; its plain answers are taken at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsum import storage
from mmsum.errors import CredentialsRefused, ObjectNotFound, StorageError
from mmsum.storage.patience import patiently
from tests.chaos.proxy import Faults, faulty
from tests.servers import Server


@pytest.fixture
def faults(moto: str, moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """moto behind a proxy whose faults the test sets; botocore's own repetitions are off."""
    injected = Faults(seed=7)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with faulty(moto_server, injected) as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield injected


def test_every_kind_of_trouble_is_waited_out(moto: str, faults: Faults) -> None:
    bodies = {f"{moto}/docs/{number}": bytes([number]) * 5000 for number in range(40)}
    faults.errors = faults.throttled = faults.cut = faults.lost_answers = 0.05
    for uri, body in bodies.items():
        storage.patiently(lambda uri=uri, body=body: storage.create(uri, body), 30)  # type: ignore[misc]
    read = {uri: storage.patiently(lambda uri=uri: storage.read(uri), 30) for uri in bodies}  # type: ignore[misc]
    assert read == bodies
    assert min(faults.injected[name] for name in ("errors", "throttled", "cut", "lost_answers")) > 0


def test_trouble_beyond_the_budget_is_an_error(moto: str, faults: Faults) -> None:
    storage.put(f"{moto}/x", b"data")
    faults.broken_keys = ("/x",)
    started = time.monotonic()
    with pytest.raises(StorageError, match="injected"):
        storage.patiently(lambda: storage.read(f"{moto}/x"), 2)
    assert time.monotonic() - started < 10
    assert faults.injected["broken"] > 2


def test_expired_credentials_are_not_waited_for(moto: str, faults: Faults) -> None:
    faults.expired = True
    with pytest.raises(CredentialsRefused):
        storage.patiently(lambda: storage.read(f"{moto}/x"), 60)
    assert faults.injected["expired"] == 1


def test_a_missing_object_is_an_answer(tmp_path: Path) -> None:
    asked = []

    def ask() -> bytes:
        asked.append(1)
        return storage.read(str(tmp_path / "nothing"))

    with pytest.raises(ObjectNotFound):
        patiently(ask, 60)
    assert len(asked) == 1

"""What workers tell each other."""

from __future__ import annotations

import time

from mmsum.training import world
from tests.training.runs import run_workers


def main() -> None:
    world._COLLECTIVE_MINUTES = 1 / 30  # type: ignore[assignment]
    here = world.join_world()
    if here.first:
        time.sleep(4)  # examples are encoded
    print("heard", here.tell("news" if here.first else None), here.sum([1.0]))


def test_what_the_first_worker_finds_is_waited_for() -> None:
    assert "heard news [2.0]" in run_workers(2, main=main)

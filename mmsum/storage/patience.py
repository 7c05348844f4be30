"""Waiting out a store's trouble: the same call again, with backoff and jitter, within a budget of seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from mmsum.errors import CredentialsRefused, ObjectChanged, ObjectForbidden, ObjectNotFound, StorageError

_ANSWERS = (ObjectNotFound, ObjectForbidden, ObjectChanged, CredentialsRefused)
"""What a store in good health says: asking again would not change it."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0

T = TypeVar("T")


def is_trouble(error: StorageError) -> bool:
    """Whether the store could not do its work, where another try may: throttling, cut connections, errors of its own."""
    return not isinstance(error, _ANSWERS)


def patiently(call: Callable[[], T], seconds: float) -> T:
    """call(), again while the store is in trouble and `seconds` are not over.

    Full jitter: each pause is drawn between 0 and a bound that doubles, so that a thousand workers that failed together
    do not come back together. Raises the last try's StorageError.
    """
    give_up = time.monotonic() + seconds
    bound = _FIRST_PAUSE
    while True:
        try:
            return call()
        except StorageError as error:
            left = give_up - time.monotonic()
            if not is_trouble(error) or left <= 0:
                raise
        time.sleep(min(random.uniform(0, bound), left))
        bound = min(2 * bound, _LONGEST_PAUSE)

"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 90) -> bool:
    """Ask again and again, and tell whether the condition came true in time.

    :param seconds: how long to ask at most; far more than it takes on a busy machine.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

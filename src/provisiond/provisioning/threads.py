"""Blocking work beside the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class ThreadRunner:
    """Runs blocking work in a thread pool that somebody else starts and stops.

    :param reactor: the running reactor.
    :param pool: a started pool.
    """

    def __init__(self, reactor: Any, pool: ThreadPool) -> None:
        self._reactor = reactor
        self._pool = pool

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Return ``work(*args)``, called in a thread; raises what it raises."""
        result: T = await deferToThreadPool(self._reactor, self._pool, work, *args)
        return result

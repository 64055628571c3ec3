"""Order between coroutines: one at a time for a key, or one run shared by all who ask."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")
Key = tuple[str, str]


class Serial:
    """Lets one coroutine at a time hold a key; others wait in the order they came.

    Nothing is kept for a key that nobody holds.
    """

    def __init__(self) -> None:
        self._queues: dict[Key, deque[Deferred[None]]] = {}
        self._ready: deque[tuple[Key, Deferred[None]]] = deque()
        self._draining = False

    def holding(self, *keys: Key) -> Holding:
        """Return an asynchronous context that holds all these keys.

        Keys are taken in one global order, so two coroutines that want several never block each other for ever.
        A holder must not ask for a smaller key than those it holds.
        """
        return Holding(self, sorted(set(keys)))

    def is_held(self, key: Key) -> bool:
        """Tell whether somebody holds the key now."""
        return key in self._queues

    async def acquire(self, key: Key) -> None:
        """Wait until the key is free, and hold it. A cancelled wait leaves the queue."""
        queue = self._queues.get(key)
        if queue is None:
            self._queues[key] = deque()
            return
        waiter: Deferred[None] = Deferred(lambda one: queue.remove(one) if one in queue else None)
        queue.append(waiter)
        await waiter

    def release(self, key: Key) -> None:
        """Hand the key to the next in the queue.

        Whoever waits is resumed in a loop here, not recursively, so a long queue never exhausts the stack.
        """
        self._pass_on(key)
        if self._draining:
            return
        self._draining = True
        try:
            while self._ready:
                ready_key, waiter = self._ready.popleft()
                if waiter.called:
                    self._pass_on(ready_key)
                else:
                    waiter.callback(None)
        finally:
            self._draining = False

    def _pass_on(self, key: Key) -> None:
        queue = self._queues[key]
        if queue:
            self._ready.append((key, queue.popleft()))
        else:
            del self._queues[key]


class Holding:
    """The asynchronous context of :meth:`Serial.holding`."""

    __slots__ = ("_held", "_keys", "_serial")

    def __init__(self, serial: Serial, keys: list[Key]) -> None:
        self._serial = serial
        self._keys = keys
        self._held: list[Key] = []

    async def __aenter__(self) -> None:
        try:
            for key in self._keys:
                await self._serial.acquire(key)
                self._held.append(key)
        except BaseException:
            self._release_all()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release_all()

    def _release_all(self) -> None:
        while self._held:
            self._serial.release(self._held.pop())


class SharedRuns(Generic[T]):
    """Runs work once for all who ask for the same key while it runs."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[Deferred[T]]] = {}

    def running(self, key: Hashable) -> bool:
        """Tell whether work for this key is under way."""
        return key in self._waiting

    async def run(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of ``work``, or of the run for this key that is already under way.

        A caller that is cancelled stops waiting; the work itself goes on for the others.

        :raises Exception: what the work raised, for everybody who waited.
        """
        waiters = self._waiting.get(key)
        if waiters is None:
            waiters = self._waiting[key] = []
            own: Deferred[T] = Deferred(lambda one: waiters.remove(one) if one in waiters else None)
            waiters.append(own)
            running: Deferred[T] = Deferred.fromCoroutine(_awaited(work))
            running.addBoth(self._finished, key, waiters)
            return await own
        joined: Deferred[T] = Deferred(lambda one: waiters.remove(one) if one in waiters else None)
        waiters.append(joined)
        return await joined

    def _finished(self, result: T | Failure, key: Hashable, waiters: list[Deferred[T]]) -> None:
        del self._waiting[key]
        for waiter in tuple(waiters):
            if not waiter.called:
                _fire(waiter, result)


def _fire(waiter: Deferred[T], result: T | Failure) -> None:
    if isinstance(result, Failure):
        waiter.errback(result)
    else:
        waiter.callback(result)


async def _awaited(work: Callable[[], Awaitable[T]]) -> Any:
    return await work()

"""Work on many devices, beside the phones and never before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.provisioning.ports import Clock

log = Logger()
_BATCH = 256


class BackgroundQueue:
    """Does one piece of work for each device id, a few at a time.

    Between two pieces the reactor gets its turn, and while somebody holds the queue no new piece begins. Work
    that turns out to be done already should cost little: an id that several sources name may come several times.

    :param work: called with each id; what it raises is logged.
    :param limit: pieces of work at a time, 1 or more.
    """

    def __init__(self, clock: Clock, work: Callable[[str], Awaitable[None]], limit: int = 2) -> None:
        self._clock = clock
        self._work = work
        self._limit = limit
        self._ids: dict[str, None] = {}
        self._sources: deque[Iterator[str]] = deque()
        self._running = 0
        self._working = 0
        self._holds = 0
        self._stopped = False
        self._calm: list[Deferred[None]] = []
        self._drained: list[Deferred[None]] = []

    def __len__(self) -> int:
        # What was added and not read yet counts as one each: nobody knows yet how many devices these are.
        return len(self._ids) + len(self._sources) + self._working

    @property
    def idle(self) -> bool:
        """True when nothing waits and nothing runs."""
        return not (self._ids or self._sources or self._running)

    def add(self, source: Iterable[str]) -> None:
        """Add ids; the source is read in small batches when its turn comes, so that adding costs nothing."""
        if not self._stopped:
            self._sources.append(iter(source))
            self._start()

    def discard(self, device_id: str) -> None:
        """Take an id out: its work was done elsewhere."""
        self._ids.pop(device_id, None)

    def upcoming(self, count: int) -> list[str]:
        """Return ids whose turn comes next, at most so many; perhaps fewer than there are."""
        return list(islice(self._ids, count))

    def hold(self) -> None:
        """Begin nothing new until :meth:`let_go` is called as often."""
        self._holds += 1

    def let_go(self) -> None:
        """End one :meth:`hold`."""
        self._holds -= 1
        if not self._holds:
            calm, self._calm = self._calm, []
            for waiter in calm:
                waiter.callback(None)

    async def drained(self) -> None:
        """Wait until nothing waits and nothing runs."""
        if not self.idle:
            waiter: Deferred[None] = Deferred()
            self._drained.append(waiter)
            await waiter

    async def stop(self) -> None:
        """Begin nothing more, and wait for what runs."""
        self._stopped = True
        self._ids.clear()
        self._sources.clear()
        self._finish_if_idle()
        await self.drained()

    def _start(self) -> None:
        while self._running < self._limit:
            self._running += 1
            Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        try:
            while not self._stopped:
                await self._turn()
                device_id = self._next()
                if device_id is None:
                    break
                self._working += 1
                try:
                    await self._work(device_id)
                except Exception:
                    log.failure("work on a device in the background failed")
                finally:
                    self._working -= 1
        finally:
            self._running -= 1
            self._finish_if_idle()

    async def _turn(self) -> None:
        pause: Deferred[None] = Deferred()
        self._clock.callLater(0, pause.callback, None)
        await pause
        while self._holds and not self._stopped:
            waiter: Deferred[None] = Deferred()
            self._calm.append(waiter)
            await waiter

    def _next(self) -> str | None:
        while not self._ids and self._sources:
            self._ids.update(dict.fromkeys(islice(self._sources[0], _BATCH)))
            if not self._ids:
                self._sources.popleft()
        if not self._ids:
            return None
        device_id = next(iter(self._ids))
        del self._ids[device_id]
        return device_id

    def _finish_if_idle(self) -> None:
        if self.idle:
            drained, self._drained = self._drained, []
            for waiter in drained:
                waiter.callback(None)

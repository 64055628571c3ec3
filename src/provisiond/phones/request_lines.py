"""A log line for each request of a phone: made beside the work for phones, and fewer of them under load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel

from provisiond.phones.journal import PhoneEvent
from provisiond.provisioning.ports import Clock, Threads

log = Logger(namespace="provisiond.phones")

DELAY: Final = 0.2
PER_SECOND: Final = 200


def write_line(event: PhoneEvent) -> None:
    """Write the log line of one request, with the time of the request."""
    members: dict[str, Any] = event._asdict()
    log_time, duration_ms = members.pop("time"), round(members.pop("seconds") * 1000, 1)
    # The text is made here: putting eleven members into a format costs the logger a tenth of a millisecond.
    line = (
        f"{event.protocol} {event.method} {event.path!r} from {event.peer}: {event.outcome} ({event.reason}), "
        f"device {event.device} plugin {event.plugin}, {event.bytes} bytes in {duration_ms} ms"
    )
    log.observer(
        {
            **members,
            "duration_ms": duration_ms,
            "line": line,
            "log_time": log_time,
            "log_level": LogLevel.info,
            "log_namespace": log.namespace,
            "log_format": "{line}",
            "log_logger": log,
        }
    )


class RequestLines:
    """Writes the lines a moment later in a thread, so that no phone waits for a log or a slow terminal.

    Requests that went well get no line of their own once there are too many of them in a second; one line tells how
    many were left out. Whatever did not go well gets its line as long as there are not too many of those.

    :param per_second: lines of requests that were served, and again as many of all others.
    :param left_out: told how many requests got no line.
    """

    def __init__(
        self,
        clock: Clock,
        threads: Threads,
        per_second: int = PER_SECOND,
        left_out: Callable[[int], None] | None = None,
    ) -> None:
        self._clock = clock
        self._threads = threads
        self._most = per_second
        self._tell_left_out = left_out
        self._waiting: list[PhoneEvent] = []
        self._counts = [0, 0]
        self._left_out = 0
        self._second = 0.0
        self._planned: Any = None
        self._writing: Deferred[None] | None = None

    def __call__(self, event: PhoneEvent) -> None:
        """Take one request. Never raises, never waits."""
        if event.time - self._second >= 1.0 or event.time < self._second:
            self._second, self._counts = event.time, [0, 0]
        kind = event.outcome != "served"
        if self._counts[kind] >= self._most:
            self._left_out += 1
        else:
            self._counts[kind] += 1
            self._waiting.append(event)
        if self._planned is None:
            self._planned = self._clock.callLater(DELAY, self._write_now)

    async def flush(self) -> None:
        """Write what waits."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        if self._writing is not None:
            joined: Deferred[None] = Deferred()
            self._writing.addCallback(lambda _: joined.callback(None))
            await joined
        await self._write()

    def _write_now(self) -> None:
        self._planned = None
        if self._writing is not None:
            # The log takes longer than the pause between two batches: the lines wait, or are left out.
            self._planned = self._clock.callLater(DELAY, self._write_now)
            self._shed()
            return
        done: Deferred[None] = Deferred()
        self._writing = done
        Deferred.fromCoroutine(self._write()).addErrback(
            lambda failure: log.failure("log lines of requests could not be written", failure=failure)
        ).addBoth(lambda _: self._written(done))

    def _written(self, done: Deferred[None]) -> None:
        self._writing = None
        done.callback(None)

    def _shed(self) -> None:
        excess = len(self._waiting) - 2 * self._most
        if excess > 0:
            del self._waiting[:excess]
            self._left_out += excess

    async def _write(self) -> None:
        events, self._waiting = self._waiting, []
        left_out, self._left_out = self._left_out, 0
        if left_out and self._tell_left_out is not None:
            self._tell_left_out(left_out)
        if events or left_out:
            await self._threads.run(_write_all, events, left_out)


def _write_all(events: list[PhoneEvent], left_out: int) -> None:
    for event in events:
        write_line(event)
    if left_out:
        log.info("{count} more requests of phones were answered; their lines are left out under load", count=left_out)

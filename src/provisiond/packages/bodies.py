"""Receiving the body of a response: one piece at a time, the sender held back, and never waiting for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from provisiond.packages.running import DelayedCall, ReactorClock

Writer = Callable[[bytes], Awaitable[None]]
_PIECE = 1 << 16


@define
class Watch:
    """Cancels what is waited for when nothing comes for ``idle`` seconds, or after ``total`` seconds."""

    clock: ReactorClock
    idle: float
    total: float | None
    expired: bool = False
    _waiting: Any = None
    _call: DelayedCall | None = None
    _total_call: DelayedCall | None = None

    def begin(self) -> None:
        if self.total is not None:
            self._total_call = self.clock.callLater(self.total, self._expire)

    def over(self, waiting: Any) -> None:
        self._waiting = waiting
        self.stop_idle()
        self._call = self.clock.callLater(self.idle, self._expire)
        if self.expired:
            waiting.cancel()

    def reset(self) -> None:
        if self._call is not None and self._call.active():
            self._call.reset(self.idle)

    def stop_idle(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()

    def stop(self) -> None:
        self._waiting = None
        self.stop_idle()
        if self._total_call is not None and self._total_call.active():
            self._total_call.cancel()

    def _expire(self) -> None:
        self.expired = True
        if self._waiting is not None:
            self._waiting.cancel()


class Body(Protocol):
    """Gives a response's body piece by piece to an asynchronous writer, holding the sender back meanwhile."""

    def __init__(self, writer: Writer, watch: Watch) -> None:
        self._writer = writer
        self._watch = watch
        self._pieces: list[bytes] = []
        self._size = 0
        self._writing = False
        self._end: Failure | None = None
        self._failed = False
        self.finished: Deferred[None] = Deferred(lambda _: self._abort())

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self._watch.reset()
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= _PIECE and not self._writing:
            self._write()
        if self._size >= 8 * _PIECE:
            cast(Any, self.transport).pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        self._end = reason
        if not self._writing and not self._failed:
            self._write()

    def _write(self) -> None:
        data, self._pieces, self._size = b"".join(self._pieces), [], 0
        if not data:
            self._finish()
            return
        self._writing = True
        writing = Deferred.fromCoroutine(_awaited(self._writer(data)))
        writing.addCallbacks(self._written, self._write_failed)

    def _written(self, _: None) -> None:
        self._writing = False
        if self._failed:
            return
        if self._end is not None or self._size >= _PIECE:
            self._write()
        if self._end is None:
            self._watch.reset()
            cast(Any, self.transport).resumeProducing()

    def _write_failed(self, failure: Failure) -> None:
        self._writing = False
        self._fail(failure)

    def _finish(self) -> None:
        end = self._end
        if end is None or self.finished.called:
            return
        if end.check(ResponseDone, PotentialDataLoss):
            self.finished.callback(None)
        else:
            self.finished.errback(end)

    def _fail(self, failure: Failure) -> None:
        self._failed = True
        if self._end is None:
            self._abort()
        if not self.finished.called:
            self.finished.errback(failure)

    def _abort(self) -> None:
        self._failed = True
        abort = getattr(self.transport, "abortConnection", None) or cast(Any, self.transport).loseConnection
        abort()


async def _awaited(value: Awaitable[None]) -> None:
    await value

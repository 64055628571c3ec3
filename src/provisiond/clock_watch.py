"""Keeping planned work on time when somebody sets the system's clock back.

Twisted plans calls by the clock on the wall (``twisted.python.runtime.seconds``): after a step back by an hour nothing
that was planned would happen for an hour, no retransmission and no time-out. A step forwards only makes calls come
early.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from twisted.logger import Logger

log = Logger()
LOOK_SECONDS: Final = 1.0
STEP_SECONDS: Final = 2.0


class PlanningReactor(Protocol):
    """The part of the reactor that plans calls."""

    def seconds(self) -> float: ...
    def getDelayedCalls(self) -> Sequence[Any]: ...  # noqa: N802
    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> Any: ...  # noqa: N802


class ClockWatch:
    """Compares the clock on the wall with one that never steps, once a second, in a thread of its own.

    :param wall: seconds since the epoch; what the reactor plans by.
    :param steady: seconds that never go back.
    """

    def __init__(
        self,
        reactor: PlanningReactor,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reactor = reactor
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()

    def start(self) -> None:
        """Watch until the process ends; without a thread to be had, go on without."""
        try:
            threading.Thread(target=self._watch, name="clock-watch", daemon=True).start()
        except RuntimeError:
            log.warn("no thread can be had to watch the clock; if it is set back, restart the server")

    def look(self) -> None:
        """Look once; a clock that is only slewed is followed."""
        offset = self._wall() - self._steady()
        step, self._offset = offset - self._offset, offset
        if abs(step) >= STEP_SECONDS:
            self._reactor.callFromThread(self._stepped, step)

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()

    def _stepped(self, step: float) -> None:
        way = "back" if step < 0 else "forwards"
        log.warn("the clock was set {way} by {seconds:.0f} seconds", way=way, seconds=abs(step))
        if step > 0:
            return
        # What was planned after the step lies nearer than the step is wide, unless it is far away anyhow.
        soonest = self._reactor.seconds() - step - LOOK_SECONDS - STEP_SECONDS
        for call in self._reactor.getDelayedCalls():
            if call.active() and call.getTime() >= soonest:
                call.delay(step)

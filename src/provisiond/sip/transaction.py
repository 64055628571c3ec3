"""A request that is not INVITE, until its final response (RFC 3261, section 17.1.2): states without input or output."""

from __future__ import annotations

from enum import Enum
from typing import Final

T1: Final = 0.5
T2: Final = 4.0
T4: Final = 5.0


class Outcome(Enum):
    """Where a transaction stands."""

    WAITING = "waiting"
    ANSWERED = "answered"
    TIMED_OUT = "timed out"


class ClientTransaction:
    """When to send again, and when to give up.

    :param now: seconds on a monotonic clock, when the request was sent first.
    :param reliable: True on TCP and TLS, where nothing is sent again.
    :param t1: the estimate of a round trip, seconds.
    """

    def __init__(self, now: float, *, reliable: bool, t1: float = T1, t2: float = T2) -> None:
        self.outcome = Outcome.WAITING
        self.final: int | None = None
        self._reliable = reliable
        self._t2 = t2
        self._interval = t1
        self._proceeding = False
        self._give_up = now + 64 * t1
        self._again = now + t1

    def next_event(self) -> float | None:
        """Return when :meth:`due` wants to be called; None when the transaction is over."""
        if self.outcome is not Outcome.WAITING:
            return None
        return self._give_up if self._reliable else min(self._give_up, self._again)

    def due(self, now: float) -> bool:
        """Tell whether the request is to be sent again now; may end the transaction."""
        if self.outcome is not Outcome.WAITING:
            return False
        if now >= self._give_up:
            self.outcome = Outcome.TIMED_OUT
            return False
        if self._reliable or now < self._again:
            return False
        self._interval = self._t2 if self._proceeding else min(2 * self._interval, self._t2)
        self._again = now + self._interval
        return True

    def response(self, status: int) -> bool:
        """Take a response's status; tell whether it ended the transaction. What comes later changes nothing."""
        if self.outcome is not Outcome.WAITING:
            return False
        if status < 200:
            self._proceeding = True
            return False
        self.outcome = Outcome.ANSWERED
        self.final = status
        return True

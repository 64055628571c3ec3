"""Twisted's epoll reactor with a shorter way from an event to who waits for it."""

from __future__ import annotations

import sys
from select import EPOLLIN
from typing import Any, Final

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.logger import Logger

log = Logger()
_REACTOR: Final = "twisted.internet.reactor"


class LeanReactor(EPollReactor):
    """Calls who waits for something to read without a logging context around each call.

    That context names the connection in events of Twisted's older log only, which this server doesn't write, and costs
    as much as reading a datagram. Whatever is not simply something to read goes Twisted's own way.
    """

    def doPoll(self, timeout: float | None) -> None:  # noqa: N802
        """Wait for events, at most so many seconds or without end, and tell who waits for them."""
        selectables = self._selectables
        for fd, event in self._poller.poll(-1 if timeout is None else timeout, len(selectables)):
            selectable = selectables.get(fd)
            if selectable is None:
                continue
            if event != EPOLLIN or selectable.fileno() == -1:
                self._doReadOrWrite(selectable, fd, event)  # type: ignore[no-untyped-call]
                continue
            why: Any
            try:
                why = selectable.doRead()
            except BaseException as error:
                log.failure("who waited for something to read met an error")
                why = error
            if why:
                self._disconnectSelectable(selectable, why, True)  # type: ignore[no-untyped-call]

    # The main loop of the reactor calls it by this name.
    doIteration = doPoll  # noqa: N815


def install() -> None:
    """Make this the reactor of the process, unless it has one already."""
    if _REACTOR not in sys.modules:
        installReactor(LeanReactor())  # type: ignore[no-untyped-call]

"""A shorter way through Twisted's epoll reactor, from an event to who waits for it."""

from __future__ import annotations

from functools import partial
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import Logger

log = Logger()


def shorten(reactor: Any) -> None:
    """Let a reactor call who waits for something to read without a logging context around each call.

    That context names the connection in events of Twisted's older log only, which this server doesn't write, and costs
    more than reading a datagram. Whatever is not simply something to read goes Twisted's own way, and so does
    everything in a reactor that is not Twisted's for epoll.
    """
    if type(reactor) is EPollReactor:
        reactor.doIteration = partial(_turn, reactor)  # type: ignore[method-assign]


def _turn(reactor: Any, timeout: float | None) -> None:
    """Wait for events, at most so many seconds or without end, and tell who waits for them."""
    selectables = reactor._selectables
    for fd, event in reactor._poller.poll(-1 if timeout is None else timeout, len(selectables)):
        selectable = selectables.get(fd)
        if selectable is None:
            continue
        if event != EPOLLIN or selectable.fileno() == -1:
            reactor._doReadOrWrite(selectable, fd, event)
            continue
        why: Any
        try:
            why = selectable.doRead()
        except BaseException as error:
            log.failure("who waited for something to read met an error")
            why = error
        if why:
            reactor._disconnectSelectable(selectable, why, True)

"""Ending the process in order, however often it is asked to."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

log = Logger()
END_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class EndingReactor(Protocol):
    """The part of the reactor that ends it."""

    def stop(self) -> None: ...
    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> Any: ...  # noqa: N802


def end(reactor: EndingReactor) -> bool:
    """Begin to stop in order; return False, and do nothing, when that has begun before."""
    with suppress(ReactorNotRunning):
        reactor.stop()
        return True
    return False


def end_at_signals(reactor: EndingReactor) -> None:
    """Stop in order at SIGTERM and SIGINT from now on; a further one changes nothing, and the log tells so.

    To be called when the reactor runs: as it starts it sets handlers of its own, which fail at the second signal.
    """
    for number in END_SIGNALS:
        signal.signal(number, lambda number, _: reactor.callFromThread(_signalled, reactor, signal.Signals(number)))


def _signalled(reactor: EndingReactor, number: signal.Signals) -> None:
    if end(reactor):
        log.info("{signal}: stopping in order", signal=number.name)
    else:
        log.info("{signal}: stopping already; SIGKILL would end it at once", signal=number.name)

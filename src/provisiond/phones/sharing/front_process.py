"""The process of a front."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from provisiond.clock_watch import ClockWatch
from provisiond.descriptors import room_for
from provisiond.ending import end, end_at_signals
from provisiond.phones.sharing.distant import UseLevels
from provisiond.phones.sharing.front import Front
from provisiond.phones.sharing.fronts import FIRST_TFTP_FD, HTTP_FD, LINK_FD, STAMP_FD
from provisiond.phones.sharing.stamps import SharedStamp
from provisiond.provisioning.threads import ThreadRunner

log = Logger()
TRANSFER_SECONDS: Final = 5.0


class FrontProcess:
    """Serves phones in this process until the owner ends it or is gone.

    :param family: address family of the HTTP socket that was given, or None.
    :param sockets: how many UDP sockets were given.
    :param use_levels: takes the levels of log lines, in general and of subsystems.
    """

    def __init__(self, reactor: Any, family: int | None, sockets: int, use_levels: UseLevels) -> None:
        self._reactor = reactor
        self._front = Front(
            reactor,
            ThreadRunner(reactor, reactor.getThreadPool()),
            SharedStamp(STAMP_FD),
            http=None if family is None else (HTTP_FD, family),
            tftp=range(FIRST_TFTP_FD, FIRST_TFTP_FD + sockets),
            room_for=room_for,
            ended=self._ended,
            use_levels=use_levels,
        )

    def run(self) -> None:
        """Serve."""
        link = Factory.forProtocol(lambda: self._front.pipeline)
        self._reactor.adoptStreamConnection(LINK_FD, socket.AF_UNIX, link)
        os.close(LINK_FD)
        self._reactor.callWhenRunning(end_at_signals, self._reactor)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        ClockWatch(self._reactor).start()
        self._reactor.run()

    def _stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._front.stop(TRANSFER_SECONDS)).addErrback(
            lambda failure: log.failure("a process that serves phones did not stop in order", failure=failure)
        )

    def _ended(self) -> None:
        end(self._reactor)

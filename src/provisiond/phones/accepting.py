"""Ports of phones: their connections get transports that cost little, and several processes may share one."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

from twisted.internet.tcp import Port
from twisted.logger import Logger

from provisiond.phones.plain_sockets import PlainSocket, SocketWatch
from provisiond.phones.service import PhoneService

log = Logger()

ACCEPTS_PER_TURN: Final = 100
SHARED_ACCEPTS_PER_TURN: Final = 1


class PhonePort(Port):
    """Takes connections and has them watched beside the reactor's."""

    watch: SocketWatch
    accepts = ACCEPTS_PER_TURN

    def doRead(self) -> None:  # noqa: N802
        """Take connections that wait."""
        taking: Any = self.socket
        for _ in range(self.accepts):
            try:
                # What ``accept`` makes around it costs twice as much as accepting itself.
                fd, address = taking._accept()
            except BlockingIOError:
                return
            except (ConnectionAbortedError, PermissionError):
                continue
            except OSError:
                # Twisted knows what to do when there are no more descriptors.
                super().doRead()  # type: ignore[no-untyped-call]
                return
            self._take(fd, address)

    def _take(self, fd: int, address: tuple[Any, ...]) -> None:
        self.sessionno += 1
        try:
            os.set_blocking(fd, False)
            if len(address) == 4 and address[3]:
                flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
                address = (socket.getnameinfo(address, flags)[0], *address[1:])
            protocol = self.factory.buildProtocol(None)  # type: ignore[union-attr]
        except Exception:
            log.failure("a phone's connection could not be taken")
            os.close(fd)
            return
        PlainSocket(self.watch, fd, address, protocol, self).begin()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Stop listening; connections that are open stay."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self.watch.leave()


def accept_plainly(port: Any, reactor: Any, *, shared: bool = False) -> None:
    """Let a port that listens already take connections without TLS at little cost; others are left as they are.

    :param shared: other processes take connections from it as well. It takes few in a turn of the reactor then, so that
        the others get theirs: of phones that come back at once, most would be with the process that woke up first. A
        process that has much to do has fewer turns and takes fewer.
    """
    if type(port) is not Port or not isinstance(port.factory, PhoneService):
        return
    port.__class__ = PhonePort
    plain: Any = port
    plain.watch = SocketWatch(reactor)
    if shared:
        plain.accepts = SHARED_ACCEPTS_PER_TURN
        # That would end listening for the others, too, before they have been told.
        plain._shouldShutdown = False
    # Those of its connections inherit it: an answer never waits for the acknowledgement of the one before.
    plain.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

"""Transfer sockets that are used again: opening one costs seven times as much as connecting it anew."""

from __future__ import annotations

import contextlib
import random
import select
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from provisiond.tftp.lines import OwnLine

KEPT: Final = 1_024
MAX_DRAINED: Final = 64
PORT_TRIES: Final = 50

Address = tuple[Any, ...]


class SocketPool:
    """Gives out lines over non-blocking UDP sockets, connected to one client each and watched by one epoll.

    A socket in the pool is still connected to its last client; what arrives there is read and dropped.

    :param ports: first and last port to send from, or None for any.
    :param kept: idle sockets for each address of ours.
    :param chance: picks a port of a range, for tests.
    """

    def __init__(
        self,
        epoll: select.epoll,
        *,
        ports: tuple[int, int] | None = None,
        kept: int = KEPT,
        chance: Callable[[int, int], int] | None = None,
    ) -> None:
        self._epoll = epoll
        self._ports = ports
        self._kept = kept
        self._chance = chance or random.SystemRandom().randint
        self._idle: dict[str, deque[OwnLine]] = {}
        self._all: dict[int, OwnLine] = {}

    def __len__(self) -> int:
        """Return how many sockets are open, idle ones included."""
        return len(self._all)

    def take(self, local: str, peer: Address) -> OwnLine:
        """Return a line from a port of ``local`` to ``peer``, with nothing to read.

        :raises OSError: when none can be had.
        """
        idle = self._idle.get(local)
        while idle:
            line = idle.popleft()
            try:
                line.sock.connect(peer)
            except OSError:
                self._discard(line)
                raise
            # Only now can nothing of the former client come in any more.
            if not line.waits(0) or drained(line.sock):
                line.renew()
                return line
            self._discard(line)
        return self._opened(local, peer)

    def give_back(self, local: str, line: OwnLine) -> None:
        """Take back a line."""
        idle = self._idle.get(local)
        if idle is None:
            idle = self._idle[local] = deque()
        if len(idle) >= self._kept or (":" in local and local.startswith("fe80")):
            self._discard(line)
        else:
            idle.append(line)

    def drop(self, fd: int) -> None:
        """Read and drop what came in on an idle socket."""
        line = self._all.get(fd)
        if line is not None:
            drained(line.sock)

    def close(self) -> None:
        """Close every socket."""
        for line in tuple(self._all.values()):
            self._discard(line)
        self._idle.clear()

    def _opened(self, local: str, peer: Address) -> OwnLine:
        family = socket.AF_INET6 if ":" in local else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._bind(sock, local, peer)
            sock.connect(peer)
            self._epoll.register(sock.fileno(), select.EPOLLIN)
        except OSError:
            sock.close()
            raise
        line = self._all[sock.fileno()] = OwnLine(sock)
        return line

    def _bind(self, sock: socket.socket, local: str, peer: Address) -> None:
        scope = (0, peer[3] if len(peer) > 3 else 0) if local.startswith("fe80") else ()
        if self._ports is None:
            sock.bind((local, 0, *scope))
            return
        for attempt in range(PORT_TRIES):
            try:
                sock.bind((local, self._chance(*self._ports), *scope))
                return
            except OSError:
                if attempt == PORT_TRIES - 1:
                    raise

    def _discard(self, line: OwnLine) -> None:
        if self._all.pop(line.fd, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(line.fd)
        line.sock.close()


def drained(sock: socket.socket) -> bool:
    """Read everything that waits on a socket, ICMP errors included; False when it does not end."""
    for _ in range(MAX_DRAINED):
        try:
            sock.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            continue
    return False

"""Connections without TLS on an epoll of their own: an event of theirs costs a fraction of one of the reactor's."""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from twisted.internet import error
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()

EVENTS_PER_TURN: Final = 256
READ_BYTES: Final = 16 * 1024
MAX_HELD: Final = 64 * 1024
UNWATCHED: Final = 0
_RESET: Final = struct.pack("ii", 1, 0)


class SocketWatch:
    """Watches plain sockets; the reactor watches this, so that everything else gets its turn.

    :param reactor: one that watches descriptors.
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.epoll = select.epoll()
        self.sockets: dict[int, PlainSocket] = {}
        self._left = False
        reactor.addReader(self)

    def fileno(self) -> int:
        """Return the descriptor that is readable when something has happened."""
        return -1 if self.epoll.closed else self.epoll.fileno()

    def doRead(self) -> None:  # noqa: N802
        """Let sockets do what they can; what is too much for a turn comes in the next."""
        find = self.sockets.get
        for fd, event in self.epoll.poll(0, EVENTS_PER_TURN):
            each = find(fd)
            if each is not None:
                each.ready(event)

    def leave(self) -> None:
        """Stop watching once the last connection is closed."""
        self._left = True
        self._close_if_done()

    def forget(self, fd: int) -> None:
        """Forget a socket."""
        self.sockets.pop(fd, None)
        if self._left:
            self._close_if_done()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Note that the reactor gave up on the descriptor."""
        log.error("the reactor dropped the connections of phones: {reason}", reason=reason)

    def logPrefix(self) -> str:  # noqa: N802
        """Return a name for logs."""
        return "phones"

    def _close_if_done(self) -> None:
        if not self.sockets and not self.epoll.closed:
            self.reactor.removeReader(self)
            self.epoll.close()


class Peer(NamedTuple):
    """The other end of a connection."""

    host: str
    port: int


class PlainSocket:
    """The transport of one connection: what Twisted's do, as far as connections of phones want it of them.

    What is written while bytes are being taken leaves in one piece afterwards, and everything else at once as far as
    there is room.

    :param fd: of a connected socket that does not block; it is closed here.
    :param address: of the client.
    :param port: that it came to; needed when a transport of Twisted's takes over.
    """

    __slots__ = (
        "_address",
        "_ending",
        "_fd",
        "_held",
        "_held_bytes",
        "_holds",
        "_is_paused",
        "_mask",
        "_port",
        "_producer",
        "_protocol",
        "_pulls",
        "_reads",
        "_unsent",
        "_watch",
    )

    def __init__(self, watch: SocketWatch, fd: int, address: tuple[Any, ...], protocol: Any, port: Any) -> None:
        self._watch = watch
        self._fd = fd
        self._address = address
        self._protocol = protocol
        self._port = port
        self._mask: int | None = None
        self._reads = True
        self._holds = False
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._unsent = bytearray()
        self._ending: Any = None
        self._producer: Any = None
        self._pulls = False
        self._is_paused = False

    # Called by the port and the watch

    def begin(self) -> None:
        """Introduce the connection, and take what has come already: mostly that is the request."""
        self._watch.sockets[self._fd] = self
        try:
            self._protocol.makeConnection(self)
            self._read()
            self._mask = UNWATCHED
            self._watch_for()
        except Exception:
            self._broken()

    def ready(self, event: int) -> None:
        """Read and write what is possible. Never raises."""
        try:
            if event != select.EPOLLOUT:
                self._read()
            if event & select.EPOLLOUT and self._fd >= 0:
                self._write_more()
        except Exception:
            self._broken()

    def _broken(self) -> None:
        log.failure("a phone's connection met an error")
        try:
            self.abortConnection()
        except Exception:
            # One error must not reach the reactor: it would give up on all connections.
            log.failure("a phone's connection could not be ended in order")

    # Called by the connection

    @property
    def disconnected(self) -> bool:
        """True when the connection has ended, or is another transport's."""
        return self._fd < 0

    def getPeer(self) -> Peer:  # noqa: N802
        """Return the client's address."""
        return Peer(self._address[0], self._address[1])

    def fileno(self) -> int:
        """Return the descriptor, or -1."""
        return self._fd

    def getHandle(self) -> PlainSocket:  # noqa: N802
        """Return what has the descriptor."""
        return self

    def write(self, data: bytes) -> None:
        """Send; what finds no room waits."""
        if not self._holds:
            self._send(data)
            return
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD:
            self._send_held()

    def loseConnection(self) -> None:  # noqa: N802
        """Close when everything that was written has left."""
        self._ending = self._close
        self._end_if_done()

    def loseWriteConnection(self) -> None:  # noqa: N802
        """Tell the client that nothing more comes when everything that was written has left."""
        self._ending = self._half_close
        self._end_if_done()

    def abortConnection(self) -> None:  # noqa: N802
        """Close at once, whatever waits."""
        if self._fd >= 0:
            with self._as_socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._close(Failure(error.ConnectionAborted()))

    def pauseProducing(self) -> None:  # noqa: N802
        """Take no more bytes for now."""
        self._reads = False
        self._watch_for()

    def resumeProducing(self) -> None:  # noqa: N802
        """Take bytes again."""
        self._reads = True
        self._watch_for()

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802
        """Tell a producer when there is room; one that does not stream is asked whenever there is."""
        self._producer, self._pulls = producer, not streaming
        if self._fd < 0:
            producer.stopProducing()
        elif self._pulls:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:  # noqa: N802
        """Forget the producer."""
        self._producer, self._pulls, self._is_paused = None, False, False
        self._watch_for()

    def startWriting(self) -> None:  # noqa: N802
        """Ask the producer when there is room."""
        self._watch_for()

    def complete(self) -> Server:
        """Return a transport of Twisted's that has taken over the connection; this one is at its end."""
        fd, self._fd = self._fd, -1
        if self._mask:
            self._watch.epoll.unregister(fd)
        self._watch.forget(fd)
        sock = socket.socket(self._port.addressFamily, socket.SOCK_STREAM, fileno=fd)
        transport = Server(sock, self._protocol, self._address, self._port, self._port.sessionno, self._watch.reactor)
        for data in (bytes(self._unsent), *self._held):
            transport.write(data)
        return transport

    # Inside

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            return
        self._holds = True
        try:
            self._protocol.dataReceived(data)
        finally:
            self._holds = False
        if self._fd >= 0:
            if self._held:
                self._send_held()
            if self._ending is not None:
                self._end_if_done()
            elif self._pulls:
                # A file follows its head at once: there is room, mostly.
                self._write_more()

    def _send_held(self) -> None:
        held = self._held
        data = held[0] if len(held) == 1 else b"".join(held)
        held.clear()
        self._held_bytes = 0
        self._send(data)

    def _send(self, data: bytes) -> None:
        if self._fd < 0:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            count = os.write(self._fd, data)
        except BlockingIOError:
            count = 0
        except OSError:
            self._close()
            return
        if count < len(data):
            self._unsent += memoryview(data)[count:]
            if self._producer is not None and not self._pulls:
                self._is_paused = True
                self._producer.pauseProducing()
            self._watch_for()

    def _write_more(self) -> None:
        if self._unsent:
            try:
                del self._unsent[: os.write(self._fd, self._unsent)]
            except BlockingIOError:
                return
            except OSError:
                self._close()
                return
            if self._unsent:
                return
        if self._producer is not None and (self._pulls or self._is_paused):
            self._is_paused = False
            self._producer.resumeProducing()
        self._watch_for()
        self._end_if_done()

    def _watch_for(self) -> None:
        if self._fd < 0 or self._mask is None:
            return
        mask = select.EPOLLERR | (select.EPOLLIN if self._reads else 0)
        if self._unsent or self._pulls:
            mask |= select.EPOLLOUT
        if mask != self._mask:
            change = self._watch.epoll.modify if self._mask else self._watch.epoll.register
            self._mask = mask
            change(self._fd, mask)

    def _end_if_done(self) -> None:
        if self._ending is not None and self._fd >= 0 and not (self._holds or self._held or self._unsent):
            ending, self._ending = self._ending, None
            ending()

    def _half_close(self) -> None:
        with self._as_socket() as sock:
            try:
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                log.debug("a client had gone before it was told that nothing more comes")

    @contextmanager
    def _as_socket(self) -> Iterator[socket.socket]:
        sock = socket.socket(self._port.addressFamily, socket.SOCK_STREAM, fileno=self._fd)
        try:
            yield sock
        finally:
            sock.detach()

    def _close(self, reason: Failure = connectionDone) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        os.close(fd)
        self._watch.forget(fd)
        self._held.clear()
        producer, self._producer = self._producer, None
        try:
            if producer is not None:
                producer.stopProducing()
        finally:
            self._protocol.connectionLost(reason)

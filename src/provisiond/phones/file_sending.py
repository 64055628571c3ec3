"""Sending large files over a connection: by the kernel where it can, else in large pieces read in threads."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from provisiond.pacing import Pace
from provisiond.phones.content import Content
from provisiond.phones.open_files import OpenFiles
from provisiond.phones.plain_sockets import PlainSocket
from provisiond.phones.remembered import static_etag
from provisiond.provisioning.ports import Threads

PIECE: Final = 512 * 1024
KERNEL_PIECE: Final = 4 * 1024 * 1024
Told = Callable[[str, float], object]
_CANNOT: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


class Interrupted(Exception):
    """The file or the connection ended before everything was sent, or the file was written over meanwhile.

    Nothing more can be said on this connection.
    """


@implementer(IPullProducer)
class KernelSending:
    """Lets the kernel copy a part of a file to a socket whenever there is room.

    It is the connection's producer meanwhile, so it begins when what was written before has left.

    :param progressed: called after each piece that was sent.
    """

    def __init__(self, transport: Any, fd: int, start: int, length: int, progressed: Any) -> None:
        self._transport = transport
        self._fd = fd
        self._at = start
        self._left = length
        self._progressed = progressed
        self._begun = False
        self._written = os.fstat(fd).st_mtime_ns
        self._done: Deferred[tuple[int, int]] = Deferred()

    async def sent(self) -> tuple[int, int]:
        """Return where the kernel has stopped, and how many bytes are still to be sent in another way.

        :raises Interrupted: when the connection is lost, or the file has become shorter.
        """
        self._transport.registerProducer(self, False)
        try:
            return await self._done
        finally:
            self._transport.unregisterProducer()

    def resumeProducing(self) -> None:  # noqa: N802
        """Send a piece; called when there is room."""
        if self._done.called:
            return
        if not self._begun:
            # A transport asks at once for something to send, whether what was written before has left or not.
            self._begun = True
            self._transport.startWriting()
            return
        try:
            self._send_some()
        except OSError as error:
            if error.errno in _CANNOT:
                self._done.callback((self._at, self._left))
            else:
                self._done.errback(Interrupted())
            return
        if self._left:
            self._transport.startWriting()
        else:
            self._done.callback((self._at, 0))

    def _send_some(self) -> None:
        try:
            count = os.sendfile(self._transport.fileno(), self._fd, self._at, min(KERNEL_PIECE, self._left))
        except BlockingIOError:
            return
        if count == 0 or os.fstat(self._fd).st_mtime_ns != self._written:
            raise OSError(errno.ENODATA, "the file has changed")
        self._at += count
        self._left -= count
        self._progressed()

    def stopProducing(self) -> None:  # noqa: N802
        """Called when the connection is lost."""
        if not self._done.called:
            self._done.errback(Interrupted())


class FileSending:
    """Sends parts of files over one connection.

    :param threads: for everything that may wait for the disk.
    :param told: called at each end with ``done`` or ``interrupted`` and how many seconds it took.
    """

    def __init__(self, threads: Threads, told: Told = lambda outcome, seconds: None) -> None:
        self._threads = threads
        self._told = told
        self.open_files = OpenFiles(threads)

    async def send(self, transport: Any, content: Content, start: int, length: int, progressed: Any) -> None:
        """Send a part of a file behind what was written before; the connection has no producer.

        What was told of the file has to be true of every byte: one that was replaced or written over is not sent.

        :param content: of a file on disk.
        :param progressed: called after each piece.
        :raises Interrupted: when not everything could be sent.
        :raises OSError: when the file cannot be opened; nothing was sent then.
        """
        async with self.open_files.opened(content, start, length) as fd:
            began, outcome = time.monotonic(), "interrupted"
            try:
                if getattr(transport, "disconnected", False) or static_etag(os.fstat(fd)) != content.etag:
                    raise Interrupted
                if _is_plain_socket(transport):
                    start, length = await KernelSending(transport, fd, start, length, progressed).sent()
                if length:
                    await self._send_pieces(transport, fd, content.etag, start, length, progressed)
                outcome = "done"
            finally:
                self._told(outcome, time.monotonic() - began)

    async def _send_pieces(self, transport: Any, fd: int, etag: str, start: int, length: int, progressed: Any) -> None:
        pace = Pace()
        transport.registerProducer(pace, True)
        try:
            while length > 0:
                piece: bytes = await self._threads.run(os.pread, fd, min(PIECE, length), start)
                if not piece or pace.gone or static_etag(os.fstat(fd)) != etag:
                    raise Interrupted
                start, length = start + len(piece), length - len(piece)
                transport.write(piece)
                progressed()
                await pace.ready()
            if pace.gone:
                raise Interrupted
        finally:
            transport.unregisterProducer()


def _is_plain_socket(transport: Any) -> bool:
    if isinstance(transport, PlainSocket):
        return True
    handle = getattr(transport, "getHandle", None)
    return handle is not None and type(handle()) is socket.socket and not getattr(transport, "TLS", False)

"""How the packets of one transfer travel: over a socket of its own, or over the listening one."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Sequence
from typing import Any, Final

from provisiond.tftp.image import Outgoing, Run

MAX_SEGMENTS: Final = 60
MAX_SEND: Final = 65_000
_UDP_SEGMENT: Final = 103
_CANNOT_SEGMENT: Final = frozenset({errno.EINVAL, errno.EMSGSIZE, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP})
# What the kernel refuses for now is as good as lost, and is sent again later.
LOST: Final = (BlockingIOError, ConnectionRefusedError, PermissionError)

Address = tuple[Any, ...]


class OwnLine:
    """A connected socket: the kernel lets only this client's datagrams through.

    What is done for each packet lies ready: ``receive`` reads one, ``transmit`` sends one or raises one of ``LOST``,
    ``waits(0)`` tells whether there is something to read, an error included, without the cost of an exception where
    there is nothing.

    :param segmented: whether to hand runs of packets to the kernel in one piece.
    """

    __slots__ = ("_most", "_segment", "fd", "receive", "segmented", "sock", "transmit", "waits")

    def __init__(self, sock: socket.socket, *, segmented: bool = True) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.receive = sock.recv
        self.transmit = sock.send
        self.segmented = segmented
        # Bytes at which the kernel cuts what is sent, 0 when it does not, and how many may be handed to it at once.
        self._segment = self._most = 0
        watched = select.poll()
        watched.register(self.fd, select.POLLIN)
        self.waits = watched.poll

    def renew(self) -> None:
        """Forget what the former transfer agreed to."""
        self.segmented = True
        if self._segment:
            self._cut_at(0)

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send packets in order."""
        for each in outgoing:
            self.put(each)

    def put(self, outgoing: Outgoing) -> None:
        """Send one packet, or a run of them."""
        try:
            if type(outgoing) is not Run:
                self.transmit(outgoing)
            elif outgoing.stride == self._segment and len(outgoing.view) <= self._most:
                self.transmit(outgoing.view)
            else:
                self._put_run(outgoing.view, outgoing.stride)
        except LOST:
            return
        except OSError as error:
            if error.errno not in _CANNOT_SEGMENT or type(outgoing) is not Run or not self.segmented:
                raise
            # Blocks larger than the path's packets: from now on one by one, which the kernel fragments.
            self.segmented = False
            if self._segment:
                self._cut_at(0)
            self.put(outgoing)

    def _put_run(self, view: memoryview, stride: int) -> None:
        if self.segmented and stride * 2 <= MAX_SEND:
            if stride != self._segment:
                self._cut_at(stride)
            stride = self._most
        for start in range(0, len(view), stride):
            self.transmit(view[start : start + stride])

    def _cut_at(self, size: int) -> None:
        # An option of the socket costs a transfer one call more, and each window less than telling it with the window.
        self._segment = 0
        self.sock.setsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT, size)
        self._segment = size
        self._most = min(MAX_SEGMENTS, MAX_SEND // size) * size if size else 0


class SharedLine:
    """The listening socket, for sites whose firewalls let nothing else through.

    :param ancillary: makes the answers leave from the address that was asked.
    """

    __slots__ = ("_ancillary", "_peer", "_sock")

    def __init__(self, sock: socket.socket, peer: Address, ancillary: list[tuple[int, int, bytes]]) -> None:
        self._sock = sock
        self._peer = peer
        self._ancillary = ancillary

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send packets in order."""
        for each in outgoing:
            self.put(each)

    def put(self, outgoing: Outgoing) -> None:
        """Send one packet, or a run of them."""
        try:
            for datagram in outgoing.split() if isinstance(outgoing, Run) else (outgoing,):
                self._sock.sendmsg([datagram], self._ancillary, 0, self._peer)
        except LOST:
            return


Line = OwnLine | SharedLine

"""How the packets of one transfer travel: over a socket of its own, or over the listening one."""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Sequence
from typing import Any, Final

from provisiond.tftp.image import Outgoing, Run

MAX_SEGMENTS: Final = 60
MAX_SEND: Final = 65_000
_UDP_SEGMENT: Final = 103
_SEGMENT_SIZE: Final = struct.Struct("=H")
_CANNOT_SEGMENT: Final = frozenset({errno.EINVAL, errno.EMSGSIZE, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP})
# What the kernel refuses for now is as good as lost, and is sent again later.
_LOST: Final = (BlockingIOError, ConnectionRefusedError, PermissionError)

Address = tuple[Any, ...]


class OwnLine:
    """A connected socket: the kernel lets only this client's datagrams through.

    What is done for each packet lies ready: ``receive`` reads one, ``waits(0)`` tells whether there is something to
    read, an error included, without the cost of an exception where there is nothing.

    :param segmented: whether to hand runs of packets to the kernel in one piece.
    """

    __slots__ = ("_send", "fd", "receive", "segmented", "sock", "waits")

    def __init__(self, sock: socket.socket, *, segmented: bool = True) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.receive = sock.recv
        self._send = sock.send
        self.segmented = segmented
        watched = select.poll()
        watched.register(self.fd, select.POLLIN)
        self.waits = watched.poll

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send packets in order."""
        try:
            for each in outgoing:
                if type(each) is Run:
                    self._send_run(each)
                else:
                    self._send(each)  # type: ignore[arg-type]
        except _LOST:
            return

    def _send_run(self, run: Run) -> None:
        pieces = min(MAX_SEGMENTS, MAX_SEND // run.stride)
        step = pieces * run.stride
        sent = 0
        if self.segmented and pieces > 1:
            option = [(socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT_SIZE.pack(run.stride))]
            try:
                while sent < len(run.view):
                    self.sock.sendmsg([run.view[sent : sent + step]], option)
                    sent += step
                return
            except OSError as error:
                if error.errno not in _CANNOT_SEGMENT:
                    raise
                # Blocks larger than the path's packets: from now on one by one, which the kernel fragments.
                self.segmented = False
        for start in range(sent, len(run.view), run.stride):
            self.sock.send(run.view[start : start + run.stride])


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
        try:
            for each in outgoing:
                for datagram in each.split() if isinstance(each, Run) else (each,):
                    self._sock.sendmsg([datagram], self._ancillary, 0, self._peer)
        except _LOST:
            return


Line = OwnLine | SharedLine

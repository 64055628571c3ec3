"""UDP sockets: listening with the address that was asked, and one connected socket a transfer."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Final

from provisiond.errors import StartProblem

RECEIVE_BUFFER: Final = 4 * 1024 * 1024
_IP_PKTINFO: Final = getattr(socket, "IP_PKTINFO", 8)
_SO_RCVBUFFORCE: Final = 33

Address = tuple[str, int]


def split_address(text: str) -> tuple[socket.AddressFamily, str, int]:
    """Return family, host and port of ``address:port`` or ``[v6]:port``."""
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, host[1:-1], int(port)
    return socket.AF_INET, host, int(port)


def _widen(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def listening(text: str) -> socket.socket:
    """Return a bound, non-blocking socket that tells the address each datagram was sent to.

    :param text: ``address:port``; an IPv6 address in brackets.
    :raises StartProblem: when the address cannot be listened on.
    """
    family, host, port = split_address(text)
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        _widen(sock)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise StartProblem(f"cannot listen for TFTP on {text}: {error.strerror or error}") from None
    return sock


def received(sock: socket.socket) -> tuple[bytes, tuple[str, int], str]:
    """Return one datagram, its sender, and the local address it was sent to.

    :raises BlockingIOError: when there is none.
    """
    data, ancillary, _, sender = sock.recvmsg(2048, 256)
    local = sock.getsockname()[0]
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            local = socket.inet_ntop(socket.AF_INET, struct.unpack_from("=I4s4s", value)[1])
        elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            local = socket.inet_ntop(socket.AF_INET6, value[:16])
    return data, sender, local


def connected(local: str, peer: tuple[str, int]) -> socket.socket:
    """Return a non-blocking socket on a random port of ``local``, connected to ``peer``.

    A connected socket gets datagrams of this peer only, so strangers cannot touch a transfer.
    """
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6 and peer[0].startswith("fe80"):
            sock.bind((local, 0, 0, peer[3] if len(peer) > 3 else 0))
        else:
            sock.bind((local, 0))
        sock.connect(peer)
    except OSError:
        sock.close()
        raise
    return sock


def send_all(sock: socket.socket, datagrams: list[bytes]) -> None:
    """Send; what the kernel refuses is as good as lost and is sent again later."""
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError, PermissionError):
        for datagram in datagrams:
            sock.send(datagram)

"""UDP sockets: listening with the address that was asked, and one connected socket a transfer."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Final

from twisted.logger import Logger

from provisiond.errors import StartProblem

log = Logger()
Given = Callable[[str, int], Sequence[socket.socket]]
MAX_REQUEST_DATAGRAM: Final = 2048
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


def widen(sock: socket.socket) -> None:
    """Give a listening socket room for thousands of requests; a line in the log tells when the system grants less."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    # Linux tells twice of what was asked for, its own expense included.
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if granted < RECEIVE_BUFFER:
        log.warn(
            "the system keeps only {granted} bytes of waiting TFTP requests: many phones at once must ask again; raise "
            "net.core.rmem_max to {wanted}",
            granted=granted,
            wanted=RECEIVE_BUFFER,
        )


def listening(text: str, *, shared: bool = False) -> socket.socket:
    """Return a bound, non-blocking socket that tells the address each datagram was sent to.

    :param text: ``address:port``; an IPv6 address in brackets.
    :param shared: let others be bound to the same address; each client's datagrams reach always the same one.
    :raises StartProblem: when the address cannot be listened on.
    """
    family, host, port = split_address(text)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        prepared(sock)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise StartProblem(f"cannot listen for TFTP on {text}: {error.strerror or error}") from None
    return sock


def prepared(sock: socket.socket) -> socket.socket:
    """Return a socket, bound or not, that blocks nobody any more and tells the address each datagram was sent to."""
    sock.setblocking(False)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    widen(sock)
    return sock


def received(sock: socket.socket) -> tuple[bytes, tuple[str, int], str]:
    """Return one datagram, its sender, and the local address it was sent to.

    :raises BlockingIOError: when there is none.
    """
    data, ancillary, _, sender = sock.recvmsg(MAX_REQUEST_DATAGRAM, 256)
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            return data, sender, socket.inet_ntop(socket.AF_INET, value[4:8])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return data, sender, socket.inet_ntop(socket.AF_INET6, value[:16])
    return data, sender, sock.getsockname()[0]


def leaving_from(local: str) -> list[tuple[int, int, bytes]]:
    """Return the ancillary data that makes an answer of a listening socket leave from ``local``."""
    if ":" in local:
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, local) + bytes(4))]
    address = socket.inet_pton(socket.AF_INET, local)
    return [(socket.IPPROTO_IP, _IP_PKTINFO, bytes(4) + address + bytes(4))]


def is_wildcard(sock: socket.socket) -> bool:
    """Tell whether a socket listens on every address, so that each datagram must tell which one was asked."""
    return sock.getsockname()[0] in ("0.0.0.0", "::")  # noqa: S104

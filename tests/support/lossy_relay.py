"""A bad line between TFTP clients and a server."""

from __future__ import annotations

import random
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST = 70_000


class LossyRelay:
    """Carries datagrams both ways and loses some of them, and repeats or delays others by one.

    Clients see one port, whatever ports the server answers from. The first two datagrams of each client arrive, once:
    clients wait long before they ask again, and atftp ends when its options are agreed to a second time.

    :param server: address of the server; it sees a port of its own for each client.
    :param loss: share of the datagrams that get lost each way.
    """

    def __init__(self, server: tuple[str, int], *, address: str, loss: float, seed: int = 1) -> None:
        self._server, self._address, self._loss = server, address, loss
        self._chance = random.Random(seed)
        self._family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.sock = self._bound(server[0])
        self._ways: dict[Any, socket.socket] = {}
        self._clients: dict[int, Any] = {}
        self._answering: dict[int, Any] = {}
        self._held: dict[int, tuple[socket.socket, bytes, Any]] = {}
        self._heard: dict[Any, int] = {}
        self._over = False
        self.lost = 0

    @property
    def port(self) -> int:
        """The port that clients ask."""
        return int(self.sock.getsockname()[1])

    def run(self) -> None:
        """Carry until :meth:`stop`."""
        while not self._over:
            ready, _, _ = select.select([self.sock, *self._ways.values()], [], [], 0.05)
            for sock in ready:
                self._carry(sock)
            if not ready:
                self._let_go()

    def stop(self) -> None:
        """End."""
        self._over = True

    def close(self) -> None:
        """Close all sockets."""
        for sock in (self.sock, *self._ways.values()):
            sock.close()

    def _bound(self, address: str) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        sock.bind((address, 0))
        return sock

    def _carry(self, sock: socket.socket) -> None:
        datagram, sender = sock.recvfrom(MOST)
        if sock is self.sock:
            self._carry_to_server(datagram, sender)
            return
        first = sock.fileno() not in self._answering
        self._answering[sock.fileno()] = sender
        self._send(self.sock, datagram, self._clients[sock.fileno()], surely=first)

    def _carry_to_server(self, datagram: bytes, client: Any) -> None:
        way = self._ways.get(client)
        if way is None:
            way = self._ways[client] = self._bound(self._address)
            self._clients[way.fileno()] = client
        number = self._heard[client] = self._heard.get(client, 0) + 1
        asks = datagram[:2] in (b"\0\1", b"\0\2")
        target = self._server if asks else self._answering.get(way.fileno(), self._server)
        self._send(way, datagram, target, surely=number <= 2)

    def _send(self, sock: socket.socket, datagram: bytes, target: Any, *, surely: bool) -> None:
        luck = 0.5 if surely else self._chance.random()
        if luck < self._loss:
            self.lost += 1
        elif luck < 1.2 * self._loss:
            self._let_go()
            self._held[sock.fileno()] = (sock, datagram, target)
        else:
            sock.sendto(datagram, target)
            if luck > 1 - 0.2 * self._loss:
                sock.sendto(datagram, target)
            self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, {}
        for sock, datagram, target in held.values():
            sock.sendto(datagram, target)


@contextmanager
def lossy_relay(server: tuple[str, int], *, address: str, loss: float) -> Iterator[LossyRelay]:
    """Run a relay in a thread.

    :param address: what the server takes for the clients' address.
    """
    relay = LossyRelay(server, address=address, loss=loss)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join()
        relay.close()

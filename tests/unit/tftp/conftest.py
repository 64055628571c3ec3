"""A TFTP service on loopback whose time passes only when a test says so."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.turns import Contents, HandReactor, NoThreads
from twisted.internet.defer import Deferred

from provisiond.tftp import packets
from provisiond.tftp.service import TftpService

LOCAL = "127.0.0.1"


class Service:
    """A service, its reactor, its contents and what it refused."""

    def __init__(self, files: dict[str, bytes | Path], *, contents: Contents | None = None, **options: Any) -> None:
        self.reactor = HandReactor()
        self.contents = contents or Contents(files)
        self.refused: list[str] = []
        self.service = TftpService(
            self.reactor, [f"{LOCAL}:0"], self.contents, NoThreads(), refused=self.refused.append, **options
        )
        self.service.start()
        self._clients: list[socket.socket] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return LOCAL, self.service.ports[0]

    def client(self, host: str = LOCAL) -> socket.socket:
        """Return a client's socket."""
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        client.bind((host, 0))
        self._clients.append(client)
        return client

    def ask(self, name: str, client: socket.socket | None = None, **options: str) -> socket.socket:
        """Ask for a file without letting the server work."""
        client = client or self.client()
        client.sendto(packets.request(False, name, "octet", options), self.address)
        return client

    def answer(self, client: socket.socket) -> tuple[bytes, Any]:
        """Let the server work; return the next datagram that a client gets, and its sender."""
        self.reactor.settle()
        return client.recvfrom(70_000)  # type: ignore[no-any-return]

    def fetch(self, name: str, client: socket.socket | None = None, block_size: int = 512) -> bytes:
        """Return a file as a proper client gets it."""
        client = self.ask(name, client)
        content, block = bytearray(), 0
        while True:
            datagram, sender = self.answer(client)
            block += 1
            assert datagram[:4] == packets.data_head(block)
            content += datagram[4:]
            client.sendto(packets.ack(block), sender)
            if len(datagram) < block_size + 4:
                self.reactor.settle()
                return bytes(content)

    def close(self) -> None:
        """End it."""
        Deferred.fromCoroutine(self.service.stop(0.1))
        self.reactor.advance(1)
        for client in self._clients:
            client.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    with contextlib.ExitStack() as stack:

        def made(files: dict[str, bytes | Path], **options: Any) -> Service:
            service = Service(files, **options)
            stack.callback(service.close)
            return service

        yield made

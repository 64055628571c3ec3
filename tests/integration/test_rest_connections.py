"""The API's port under slow, large and rude clients, over real sockets."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from unittest.mock import patch

from tests.support.api import Api
from tests.support.provisioning import World
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from provisiond.metrics import Metrics
from provisiond.phones.journal import Journal
from provisiond.rest import connections
from provisiond.rest.answers import MEDIA_TYPE
from provisiond.rest.application import api_site

T = TypeVar("T")
MAX_BODY = 1 << 20
PATIENCE = 60


def answer(connection: socket.socket) -> bytes:
    """Return everything that the server says until it closes its side."""
    chunks = []
    while chunk := connection.recv(65536):
        chunks.append(chunk)
    return b"".join(chunks)


class RealSockets(TestCase):
    timeout = 240

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        world = World(Path(directory.name))
        world.start()
        self.token = Api(world).token
        site = api_site(world.house, Journal(Metrics()), Metrics(), reactor, max_body=MAX_BODY)
        self.site = site
        self.listener = reactor.listenTCP(0, site, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.port = self.listener.getHost().port
        self.allowed(HEAD_SECONDS=1.0, BODY_SECONDS=1.5)

    def tearDown(self) -> Deferred[None]:
        async def ended() -> None:
            await self.listener.stopListening()
            while self.site.connections:
                await deferLater(reactor, 0.02)  # type: ignore[arg-type]

        return Deferred.fromCoroutine(ended())

    def allowed(self, **seconds: float) -> None:
        """Give clients less time than the real server does."""
        for name, value in seconds.items():
            patched = patch.object(connections, name, value)
            patched.start()
            self.addCleanup(patched.stop)

    def inside(self, work: Callable[[], T]) -> Deferred[T]:
        """Run blocking work of a client in a thread."""
        return deferToThread(work)

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def head(self, first: str, *lines: str) -> bytes:
        return "\r\n".join([first, "Host: x", f"X-Auth-Token: {self.token}", *lines, "", ""]).encode()

    def status(self) -> bytes:
        with self.connected() as connection:
            connection.sendall(self.head("GET /0.2/status HTTP/1.1", "Connection: close"))
            return answer(connection)

    def dribbled(self, data: bytes) -> tuple[bytes, float]:
        """Send a byte now and then for as long as the server listens; return what it says, and after which time."""
        with self.connected() as connection:
            said: list[bytes] = []
            reader = threading.Thread(target=lambda: said.append(answer(connection)))
            reader.start()
            begun = time.monotonic()
            for byte in data:
                if not reader.is_alive():
                    break
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    break
                reader.join(0.02)
            reader.join(PATIENCE)
            return said[0] if said else b"", time.monotonic() - begun

    def test_a_head_that_dribbles_is_cut_off(self) -> Deferred[None]:
        def work() -> None:
            said, _ = self.dribbled(self.head("GET /0.2/status HTTP/1.1", *["X-A: aaaaaaaa"] * 90) * 20)
            assert said.startswith(b"HTTP/1.1 408 "), said[:100]
            assert self.status().startswith(b"HTTP/1.1 200 ")

        return self.inside(work)

    def test_a_body_that_dribbles_is_cut_off(self) -> Deferred[None]:
        def work() -> None:
            lines = (f"Content-Type: {MEDIA_TYPE}", "Content-Length: 100000")
            with self.connected() as connection:
                connection.sendall(self.head("POST /0.2/cfg_mgr/configs HTTP/1.1", *lines))
                said: list[bytes] = []
                reader = threading.Thread(target=lambda: said.append(answer(connection)))
                reader.start()
                while reader.is_alive():
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        break
                    reader.join(0.05)
                reader.join(PATIENCE)
            assert said[0].startswith(b"HTTP/1.1 408 "), said

        return self.inside(work)

    def test_a_silent_client_is_let_go(self) -> Deferred[None]:
        self.allowed(IDLE_SECONDS=0.5)

        def work() -> None:
            with self.connected() as connection:
                assert answer(connection) == b""

        return self.inside(work)

    def test_a_refusal_can_be_read_by_who_is_still_sending(self) -> Deferred[None]:
        def work() -> None:
            for lines, first in (
                ((f"Content-Length: {40 << 20}",), b"HTTP/1.1 413 "),
                (("Transfer-Encoding: chunked",), b"HTTP/1.1 413 "),
            ):
                with self.connected() as connection:
                    connection.sendall(
                        self.head("POST /0.2/cfg_mgr/configs HTTP/1.1", f"Content-Type: {MEDIA_TYPE}", *lines)
                    )
                    piece = b" " * (1 << 20)
                    if "chunked" in lines[0]:
                        piece = b"100000\r\n" + piece + b"\r\n"
                    for _ in range(40):
                        connection.sendall(piece)
                    assert answer(connection).startswith(first)
            with self.connected() as connection:
                connection.sendall(b"GET /0.2/status HTTP/1.1\r\n" + b"X-A: b\r\n" * 200_000)
                assert answer(connection).startswith(b"HTTP/1.1 431 ")

        return self.inside(work)

    def test_many_half_requests_hold_up_nobody(self) -> Deferred[None]:
        def work() -> None:
            held = [self.connected() for _ in range(200)]
            for connection in held:
                connection.sendall(b"GET /0.2/status HTTP/1.1\r\nHost: ")
            assert self.status().startswith(b"HTTP/1.1 200 ")
            said = [answer(connection)[:13] for connection in held]
            for connection in held:
                connection.close()
            assert set(said) == {b"HTTP/1.1 408 "}

        return self.inside(work)

    def test_one_more_connection_than_allowed_is_told(self) -> Deferred[None]:
        self.site._max_connections = 2

        def work() -> None:
            held = [self.connected() for _ in range(2)]
            for connection in held:
                # Answered, so the server has counted them.
                connection.sendall(self.head("GET /0.2/status HTTP/1.1"))
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            assert self.status().startswith(b"HTTP/1.1 503 ")
            for connection in held:
                connection.close()
            deadline = time.monotonic() + PATIENCE
            while not self.status().startswith(b"HTTP/1.1 200 "):
                assert time.monotonic() < deadline

        return self.inside(work)

    def test_noise_does_no_harm(self) -> Deferred[None]:
        seed = int.from_bytes(os.urandom(4), "big")
        source = random.Random(seed)

        def work() -> None:
            for _ in range(60):
                noise = source.randbytes(source.randrange(1, 3000))
                start = source.choice([b"", self.head("POST /0.2/cfg_mgr/configs HTTP/1.1", "Content-Length: 90")])
                with self.connected() as connection:
                    try:
                        connection.sendall(start + noise + b"\r\n\r\n")
                        if source.random() < 0.5:
                            connection.shutdown(socket.SHUT_WR)
                            said = answer(connection)
                            assert b"Traceback" not in said, seed
                            assert not said.startswith(b"HTTP/1.1 5"), seed
                    except ConnectionError:
                        continue
            assert self.status().startswith(b"HTTP/1.1 200 "), seed

        return self.inside(work)

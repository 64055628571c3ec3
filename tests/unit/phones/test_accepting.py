"""Ports that phones connect to: how many they take in a turn, and what their connections do."""

from __future__ import annotations

import errno
import re
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.hand_reactor import SocketReactor
from twisted.internet.protocol import Factory
from twisted.internet.tcp import Port

from provisiond.identification.values import PhoneRequest
from provisiond.phones.accepting import SHARED_ACCEPTS_PER_TURN, PhonePort, accept_plainly
from provisiond.phones.content import Content
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept, static_etag
from provisiond.phones.service import PhoneService

EVENT = PhoneEvent(0.0, "http", "GET", "", "", None, None, None, "served", "", 0, 0.0)
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n"
LARGE = 8 * 1024 * 1024


def content(data: bytes) -> Content:
    return Content(size=len(data), etag='"e"', modified=9.0, content_type="text/plain", kind="rendered", data=data)


class Threads:
    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)


class Pipeline:
    """Serves ``/a``, a large rendered ``/large`` and a ``/file`` on disk; remembers what was asked."""

    def __init__(self, file: Path) -> None:
        self._files = {"/a": content(b"hello"), "/large": content(b"x" * LARGE)}
        self._files["/file"] = Content(
            size=LARGE, etag=static_etag(file.stat()), modified=9.0, content_type="text/plain", kind="static", path=file
        )
        self.kept: dict[Any, Kept] = {}
        self.peers: list[str | None] = []

    def again(self, key: Any, protocol: str, method: str) -> Kept | None:
        return self.kept.get(key)

    async def answer(self, request: PhoneRequest, name: str, key: Any = None) -> Answer:
        self.peers.append(request.peer)
        if name == "/broken":
            raise ZeroDivisionError
        found = self._files.get(name)
        if found is None:
            return Answer(outcome="not-found")
        self.kept[key] = Kept(EVENT, found)
        return Answer(outcome="served", content=found, kept=self.kept[key])

    async def answer_of_plugin(self, request: PhoneRequest) -> None:
        return None

    async def may_upload(self, request: PhoneRequest, name: str) -> None:
        return None


class House:
    """A service on a real port, driven by hand."""

    def __init__(self, directory: Path, *, host: str = "127.0.0.1", shared: bool = False, **limits: Any) -> None:
        file = directory / "file"
        file.write_bytes(bytes(range(256)) * (LARGE // 256))
        self.file = file
        self.reactor: Any = SocketReactor()
        self.pipeline = Pipeline(file)
        self.service = PhoneService(self.pipeline, Threads(), self.reactor, **limits)  # type: ignore[arg-type]
        self.port: Any = Port(0, self.service, interface=host, reactor=self.reactor)
        self.port.startListening()
        accept_plainly(self.port, self.reactor, shared=shared)
        self.host = host
        self.clients: list[socket.socket] = []

    def client(self, **options: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        for name, value in options.items():
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        sock.settimeout(30)
        sock.connect((self.host, self.port.getHost().port))
        self.clients.append(sock)
        return sock

    def settle(self) -> None:
        self.reactor.settle()

    def read(self, client: socket.socket, *, least: int = 1) -> bytes:
        """Let both sides go on until the client has so much, or the end."""
        got = b""
        client.setblocking(False)
        for _ in range(200_000):
            self.settle()
            try:
                data = client.recv(1 << 20)
            except BlockingIOError:
                if len(got) >= least:
                    return got
                select.select([client, *self.reactor.watched()], [], [], 0.05)
                continue
            if not data:
                return got
            got += data
        raise AssertionError(f"only {len(got)} bytes came")

    def wait_for(self, condition: Callable[[], bool]) -> None:
        for _ in range(2_000):
            self.settle()
            if condition():
                return
            select.select(self.reactor.watched(), [], [], 0.01)
        raise AssertionError("it did not come to that")

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.wait_for(lambda: self.service.connections == 0)
        if self.port.connected:
            self.port.stopListening()
            self.settle()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


class TestAnswers:
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_requests_are_answered_on_one_connection(self, tmp_path: Path, host: str) -> None:
        house = House(tmp_path, host=host)
        client = house.client()
        for _ in range(3):
            client.sendall(GET)
            assert house.read(client).endswith(b"\r\n\r\nhello")
        assert house.pipeline.peers == [host]
        assert house.service.connections == 1
        house.close()

    def test_a_request_in_pieces_is_answered_when_it_is_complete(self, house: House) -> None:
        client = house.client()
        client.sendall(GET[:9])
        house.wait_for(lambda: house.service.connections == 1)
        client.sendall(GET[9:])
        assert house.read(client).endswith(b"hello")

    def test_many_at_once_are_answered_in_turns(self, house: House) -> None:
        client = house.client()
        client.sendall(GET * 100)
        answers = b""
        while answers.count(b"hello") < 100:
            answers += house.read(client)
        assert answers.count(b"HTTP/1.1 200 ") == 100

    def test_who_wants_it_closed_reads_the_answer_and_the_end(self, house: House) -> None:
        client = house.client()
        client.sendall(CLOSING)
        assert house.read(client, least=LARGE).endswith(b"hello")
        assert house.service.connections == 0

    def test_what_is_not_plain_goes_on_with_twisted_web(self, house: House) -> None:
        client = house.client()
        client.sendall(GET + b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + GET)
        answers = b""
        while answers.count(b"HTTP/1.1 ") < 3:
            answers += house.read(client)
        assert re.findall(rb"HTTP/1\.1 (\d+) ", answers) == [b"200", b"405", b"200"]
        client.sendall(GET)
        assert house.read(client).endswith(b"hello")
        assert not house.port.watch.sockets
        assert house.service.connections == 1


class TestLarge:
    @pytest.mark.parametrize("path", [b"/large", b"/file"])
    def test_a_client_with_little_room_gets_every_byte(self, house: House, path: bytes) -> None:
        client = house.client(SO_RCVBUF=65536)
        client.sendall(b"GET %s HTTP/1.1\r\n\r\n" % path + GET)
        got = house.read(client, least=LARGE)
        head, _, rest = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert rest[:LARGE] == (b"x" * LARGE if path == b"/large" else house.file.read_bytes())
        while not rest.endswith(b"\r\n\r\nhello"):
            rest += house.read(client)
        assert len(rest) < LARGE + 1_000

    def test_a_file_follows_its_head_in_the_same_turn(self, house: House) -> None:
        client = house.client()
        client.sendall(b"GET /file HTTP/1.1\r\n\r\n")
        # Whatever comes has left before anybody told that there is room.
        house.port.watch.doRead = lambda: None
        house.reactor.turn()
        got = b""
        while len(got) < 10_000:
            got += client.recv(65_536)
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert house.file.read_bytes().startswith(body)
        del house.port.watch.doRead

    def test_a_file_is_open_once_for_all_and_closed_after_the_last(self, house: House) -> None:
        clients = [house.client(SO_RCVBUF=65536) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /file HTTP/1.1\r\nConnection: close\r\n\r\n")
        house.wait_for(lambda: house.service.bounds.sending == 3)
        assert len(house.service.file_sending.open_files) == 1
        clients.pop().close()
        for client in clients:
            assert house.read(client, least=2 * LARGE).endswith(house.file.read_bytes())
        house.wait_for(lambda: house.service.connections == 0)
        assert len(house.service.file_sending.open_files) == 0

    @pytest.mark.parametrize("path", [b"/large", b"/file"])
    def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(self, house: House, path: bytes) -> None:
        client = house.client(SO_RCVBUF=4096)
        client.sendall(b"GET %s HTTP/1.1\r\n\r\n" % path)
        house.wait_for(lambda: house.service.connections == 1 and not house.reactor.turn())
        assert client.recv(1_000)
        client.close()
        house.wait_for(lambda: house.service.connections == 0)
        assert house.service.bounds.under_way == house.service.bounds.sending == 0

    @pytest.mark.parametrize("path", [b"/large", b"/file"])
    def test_a_client_that_does_not_read_is_cut_off(self, house: House, path: bytes) -> None:
        client = house.client(SO_RCVBUF=4096)
        client.sendall(b"GET %s HTTP/1.1\r\n\r\n" % path)
        house.wait_for(lambda: house.service.connections == 1 and not house.reactor.turn())
        for _ in range(130):
            house.reactor.advance(1)
        assert house.service.connections == 0
        with pytest.raises(ConnectionResetError):
            house.read(client, least=2 * LARGE)


class TestEnds:
    def test_a_client_that_goes_is_forgotten(self, house: House) -> None:
        client = house.client()
        house.wait_for(lambda: house.service.connections == 1)
        client.close()
        house.wait_for(lambda: house.service.connections == 0)

    def test_an_error_cuts_one_connection_only(self, house: House) -> None:
        good, bad = house.client(), house.client()
        bad.sendall(b"GET /broken HTTP/1.1\r\n\r\n")
        house.wait_for(lambda: house.service.connections == 1)
        with pytest.raises(ConnectionResetError):
            bad.recv(1)
        good.sendall(GET)
        assert house.read(good).endswith(b"hello")

    def test_not_even_an_error_at_the_end_of_one_connection_reaches_the_others(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        good, bad = house.client(), house.client()
        house.wait_for(lambda: house.service.connections == 2)
        closed = house.service.closed

        def broken(connection: Any) -> None:
            closed(connection)
            raise ZeroDivisionError

        monkeypatch.setattr(house.service, "closed", broken)
        bad.close()
        house.wait_for(lambda: house.service.connections == 1)
        monkeypatch.undo()
        good.sendall(GET)
        assert house.read(good).endswith(b"hello")

    def test_a_slow_sender_is_told_and_cut_off(self, house: House) -> None:
        client = house.client()
        client.sendall(GET[:9])
        house.wait_for(lambda: house.service.connections == 1)
        for _ in range(21):
            house.reactor.advance(1)
        assert house.read(client, least=LARGE).startswith(b"HTTP/1.1 408 ")
        assert house.service.connections == 1
        for _ in range(3):
            house.reactor.advance(1)
        assert house.service.connections == 0

    def test_connections_outlive_the_port(self, tmp_path: Path) -> None:
        house = House(tmp_path)
        client = house.client()
        house.wait_for(lambda: house.service.connections == 1)
        house.port.stopListening()
        house.settle()
        client.sendall(CLOSING)
        assert house.read(client, least=LARGE).endswith(b"hello")
        assert house.port.watch.fileno() == -1
        house.close()
        assert not house.reactor.watched()

    def test_one_too_many_is_told_so(self, tmp_path: Path) -> None:
        house = House(tmp_path, max_connections=1)
        house.client()
        house.wait_for(lambda: house.service.connections == 1)
        assert house.read(house.client(), least=LARGE).startswith(b"HTTP/1.1 503 ")
        house.close()


class TestTaking:
    def test_a_port_of_one_process_takes_all_that_wait(self, tmp_path: Path) -> None:
        house = House(tmp_path)
        assert taken_in_a_turn(house, 12) == 12
        house.close()

    def test_a_shared_port_leaves_some_to_the_others_in_every_turn(self, tmp_path: Path) -> None:
        house = House(tmp_path, shared=True)
        assert taken_in_a_turn(house, 12) == SHARED_ACCEPTS_PER_TURN
        assert taken_in_a_turn(house, 1) == SHARED_ACCEPTS_PER_TURN
        house.close()

    def test_a_shared_port_that_closes_leaves_the_others_listening(self, tmp_path: Path) -> None:
        house = House(tmp_path, shared=True)
        with house.port.socket.dup() as other:
            house.port.stopListening()
            house.settle()
            with socket.create_connection(other.getsockname(), timeout=30):
                other.settimeout(30)
                other.accept()[0].close()
        house.close()

    def test_without_descriptors_connections_are_shed_and_the_port_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house = House(tmp_path)

        class Full:
            """A listening socket for which there are no descriptors, once."""

            def __init__(self, sock: Any) -> None:
                self._sock = sock

            def _accept(self) -> Any:
                house.port.socket = self._sock
                raise OSError(errno.EMFILE, "too many open files")

        house.client().sendall(GET)
        house.port.socket = Full(house.port.socket)
        house.wait_for(lambda: house.service.connections == 1)
        assert house.read(house.clients[0]).endswith(b"hello")
        house.close()

    def test_ports_of_others_are_left_as_they_are(self) -> None:
        port: Any = Port(0, Factory(), interface="127.0.0.1", reactor=SocketReactor())
        accept_plainly(port, SocketReactor())
        assert type(port) is Port
        assert not isinstance(port, PhonePort)


def taken_in_a_turn(house: House, clients: int) -> int:
    """Return how many of so many clients that knock at once are let in in one turn."""
    for _ in range(clients):
        house.client()
    select.select([house.port.fileno()], [], [], 30)
    before = house.port.sessionno
    house.port.doRead()
    return int(house.port.sessionno - before)

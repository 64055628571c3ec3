"""Files that change while they are sent over HTTP, and clients that stop reading them: on both ways."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from provisiond.identification.values import PhoneRequest
from provisiond.phones import complete_connections, connections
from provisiond.phones.content import Content
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept, static_etag
from provisiond.phones.service import SWEEP_SECONDS, PhoneService
from provisiond.phones.small_files import SmallFiles
from provisiond.phones.stalling import Reader

EVENT = PhoneEvent(0.0, "http", "GET", "", "", None, None, None, "served", "", 0, 0.0)
OLD, NEW = b"o" * 3_000_000, b"n" * 3_000_000


class Threads:
    """Lets something happen before each piece of work."""

    def __init__(self) -> None:
        self.before: list[Callable[[], object]] = []

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        if self.before:
            self.before.pop(0)()
        return work(*args)


class OneFile:
    """A pipeline that serves one file."""

    def __init__(self, path: Path) -> None:
        status = path.stat()
        self.content = Content(
            size=status.st_size,
            etag=static_etag(status),
            modified=1.0,
            content_type="x/y",
            kind="static",
            path=path,
        )

    def again(self, key: Any, protocol: str, method: str) -> None:
        return None

    async def answer(self, request: PhoneRequest, name: str, key: Any = None) -> Answer:
        return Answer(outcome="served", content=self.content, kept=Kept(EVENT, self.content))


class Client:
    """Somebody who asks for the file, on the way that only twisted.web takes or on the other one."""

    def __init__(self, path: Path, more: bytes) -> None:
        self.threads, self.clock = Threads(), MemoryReactorClock()
        pipeline: Any = OneFile(path)
        self.service = PhoneService(pipeline, self.threads, self.clock)  # type: ignore[arg-type]
        self.protocol: Any = self.service.buildProtocol(None)
        self.transport: Any = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection
        self.protocol.makeConnection(self.transport)
        self._request = b"GET /fw HTTP/1.1\r\nHost: x\r\n%s\r\n" % more

    def ask(self) -> bytes:
        """Return the body, or what came of it."""
        self.protocol.dataReceived(self._request)
        return bytes(self.transport.value()).partition(b"\r\n\r\n")[2]


@pytest.fixture(params=[b"", b"Content-Length: 0\r\n"], ids=["fast", "complete"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    (tmp_path / "fw").write_bytes(OLD)
    os.utime(tmp_path / "fw", ns=(1, 1))
    return Client(tmp_path / "fw", request.param)


def replace(path: Path) -> None:
    (path.parent / "new").write_bytes(NEW)
    os.replace(path.parent / "new", path)


def write_over(path: Path) -> None:
    path.write_bytes(NEW)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def cut(path: Path) -> None:
    os.truncate(path, 600_000)


def test_a_file_that_stays_as_it_is_arrives(client: Client) -> None:
    assert client.ask() == OLD
    assert not client.transport.disconnecting


@pytest.mark.parametrize("change", [replace, write_over, append, cut])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_changed_file_is_never_mixed_with_what_it_was(
    client: Client, tmp_path: Path, change: Callable[[Path], None], after: int
) -> None:
    client.threads.before = [lambda: None] * after + [lambda: change(tmp_path / "fw")]
    body = client.ask()
    # Who holds the old file open may send it to its end; all others break off, and the client knows that it is short.
    assert body == OLD[: len(body)]
    assert len(body) == len(OLD) or client.transport.disconnecting


@pytest.mark.parametrize("change", [replace, write_over, append, cut])
def test_a_small_file_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path, threads = tmp_path / "small", Threads()
    path.write_bytes(b"o" * 1_000)
    os.utime(path, ns=(1, 1))
    files, content = SmallFiles(threads), OneFile(path).content
    threads.before = [lambda: change(path)]
    with pytest.raises(OSError, match="changed"):
        files.data_of(content).send(None)
    assert files.used == 0


class TestWhoDoesNotRead:
    def test_a_client_that_has_taken_something_is_told_from_one_that_has_not(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as theirs:
            theirs.connect(listening.getsockname())
            ours, _ = listening.accept()
            with ours:
                ours.setblocking(False)
                transport = StringTransport()
                transport.getHandle = lambda: ours  # type: ignore[attr-defined]
                count = 0
                try:
                    while True:
                        count += ours.send(bytes(65_536))
                except BlockingIOError:
                    pass
                reader = Reader(transport)
                assert reader.reads_on()
                assert not reader.reads_on()
                taken = 0
                while taken < count // 2:
                    taken += len(theirs.recv(65_536))
                assert reader.reads_on()

    def test_of_what_the_kernel_knows_nothing_one_piece_is_waited_for(self) -> None:
        reader = Reader(StringTransport())
        assert [reader.reads_on() for _ in range(3)] == [True, False, False]

    @pytest.mark.parametrize("reads", [0, 5])
    def test_it_is_cut_off_on_either_way_unless_the_kernel_says_that_it_reads(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, reads: int
    ) -> None:
        answers = iter([True] * (reads + 1))
        monkeypatch.setattr(Reader, "reads_on", lambda self: next(answers, False))
        sent = client.transport.write

        def write(data: bytes) -> None:
            sent(data)
            if len(client.transport.value()) > 700_000:
                client.transport.producer.pauseProducing()

        client.transport.write = write
        client.ask()
        assert len(client.transport.value()) < 2_000_000
        for _ in range(reads):
            client.clock.advance(complete_connections.STALL_SECONDS + 1)
            assert not client.transport.disconnecting
        for _ in range(3):
            client.clock.advance(connections.STALL_SECONDS + 1)
        assert client.transport.disconnecting
        client.transport.producer.stopProducing()
        client.protocol.connectionLost(Failure(ConnectionError()))
        client.clock.advance(SWEEP_SECONDS)
        assert not client.clock.getDelayedCalls()

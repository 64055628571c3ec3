"""The reactor of the server: who waits for something to read is called, and an error ends nobody else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python import context
from twisted.python.failure import Failure
from twisted.python.log import ILogContext
from zope.interface import implementer

from provisiond.short_turns import shorten


@implementer(IReadDescriptor)
class Waiting:
    """Reads from a socket with a function of the test's own."""

    def __init__(self, sock: socket.socket, read: Callable[[], Any]) -> None:
        self.sock = sock
        self.doRead = read
        self.lost: list[Failure] = []

    def fileno(self) -> int:
        return self.sock.fileno()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        self.lost.append(reason)

    def logPrefix(self) -> str:  # noqa: N802
        return "test"


@pytest.fixture
def reactor() -> Iterator[Any]:
    made: Any = EPollReactor()  # type: ignore[no-untyped-call]
    shorten(made)
    yield made
    end(made)


def end(reactor: Any) -> None:
    reactor._poller.close()
    for each in tuple(reactor._internalReaders):
        each.connectionLost(None)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_who_waits_for_something_to_read_is_called(reactor: Any, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    read: list[bytes] = []
    reactor.addReader(Waiting(ours, lambda: read.append(ours.recv(10))))
    reactor.doIteration(0)
    assert read == []
    theirs.send(b"one")
    reactor.doIteration(None)
    assert read == [b"one"]


def test_an_error_ends_only_the_one_that_met_it(
    reactor: Any, pair: tuple[socket.socket, socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = pair
    other = socket.socket(fileno=socket.dup(ours.fileno()))
    read: list[bytes] = []

    def fail() -> None:
        raise ValueError("out of order")

    wrong, right = Waiting(other, fail), Waiting(ours, lambda: read.append(ours.recv(10)))
    reactor.addReader(wrong)
    reactor.addReader(right)
    theirs.send(b"one")
    reactor.doIteration(0)
    theirs.send(b"two")
    reactor.doIteration(0)
    assert read == [b"one", b"two"]
    assert isinstance(wrong.lost[0].value, ValueError)
    assert reactor.getReaders().count(wrong) == 0
    other.close()


def test_who_says_that_it_is_over_is_let_go(reactor: Any, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    waiting = Waiting(ours, lambda: ConnectionDone())
    reactor.addReader(waiting)
    theirs.send(b"end")
    reactor.doIteration(0)
    assert isinstance(waiting.lost[0].value, ConnectionDone)


def test_who_was_let_go_in_the_same_turn_is_not_called(reactor: Any, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    other = socket.socket(fileno=socket.dup(ours.fileno()))
    called: list[str] = []
    first: Waiting
    second: Waiting

    def take(name: str, others: str) -> Callable[[], None]:
        def read() -> None:
            called.append(name)
            reactor.removeReader({"first": first, "second": second}[others])

        return read

    first, second = Waiting(ours, take("first", "second")), Waiting(other, take("second", "first"))
    reactor.addReader(first)
    reactor.addReader(second)
    theirs.send(b"both see it")
    reactor.doIteration(0)
    assert len(called) == 1
    other.close()


def test_connections_come_and_go_as_with_any_reactor(reactor: Any) -> None:
    told: list[object] = []

    class Echo(Protocol):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            told.append(data)
            self.transport.write(data.upper())  # type: ignore[union-attr]

        def connectionLost(self, reason: Any = None) -> None:  # noqa: N802
            told.append(reason.type)

    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port.getHost().port), timeout=10) as client:
        client.sendall(b"hello")
        client.settimeout(0.01)
        answer = b""
        for _ in range(1_000):
            reactor.doIteration(0.01)
            try:
                answer = client.recv(10)
                break
            except TimeoutError:
                continue
        assert answer == b"HELLO"
    for _ in range(1_000):
        if len(told) == 2:
            break
        reactor.doIteration(0.01)
    assert told == [b"hello", ConnectionDone]
    port.stopListening()
    reactor.runUntilCurrent()


def test_the_main_loop_takes_the_short_way(reactor: Any, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    contexts: list[object] = []

    def read() -> None:
        contexts.append(context.get(ILogContext))
        ours.recv(10)
        reactor.crash()

    reactor.addReader(Waiting(ours, read))
    theirs.send(b"one")
    reactor.callLater(20, reactor.crash)
    reactor.run(installSignalHandlers=False)
    assert contexts == [context.get(ILogContext)]


def test_another_kind_of_reactor_stays_as_it_is() -> None:
    class Other(EPollReactor):
        """Somebody else's."""

    other: Any = Other()  # type: ignore[no-untyped-call]
    shorten(other)
    assert "doIteration" not in vars(other)
    end(other)
    shorten(Clock())

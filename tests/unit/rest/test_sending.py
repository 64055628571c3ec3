"""Writing answers: headers, bodies, long answers at the reader's pace, clients that are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.api import Api
from tests.support.provisioning import World, begin
from twisted.internet.defer import Deferred
from twisted.web.test.requesthelper import DummyChannel, DummyRequest

from provisiond.rest.answers import MEDIA_TYPE, NO_CONTENT, Answer, created, listed
from provisiond.rest.sending import CORS, send


class Written(DummyRequest):
    """A request that keeps what is written to it."""

    method = b"GET"
    _disconnected = False
    defaultContentType: bytes | None = b"text/html"  # noqa: N815

    def __init__(self, method: bytes = b"GET") -> None:
        super().__init__([b""])
        self.method = method
        self.channel = DummyChannel()

    @property
    def body(self) -> bytes:
        return b"".join(self.written)

    def sent(self, name: str) -> str | None:
        values = self.responseHeaders.getRawHeaders(name)
        return values[0] if values else None


def test_a_document_has_its_type_and_length() -> None:
    request = Written()
    begin(send(request, Answer(document={"a": 1})))
    assert (request.responseCode, request.body, request.finished) == (200, b'{"a":1}', 1)
    assert (request.sent("content-type"), request.sent("content-length")) == (MEDIA_TYPE, "7")
    assert {name: request.sent(name) for name in CORS} == CORS


@pytest.mark.parametrize(
    ("answer", "length", "location"),
    [(NO_CONTENT, None, None), (created("/0.2/x/1"), "0", "/0.2/x/1"), (Answer(), "0", None)],
)
def test_nothing_to_say_has_no_type(answer: Answer, length: str | None, location: str | None) -> None:
    request = Written()
    begin(send(request, answer))
    assert (request.body, request.finished, request.sent("content-type")) == (b"", 1, None)
    assert (request.sent("content-length"), request.sent("location")) == (length, location)
    assert request.defaultContentType is None


def test_head_tells_the_length_of_what_it_does_not_send() -> None:
    request = Written(b"HEAD")
    begin(send(request, Answer(document={"a": 1})))
    assert (request.body, request.sent("content-length"), request.finished) == (b"", "7", 1)


@pytest.mark.parametrize("gone", ["disconnected", "without a channel"])
def test_who_is_gone_is_told_nothing(gone: str) -> None:
    request: Any = Written()
    if gone == "disconnected":
        request._disconnected = True
    else:
        request.channel = None
    begin(send(request, Answer(document={"a": 1})))
    assert (request.written, request.finished) == ([], 0)


class Source:
    """Pieces of a long answer that come when a test lets them."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[bytes | None]] = []
        self.closed = False

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            while True:
                waiter: Deferred[bytes | None] = Deferred()
                self.waiting.append(waiter)
                piece = await waiter
                if piece is None:
                    return
                yield piece
        finally:
            self.closed = True

    def give(self, piece: bytes | None) -> None:
        self.waiting.pop().callback(piece)


def test_a_long_answer_is_written_piece_by_piece() -> None:
    request, source = Written(), Source()
    begin(send(request, Answer(chunks=source.pieces())))
    source.give(b"one")
    assert (request.body, request.finished) == (b"one", 0)
    source.give(b"two")
    source.give(None)
    assert (request.body, request.finished, source.closed) == (b"onetwo", 1, True)
    assert request.sent("content-length") is None


def test_a_full_connection_is_waited_for() -> None:
    request: Any = Written()
    source, calls = Source(), []

    class Timer:
        active = staticmethod(lambda: True)
        cancel = staticmethod(lambda: calls.append("cancelled"))

    class Reactor:
        def callLater(self, seconds: float, call: Any, *arguments: Any) -> Timer:  # noqa: N802
            calls.append("planned")
            return Timer()

    request.channel.site.reactor = Reactor()
    begin(send(request, Answer(chunks=source.pieces())))
    producer = request_producer(request)
    producer.pauseProducing()
    source.give(b"one")
    assert (request.body, calls) == (b"", ["planned"])
    producer.resumeProducing()
    assert (request.body, calls) == (b"one", ["planned", "cancelled"])
    source.give(None)
    assert request.finished == 1


def test_a_reader_that_leaves_ends_the_work() -> None:
    request, source = Written(), Source()
    begin(send(request, Answer(chunks=source.pieces())))
    request_producer(request).stopProducing()
    source.give(b"one")
    assert (request.body, request.finished, source.closed) == (b"", 0, True)


def request_producer(request: Any) -> Any:
    """Return what paces a request's answer."""
    return request.paced


@pytest.fixture(autouse=True)
def paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stand-in keep the producer instead of driving it."""
    monkeypatch.setattr(Written, "registerProducer", lambda self, producer, streaming: setattr(self, "paced", producer))
    monkeypatch.setattr(Written, "unregisterProducer", lambda self: None)


async def _batches(*batches: list[Any]) -> AsyncIterator[list[Any]]:
    for batch in batches:
        yield batch


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([], b'{"x":[]}'),
        ([[]], b'{"x":[]}'),
        ([[1, 2], [3]], b'{"x":[1,2,3]}'),
        ([[], [{"a": "\u00e9"}], []], b'{"x":[{"a":"\\u00e9"}]}'),
    ],
)
def test_a_list_is_the_same_document_in_batches(batches: list[list[Any]], expected: bytes) -> None:
    request = Written()
    begin(send(request, Answer(chunks=listed("x", _batches(*batches)))))
    assert request.body == expected


def test_a_list_that_breaks_off_is_never_ended_in_good_order(api: Api, world: World) -> None:
    for number in range(3):
        world.device(id=f"d{number}")
    api.get("/status")

    async def broken(*arguments: Any) -> AsyncIterator[list[Any]]:
        yield [{"id": "d0"}]
        raise ValueError("the database is gone")

    world.devices.stream = broken  # type: ignore[assignment]
    connection = api.begin("GET", "/dev_mgr/devices")
    for _ in range(100):
        world.clock.advance(0)
    assert b'{"id":"d0"}' in connection.transport.value()
    assert not connection.transport.value().endswith(b"0\r\n\r\n")
    assert connection.transport.aborted

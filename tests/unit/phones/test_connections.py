"""Connections of phones: chunkings, pipelining, deadlines, limits, and what is left to twisted.web."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench.http_fuzz import HttpFuzz
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from provisiond.identification.values import PhoneRequest
from provisiond.phones import complete_connections, connections, service
from provisiond.phones.complete_connections import HEAD_SECONDS, REQUESTS_PER_CONNECTION, STALL_SECONDS, PhoneSite
from provisiond.phones.content import Content
from provisiond.phones.http import PhoneFilesResource
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept, static_etag
from provisiond.phones.service import SILENT_SECONDS, SWEEP_SECONDS, PhoneService

EVENT = PhoneEvent(0.0, "http", "GET", "", "", None, None, None, "served", "", 0, 0.0)
FILE = Content(size=5, etag='"e"', modified=9.0, content_type="text/plain", kind="rendered", data=b"hello")
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


class Threads:
    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)


class Pipeline:
    """Serves ``/a`` at once, ``/slow`` when a test says so, and remembers answers as long as it is told to."""

    def __init__(self, *, remembers: bool = False) -> None:
        self.remembers = remembers
        self.kept: dict[Any, Kept] = {}
        self.asked: list[str] = []
        self.gates: list[Deferred[None]] = []

    def again(self, key: Any, protocol: str, method: str) -> Kept | None:
        return self.kept.get(key)

    async def answer_of_plugin(self, request: PhoneRequest) -> None:
        return None

    async def may_upload(self, request: PhoneRequest, name: str) -> None:
        return None

    async def answer(self, request: PhoneRequest, name: str, key: Any = None) -> Answer:
        self.asked.append(f"{request.method} {name} {request.user_agent}".strip())
        if name == "/slow":
            gate: Deferred[None] = Deferred()
            self.gates.append(gate)
            await gate
        if name == "/broken":
            raise ZeroDivisionError
        if name not in ("/a", "/slow"):
            return Answer(outcome="not-found")
        kept = Kept(EVENT, FILE)
        if self.remembers:
            self.kept[key] = kept
        return Answer(outcome="served", content=FILE, kept=kept)


class Phone:
    """A client on a fake connection."""

    def __init__(self, pipeline: Pipeline | None = None, threads: Threads | None = None, **limits: Any) -> None:
        self.pipeline = pipeline or Pipeline()
        self.clock: Any = MemoryReactorClock()
        self.service = PhoneService(self.pipeline, threads or Threads(), self.clock, **limits)  # type: ignore[arg-type]
        self.connect()

    def connect(self) -> None:
        self.protocol = self.service.buildProtocol(None)
        self.transport: Any = StringTransport()
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """Send, and return what came back."""
        self.transport.clear()
        self.protocol.dataReceived(data)
        return bytes(self.transport.value())

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionError()))
        self.clock.advance(SWEEP_SECONDS)


def statuses(answer: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)


def without_date(answer: bytes) -> bytes:
    return re.sub(rb"\r\nDate: [^\r]*", b"", answer)


def complete_answer(sent: bytes) -> bytes:
    """Return what twisted.web answers."""
    resource = PhoneFilesResource(Pipeline(), Threads(), trusted_proxies=0)  # type: ignore[arg-type]
    protocol: Any = PhoneSite(resource, MemoryReactorClock()).buildProtocol(None)
    transport: Any = StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(sent)
    protocol.connectionLost(Failure(ConnectionError()))
    return bytes(transport.value())


def meaning(answer: bytes) -> tuple[list[bytes], bytes, list[bytes]]:
    """Return statuses, the last body, and the headers that tell about the content, sorted."""
    head, _, body = answer.partition(b"\r\n\r\n")
    wanted = (b"content-", b"etag", b"last-mod", b"accept-r", b"allow", b"retry")
    headers = sorted(line.lower() for line in head.split(b"\r\n") if line.lower().startswith(wanted))
    return statuses(answer), body, headers


REQUESTS = (
    GET,
    b"HEAD /a HTTP/1.1\r\n\r\n",
    b"GET /a?mac=1 HTTP/1.1\r\nUser-Agent: P\xe9\r\n\r\n",
    b'GET /a HTTP/1.1\r\nIf-None-Match: "e"\r\n\r\n',
    b"GET /a HTTP/1.1\r\nRange: bytes=1-2\r\n\r\n",
    b"GET /none HTTP/1.1\r\nX: y\r\n\r\n",
)


class TestChunks:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6), st.data())
    def test_any_chunking_gives_the_same_answers(self, requests: list[bytes], data: st.DataObject) -> None:
        sent = b"".join(requests)
        whole = Phone().send(sent)
        phone, answers, position = Phone(), b"", 0
        while position < len(sent):
            size = data.draw(st.integers(1, 60))
            answers += phone.send(sent[position : position + size])
            position += size
        assert without_date(answers) == without_date(whole)
        assert len(statuses(whole)) == len(requests)

    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from(["GET", "HEAD", "get", "PUT", "DELETE", "G T"]),
        st.sampled_from(
            ["/a", "//a", "/%61", "/none", "a", "/a b", "/a\x7f", "http://h/a", "*", "/a?x=1&x", "/a#f", "/é"]
        ),
        st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "http/1.1", ""]),
        st.lists(
            st.sampled_from(
                [
                    "Host: x",
                    "host:y",
                    "Content-Length: 0",
                    "Content-Length: 3",
                    "Content-Length: +3",
                    "Transfer-Encoding: chunked",
                    "Transfer-Encoding: x",
                    "Connection: close",
                    "Connection: Keep-Alive",
                    "Connection: upgrade",
                    "Upgrade: h2c",
                    "Range: bytes=1-3",
                    "Range: bytes=9-",
                    "If-None-Match: *",
                    "X : y",
                    " folded",
                    "\tfolded",
                    "no colon",
                    ": empty",
                    "X: a\x00b",
                    "X: a\rb",
                    "Expect: 100-continue",
                ]
            ),
            max_size=4,
        ),
    )
    def test_whatever_is_asked_it_means_the_same_as_to_twisted_web(
        self, method: str, target: str, version: str, headers: list[str]
    ) -> None:
        sent = "\r\n".join([f"{method} {target} {version}", *headers, "", ""]).encode("utf-8") + b"abc"
        phone = Phone()
        assert meaning(phone.send(sent)) == meaning(complete_answer(sent))
        phone.lose()

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\r\n", b"\r\n\r\n", GET, b"GET /a"]), max_size=12))
    def test_no_bytes_break_a_connection(self, chunks: list[bytes]) -> None:
        phone = Phone()
        for chunk in chunks:
            phone.send(chunk)
        phone.lose()
        assert phone.service.connections == 0
        assert not phone.clock.getDelayedCalls()


@pytest.mark.parametrize("seed", [1, 2])
def test_random_connections_mean_the_same_on_both_ways(seed: int) -> None:
    fuzz = HttpFuzz(seed)
    fuzz.run(1_500)
    assert fuzz.asked > 200


class TestHandingOver:
    @pytest.mark.parametrize(
        "request_",
        [
            b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            b"GET /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            b"GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"GET /a HTTP/1.1\r\nX: " + b"y" * 5000 + b"\r\n\r\n",
            b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\n\r\n",
        ],
    )
    def test_the_bytes_behind_it_are_not_lost(self, request_: bytes) -> None:
        phone = Phone()
        first = phone.send(GET + request_ + GET)
        assert len(statuses(first)) == 3
        assert statuses(first)[0] == statuses(first)[2] == b"200"
        assert statuses(phone.send(GET)) == [b"200"]
        phone.lose()

    def test_so_many_requests_at_once_are_answered_and_no_more(self) -> None:
        phone = Phone()
        answer = phone.send(b"OPTIONS /a HTTP/1.1\r\n\r\n" * 2_000)
        assert len(statuses(answer)) == REQUESTS_PER_CONNECTION
        assert answer.lower().count(b"connection: close") == 1
        assert phone.transport.disconnecting

    def test_bodies_of_all_together_have_so_much_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(complete_connections, "MAX_BODIES", 1_000)
        phone = Phone()
        head = b"PUT /a HTTP/1.1\r\nContent-Length: 600\r\n\r\n"
        assert statuses(phone.send(head + bytes(600))) == [b"405"]
        phone.send(head + bytes(590))
        first = phone.protocol
        phone.connect()
        assert statuses(phone.send(head + bytes(600))) == [b"503"]
        assert statuses(phone.send(GET)) == [b"200"]
        first.connectionLost(Failure(ConnectionError()))
        assert statuses(phone.send(head + bytes(600))) == [b"405"]
        phone.lose()

    def test_a_body_in_crumbs_is_cut_off(self) -> None:
        phone = Phone()
        head = b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        pieces = b"40\r\n" + b"x" * 64 + b"\r\n"
        assert statuses(phone.send(head + pieces * 5_000 + b"0\r\n\r\n")) == [b"405"]
        assert statuses(phone.send(head + b"1\r\nx\r\n" * 5_000 + b"0\r\n\r\n")) == []
        assert phone.transport.disconnected
        phone.lose()

    def test_who_does_not_read_the_last_answer_is_cut_off(self) -> None:
        phone = Phone()
        phone.send(b"OPTIONS /a HTTP/1.1\r\nConnection: close\r\n\r\n")
        phone.clock.advance(STALL_SECONDS - 1)
        assert phone.transport.disconnecting
        assert not phone.transport.disconnected
        phone.clock.advance(1)
        assert phone.transport.disconnected
        phone.lose()
        assert not phone.clock.getDelayedCalls()

    @pytest.mark.parametrize("before", [b"", b"OPTIONS /a HTTP/1.1\r\n\r\n"])
    def test_a_slow_sender_is_cut_off_there_too(self, before: bytes) -> None:
        phone = Phone()
        phone.send(before + b"PUT /a HTTP/1.1\r\n")
        for _ in range(int(HEAD_SECONDS)):
            assert not phone.transport.disconnecting
            phone.send(b"X: y\r\n")
            phone.clock.advance(1)
        phone.clock.advance(1)
        assert phone.transport.disconnecting
        phone.lose()
        assert not phone.clock.getDelayedCalls()


class TestPipelining:
    def test_many_requests_at_once_are_answered_in_their_order_and_in_turns(self) -> None:
        phone = Phone()
        answers = phone.send(b"".join(b"GET /a?%d HTTP/1.1\r\nUser-Agent: %d\r\n\r\n" % (n, n) for n in range(100)))
        assert len(statuses(answers)) == connections.REQUESTS_PER_TURN
        for _ in range(20):
            phone.clock.advance(0)
        assert phone.pipeline.asked == [f"GET /a {number}" for number in range(100)]
        assert len(statuses(phone.transport.value())) == 100

    def test_what_waits_holds_up_what_follows(self) -> None:
        phone = Phone()
        assert phone.send(b"GET /slow HTTP/1.1\r\n\r\n" + GET) == b""
        assert phone.service.bounds.under_way == 1
        phone.pipeline.gates[0].callback(None)
        assert statuses(phone.transport.value()) == [b"200", b"200"]
        assert phone.service.bounds.under_way == 0

    def test_a_client_that_does_not_read_is_not_answered_further_and_cut_off_in_the_end(self) -> None:
        phone = Phone()
        phone.protocol.pauseProducing()
        assert phone.send(GET) == b""
        phone.protocol.resumeProducing()
        assert statuses(phone.transport.value()) == [b"200"]
        phone.protocol.pauseProducing()
        phone.clock.pump([1] * (int(connections.STALL_SECONDS) + 1))
        assert phone.transport.disconnected or phone.transport.disconnecting

    def test_who_sends_without_end_is_not_read_further(self) -> None:
        phone = Phone()
        phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
        large = b"GET /a HTTP/1.1\r\nX: " + b"y" * 3000 + b"\r\n\r\n"
        phone.send(large * (connections.MAX_BUFFER // len(large) + 1))
        assert phone.transport.producerState == "paused"
        phone.pipeline.gates[0].callback(None)
        phone.clock.pump([0] * 500)
        assert phone.transport.producerState == "producing"

    def test_a_client_that_is_gone_gets_nothing(self) -> None:
        phone = Phone()
        phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
        phone.lose()
        phone.pipeline.gates[0].callback(None)
        assert phone.transport.value() == b""
        assert (phone.service.bounds.under_way, phone.service.connections) == (0, 0)


class TestEnds:
    @pytest.mark.parametrize("request_", [b"GET /a HTTP/1.0\r\n\r\n", b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n"])
    def test_who_wants_an_end_gets_one(self, request_: bytes) -> None:
        phone = Phone(Pipeline(remembers=True))
        for _ in range(2):
            answer = phone.send(request_ + GET)
            assert statuses(answer) == [b"200"]
            assert b"Connection: close" in answer
            assert phone.transport.disconnecting
            phone.connect()

    def test_a_connection_ends_after_so_many_requests(self) -> None:
        phone = Phone(Pipeline(remembers=True))
        for _ in range(connections.REQUESTS_PER_CONNECTION - 1):
            assert b"Connection: close" not in phone.send(GET)
        assert b"Connection: close" in phone.send(GET)
        phone.connect()
        assert b"Connection: close" not in phone.send(GET)
        assert len(phone.pipeline.asked) == 1

    def test_an_idle_connection_is_closed(self) -> None:
        phone = Phone()
        phone.send(GET)
        phone.clock.pump([1] * int(connections.IDLE_SECONDS - 1))
        assert not phone.transport.disconnecting
        phone.clock.pump([1] * 2)
        assert phone.transport.disconnecting

    def test_a_head_that_comes_byte_by_byte_does_not_come_for_ever(self) -> None:
        phone = Phone()
        phone.send(b"GET /a HTTP/1.1\r\nX: ")
        for _ in range(int(connections.HEAD_SECONDS) - 1):
            assert phone.send(b"y") == b""
            phone.clock.advance(1)
        phone.clock.advance(1)
        assert statuses(phone.transport.value()) == [b"408"]
        assert phone.transport.disconnecting

    def test_an_answer_may_take_its_time(self) -> None:
        phone = Phone()
        phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
        phone.clock.pump([10] * 60)
        phone.pipeline.gates[0].callback(None)
        assert statuses(phone.transport.value()) == [b"200"]

    def test_an_error_ends_the_connection_and_nothing_else(self) -> None:
        phone = Phone()
        assert phone.send(b"GET /broken HTTP/1.1\r\n\r\n") == b""
        assert phone.transport.disconnecting
        phone.connect()
        assert statuses(phone.send(GET)) == [b"200"]

    def test_the_end_of_the_server_closes_what_is_idle_and_lets_the_others_finish(self) -> None:
        phone = Phone()
        phone.send(GET)
        idle = phone.transport
        phone.connect()
        phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
        ended: list[None] = []
        Deferred.fromCoroutine(phone.service.stop(5)).addCallback(ended.append)
        assert idle.disconnecting
        assert not phone.transport.disconnecting
        phone.pipeline.gates[0].callback(None)
        assert phone.transport.disconnecting
        assert not ended
        for connection in tuple(phone.service._connections):
            connection.connectionLost(Failure(ConnectionError()))
        assert ended
        assert not phone.clock.getDelayedCalls()

    def test_who_has_just_come_at_the_end_of_the_server_still_gets_an_answer(self) -> None:
        pipeline = Pipeline(remembers=True)
        phone = Phone(pipeline)
        phone.send(GET)
        phone.connect()
        Deferred.fromCoroutine(phone.service.stop(5))
        assert not phone.transport.disconnecting
        answer = phone.send(GET)
        assert statuses(answer) == [b"200"]
        assert b"Connection: close" in answer
        assert phone.transport.disconnecting

    def test_who_comes_and_never_asks_does_not_hold_up_the_end(self) -> None:
        phone = Phone()
        Deferred.fromCoroutine(phone.service.stop(5))
        phone.clock.pump([1.0, 1.0])
        assert phone.transport.disconnecting

    def test_what_is_not_done_in_time_is_cut(self) -> None:
        phone = Phone()
        phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
        Deferred.fromCoroutine(phone.service.stop(5))
        phone.clock.advance(5)
        assert phone.transport.disconnecting
        phone.lose()
        phone.pipeline.gates[0].callback(None)

    def test_an_idle_connection_of_twisted_web_is_closed_too(self) -> None:
        phone = Phone()
        phone.send(b"GET /a HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nExpect: 100-continue\r\n\r\n")
        phone.send(b"OPTIONS /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert phone.protocol._channel is not None
        Deferred.fromCoroutine(phone.service.stop(5))
        assert phone.transport.disconnecting


class TestOverload:
    def test_one_connection_too_many_is_told_so(self) -> None:
        reasons: list[str] = []
        phone = Phone(max_connections=1, refused=reasons.append)
        first = phone.transport
        phone.connect()
        assert statuses(phone.transport.value()) == [b"503"]
        assert b"Retry-After: 5" in phone.transport.value()
        assert phone.transport.disconnecting
        assert phone.send(GET) == b""
        assert not first.disconnecting
        phone.lose()
        assert phone.service.connections == 1
        assert reasons == ["connections"]

    def test_a_connection_on_which_nothing_is_asked_makes_room(self) -> None:
        reasons: list[str] = []
        phone = Phone(Pipeline(remembers=True), max_connections=2, refused=reasons.append)
        phone.send(GET)
        answered, first = phone.protocol, phone.transport
        phone.connect()
        second = phone.transport
        phone.clock.advance(SILENT_SECONDS)
        phone.protocol.dataReceived(GET)
        phone.connect()
        assert statuses(phone.send(GET)) == [b"200"]
        assert first.disconnected
        assert not second.disconnected
        assert phone.service.connections == 2
        answered.connectionLost(Failure(ConnectionError()))
        assert phone.service.connections == 2
        assert not reasons

    def test_who_still_reads_what_twisted_web_has_answered_makes_no_room(self) -> None:
        phone = Phone(max_connections=1)
        phone.send(b"OPTIONS /a HTTP/1.1\r\n\r\n")
        reading, producer = phone.transport, phone.transport.producer
        producer.pauseProducing()
        phone.clock.advance(SILENT_SECONDS * 2)
        phone.connect()
        assert statuses(phone.transport.value()) == [b"503"]
        phone.lose()
        producer.resumeProducing()
        phone.connect()
        assert reading.disconnected

    def test_what_is_under_way_makes_no_room(self) -> None:
        phone = Phone(max_connections=3)
        phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
        phone.connect()
        phone.send(b"GET /slow HTTP/1.1\r\nExpect: x\r\n\r\n")
        phone.connect()
        phone.protocol.pauseProducing()
        phone.clock.advance(SILENT_SECONDS * 2)
        phone.connect()
        assert statuses(phone.transport.value()) == [b"503"]
        assert phone.service.connections == 4
        for gate in phone.pipeline.gates:
            gate.callback(None)

    def test_a_connection_behind_many_in_use_makes_room_in_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "LOOKED_AT", 2)
        phone = Phone(max_connections=6)
        for _ in range(5):
            phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
            phone.connect()
        silent = phone.transport
        phone.clock.advance(SILENT_SECONDS)
        for _ in range(2):
            phone.connect()
            assert statuses(phone.transport.value()) == [b"503"]
            phone.lose()
        phone.connect()
        assert silent.disconnected
        assert statuses(phone.send(GET)) == [b"200"]
        for gate in phone.pipeline.gates:
            gate.callback(None)

    def test_a_head_that_comes_slowly_makes_room(self) -> None:
        phone = Phone(max_connections=1)
        phone.send(b"GET /a HTTP")
        slow = phone.transport
        phone.clock.advance(SILENT_SECONDS)
        phone.send(b"/1.1\r\n")
        phone.connect()
        assert slow.disconnected
        assert statuses(phone.send(GET)) == [b"200"]

    @pytest.mark.parametrize(
        "beginning",
        [
            b"PUT /a HTTP/1.1\r\n",
            b"PUT /a HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
            b"OPTIONS /a HTTP/1.1\r\n\r\n",
            b"OPTIONS /a HTTP/1.1\r\n\r\nPUT /a HTTP/1.1\r\n",
        ],
    )
    def test_what_twisted_web_waits_for_makes_room_too(self, beginning: bytes) -> None:
        phone = Phone(max_connections=1)
        phone.send(beginning)
        slow = phone.transport
        phone.clock.advance(SILENT_SECONDS / 2)
        phone.connect()
        assert statuses(phone.transport.value()) == [b"503"]
        phone.lose()
        assert not slow.disconnected
        phone.connect()
        assert slow.disconnected
        assert statuses(phone.send(GET)) == [b"200"]

    def test_who_would_wait_behind_too_many_is_told_to_come_again(self) -> None:
        reasons: list[str] = []
        pipeline = Pipeline(remembers=True)
        phone = Phone(pipeline, max_waiting=1, refused=reasons.append)
        phone.send(GET)
        phone.connect()
        phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
        phone.connect()
        answer = phone.send(b"GET /a?other HTTP/1.1\r\n\r\n")
        assert statuses(answer) == [b"503"]
        assert b"Retry-After: 5" in answer
        assert statuses(phone.send(GET)) == [b"200"]
        pipeline.gates[0].callback(None)
        assert statuses(phone.send(b"GET /a?other HTTP/1.1\r\n\r\n")) == [b"200"]
        assert reasons == ["busy"]


class Firmware(Pipeline):
    """Serves a large file besides."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        size = path.stat().st_size
        self.file = Content(
            size=size, etag=static_etag(path.stat()), modified=1.0, content_type="x/y", kind="static", path=path
        )

    async def answer(self, request: PhoneRequest, name: str, key: Any = None) -> Answer:
        if name == "/firmware":
            return Answer(outcome="served", content=self.file, kept=Kept(EVENT, self.file))
        return await super().answer(request, name, key)


class SlowDisk(Threads):
    """Reads nothing before a test says so."""

    def __init__(self) -> None:
        self.gates: list[Deferred[None]] = []

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        await gate
        return work(*args)


# The second form is one that only twisted.web takes.
@pytest.mark.parametrize("more", [b"", b"Content-Length: 0\r\n"], ids=["fast", "complete"])
class TestConfigurationsBeforeFirmware:
    def phone(self, tmp_path: Path, **limits: Any) -> Phone:
        (tmp_path / "firmware").write_bytes(b"f" * 3_000_000)
        self.threads, self.reasons = SlowDisk(), list[str]()
        return Phone(Firmware(tmp_path / "firmware"), self.threads, refused=self.reasons.append, **limits)

    def get(self, path: bytes, more: bytes) -> bytes:
        return b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path, more)

    def test_large_files_leave_connections_for_configurations(self, tmp_path: Path, more: bytes) -> None:
        phone = self.phone(tmp_path, max_connections=5)
        firmware = self.get(b"/firmware", more)
        for _ in range(4):
            phone.send(firmware)
            phone.connect()
        assert phone.service.bounds.sending == 4
        answer = phone.send(firmware)
        assert statuses(answer) == [b"503"]
        assert b"Retry-After: 5" in answer
        assert statuses(phone.send(firmware.replace(b"GET", b"HEAD"))) == [b"200"]
        assert statuses(phone.send(self.get(b"/a", more))) == [b"200"]
        assert self.reasons == ["busy"]

    def test_large_files_are_not_counted_as_waiting(self, tmp_path: Path, more: bytes) -> None:
        phone = self.phone(tmp_path, max_waiting=1)
        for _ in range(3):
            phone.send(self.get(b"/firmware", more))
            phone.connect()
        assert statuses(phone.send(self.get(b"/a", more))) == [b"200"]
        assert phone.service.bounds.under_way == 3
        phone.send(self.get(b"/slow", more))
        phone.connect()
        answer = phone.send(self.get(b"/a", more))
        assert statuses(answer) == [b"503"]
        assert b"Retry-After: 5" in answer
        phone.pipeline.gates[0].callback(None)
        assert statuses(phone.send(self.get(b"/a", more))) == [b"200"]

    def test_a_connection_that_breaks_gives_its_place_back(self, tmp_path: Path, more: bytes) -> None:
        phone = self.phone(tmp_path, max_connections=1)
        phone.send(self.get(b"/firmware", more))
        assert phone.service.bounds.sending == 1
        phone.lose()
        while self.threads.gates:
            self.threads.gates.pop(0).callback(None)
            phone.clock.advance(1)
        assert (phone.service.bounds.sending, phone.service.bounds.under_way) == (0, 0)


class LateFirmware(Firmware):
    """Finds the large file when a test says so."""

    async def answer(self, request: PhoneRequest, name: str, key: Any = None) -> Answer:
        if name == "/firmware":
            self.gates.append(Deferred())
            await self.gates[-1]
        return await super().answer(request, name, key)


class TestBehindLargeFiles:
    FIRMWARE = b"GET /firmware HTTP/1.1\r\n\r\n"

    def phone(self, tmp_path: Path) -> Phone:
        (tmp_path / "firmware").write_bytes(b"f" * 3_000_000)
        return Phone(LateFirmware(tmp_path / "firmware"))

    def test_a_connection_that_was_full_before_goes_on_afterwards(self, tmp_path: Path) -> None:
        phone = self.phone(tmp_path)
        phone.send(GET + self.FIRMWARE)
        # The first answer leaves when both requests were taken, and finds no room.
        phone.protocol.pauseProducing()
        phone.pipeline.gates[0].callback(None)
        assert phone.transport.value().endswith(b"f" * 3_000_000)
        assert statuses(phone.send(GET)) == [b"200"]

    def test_nothing_follows_a_file_that_broke_off(self, tmp_path: Path) -> None:
        phone = self.phone(tmp_path)
        phone.send(self.FIRMWARE + GET)
        (tmp_path / "firmware").unlink()
        phone.pipeline.gates[0].callback(None)
        assert phone.transport.disconnecting
        assert statuses(bytes(phone.transport.value())) == [b"200"]
        assert b"hello" not in phone.transport.value()
        assert [name for name in phone.pipeline.asked if "/a" in name] == []


def test_a_clock_that_is_set_back_makes_no_connection_stay_for_longer() -> None:
    phone = Phone()
    assert statuses(phone.send(GET)) == [b"200"]
    phone.clock.advance(1)
    phone.clock.rightNow -= 3_600
    for call in phone.clock.getDelayedCalls():
        call.delay(-3_600)
    for _ in range(58):
        phone.clock.advance(1)
    assert not phone.transport.disconnecting
    for _ in range(5):
        phone.clock.advance(1)
    assert phone.transport.disconnecting


def test_who_asks_for_more_meanwhile_waits_as_long_for_the_first_answer() -> None:
    phone = Phone()
    phone.send(b"GET /slow HTTP/1.1\r\n\r\n")
    phone.send(GET)
    for _ in range(120):
        phone.clock.advance(1)
    assert not phone.transport.disconnecting
    phone.pipeline.gates[0].callback(None)
    assert statuses(bytes(phone.transport.value())) == [b"200", b"200"]


def test_an_answer_is_made_once_and_sent_again_with_its_own_date() -> None:
    phone = Phone(Pipeline(remembers=True))
    first = phone.send(GET)
    phone.clock.advance(5)
    second = phone.send(GET)
    assert without_date(first) == without_date(second)
    assert first != second
    assert len(phone.pipeline.asked) == 1
    assert statuses(phone.send(GET.replace(b"GET", b"HEAD"))) == [b"200"]
    assert len(phone.pipeline.asked) == 2

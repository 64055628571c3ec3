"""Fronts and their owner: messages, what is remembered, what is told, and processes that are started again."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from provisiond.errors import StoreProblem, Unavailable
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.model.device import Device
from provisiond.phones.content import Content, OwnAnswer
from provisiond.phones.journal import Journal, PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept
from provisiond.phones.sharing.distant import ASK_SECONDS, MAX_UNTOLD, TELL_SECONDS, DistantPipeline
from provisiond.phones.sharing.fronts import FIRST_PAUSE, LISTEN_SECONDS, SILENCES, SILENCES_AT_START, OneFront
from provisiond.phones.sharing.messages import packed_request, unpacked_answer, unpacked_request
from provisiond.phones.sharing.owner import OwnerEnd
from provisiond.phones.sharing.stamps import SharedStamp
from provisiond.tftp.source import TransferResult

REQUEST = PhoneRequest(protocol=Protocol.HTTP, path="/a", headers={"User-Agent": "Phone\xe9"}, peer="192.0.2.7")
EVENT = PhoneEvent(1.0, "http", "GET", "192.0.2.7", "/a", "d", None, "p", "served", "x", 5, 0.01)
FILE = Content(size=5, etag='"e"', modified=9.0, content_type="text/plain", kind="rendered", data=b"he\0\xff\n")


class Pipeline:
    """The owner's pipeline."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.reply = answer or Answer(outcome="served", content=FILE, kept=Kept(EVENT, FILE, "/a"))
        self.asked: list[PhoneRequest] = []
        self.again: list[tuple[str | None, str, str, str]] = []
        self.uploads: list[tuple[str, str, bytes]] = []
        self.gate: Deferred[None] | None = None

    async def answer(self, request: PhoneRequest, name: str, key: object = None) -> Answer:
        self.asked.append(request)
        if self.gate is not None:
            await self.gate
        if name == "/broken":
            raise ZeroDivisionError
        return self.reply

    async def answer_of_plugin(self, request: PhoneRequest) -> Content | None:
        return Content(
            size=2,
            etag="",
            modified=0,
            content_type="",
            kind="plugin",
            data=request.body,
            own=OwnAnswer(status=202, headers=(("A", "b"),)),
        )

    async def may_upload(self, request: PhoneRequest, name: str) -> Device | None:
        return Device({"id": "d"}) if name == "/log" else None

    async def uploaded(self, device: Device, name: str, content: bytes) -> None:
        self.uploads.append((device.id, name, content))

    def note_again(self, event: PhoneEvent, name: str, kind: str, etag: str) -> None:
        self.again.append((event.device, name, kind, etag))


class Pair:
    """A front and its owner, joined by hand."""

    def __init__(self, pipeline: Pipeline | None = None) -> None:
        self.pipeline = pipeline or Pipeline()
        self.stamp, self.clock, self.metrics = SharedStamp(), Clock(), Metrics()
        self.journal = Journal(self.metrics)
        self.begun: list[dict[str, Any]] = []
        self.ends: list[str] = []
        self.owner = OwnerEnd(
            self.pipeline,  # type: ignore[arg-type]
            self.journal,
            self.metrics,
            self.stamp.read,
            lambda: {"settings": {}, "number": 2},
            lambda: self.ends.append("serving"),
        )
        self.front = DistantPipeline(
            self.stamp,
            self.clock,
            self.begun.append,
            lambda: self.ends.append("gone"),
            now=self.clock.seconds,
            tick=self.clock.seconds,
        )
        self.to_front, self.to_owner = StringTransport(), StringTransport()
        self.front.makeConnection(self.to_owner)  # type: ignore[arg-type]
        self.owner.makeConnection(self.to_front)  # type: ignore[arg-type]
        self.carry()

    def carry(self, size: int = 1_000_000) -> None:
        """Carry what was written to the other end, in pieces of so many bytes."""
        while self.to_front.value() or self.to_owner.value():
            for transport, end in ((self.to_front, self.front), (self.to_owner, self.owner)):
                data = transport.value()
                transport.clear()
                for start in range(0, len(data), size):
                    end.dataReceived(data[start : start + size])

    def result(self, work: Any, size: int = 1_000_000) -> Any:
        found: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(found.append)
        self.carry(size)
        assert found
        return found[0]


def test_a_front_is_told_what_to_serve_and_says_that_it_does() -> None:
    pair = Pair()
    assert pair.begun == [{"kind": "begin", "settings": {}, "number": 2}]
    assert pair.ends == ["serving"]


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_an_answer_comes_over_whole(size: int) -> None:
    pair = Pair()
    answer = pair.result(pair.front.answer(REQUEST, "/a", "key"), size)
    assert answer.content == FILE
    assert answer.kept.event == EVENT
    assert pair.pipeline.asked == [REQUEST]


def test_files_and_own_answers_and_refusals_come_over() -> None:
    path = Content(size=9, etag='"s"', modified=1.0, content_type="x/y", kind="static", path=Path("/firmware"))
    pair = Pair(Pipeline(Answer(outcome="served", content=path, kept=Kept(EVENT, path, "/a"))))
    assert pair.result(pair.front.answer(REQUEST, "/a")).content == path
    own = pair.result(pair.front.answer_of_plugin(PhoneRequest(protocol=Protocol.HTTP, body=b"\0\xff")))
    assert (own.data, own.own) == (b"\0\xff", OwnAnswer(status=202, headers=(("A", "b"),)))
    pair = Pair(Pipeline(Answer(outcome="not-found")))
    assert pair.result(pair.front.answer(REQUEST, "/a")) == Answer(outcome="not-found")


def test_what_was_answered_is_answered_again_until_the_owner_changes_anything() -> None:
    pair = Pair()
    pair.stamp.write(5)
    pair.result(pair.front.answer(REQUEST, "/a", "key"))
    kept = pair.front.again("key", "http", "GET")
    assert kept is not None
    assert kept.content == FILE
    pair.stamp.write(6)
    assert pair.front.again("key", "http", "GET") is None


def test_an_answer_that_was_made_before_a_change_is_given_once_only() -> None:
    pair = Pair()
    pair.pipeline.gate = Deferred()
    found: list[Any] = []
    Deferred.fromCoroutine(pair.front.answer(REQUEST, "/a", "key")).addBoth(found.append)
    pair.carry()
    pair.stamp.write(1)
    pair.pipeline.gate.callback(None)
    pair.carry()
    assert found[0].content == FILE
    assert pair.front.again("key", "http", "GET") is None


def test_an_answer_that_does_not_last_is_asked_for_each_time() -> None:
    pair = Pair(Pipeline(Answer(outcome="served", content=FILE, kept=Kept(EVENT, FILE, "/a"), lasts=False)))
    pair.result(pair.front.answer(REQUEST, "/a", "key"))
    assert pair.front.again("key", "http", "GET") is None


def test_the_owner_is_told_what_was_answered_without_it() -> None:
    pair = Pair()
    pair.result(pair.front.answer(REQUEST, "/a", "key"))
    for _ in range(40):
        pair.front.again("key", "http", "GET")
    done = TransferResult(
        filename="x", peer="p", bytes=3, blocks=1, block_size=512, window_size=1, retransmissions=2, seconds=0.1,
        round_trip=None, outcome="done",
    )  # fmt: skip
    pair.front.ended(done)
    pair.front.refused("http", "busy")
    pair.front.refused("tftp", "rate")
    assert not pair.pipeline.again
    pair.clock.advance(TELL_SECONDS)
    pair.carry()
    assert pair.pipeline.again == [("d", "/a", "rendered", '"e"')]
    text = pair.metrics.exposition()
    for line in (
        b'provisiond_phone_requests_total{outcome="served",protocol="http"} 40.0',
        b'provisiond_phone_bytes_total{protocol="http"} 200.0',
        b'provisiond_tftp_transfers_total{outcome="done"} 1.0',
        b"provisiond_tftp_retransmissions_total 2.0",
        b'provisiond_http_refused_total{reason="busy"} 1.0',
        b'provisiond_tftp_refused_total{reason="rate"} 1.0',
    ):
        assert line in text, line
    assert len(pair.journal.of_device("d")) == 1
    assert not pair.clock.getDelayedCalls()


def test_uploads() -> None:
    pair = Pair()
    device = pair.result(pair.front.may_upload(REQUEST, "/log"))
    assert device == Device({"id": "d"})
    assert pair.result(pair.front.may_upload(REQUEST, "/x")) is None
    pair.result(pair.front.uploaded(device, "/log", b"\0a\nb"))
    assert pair.pipeline.uploads == [("d", "/log", b"\0a\nb")]


def test_an_upload_that_the_owner_cannot_keep_is_not_taken_for_kept() -> None:
    pair = Pair()

    async def full(device: Device, name: str, content: bytes) -> None:
        raise StoreProblem("no space left on device")

    pair.pipeline.uploaded = full  # type: ignore[method-assign]
    kept = pair.result(pair.front.uploaded(Device({"id": "d"}), "/log", b"x"))
    assert isinstance(kept.value, StoreProblem)


def test_who_asks_after_its_owner_has_gone_is_told_at_once() -> None:
    pair = Pair()
    pair.pipeline.gate = Deferred()
    found: list[Any] = []

    async def asking_again() -> Answer:
        await pair.front.answer(REQUEST, "/a")
        return await pair.front.answer(REQUEST, "/b")

    Deferred.fromCoroutine(asking_again()).addBoth(found.append)
    pair.carry()
    pair.front.connectionLost(Failure(ConnectionError()))
    assert found == [Answer(outcome="error")]
    assert not pair.clock.getDelayedCalls()


def test_an_error_of_the_owner_is_an_error_for_the_phone() -> None:
    pair = Pair()
    assert pair.result(pair.front.answer(REQUEST, "/broken", "key")).outcome == "error"


def test_without_its_owner_a_front_ends() -> None:
    pair = Pair()
    pair.pipeline.gate = Deferred()
    found: list[Any] = []
    Deferred.fromCoroutine(pair.front.answer(REQUEST, "/a", "key")).addBoth(found.append)
    pair.carry()
    pair.front.connectionLost(Failure(ConnectionError()))
    assert found == [Answer(outcome="error")]
    assert pair.ends[-1] == "gone"
    pair.owner.connectionLost(Failure(ConnectionError()))
    pair.pipeline.gate.callback(None)
    assert pair.to_front.value() == b""


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_a_front_that_talks_nonsense_is_cut_off_at_most(data: bytes) -> None:
    pair = Pair()
    pair.owner.dataReceived(data)
    pair.owner.dataReceived(b"\0\0\0\2[]")
    assert pair.to_front.disconnecting or len(data) > 0


@given(
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    st.binary(max_size=20),
)
def test_every_request_comes_over(path: str, query: dict[str, str], body: bytes) -> None:
    request = PhoneRequest(
        protocol=Protocol.TFTP, method="RRQ", path=path, query=query, peer=None, body=body, mode="mail", options=query
    )
    assert unpacked_request(packed_request(request)) == request


class TestTheEndOfAFront:
    def noted(self) -> Pair:
        pair = Pair()
        pair.result(pair.front.answer(REQUEST, "/a", "key"))
        assert pair.front.again("key", "http", "GET") is not None
        assert pair.pipeline.again == []
        return pair

    def test_it_waits_until_the_last_that_it_tells_has_left(self) -> None:
        pair = self.noted()
        left = Deferred.fromCoroutine(pair.front.leave(1))
        assert pair.to_owner.disconnecting
        assert not left.called
        pair.carry()
        assert len(pair.pipeline.again) == 1
        pair.front.connectionLost()
        assert left.called
        assert not pair.clock.getDelayedCalls()

    def test_it_does_not_wait_for_long(self) -> None:
        pair = self.noted()
        aborted: list[str] = []
        pair.to_owner.abortConnection = lambda: aborted.append("now")  # type: ignore[method-assign]
        left = Deferred.fromCoroutine(pair.front.leave(1))
        pair.clock.advance(1)
        assert aborted == ["now"]
        pair.front.connectionLost()
        assert left.called

    def test_without_its_owner_it_waits_for_nothing(self) -> None:
        pair = self.noted()
        pair.front.connectionLost()
        assert Deferred.fromCoroutine(pair.front.leave(1)).called


def test_an_owner_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    pair = Pair()
    pair.pipeline.gate = Deferred()
    answers: list[Answer] = []
    Deferred.fromCoroutine(pair.front.answer(REQUEST, "/a", "key")).addCallback(answers.append)
    refused: list[Failure] = []
    Deferred.fromCoroutine(pair.front.may_upload(REQUEST, "/log")).addErrback(refused.append)
    pair.clock.advance(ASK_SECONDS - 1)
    assert not answers
    pair.clock.advance(2)
    assert [answer.outcome for answer in answers] == ["error"]
    assert refused[0].check(Unavailable)
    # What comes after all is nobody's.
    pair.pipeline.gate.callback(None)
    pair.carry()
    assert pair.result(pair.front.answer(REQUEST, "/a", "key")).content == FILE
    assert not [call for call in pair.clock.getDelayedCalls() if call.getTime() > pair.clock.seconds() + TELL_SECONDS]


def test_while_the_owner_takes_nothing_notes_wait_up_to_a_bound() -> None:
    pair = Pair()
    pair.front.pauseProducing()
    for _ in range(MAX_UNTOLD + 10):
        pair.front.answered(EVENT, "/a", FILE)
    pair.front.figures(tftp_running=1)
    pair.clock.advance(60)
    assert not pair.to_owner.value()
    pair.front.resumeProducing()
    pair.clock.advance(TELL_SECONDS)
    pair.carry()
    assert len(pair.pipeline.again) == MAX_UNTOLD
    pair.front.answered(EVENT, "/a", FILE)
    pair.clock.advance(TELL_SECONDS)
    pair.carry()
    assert len(pair.pipeline.again) == MAX_UNTOLD + 1


def test_an_answer_without_content() -> None:
    assert unpacked_answer({"outcome": "refused"}, b"") == Answer(outcome="refused")


def test_a_stamp_is_one_number_for_all_who_have_its_descriptor() -> None:
    stamp = SharedStamp()
    other = SharedStamp(os.dup(stamp.fd))
    for number in (0, 1, 2**40):
        stamp.write(number)
        assert other.read() == number
    stamp.close()
    # Changes are still made and acknowledged while the last requests are answered.
    stamp.write(2**40 + 1)
    assert other.read() == 2**40
    other.close()


class Process:
    pid = 4711

    def __init__(self) -> None:
        self.signals: list[str] = []

    def signalProcess(self, name: str) -> None:  # noqa: N802
        self.signals.append(name)


class Spawner(Clock):
    """Starts nothing, and remembers what it was asked to start."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[str, ...]] = []
        self.is_full = False

    def adoptStreamConnection(self, fd: int, family: int, factory: Any) -> None:  # noqa: N802
        assert family == socket.AF_UNIX

    def spawnProcess(self, protocol: Any, executable: str, args: Any, **more: Any) -> Process:  # noqa: N802
        assert set(more["childFDs"]) >= {0, 1, 2, 3, 4}
        if self.is_full:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.started.append(tuple(args))
        return Process()


class StandIn:
    def __init__(self) -> None:
        self.said: list[str] = []

    def attend(self, listening: Any) -> None:
        self.said.append("attend")

    def leave(self, listening: Any) -> None:
        self.said.append("leave")


def test_a_front_that_dies_is_replaced_and_stood_in_for_meanwhile() -> None:
    spawner, stand_in, stamp = Spawner(), StandIn(), SharedStamp()
    front = OneFront(spawner, ("serve",), lambda serving: Pair().owner, stamp, None, (), stand_in)
    front.begin()
    assert spawner.started == [("serve", "-,0")]
    assert stand_in.said == ["attend"]
    pause = FIRST_PAUSE
    for deaths in range(1, 5):
        front.processEnded(Failure(ConnectionError()))
        assert front.pid is None
        pause = min(pause * 2, 5.0)
        spawner.advance(pause - 0.01)
        assert len(spawner.started) == deaths
        spawner.advance(0.02)
        assert len(spawner.started) == deaths + 1
    assert stand_in.said == ["attend"] * 5
    stopped = Deferred.fromCoroutine(front.stop(3))
    process = front._process
    assert process.signals == ["TERM"]
    spawner.advance(3)
    assert process.signals == ["TERM", "KILL"]
    front.processEnded(Failure(ConnectionError()))
    assert stopped.called
    assert stand_in.said[-1] == "leave"
    assert not spawner.getDelayedCalls()
    stamp.close()


def test_that_a_front_serves_is_not_heard_when_it_has_died_since() -> None:
    spawner, stand_in, stamp = Spawner(), StandIn(), SharedStamp()
    told: list[Any] = []

    def made(serving: Any) -> OwnerEnd:
        told.append(serving)
        return Pair().owner

    front = OneFront(spawner, ("serve",), made, stamp, None, (), stand_in)
    front.begin()
    front._made_end()
    front.processEnded(Failure(ConnectionError()))
    told[0]()
    assert stand_in.said == ["attend", "attend"]
    spawner.advance(1)
    told[0]()
    assert stand_in.said == ["attend", "attend", "leave"]
    front.processEnded(Failure(ConnectionError()))
    Deferred.fromCoroutine(front.stop(3))
    stamp.close()


def test_a_front_that_cannot_be_started_now_is_started_later() -> None:
    spawner, stand_in, stamp = Spawner(), StandIn(), SharedStamp()
    front = OneFront(spawner, ("serve",), lambda serving: Pair().owner, stamp, None, (), stand_in)
    spawner.is_full = True
    front.begin()
    spawner.pump([1.0] * 20)
    assert (spawner.started, front.pid, stand_in.said) == ([], None, ["attend"])
    spawner.is_full = False
    spawner.advance(5)
    assert spawner.started == [("serve", "-,0")]
    spawner.is_full = True
    front.processEnded(Failure(ConnectionError()))
    spawner.pump([1.0] * 20)
    assert Deferred.fromCoroutine(front.stop(3)).called
    assert not spawner.getDelayedCalls()
    stamp.close()


class TestAFrontThatHangs:
    def front(self) -> None:
        self.spawner, self.stamp, self.ends = Spawner(), SharedStamp(), list[OwnerEnd]()
        self.front_ = OneFront(self.spawner, ("serve",), self._made, self.stamp, None, (), StandIn())
        self.front_.begin()
        self.process = self.front_._process
        self.front_._made_end()

    def _made(self, serving: Any) -> OwnerEnd:
        self.ends.append(Pair().owner)
        self.serving = serving
        return self.ends[-1]

    def wait(self, times: int, *, heard: bool = False) -> None:
        for _ in range(times):
            self.ends[-1].heard += heard
            self.spawner.advance(LISTEN_SECONDS)

    def test_it_is_ended_and_another_begun(self) -> None:
        self.front()
        self.serving()
        self.wait(50, heard=True)
        self.wait(SILENCES - 1)
        self.wait(1, heard=True)
        self.wait(SILENCES - 1)
        assert self.process.signals == []
        self.wait(1)
        assert self.process.signals == ["KILL"]
        self.wait(10)
        assert self.process.signals == ["KILL"]
        self.front_.processEnded(Failure(ConnectionError()))
        self.spawner.advance(1)
        assert len(self.spawner.started) == 2
        self.stamp.close()

    def test_one_that_begins_has_more_time(self) -> None:
        self.front()
        self.wait(SILENCES_AT_START)
        assert self.process.signals == []
        self.wait(1)
        assert self.process.signals == ["KILL"]
        self.stamp.close()

    def test_an_owner_that_was_away_itself_holds_it_against_nobody(self) -> None:
        self.front()
        self.serving()
        self.wait(1, heard=True)
        self.spawner.advance(3_600)
        self.wait(1, heard=True)
        assert self.process.signals == []
        self.front_.processEnded(Failure(ConnectionError()))
        self.stamp.close()

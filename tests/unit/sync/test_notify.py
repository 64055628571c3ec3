"""A NOTIFY from the first byte to the last word, without a network."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from provisiond.errors import Unavailable
from provisiond.sip.digest import Credentials
from provisiond.sip.messages import SipRequest, SipResponse, parse_datagram
from provisiond.sync.notify_request import Notification, meaning, phone_target
from provisiond.sync.sip_sending import Exchange

TARGET = phone_target("192.0.2.9", "1001", transport="udp", port=5060)
WHO = Credentials("server", "very secret")
CHALLENGE = 'Digest realm="phone", nonce="abc", qop="auth"'


class FakeWire:
    """Keeps what is sent."""

    def __init__(self, *, reliable: bool = False) -> None:
        self.reliable = reliable
        self.sent: list[bytes] = []
        self.closed = 0

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed += 1

    def request(self, number: int = -1) -> SipRequest:
        message = parse_datagram(self.sent[number])
        assert isinstance(message, SipRequest)
        return message

    def answer(self, status: int, *headers: tuple[str, str], number: int = -1) -> SipResponse:
        return self.request(number).answer(status, "Reason", headers)


class World:
    """An exchange with a clock, a wire, and what came of it."""

    def __init__(self, credentials: Credentials | None = None, *, reliable: bool = False) -> None:
        self.clock, self.wire = Clock(), FakeWire(reliable=reliable)
        notification = Notification(TARGET, "check-sync;reboot=false", ("192.0.2.1", 40000), credentials)
        self.exchange = Exchange(self.clock, notification, self.wire)
        self.results: list[Any] = []
        self.exchange.done.addBoth(self.results.append)

    @property
    def status(self) -> int:
        (result,) = self.results
        assert isinstance(result, SipResponse)
        return result.status

    @property
    def reason(self) -> str:
        (failure,) = self.results
        failure.trap(Unavailable)
        return str(failure.value.sentence)


def test_the_request_is_what_phones_expect() -> None:
    request = World().wire.request()
    assert (request.method, request.uri) == ("NOTIFY", "sip:1001@192.0.2.9")
    assert request.first("event") == "check-sync;reboot=false"
    assert request.first("subscription-state") == "terminated"
    assert request.first("max-forwards") == "70"
    assert request.first("contact") == "<sip:provisiond@192.0.2.1:40000>"
    assert (request.first("via") or "").startswith("SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bK")
    assert request.first("to") == "<sip:1001@192.0.2.9>"
    assert request.sequence() == (1, "NOTIFY")


def test_further_fields_and_lines_of_a_body_go_along() -> None:
    extra = [
        "Content-type=text/plain",
        "Content=action=restart",
        "Content=RegisterCallId={}",
        "X-A=b",
        "Via=evil",
        "f=evil",
    ]
    wire = FakeWire()
    Exchange(Clock(), Notification(TARGET, "service-control", ("192.0.2.1", 4), extra=extra), wire).done.addErrback(
        repr
    )
    request = wire.request()
    assert request.body == b"action=restart\r\nRegisterCallId={}\r\n"
    assert (request.first("content-type"), request.first("x-a")) == ("text/plain", "b")
    assert "evil" not in (request.first("via") or "") + (request.first("from") or "")
    assert len(request.all("via")) == len(request.all("from")) == 1


@pytest.mark.parametrize(
    ("address", "user", "transport", "port", "uri"),
    [
        ("192.0.2.9", None, "udp", 5060, "sip:192.0.2.9"),
        ("192.0.2.9", "10 01@x", "udp", 5060, "sip:10%2001%40x@192.0.2.9"),
        ("2001:db8::9", "1001", "tcp", 5070, "sip:1001@[2001:db8::9]:5070;transport=tcp"),
    ],
)
def test_addresses_of_phones(address: str, user: str | None, transport: str, port: int, uri: str) -> None:
    assert phone_target(address, user, transport=transport, port=port).uri == uri


def test_an_answer_ends_it_and_closes_the_wire() -> None:
    world = World()
    world.exchange.received(world.wire.answer(100))
    assert world.results == []
    world.exchange.received(world.wire.answer(200))
    assert world.status == 200
    assert world.wire.closed == 1
    world.exchange.received(world.wire.answer(500))
    assert len(world.results) == 1
    assert world.clock.getDelayedCalls() == []


def test_without_an_answer_it_is_sent_eleven_times_and_given_up_after_32_seconds() -> None:
    world = World()
    world.clock.pump([0.1] * 319)
    assert world.results == []
    world.clock.pump([0.1] * 5)
    assert world.reason == "the phone did not answer"
    assert len(world.wire.sent) == 11
    assert len(set(world.wire.sent)) == 1
    assert world.clock.getDelayedCalls() == []


def test_nothing_is_repeated_on_a_connection() -> None:
    world = World(reliable=True)
    world.clock.pump([0.1] * 330)
    assert len(world.wire.sent) == 1
    assert world.reason == "the phone did not answer"


def test_what_answers_something_else_is_ignored() -> None:
    world = World()
    right = world.wire.answer(200)
    for name, value in (("CSeq", "2 NOTIFY"), ("CSeq", "1 INVITE"), ("CSeq", "x"), ("Via", "SIP/2.0/UDP x;branch=y")):
        headers = tuple((each, value if each == name else old) for each, old in right.headers)
        world.exchange.received(SipResponse(status=200, headers=headers))
    world.exchange.received(world.wire.request())
    assert world.results == []


def test_a_challenge_is_answered_once() -> None:
    world = World(WHO)
    world.exchange.received(world.wire.answer(401, ("WWW-Authenticate", CHALLENGE)))
    again = world.wire.request()
    assert again.sequence() == (2, "NOTIFY")
    assert again.first("call-id") == world.wire.request(0).first("call-id")
    assert again.first("via") != world.wire.request(0).first("via")
    assert (again.first("authorization") or "").startswith('Digest username="server", realm="phone", nonce="abc"')
    assert b"very secret" not in world.wire.sent[-1]
    world.exchange.received(world.wire.answer(401, ("WWW-Authenticate", CHALLENGE)))
    assert world.status == 401


def test_a_proxy_is_answered_in_its_own_field() -> None:
    world = World(WHO)
    world.exchange.received(world.wire.answer(407, ("Proxy-Authenticate", CHALLENGE)))
    assert world.wire.request().first("proxy-authorization")
    world.exchange.received(world.wire.answer(202))
    assert world.status == 202


@pytest.mark.parametrize("credentials", [None, WHO])
def test_a_challenge_that_cannot_be_answered_is_the_last_word(credentials: Credentials | None) -> None:
    world = World(credentials)
    headers = [] if credentials else [("WWW-Authenticate", CHALLENGE)]
    world.exchange.received(world.wire.answer(401, *headers))
    assert world.status == 401


def test_a_late_answer_to_the_first_request_does_not_end_the_second() -> None:
    world = World(WHO)
    challenge = world.wire.answer(401, ("WWW-Authenticate", CHALLENGE))
    world.exchange.received(challenge)
    world.exchange.received(challenge)
    assert world.results == []
    assert len(world.wire.sent) == 2


def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    world = World()
    world.exchange.done.addErrback(lambda failure: None)
    done: Deferred[SipResponse] = world.exchange.done
    done.cancel()
    assert world.wire.closed == 1
    assert world.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("status", "part"),
    [
        (200, "the phone answered 200"),
        (401, "user and a password"),
        (404, "no such account"),
        (481, "within a subscription"),
        (489, 'does not know the event "resync"'),
        (599, "the phone answered 599 Reason"),
    ],
)
def test_answers_are_told_as_what_they_mean(status: int, part: str) -> None:
    assert part in meaning(SipResponse(status=status, reason="Reason"), "resync")

"""What the socket of plug-and-play does with answers that cannot be written, and with too many phones at once."""

from __future__ import annotations

import socket

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from provisiond.identification.values import PhoneRequest
from provisiond.pnp.service import MAX_AT_ONCE, MAX_PER_SECOND, PnpService

# A bare carriage return inside a value is no line break to a reader, and would be one in our answer.
SUBSCRIBE = (
    b"SUBSCRIBE sip:MAC%3a0004139900d1@224.0.1.75 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9;rport\r\n"
    b'From: <sip:x@y>;tag=1\r\nTo: "a\rb" <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 SUBSCRIBE\r\nEvent: ua-profile\r\n\r\n'
)


async def located(request: PhoneRequest) -> str:
    return "http://192.0.2.1/"


def test_a_phone_that_cannot_be_answered_fills_no_log() -> None:
    service = PnpService(Clock(), located)
    service._conversations._contact = lambda peer: ("192.0.2.1", 5060)
    noted: list[object] = []
    globalLogPublisher.addObserver(noted.append)
    try:
        service._received(SUBSCRIBE, ("192.0.2.7", 5060))
    finally:
        globalLogPublisher.removeObserver(noted.append)
    assert len(service._conversations) == 1
    assert [each for each in noted if each.get("log_failure")] == []  # type: ignore[attr-defined]
    assert any("cannot be answered" in str(each.get("log_format")) for each in noted)  # type: ignore[attr-defined]


class Sender:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[object, ...]]] = []

    def write(self, data: bytes, place: tuple[object, ...]) -> None:
        self.sent.append((data, place))

    def stopListening(self) -> None:  # noqa: N802
        pass


class Slow:
    """Looks phones up only when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[str]] = []

    async def __call__(self, request: PhoneRequest) -> str:
        waiter: Deferred[str] = Deferred()
        self.waiting.append(waiter)
        return await waiter

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.callback("http://192.0.2.1/")


def subscribe(number: int) -> bytes:
    return SUBSCRIBE.replace(b"a\rb", b"a").replace(b"Call-ID: c", b"Call-ID: %d" % number)


def made(locate: object, **more: object) -> tuple[PnpService, Sender, Clock]:
    clock, sender = Clock(), Sender()
    service = PnpService(clock, locate, **more)  # type: ignore[arg-type]
    service._conversations._contact = lambda peer: ("192.0.2.1", 5060)
    service._senders[socket.AF_INET] = sender
    return service, sender, clock


def test_so_many_are_looked_up_at_once_and_the_others_may_ask_again() -> None:
    slow = Slow()
    service, sender, clock = made(slow)
    for number in range(MAX_AT_ONCE + 30):
        service._received(subscribe(number), ("192.0.2.7", 5060))
    assert (len(slow.waiting), service.ignored, len(service._conversations)) == (MAX_AT_ONCE, 30, MAX_AT_ONCE)
    slow.answer()
    assert len(sender.sent) == 2 * MAX_AT_ONCE
    clock.advance(1)
    service._received(subscribe(MAX_AT_ONCE), ("192.0.2.7", 5060))
    assert len(slow.waiting) == 1


def test_so_many_are_read_a_second_and_strangers_use_none_of_them_up() -> None:
    service, _, clock = made(Slow(), allow=["192.0.2.0/24"])
    for number in range(1_000):
        service._received(subscribe(number), ("198.51.100.7", 5060))
    assert (len(service._conversations), service.ignored) == (0, 1_000)
    service._received(b"", ("192.0.2.7", 5060))
    for _ in range(1_000):
        service._received(b"x", ("192.0.2.7", 5060))
    assert service.ignored == 1_000 + 1_001 - MAX_PER_SECOND
    clock.advance(1)
    service._received(subscribe(1), ("192.0.2.7", 5060))
    assert len(service._conversations) == 1


def test_who_is_looked_up_while_the_server_stops_is_forgotten() -> None:
    slow = Slow()
    service, sender, _ = made(slow)
    service._received(subscribe(1), ("192.0.2.7", 5060))
    service.stop()
    slow.answer()
    assert sender.sent == []

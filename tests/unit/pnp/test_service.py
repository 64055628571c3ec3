"""What the socket of plug-and-play does with an answer that cannot be written."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from provisiond.identification.values import PhoneRequest
from provisiond.pnp.service import PnpService

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

"""The phone of the demo answers as RFC 3261 wants it."""

from __future__ import annotations

from bench.sip_phone import answer, event

from provisiond.sip.messages import SipResponse, parse_datagram
from provisiond.sync.notify_request import Notification, SipTarget

TARGET = SipTarget(host="192.0.2.7", port=5060, transport="udp", uri="sip:dave@192.0.2.7")


def test_its_answer_fits_the_request() -> None:
    notification = Notification(TARGET, "check-sync;reboot=false", ("192.0.2.1", 5070), None)
    request = notification.first().encode()
    assert event(request) == "check-sync;reboot=false"
    response = parse_datagram(answer(request))
    assert isinstance(response, SipResponse)
    assert response.status == 200
    assert notification.fits(response)
    assert (response.first("to") or "").endswith(";tag=phone")


def test_what_is_no_notify_is_nothing() -> None:
    for data in (b"", b"OPTIONS sip:x SIP/2.0\r\nEvent: x\r\n\r\n", b"NOTIFY sip:x SIP/2.0\r\n\r\n"):
        assert event(data) is None

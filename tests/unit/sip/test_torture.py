"""The torture messages of RFC 4475: read alone, on a connection, by plug-and-play and by a NOTIFY that waits."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from twisted.internet.task import Clock

from provisiond.pnp.conversations import Conversations
from provisiond.sip.fields import address_of, parse_uri, parse_via
from provisiond.sip.messages import MalformedSip, SipRequest, SipResponse, parse_datagram
from provisiond.sip.stream import SipStream
from provisiond.sync.notify_request import Notification, SipTarget
from provisiond.sync.sip_sending import Exchange

DATA = yaml.safe_load((Path(__file__).resolve().parents[2] / "data" / "sip-torture.yaml").read_text(encoding="utf-8"))
MESSAGES = {each["name"]: each for each in DATA["messages"]}
PEER = ("192.0.2.9", 5070)
SUBSCRIBE = {
    "via": "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK-one",
    "from": "From: <sip:MAC%3a0004139900d1@224.0.1.75>;tag=phone",
    "to": "To: <sip:MAC%3a0004139900d1@224.0.1.75>",
    "call-id": "Call-ID: call-1",
    "cseq": "CSeq: 1 SUBSCRIBE",
    "contact": "Contact: <sip:192.0.2.9:5070>",
    "event": 'Event: ua-profile;profile-type="device";vendor="snom"',
    "expires": "Expires: 0",
    "content-length": "Content-Length: 0",
}


def wire(text: str) -> bytes:
    if "\n\n" not in text:
        text = text.rstrip("\n") + "\n\n"
    return text.replace("LONG", "0123456789" * 100).replace("\n", "\r\n").encode()


def conversations() -> Conversations:
    return Conversations(lambda peer: ("192.0.2.1", 40_000), lambda: "random")


class Wire:
    reliable = False

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("name", MESSAGES)
def test_it_is_read_or_refused_as_the_rfc_has_it(name: str) -> None:
    case = MESSAGES[name]
    if case["expect"] == "refused":
        with pytest.raises(MalformedSip):
            parse_datagram(wire(case["text"]))
        return
    message = parse_datagram(wire(case["text"]))
    kind, _, what = case["expect"].partition(" ")
    assert isinstance(message, SipRequest if kind == "request" else SipResponse)
    assert (message.method if isinstance(message, SipRequest) else str(message.status)) == what
    if "body" in case:
        assert message.body == case["body"].encode()


@pytest.mark.parametrize("name", [name for name, case in MESSAGES.items() if case["expect"] != "refused"])
def test_its_fields_say_what_the_rfc_says(name: str) -> None:
    case = MESSAGES[name]
    message = parse_datagram(wire(case["text"]))
    if case.get("sequence") == "refused":
        with pytest.raises(MalformedSip):
            message.sequence()
    elif "sequence" in case:
        assert message.sequence()[0] == case["sequence"]
    if "from" in case:
        uri, parameters = address_of(message.first("from") or "")
        assert [uri, parameters.get("tag")] == case["from"]
    if "via" in case:
        via = parse_via(message.first("via") or "")
        assert [via.transport, via.host, via.parameters.get("branch")] == case["via"]
    if "contact" in case:
        assert address_of(message.first("contact") or "")[0] == case["contact"]
    if case.get("uri") == "refused":
        assert isinstance(message, SipRequest)
        with pytest.raises(MalformedSip):
            parse_uri(message.uri)


@pytest.mark.parametrize("name", MESSAGES)
def test_plug_and_play_and_connections_live_through_it(name: str) -> None:
    data = wire(MESSAGES[name]["text"])
    box = conversations()
    with contextlib.suppress(MalformedSip):
        assert box.received(parse_datagram(data), PEER, 0.0) == ([], None)
    assert len(box) == 0
    with contextlib.suppress(MalformedSip):
        list(SipStream().feed(data))


@pytest.mark.parametrize("name", MESSAGES)
def test_no_notify_takes_it_for_its_answer(name: str) -> None:
    clock, carrier = Clock(), Wire()
    target = SipTarget(host="192.0.2.9", port=5060, transport="udp", uri="sip:192.0.2.9")
    exchange = Exchange(clock, Notification(target, "check-sync", ("192.0.2.1", 5070), None), carrier)
    with contextlib.suppress(MalformedSip):
        exchange.received(parse_datagram(wire(MESSAGES[name]["text"])))
    assert not exchange.done.called
    failed: list[Any] = []
    exchange.done.addErrback(failed.append)
    clock.pump([1.0] * 40)
    assert failed[0].value.sentence == "the phone did not answer"
    assert carrier.closed


@pytest.mark.parametrize("case", DATA["subscribe"], ids=lambda case: case["name"])
def test_the_same_in_a_subscribe(case: dict[str, Any]) -> None:
    names = {line.partition(":")[0].strip().lower() for line in case["lines"]}
    lines = [line for name, line in SUBSCRIBE.items() if name not in names]
    text = "\n".join(["SUBSCRIBE sip:MAC%3a0004139900d1@224.0.1.75 SIP/2.0", *case["lines"], *lines, "", ""])
    box, subscription = conversations(), None
    with contextlib.suppress(MalformedSip):
        sent, subscription = box.received(parse_datagram(wire(text)), PEER, 0.0)
        assert sent == []
    assert (subscription is not None) is case["answered"]
    if subscription is None:
        assert len(box) == 0
        return
    told = box.told(subscription.key, "http://192.0.2.1:8667/", 0.0)
    # Whatever the message says of itself, nothing goes to another address than the one it came from.
    assert {each.peer[0] for each in told} == {PEER[0]}
    response, notify = (parse_datagram(each.data) for each in told)
    assert isinstance(response, SipResponse)
    assert isinstance(notify, SipRequest)
    assert response.sequence()[1] == "SUBSCRIBE"


@pytest.mark.parametrize("elsewhere", [("192.0.2.66", 5070), ("2001:db8::9", 5070)])
def test_an_answer_to_the_notify_counts_once_and_from_the_phone_only(elsewhere: tuple[str, int]) -> None:
    box = conversations()
    text = "\n".join(["SUBSCRIBE sip:x@224.0.1.75 SIP/2.0", *SUBSCRIBE.values(), "", ""])
    _, subscription = box.received(parse_datagram(wire(text)), PEER, 0.0)
    assert subscription is not None
    _, notify = box.told(subscription.key, "http://192.0.2.1:8667/", 0.0)
    request = parse_datagram(notify.data)
    assert isinstance(request, SipRequest)
    assert box.received(request.answer(200, "OK"), elsewhere, 0.1) == ([], None)
    assert box.outcome(subscription.key) == "waiting"
    for _ in range(2):
        assert box.received(request.answer(200, "OK"), PEER, 0.2) == ([], None)
        assert box.outcome(subscription.key) == "answered"
    assert box.received(request.answer(500, "No"), PEER, 0.3) == ([], None)
    assert box.due(100.0) == []

"""SUBSCRIBE in, 200 and NOTIFY out, without a network."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.pnp.conversations import KEPT_SECONDS, Conversations, Datagram
from provisiond.sip.messages import MalformedSip, SipRequest, SipResponse, parse_datagram

PEER = ("192.0.2.7", 5080)
URL = "http://192.0.2.1:8667/"


def subscribe(**changes: str | None) -> SipRequest:
    headers: dict[str, str | None] = {
        "Via": "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-one;rport",
        "From": "<sip:MAC%3a0004139900d1@224.0.1.75>;tag=phone",
        "To": "<sip:MAC%3a0004139900d1@224.0.1.75>",
        "Call-ID": "call-1",
        "CSeq": "1 SUBSCRIBE",
        "Contact": "<sip:192.0.2.7:5062>",
        "Event": 'ua-profile;profile-type="device";vendor="snom";model="snomD120";version="10.1.39.11"',
        "Expires": "0",
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    kept = tuple((name, value) for name, value in headers.items() if value is not None)
    return SipRequest(method="SUBSCRIBE", uri="sip:MAC%3a0004139900d1@224.0.1.75", headers=kept)


def conversations(**limits: int) -> Conversations:
    numbers = itertools.count(1)
    return Conversations(lambda peer: ("192.0.2.1", 40_000), lambda: f"r{next(numbers)}", **limits)


def told(box: Conversations, message: SipRequest, now: float = 0.0) -> tuple[Datagram, Datagram]:
    sent, subscription = box.received(message, PEER, now)
    assert sent == []
    assert subscription is not None
    first, second = box.told(subscription.key, URL, now)
    return first, second


class TestRound:
    def test_a_phone_gets_an_answer_and_its_profile(self) -> None:
        answer, notify = told(conversations(), subscribe())
        response = parse_datagram(answer.data)
        assert isinstance(response, SipResponse)
        assert (response.status, answer.peer) == (200, PEER)
        assert response.first("expires") == "0"
        assert response.first("contact") == "<sip:provisiond@192.0.2.1:40000>"
        assert response.first("to") == "<sip:MAC%3a0004139900d1@224.0.1.75>;tag=r1"
        request = parse_datagram(notify.data)
        assert isinstance(request, SipRequest)
        assert (request.method, request.uri, notify.peer) == ("NOTIFY", "sip:192.0.2.7:5062", ("192.0.2.7", 5062))
        assert request.body == URL.encode()
        assert request.first("content-type") == "application/url"
        assert request.first("event") == "ua-profile;effective-by=0"
        assert request.first("subscription-state") == "terminated;reason=timeout"
        assert request.first("from") == "<sip:MAC%3a0004139900d1@224.0.1.75>;tag=r1"
        assert request.first("to") == "<sip:MAC%3a0004139900d1@224.0.1.75>;tag=phone"
        assert request.first("call-id") == "call-1"

    def test_the_notify_is_sent_until_it_is_answered(self) -> None:
        box = conversations()
        _, notify = told(box, subscribe())
        assert box.next_event() == 0.5
        assert box.due(0.5) == [notify]
        assert box.due(0.6) == []
        request = parse_datagram(notify.data)
        assert isinstance(request, SipRequest)
        box.received(request.answer(200, "OK"), PEER, 0.7)
        assert box.next_event() is None
        assert box.due(10.0) == []
        assert box.outcome("call-1\0phone\x001") == "answered"

    def test_a_repeated_subscribe_gets_the_same_answer_and_no_second_notify(self) -> None:
        box = conversations()
        answer, _ = told(box, subscribe())
        assert box.received(subscribe(), PEER, 0.4) == ([answer], None)

    def test_a_subscribe_that_comes_again_before_its_answer_waits_for_that(self) -> None:
        box = conversations()
        _, subscription = box.received(subscribe(), PEER, 0.0)
        assert box.received(subscribe(), PEER, 0.1) == ([], None)
        assert subscription is not None
        assert len(box.told(subscription.key, URL, 0.2)) == 2
        assert box.told(subscription.key, URL, 0.3) == []

    def test_a_phone_that_is_nobodys_business_hears_nothing(self) -> None:
        box = conversations()
        _, subscription = box.received(subscribe(), PEER, 0.0)
        assert subscription is not None
        assert box.told(subscription.key, None, 0.0) == []
        assert box.told("unknown", URL, 0.0) == []

    @pytest.mark.parametrize(
        ("changes", "answer_to", "notify_to"),
        [
            ({"Via": "SIP/2.0/UDP 192.0.2.7:5090;branch=x"}, ("192.0.2.7", 5090), ("192.0.2.7", 5062)),
            ({"Via": "SIP/2.0/UDP 10.9.9.9;branch=x"}, ("192.0.2.7", 5060), ("192.0.2.7", 5062)),
            ({"Contact": "<sip:203.0.113.66:5062>"}, PEER, PEER),
            ({"Contact": "<sip:phone.example.org>"}, PEER, PEER),
            ({"Contact": None}, PEER, PEER),
            ({"Contact": "<sip:broken"}, PEER, PEER),
        ],
    )
    def test_nothing_is_ever_sent_to_another_host_than_the_one_that_asked(
        self, changes: dict[str, str | None], answer_to: tuple[str, int], notify_to: tuple[str, int]
    ) -> None:
        answer, notify = told(conversations(), subscribe(**changes))
        assert (answer.peer, notify.peer) == (answer_to, notify_to)


class TestWhatIsIgnored:
    @pytest.mark.parametrize(
        "message",
        [
            subscribe(Event="presence"),
            subscribe(Event=None),
            subscribe(Via=None),
            subscribe(Via="SIP/2.0/UDP"),
            subscribe(CSeq="1 NOTIFY"),
            subscribe(CSeq="x"),
            subscribe(Call_ID=None),
            subscribe(From="<sip:a@b>"),
            subscribe(From="<sip:a@b;tag=x"),
            subscribe(To="<sip:a"),
            SipRequest(method="OPTIONS", uri="sip:224.0.1.75"),
            SipRequest(method="REGISTER", uri="sip:224.0.1.75", headers=subscribe().headers),
            SipResponse(status=200, headers=(("Via", "SIP/2.0/UDP x;branch=z9hG4bKnobody"),)),
        ],
    )
    def test_it_is_not_answered(self, message: SipRequest | SipResponse) -> None:
        box = conversations()
        assert box.received(message, PEER, 0.0) == ([], None)
        assert len(box) == 0

    def test_a_flood_is_bounded_and_forgotten(self) -> None:
        box = conversations(max_conversations=100)
        for number in range(1_000):
            box.received(subscribe(Call_ID=f"call-{number}"), PEER, 0.0)
        assert len(box) == 100
        assert box.refused == 900
        _, subscription = box.received(subscribe(Call_ID="later"), PEER, KEPT_SECONDS)
        assert subscription is not None
        assert len(box) == 1

    @given(
        st.lists(st.tuples(st.sampled_from(["Via", "From", "To", "CSeq", "Event", "Contact"]), st.text(max_size=30)))
    )
    def test_no_field_breaks_it(self, changes: list[tuple[str, str]]) -> None:
        box = conversations()
        _, subscription = box.received(subscribe(**dict(changes)), PEER, 0.0)
        if subscription is not None:
            try:
                sent = box.told(subscription.key, URL, 0.0)
            except MalformedSip:
                return
            assert {each.peer[0] for each in sent} == {PEER[0]}

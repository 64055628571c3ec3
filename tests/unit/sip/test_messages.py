"""SIP messages from bytes and to bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.sip.messages import (
    MAX_HEADERS,
    MalformedSip,
    SipRequest,
    SipResponse,
    has_tag,
    parse_datagram,
)
from provisiond.sip.stream import SipStream

SUBSCRIBE = (
    b"SUBSCRIBE sip:MAC%3a000413241522@224.0.1.75 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.5:5060;rport;branch=z9hG4bK1\r\n"
    b"v: SIP/2.0/UDP 192.168.1.6:5060;branch=z9hG4bK2\r\n"
    b"From: <sip:MAC%3a000413241522@224.0.1.75>;tag=1\r\n"
    b"To: <sip:MAC%3a000413241522@224.0.1.75>\r\n"
    b"i: 1234@192.168.1.5\r\n"
    b"CSeq: 1 SUBSCRIBE\r\n"
    b'o: ua-profile;profile-type="device";\r\n'
    b' vendor="snom";model="snom360"\r\n'
    b"l: 4\r\n\r\nbodyrest"
)


def test_a_request_with_compact_and_folded_fields_is_read() -> None:
    message = parse_datagram(SUBSCRIBE)
    assert isinstance(message, SipRequest)
    assert (message.method, message.uri) == ("SUBSCRIBE", "sip:MAC%3a000413241522@224.0.1.75")
    assert message.first("Event") == 'ua-profile;profile-type="device"; vendor="snom";model="snom360"'
    assert message.first("call-id") == "1234@192.168.1.5"
    assert len(message.all("via")) == 2
    assert message.sequence() == (1, "SUBSCRIBE")
    assert message.body == b"body"


def test_a_response_copies_what_the_request_says_and_adds_its_tag_once() -> None:
    message = parse_datagram(SUBSCRIBE)
    assert isinstance(message, SipRequest)
    answer = message.answer(200, "OK", [("Expires", "0")], tag="mine")
    again = parse_datagram(answer.encode())
    assert isinstance(again, SipResponse)
    assert (again.status, again.reason) == (200, "OK")
    assert again.all("via") == message.all("via")
    assert again.first("to") == "<sip:MAC%3a000413241522@224.0.1.75>;tag=mine"
    assert again.first("from") == message.first("from")
    assert again.sequence() == message.sequence()
    tagged = parse_datagram(SUBSCRIBE.replace(b"To: <sip:MAC%3a000413241522@224.0.1.75>", b"To: <sip:x@y>;tag=a"))
    assert isinstance(tagged, SipRequest)
    assert tagged.answer(200, "OK", tag="mine").first("to") == "<sip:x@y>;tag=a"


@pytest.mark.parametrize(
    ("value", "tagged"),
    [("<sip:a@b;tag=1>", False), ("<sip:a@b>;tag=1", True), ("sip:a@b ; TAG = 1", True), ('"tag=1" <sip:a@b>', False)],
)
def test_a_tag_is_found_only_outside_the_address(value: str, tagged: bool) -> None:
    assert has_tag(value) is tagged


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"NOTIFY sip:a@b SIP/3.0\r\n\r\n",
        b"NOTIFY  sip:a@b SIP/2.0\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\nVia SIP/2.0/UDP x\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\nContent-Length: 5\r\n\r\n1234",
        b"NOTIFY sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\nab",
        b"NOTIFY sip:a@b SIP/2.0\r\nX: \xff\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\nX: a\0b\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\nNo end",
        b"SIP/2.0 99 Strange\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\nX: " + b"y" * 9_000 + b"\r\n\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_message_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(MalformedSip) as caught:
        parse_datagram(data)
    assert caught.value.sentence


@pytest.mark.parametrize("value", ["", "1", "x NOTIFY", "-1 NOTIFY", "2147483648 NOTIFY", "1 NO TIFY", "1 "])
def test_a_wrong_sequence_is_refused(value: str) -> None:
    message = SipResponse(status=200, headers=(("CSeq", value),))
    with pytest.raises(MalformedSip):
        message.sequence()


def test_a_line_break_cannot_be_smuggled_into_a_header() -> None:
    with pytest.raises(MalformedSip):
        SipRequest(method="NOTIFY", uri="sip:a@b", headers=(("Event", "x\r\nVia: y"),)).encode()


@given(st.binary(max_size=300))
def test_nothing_but_messages_and_refusals_comes_of_bytes(data: bytes) -> None:
    for each in (data, b"SIP/2.0 200 OK\r\n" + data, b"NOTIFY sip:a SIP/2.0\r\n" + data + b"\r\n\r\n"):
        try:
            message = parse_datagram(each)
        except MalformedSip:
            continue
        assert isinstance(message, SipRequest | SipResponse)


NAMES = st.from_regex(r"X-[a-z]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=("Cs", "Cc", "Zl", "Zp")))


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=5), st.binary(max_size=100), st.lists(st.integers(1, 50), max_size=20)
)
def test_messages_come_back_from_a_stream_however_it_is_cut(
    headers: list[tuple[str, str]], body: bytes, cuts: list[int]
) -> None:
    clean = tuple((name, value.strip()) for name, value in headers)
    sent = SipRequest(method="NOTIFY", uri="sip:a@b", headers=clean, body=body)
    data = b"\r\n" + sent.encode() + b"\r\n\r\n" + sent.encode()
    stream, found, position = SipStream(), [], 0
    for cut in [*cuts, len(data)]:
        found += list(stream.feed(data[position : position + cut]))
        position += cut
    assert [(each.headers[:-1], each.body) for each in found] == [(clean, body)] * 2


def test_a_stream_needs_lengths_and_bounds_what_it_holds() -> None:
    with pytest.raises(MalformedSip):
        list(SipStream().feed(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n"))
    with pytest.raises(MalformedSip):
        list(SipStream().feed(b"X" * 70_000))

"""Addresses, parameters and Via."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.sip.fields import address_of, bracketed, event_of, parameters_of, parse_uri, parse_via
from provisiond.sip.messages import MalformedSip


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:192.168.1.5", "", "192.168.1.5", None),
        ("sip:MAC%3a000413241522@224.0.1.75:5060;transport=udp?x=y", "MAC%3a000413241522", "224.0.1.75", 5060),
        ("SIPS:alice:secret@example.org:5061", "alice", "example.org", 5061),
        ("sip:a@[2001:db8::1]:5060", "a", "2001:db8::1", 5060),
    ],
)
def test_addresses(text: str, user: str, host: str, port: int | None) -> None:
    uri = parse_uri(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)


@pytest.mark.parametrize("text", ["", "tel:123", "sip:", "sip:a@b@c", "sip:a@b:99999", "sip:a@b:0", "sip:a b", "x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(MalformedSip):
        parse_uri(text)


@pytest.mark.parametrize(
    ("value", "uri", "parameters"),
    [
        ("<sip:a@b;x=1>;tag=2", "sip:a@b;x=1", {"tag": "2"}),
        ("sip:a@b;tag=2", "sip:a@b", {"tag": "2"}),
        ('"A <B>; C" <sip:a@b>', "sip:a@b", {}),
        ("Alice <sip:a@b> ; tag = 5 ; lr", "sip:a@b", {"tag": "5", "lr": ""}),
    ],
)
def test_addresses_of_fields(value: str, uri: str, parameters: dict[str, str]) -> None:
    assert address_of(value) == (uri, parameters)


def test_an_address_that_is_not_closed_is_refused() -> None:
    with pytest.raises(MalformedSip):
        address_of("<sip:a@b;tag=1")


def test_via_in_the_shapes_of_the_torture_tests() -> None:
    # RFC 4475, section 3.1.1.1: spaces around the slashes, several values in a field.
    via = parse_via("SIP  / 2.0\n /UDP\n    192.0.2.2;branch=390skdjuw, SIP/2.0/TCP x".replace("\n", " "))
    assert (via.transport, via.host, via.port, via.parameters["branch"]) == ("UDP", "192.0.2.2", None, "390skdjuw")
    assert parse_via("SIP/2.0/TLS [2001:db8::1]:5061;rport").host == "2001:db8::1"
    for wrong in ("", "SIP/1.0/UDP x", "SIP/2.0/UDP", "SIP/2.0/UDP x:70000"):
        with pytest.raises(MalformedSip):
            parse_via(wrong)


def test_events_with_quoted_parameters() -> None:
    package, parameters = event_of('ua-profile;profile-type="device";vendor="Sn\\"om;x";model="870" ; version=8.4')
    assert package == "ua-profile"
    assert parameters == {"profile-type": "device", "vendor": 'Sn"om;x', "model": "870", "version": "8.4"}


def test_the_first_of_a_name_counts() -> None:
    assert parameters_of(";a=1;A=2;b") == {"a": "1", "b": ""}


@given(st.text(max_size=80))
def test_nothing_in_a_field_raises_anything_else(text: str) -> None:
    parameters_of(text)
    event_of(text)
    for parse in (parse_uri, parse_via, address_of):
        with contextlib.suppress(MalformedSip):
            parse(text)


def test_brackets() -> None:
    assert (bracketed("::1"), bracketed("10.0.0.1")) == ("[::1]", "10.0.0.1")

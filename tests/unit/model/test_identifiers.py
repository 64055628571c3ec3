"""MAC and IP addresses (REST contract, sections 8 and 11)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.model.identifiers import is_ip, is_mac, is_phone_mac, normalize_mac

STORED = "00:1b:63:84:45:e6"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (STORED, STORED),
        ("00-1B-63-84-45-E6", STORED),
        ("001B638445e6", STORED),
        ("0:1b:63:84:45:e6", STORED),
        ("0-0-0-0-0-1", "00:00:00:00:00:01"),
    ],
)
def test_forms_of_a_mac_address(text: str, stored: str) -> None:
    assert normalize_mac(text) == stored
    assert is_mac(stored)


@pytest.mark.parametrize(
    "text",
    [
        *("", "00:1b:63-84:45:e6", "00:1b:63:84:45", "00:1b:63:84:45:e6:00", "001b.6384.45e6", "001b638445e", "x" * 12),
        *(f"{STORED}\n", f" {STORED}", "000:1b:63:84:45:e6", "00:1b:63:84:45:", "٠0:1b:63:84:45:e6"),
    ],
)
def test_what_is_no_mac_address(text: str) -> None:
    assert not is_mac(text)
    with pytest.raises(InvalidInput):
        normalize_mac(text)


@given(st.binary(min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_address_has_one_stored_form(octets: bytes) -> None:
    stored = octets.hex(":")
    assert is_mac(stored)
    for text in (stored, octets.hex("-").upper(), octets.hex(), ":".join(f"{octet:x}" for octet in octets)):
        assert normalize_mac(text) == stored


@pytest.mark.parametrize(
    ("mac", "expected"),
    [
        (STORED, True),
        ("02:00:00:00:00:01", True),
        ("00:00:00:00:00:00", False),
        ("ff:ff:ff:ff:ff:ff", False),
        ("01:00:5e:00:00:01", False),
    ],
)
def test_addresses_that_phones_have(mac: str, expected: bool) -> None:
    assert is_phone_mac(mac) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("0.0.0.0", "192.0.2.7", "255.255.255.255")),
        *((text, False) for text in ("", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1.2.3.-4", "::1")),
        *((text, False) for text in ("1.2.3.4\n", "1.2.3.4/32", "a.b.c.d", "١.2.3.4", "0x1.2.3.4")),
    ],
)
def test_ip_addresses(text: str, expected: bool) -> None:
    assert is_ip(text) is expected

"""Packets, options and netascii."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.tftp import packets
from provisiond.tftp.limits import Bounds, Occupancy, TokenBuckets
from provisiond.tftp.netascii import from_netascii, to_netascii
from provisiond.tftp.options import Limits, negotiated
from provisiond.tftp.packets import Ack, Data, MalformedPacket, PeerError, Request

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@given(st.binary(max_size=1200))
def test_no_datagram_raises_anything_else(datagram: bytes) -> None:
    with contextlib.suppress(MalformedPacket):
        packets.parse(datagram)


@given(
    st.booleans(), NAMES, st.dictionaries(st.sampled_from(["blksize", "tsize", "X"]), st.sampled_from(["1", "x", ""]))
)
def test_requests_come_back(write: bool, name: str, options: dict[str, str]) -> None:
    found = packets.parse(packets.request(write, name, "OCTET", options))
    assert found == Request(write, name, "octet", {key.lower(): value for key, value in options.items()})


@given(st.integers(0, 65535), st.binary(max_size=600))
def test_data_and_acknowledgements_come_back(block: int, payload: bytes) -> None:
    assert packets.parse(packets.data_head(block) + payload) == Data(block, payload)
    assert packets.parse(packets.ack(block)) == Ack(block)


def test_errors_are_ascii_and_short() -> None:
    assert packets.parse(packets.error(1, "é" * 500)) == PeerError(1, "?" * 200)


@pytest.mark.parametrize(
    "datagram",
    [
        b"", b"\0", b"\0\1", b"\0\1\0\0", b"\0\1x", b"\0\1x\0octet", b"\0\1\0octet\0", b"\0\7x\0", b"\xff\xff\0\0",
        b"\0\1" + b"x" * 2000 + b"\0octet\0", b"\0\1x\0octet\0" + b"a\0b\0" * 200,
    ],
)  # fmt: skip
def test_hostile_datagrams_are_malformed(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket):
        packets.parse(datagram)


def test_a_name_that_is_not_utf8_is_told() -> None:
    found = packets.parse(b"\0\1\xff\xfe\0octet\0")
    assert isinstance(found, Request)
    assert (found.filename, found.utf8) == ("\xff\xfe", False)


def test_the_first_of_two_equal_options_counts() -> None:
    found = packets.parse(b"\0\1x\0octet\0blksize\x001024\0BLKSIZE\x008\0")
    assert isinstance(found, Request)
    assert found.options == {"blksize": "1024"}


LIMITS = Limits(block_size=1428, window_size=16)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {}),
        ({"blksize": "1024"}, {"blksize": "1024"}),
        ({"blksize": "65464"}, {"blksize": "1428"}),
        ({"blksize": "7"}, {}),
        ({"blksize": "65465"}, {}),
        ({"blksize": "abc"}, {}),
        ({"blksize": "-8"}, {}),
        ({"blksize": "8 "}, {}),
        ({"blksize": "٣٢"}, {}),
        ({"tsize": "0"}, {"tsize": "3000"}),
        ({"tsize": "x"}, {}),
        ({"timeout": "1"}, {"timeout": "1"}),
        ({"timeout": "255"}, {"timeout": "255"}),
        ({"timeout": "0"}, {}),
        ({"timeout": "256"}, {}),
        ({"windowsize": "8"}, {"windowsize": "8"}),
        ({"windowsize": "65535"}, {"windowsize": "16"}),
        ({"windowsize": "0"}, {}),
        ({"unknown": "1"}, {}),
        ({"tsize": "0", "blksize": "bad", "windowsize": "2"}, {"tsize": "3000", "windowsize": "2"}),
    ],
)
def test_options(asked: dict[str, str], expected: dict[str, str]) -> None:
    agreement = negotiated(asked, size=3000, limits=LIMITS)
    assert dict(agreement.acknowledged) == expected
    assert agreement.block_size == int(expected.get("blksize", 512))
    assert agreement.window_size == int(expected.get("windowsize", 1))
    assert agreement.timeout == (int(expected["timeout"]) if "timeout" in expected else None)


def test_a_size_nobody_knows_is_not_told() -> None:
    assert dict(negotiated({"tsize": "0"}, size=None, limits=LIMITS).acknowledged) == {}


def test_an_empty_oack_is_never_made() -> None:
    with pytest.raises(AssertionError):
        packets.oack({})


@given(st.binary(max_size=300))
def test_netascii_comes_back(content: bytes) -> None:
    assert from_netascii(to_netascii(content)) == content


def test_netascii_of_line_ends() -> None:
    assert to_netascii(b"a\nb\rc\r\n") == b"a\r\nb\r\0c\r\0\r\n"


def test_bounds_are_counted_in_all_and_per_peer() -> None:
    occupancy = Occupancy(Bounds(transfers=3, transfers_per_peer=2))
    assert [occupancy.enter(peer) for peer in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    occupancy.leave("a")
    assert occupancy.enter("c")
    assert occupancy.total == 3


def test_a_peer_that_asks_too_fast_waits() -> None:
    buckets = TokenBuckets(rate=10.0, burst=5)
    granted: list[Any] = [buckets.take("a", 0.0) for _ in range(7)]
    assert granted == [True] * 5 + [False] * 2
    assert buckets.take("b", 0.0)
    assert not buckets.take("a", 0.05)
    assert buckets.take("a", 0.2)


@given(st.one_of(st.binary(max_size=8), st.integers(0, 65535).map(packets.ack)))
def test_acknowledgements_are_told_from_all_others_without_parsing(datagram: bytes) -> None:
    try:
        packet = packets.parse(datagram)
    except MalformedPacket:
        packet = None
    assert packets.acknowledged_block(datagram) == (packet.block if isinstance(packet, Ack) else -1)

"""A bounded number of new phones of one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from provisiond.provisioning.newcomers import (
    PER_ADDRESS,
    PER_ADDRESS_SECONDS,
    PER_NETWORK,
    PER_NETWORK_SECONDS,
    Newcomers,
    network_of,
)


def taken(newcomers: Newcomers, peers: list[str]) -> int:
    return sum(newcomers.take_in(peer) for peer in peers)


def test_one_address_brings_a_few_and_then_one_after_another() -> None:
    clock = Clock()
    newcomers = Newcomers(clock)
    assert taken(newcomers, ["192.0.2.7"] * 1_000) == PER_ADDRESS
    clock.advance(PER_ADDRESS_SECONDS)
    assert taken(newcomers, ["192.0.2.7"] * 1_000) == 1
    assert taken(newcomers, ["192.0.2.8"]) == 1


def test_a_whole_network_may_be_switched_on_and_invented_addresses_end_there() -> None:
    clock = Clock()
    newcomers = Newcomers(clock)
    assert taken(newcomers, [f"192.0.2.{number}" for number in range(1, 255)]) == PER_NETWORK
    assert taken(newcomers, [f"192.0.2.{number % 256}" for number in range(2_000)]) == 0
    assert taken(newcomers, ["198.51.100.1"]) == 1
    clock.advance(PER_NETWORK_SECONDS * 3)
    assert taken(newcomers, [f"192.0.2.{number}" for number in range(1, 255)]) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("::ffff:192.0.2.1", "192.0.2.9", True),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("0.0.0.1", "::1", False),
        ("nonsense", "nonsense", True),
        ("nonsense", "192.0.2.1", False),
    ],
)
def test_networks(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


@given(st.lists(st.tuples(st.ip_addresses().map(str), st.floats(0, 100)), max_size=60))
def test_whoever_comes_no_address_brings_more_than_it_may(arrivals: list[tuple[str, float]]) -> None:
    clock, count = Clock(), dict[str, int]()
    newcomers = Newcomers(clock)
    for peer, pause in arrivals:
        clock.advance(pause)
        count[peer] = count.get(peer, 0) + newcomers.take_in(peer)
        assert count[peer] <= PER_ADDRESS + clock.seconds() / PER_ADDRESS_SECONDS

"""How many phones that nobody knew are taken in from one place, where asking costs the asker nothing."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from provisiond.provisioning.ports import Clock
from provisiond.tftp.limits import TokenBuckets

# A phone has an address of its own; a few more for one that is replaced, or for a box that speaks for several.
PER_ADDRESS: Final = 5
PER_ADDRESS_SECONDS: Final = 12.0
# As many as have room in a network, when all of them are switched on; then one in ten seconds.
PER_NETWORK: Final = 254
PER_NETWORK_SECONDS: Final = 10.0
IPV4_BITS: Final = 24
IPV6_BITS: Final = 64


class Newcomers:
    """Counts new phones by address and by network: of 24 bits with IPv4, 64 with IPv6. Memory is bounded.

    An address costs a sender of datagrams nothing, for it can be invented; within one network no more can.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._addresses = TokenBuckets(1 / PER_ADDRESS_SECONDS, PER_ADDRESS)
        self._networks = TokenBuckets(1 / PER_NETWORK_SECONDS, PER_NETWORK)

    def take_in(self, peer: str) -> bool:
        """Tell whether one more is taken in, and count it.

        :param peer: the address that it asks from, an IPv6 one perhaps with its zone.
        """
        now = self._clock.seconds()
        return self._addresses.take(peer, now) and self._networks.take(network_of(peer), now)


def network_of(peer: str) -> str:
    """Return the network of an address, as a key; what is no address is a network of its own."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    bits = address.max_prefixlen - (IPV4_BITS if address.version == 4 else IPV6_BITS)
    return f"{address.version}:{int(address) >> bits:x}"

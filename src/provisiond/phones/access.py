"""May this peer have files at all?"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from provisiond.identification.values import Protocol


class Access:
    """Networks that may fetch, for each protocol.

    :param allowed: protocol to networks; an empty list lets everybody in.
    """

    def __init__(self, allowed: Mapping[Protocol, Sequence[str]]) -> None:
        self._networks: dict[Protocol, list[IPv4Network | IPv6Network]] = {}
        self.use(allowed)

    def use(self, allowed: Mapping[Protocol, Sequence[str]]) -> None:
        """Let these networks in from now on."""
        self._networks = {
            protocol: [ip_network(text, strict=False) for text in networks] for protocol, networks in allowed.items()
        }

    def admits(self, protocol: Protocol, peer: str | None) -> bool:
        """Tell whether a peer may fetch files over this protocol."""
        networks = self._networks.get(protocol)
        if not networks:
            return True
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in networks if network.version == address.version)


def client_address(peer: str, forwarded: str | None, trusted_proxies: int) -> str:
    """Return the address of the client behind some trusted proxies.

    Only as many entries of ``X-Forwarded-For`` are believed, from the right, as there are trusted proxies.

    :param peer: address of the connection.
    :param forwarded: value of the header, or None.
    """
    peer = peer.removeprefix("::ffff:") if "." in peer else peer
    if trusted_proxies < 1 or not forwarded:
        return peer
    entry = forwarded.split(",")[-trusted_proxies:][0].strip().strip("[]")
    try:
        # Four numbers have one spelling only; this finds them at a tenth of the cost.
        socket.inet_pton(socket.AF_INET, entry)
        return entry
    except (OSError, UnicodeEncodeError, ValueError):
        pass
    try:
        return str(ip_address(entry))
    except ValueError:
        return peer

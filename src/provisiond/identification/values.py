"""What a phone sent, and what that reveals."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import evolve, field, fields, frozen


class Protocol(StrEnum):
    """How a request reached the server."""

    HTTP = "http"
    TFTP = "tftp"
    DHCP = "dhcp"
    PNP = "pnp"


def _lower_keys(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {key.lower(): value for key, value in headers.items()}


@frozen(kw_only=True)
class PhoneRequest:
    """One request of a phone, parsed once at the edge.

    :param protocol: how it came.
    :param method: ``GET``, ``HEAD``, ``PUT``, ``POST``, ``RRQ``, ``WRQ``, ``DISCOVER``, ``SUBSCRIBE``.
    :param path: HTTP: the path as sent, not decoded, without query. TFTP: the file name as sent, one character a
        byte (latin-1) where it is not UTF-8. PnP: the request URI. DHCP: empty.
    :param query: decoded query arguments of HTTP.
    :param headers: header fields of HTTP or SIP; names are lower-cased here. One character a byte.
    :param dhcp: DHCP options, number to value, one character a byte.
    :param chaddr: hardware address of a DHCP client, or None.
    :param raw_query: the query of HTTP as sent, without its question mark.
    :param body: what came with an HTTP request, as far as anybody wants it.
    :param peer: address of the peer (after trusted proxies), or None in tests.
    :param mode: mode of a TFTP request, lower-case.
    :param options: options of a TFTP request, lower-case names to values as sent.
    """

    protocol: Protocol
    method: str = "GET"
    path: str = ""
    query: Mapping[str, str] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict, converter=_lower_keys)
    dhcp: Mapping[int, str] = field(factory=dict)
    chaddr: str | None = None
    peer: str | None = None
    raw_query: str = ""
    body: bytes = b""
    mode: str = "octet"
    options: Mapping[str, str] = field(factory=dict)

    @property
    def user_agent(self) -> str:
        """The User-Agent, or an empty text."""
        return self.headers.get("user-agent", "")


@frozen(kw_only=True)
class DeviceInfo:
    """What one request revealed about a phone; None means not revealed."""

    vendor: str | None = None
    model: str | None = None
    version: str | None = None
    mac: str | None = None
    sn: str | None = None
    uuid: str | None = None
    ip: str | None = None

    def claims(self) -> dict[str, str]:
        """Return the members that were revealed, by name."""
        return {name: value for name in _INFO_MEMBERS if (value := getattr(self, name)) is not None}

    def filled_from(self, other: DeviceInfo) -> DeviceInfo:
        """Return a copy in which what is missing here is taken from ``other``."""
        return evolve(self, **{**other.claims(), **self.claims()})


_INFO_MEMBERS: Final = tuple(member.name for member in fields(DeviceInfo))

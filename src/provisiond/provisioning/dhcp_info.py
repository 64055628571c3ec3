"""What a DHCP server reports about a lease (REST contract, section 11)."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence

from provisiond.errors import InvalidInput
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.model.identifiers import normalize_mac

_OPTION = re.compile(r"([0-9]{3})([0-9A-Fa-f]{1,2}(?:\.[0-9A-Fa-f]{1,2})*)")
_IP = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10}){0,3}")
MAX_OPTIONS = 256
MAX_OCTETS = 255
# RFC 2132: the options of one length, in octets, and those of whole addresses.
_LENGTHS = {1: 4, 2: 4, 28: 4, 50: 4, 51: 4, 52: 1, 53: 1, 54: 4, 57: 2, 58: 4, 59: 4, 116: 1}
_ADDRESSES = frozenset({3, 4, 5, 6, 7, 41, 42, 44, 45, 65, 150})


def parse_dhcp_info(document: object) -> PhoneRequest | None:
    """Return what a lease report reveals, as a request; None when it is an expiry or a release.

    :param document: the content of the member ``dhcp_info``.
    :raises InvalidInput: naming the member that is missing or wrong.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("dhcp_info must be an object")
    op = document.get("op")
    ip = _ip(document.get("ip"))
    if op in ("expiry", "release"):
        return None
    if op != "commit":
        raise InvalidInput("dhcp_info.op must be commit, expiry or release")
    mac = document.get("mac")
    if not isinstance(mac, str):
        raise InvalidInput("dhcp_info.mac must be a text")
    options = _options(document.get("options"))
    return PhoneRequest(protocol=Protocol.DHCP, method="COMMIT", dhcp=options, chaddr=normalize_mac(mac), peer=ip)


def _ip(value: object) -> str:
    if not isinstance(value, str) or not _IP.fullmatch(value):
        raise InvalidInput("dhcp_info.ip must be an IPv4 address")
    try:
        return socket.inet_ntoa(socket.inet_aton(value))
    except OSError:
        raise InvalidInput("dhcp_info.ip must be an IPv4 address") from None


def _options(value: object) -> dict[int, str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidInput("dhcp_info.options must be an array of texts")
    if len(value) > MAX_OPTIONS:
        raise InvalidInput(f"dhcp_info.options must hold at most {MAX_OPTIONS} texts")
    return {code: octets for code, octets in map(_option, value) if _fits(code, len(octets))}


def _fits(code: int, length: int) -> bool:
    """Tell whether an option may have this length; one that may not tells nothing, but the rest of the lease does."""
    return length == _LENGTHS.get(code, length) and not (code in _ADDRESSES and length % 4)


def _option(text: object) -> tuple[int, str]:
    match = _OPTION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[1]) <= 254:
        raise InvalidInput("dhcp_info.options: each must be an option code of three digits, 001 to 254, and its bytes")
    if match[2].count(".") >= MAX_OCTETS:
        raise InvalidInput(f"dhcp_info.options: an option has at most {MAX_OCTETS} octets")
    return int(match[1]), "".join(chr(int(byte, 16)) for byte in match[2].split("."))

"""Addresses and UUIDs in their normal forms."""

from __future__ import annotations

import re
from typing import Any

_PLAIN_MAC = re.compile(r"[0-9A-Fa-f]{12}")
_SPLIT_MAC = re.compile(r"[0-9A-Fa-f]{1,2}([:-])(?:[0-9A-Fa-f]{1,2}\1){4}[0-9A-Fa-f]{1,2}")
_NORMED_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NUMBER = re.compile(r"[0-9]{1,3}")


def _digits(mac: Any) -> str:
    if not isinstance(mac, str):
        raise TypeError("a MAC address must be a str")
    if _PLAIN_MAC.fullmatch(mac):
        return mac.lower()
    found = _SPLIT_MAC.fullmatch(mac)
    if found is None:
        raise ValueError(f"invalid MAC address: {mac[:60]!r}")
    return "".join(group.rjust(2, "0") for group in mac.split(found[1])).lower()


def norm_mac(mac_string: str) -> str:
    """Return a MAC address in the form ``aa:bb:cc:dd:ee:ff``.

    :raises ValueError: when it is none.
    :raises TypeError: when it is not a text.
    """
    return format_mac(mac_string)


def format_mac(mac_string: str, separator: str = ":", uppercase: bool = False) -> str:
    """Return a MAC address with this separator, in lower case unless told otherwise.

    :raises ValueError: when it is none.
    """
    digits = _digits(mac_string)
    text = separator.join(digits[index : index + 2] for index in range(0, 12, 2))
    if not uppercase:
        return text
    return separator.join(digits[index : index + 2].upper() for index in range(0, 12, 2))


def is_normed_mac(mac_string: str) -> bool:
    """Tell whether a text is a MAC address in its normal form."""
    return _NORMED_MAC.fullmatch(mac_string) is not None


def to_mac(mac_string: str) -> str:
    """Return a MAC address as a text of six characters, each with the code of one byte.

    :raises ValueError: when it is none.
    """
    return bytes.fromhex(_digits(mac_string)).decode("latin-1")


def from_mac(packed_mac: str, separator: str = ":", uppercase: bool = False) -> str:
    """Return the MAC address of six characters.

    :raises ValueError: when there are not six, or one is above 255.
    """
    if len(packed_mac) != 6:
        raise ValueError("a packed MAC address has six characters")
    return format_mac(packed_mac.encode("latin-1").hex(), separator, uppercase)


def to_ip(ip_string: str) -> bytes:
    """Return the four bytes of an IPv4 address.

    :raises ValueError: when it is none.
    """
    parts = ip_string.split(".")
    if len(parts) != 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError(f"invalid IP address: {ip_string[:60]!r}")
    return bytes(int(part) for part in parts)


def from_ip(packed_ip: bytes) -> str:
    """Return the IPv4 address of four bytes.

    :raises ValueError: when there are not four.
    """
    if len(packed_ip) != 4:
        raise ValueError("a packed IP address has four bytes")
    return ".".join(str(byte if isinstance(byte, int) else ord(byte)) for byte in packed_ip)


def norm_ip(ip_string: str) -> str:
    """Return an IPv4 address without leading zeros.

    :raises ValueError: when it is none.
    """
    return from_ip(to_ip(ip_string))


def is_normed_ip(ip_string: str) -> bool:
    """Tell whether a text is an IPv4 address in its normal form."""
    try:
        return norm_ip(ip_string) == ip_string
    except ValueError:
        return False


def norm_uuid(uuid_string: str) -> str:
    """Return a UUID in lower case.

    :raises ValueError: when it is not of the form 8-4-4-4-12.
    """
    if not _UUID.fullmatch(uuid_string):
        raise ValueError(f"invalid UUID: {uuid_string[:60]!r}")
    return uuid_string.lower()


def is_normed_uuid(uuid_string: str) -> bool:
    """Tell whether a text is a UUID in lower case."""
    return _UUID.fullmatch(uuid_string) is not None and uuid_string == uuid_string.lower()

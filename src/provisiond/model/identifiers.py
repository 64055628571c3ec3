"""Identifiers of things: MAC addresses, IP addresses, and the ids of documents."""

from __future__ import annotations

import ipaddress
import re

from provisiond.errors import InvalidInput

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_LOOSE_MAC = re.compile(r"[0-9A-Fa-f]{12}|[0-9A-Fa-f]{1,2}(?:([:\-])[0-9A-Fa-f]{1,2})(?:\1[0-9A-Fa-f]{1,2}){4}")
MAX_ID_LENGTH = 128


def is_mac(text: str) -> bool:
    """Tell whether ``text`` is a MAC address in the stored form ``aa:bb:cc:dd:ee:ff``."""
    return _MAC.fullmatch(text) is not None


def normalize_mac(text: str) -> str:
    """Return a MAC address in the stored form.

    :param text: twelve hex digits, or six groups of one or two with one separator ``:`` or ``-`` throughout.
    :raises InvalidInput: for anything else.
    """
    match = _LOOSE_MAC.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text[:40]!r} is not a MAC address")
    if match.group(1) is None:
        pairs = [text[index : index + 2] for index in range(0, 12, 2)]
    else:
        pairs = [group.zfill(2) for group in re.split("[:-]", text)]
    return ":".join(pairs).lower()


def is_phone_mac(text: str) -> bool:
    """Tell whether a stored-form MAC can belong to a phone: not all zeros, not a group address."""
    return text != "00:00:00:00:00:00" and not int(text[:2], 16) & 1


def is_ip(text: str) -> bool:
    """Tell whether ``text`` is an IPv4 dotted quad without leading zeros."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def check_document_id(value: object) -> str:
    """Return ``value`` if it can be the id of a device or config.

    The rule is that of the REST contract, section 8: 1 to 128 characters, no ``/``, no control character,
    not ``.`` or ``..``.

    :raises InvalidInput: naming the rule that was broken.
    """
    if not isinstance(value, str):
        raise InvalidInput("id must be a text")
    if not 1 <= len(value) <= MAX_ID_LENGTH:
        raise InvalidInput("id must have 1 to 128 characters")
    if value in (".", "..") or "/" in value or any(ord(char) < 32 or 127 <= ord(char) < 160 for char in value):
        raise InvalidInput("id must not be '.' or '..' nor hold a slash or control character")
    if any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise InvalidInput("id must be valid Unicode text")
    return value

"""Reading addresses and versions out of foreign text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from provisiond.model.identifiers import is_phone_mac

TEXT_LIMIT = 512
"""Characters of a header, path or option that are looked at; every known shape is far shorter."""

HEX_PAIRS = (
    r"(?:[0-9A-Fa-f]{12}|(?:[0-9A-Fa-f]{2}[:._-]){5}[0-9A-Fa-f]{2}(?![:._-][0-9A-Fa-f]{2}(?![0-9A-Za-z]))"
    r"|[0-9A-Fa-f]{4}[.:-][0-9A-Fa-f]{4}[.:-][0-9A-Fa-f]{4})(?![0-9A-Za-z])"
)
"""Expression for one hardware address in any of its spellings, ending where the digits end."""

_SPELLED = re.compile(
    "[0-9A-Fa-f]{12}"
    "|[0-9A-Fa-f]{2}(?P<pair>[:._-])(?:[0-9A-Fa-f]{2}(?P=pair)){4}[0-9A-Fa-f]{2}"
    "|[0-9A-Fa-f]{4}(?P<group>[.:-])[0-9A-Fa-f]{4}(?P=group)[0-9A-Fa-f]{4}"
)
_PAIR_BEFORE = "[0-9A-Fa-f]{2}[:-]"
_ADDRESS = re.compile(rf"(?<![0-9A-Za-z])(?<!^{_PAIR_BEFORE})(?<![^0-9A-Za-z]{_PAIR_BEFORE})(?:{HEX_PAIRS})")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_VERSION_MARKER = re.compile(r"(?:MPP-|fw|sw|[VR])(?=[0-9])", re.ASCII | re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_QUOTES = "\"'\\ "
_STRANGE_START = re.compile("^[^!-~]{1,64}")
_FOLDED = str.maketrans("", "", " -_\t")


def phone_mac(text: str) -> str | None:
    """Return the hardware address that ``text`` spells, as ``aa:bb:cc:dd:ee:ff``, or None.

    Accepts twelve hex digits, pairs with one separator throughout, and Cisco's three groups of four. Zeros, broadcast
    and group addresses belong to no phone and give None.
    """
    match = _SPELLED.fullmatch(text)
    if match is None:
        return None
    digits = text.replace(match["pair"] or match["group"] or ":", "").lower()
    mac = ":".join((digits[:2], digits[2:4], digits[4:6], digits[6:8], digits[8:10], digits[10:12]))
    return mac if is_phone_mac(mac) else None


def macs_in(text: str) -> Iterator[str]:
    """Give every hardware address that stands free in ``text``; the tail of a UUID is none."""
    for match in _ADDRESS.finditer(_UUID.sub("", text) if "-" in text else text):
        mac = phone_mac(match.group())
        if mac is not None:
            yield mac


@lru_cache(maxsize=4_096)
def folded(name: str) -> str:
    """Return the form in which names are compared: without letter case, blanks, hyphens and underscores."""
    return name.translate(_FOLDED).casefold()


def tidy(text: str) -> str:
    """Return at most :data:`TEXT_LIMIT` characters, single blanks, no quotes or strange bytes around it."""
    text = text[:TEXT_LIMIT]
    if not text.isprintable():
        text = _CONTROLS.sub(" ", text)
    text = " ".join(text.split()).strip(_QUOTES)
    return text if text.isascii() else _STRANGE_START.sub("", text)


def clean_version(text: str) -> str | None:
    """Return the version token without leading marker and build metadata, or None when nothing is left."""
    token = text.strip().partition("+")[0].strip("\"' ;,.\0")
    token = _VERSION_MARKER.sub("", token, count=1) if _VERSION_MARKER.match(token) else token
    return token if token and token[0].isdigit() and len(token) <= 64 else None

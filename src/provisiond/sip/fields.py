"""What header fields hold: addresses, parameters, Via (RFC 3261, sections 19 and 20)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from provisiond.sip.messages import MalformedSip

_URI: Final = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@;?<>\s:]*)(?::[^@<>\s]*)?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>[;?][^<>\s]*)?",
    re.IGNORECASE,
)
_VIA: Final = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z]+)\s+(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?:\s*:\s*(?P<port>[0-9]{1,5}))?\s*(?P<rest>;.*)?",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r"\s*;\s*([^=;\s]+)\s*(?:=\s*(\"(?:[^\"\\]|\\.)*\"|[^;]*))?")


@frozen
class SipUri:
    """A SIP address.

    :param host: name or address, an IPv6 address without brackets.
    :param port: 1 to 65535, or None when it isn't said.
    """

    scheme: str
    user: str
    host: str
    port: int | None
    parameters: Mapping[str, str]


@frozen
class Via:
    """Where a response goes."""

    transport: str
    host: str
    port: int | None
    parameters: Mapping[str, str]


def parameters_of(text: str) -> dict[str, str]:
    """Return ``;name=value`` parameters, names in lower case, quotes removed; the first of a name counts."""
    found: dict[str, str] = {}
    position = 0
    while (match := _PARAMETER.match(text, position)) is not None and match.end() > position:
        value = (match[2] or "").strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.setdefault(match[1].lower(), value)
        position = match.end()
    return found


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not 1 <= int(text) <= 65_535:
        raise MalformedSip("a SIP address has no valid port")
    return int(text)


def parse_uri(text: str) -> SipUri:
    """Return a ``sip:`` or ``sips:`` address.

    :raises MalformedSip: when it is none.
    """
    match = _URI.fullmatch(text.strip())
    if match is None:
        raise MalformedSip("this is not a SIP address")
    rest = (match["rest"] or "").partition("?")[0]
    host = match["host"].strip("[]")
    return SipUri(match["scheme"].lower(), match["user"] or "", host, _port(match["port"]), parameters_of(rest))


def address_of(value: str) -> tuple[str, dict[str, str]]:
    """Return URI and parameters of a From, To or Contact, in both forms that these may have.

    :raises MalformedSip: when angle brackets are not closed.
    """
    text = re.sub(r'^\s*"(?:[^"\\]|\\.)*"', "", value)
    if "<" in text:
        inside, closed, after = text.partition("<")[2].partition(">")
        if not closed:
            raise MalformedSip("a SIP address is not closed")
        return inside.strip(), parameters_of(after)
    uri, semicolon, rest = text.strip().partition(";")
    return uri.strip(), parameters_of(semicolon + rest)


def parse_via(value: str) -> Via:
    """Return the first Via of a header field.

    :raises MalformedSip: when it is none.
    """
    match = _VIA.fullmatch(_first_of_list(value))
    if match is None:
        raise MalformedSip("the SIP message has no valid Via")
    host = match["host"].strip("[]")
    return Via(match["transport"].upper(), host, _port(match["port"]), parameters_of(match["rest"] or ""))


def _first_of_list(value: str) -> str:
    quoted = False
    for position, char in enumerate(value):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            return value[:position].strip()
    return value.strip()


def event_of(value: str) -> tuple[str, dict[str, str]]:
    """Return package and parameters of an Event header field (RFC 6665, section 8.2.1)."""
    package, semicolon, rest = value.strip().partition(";")
    return package.strip().lower(), parameters_of(semicolon + rest)


def bracketed(host: str) -> str:
    """Return a host as it stands in a URI: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host

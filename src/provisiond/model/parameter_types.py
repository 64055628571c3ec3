"""Types of parameters: what a value may be, and what plugins get (REST contract, section 9.2)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from provisiond.errors import InvalidInput

_TRUE: Final = frozenset({"true", "yes", "on", "y", "t", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "f", "0"})
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LOCALE: Final = re.compile(r"[a-z]{2}_[A-Z]{2}")


@frozen
class Kind:
    """One type: its name for sentences, and the conversion, which raises ValueError with a reason."""

    name: str
    convert: Callable[[Any], Any]

    def converted(self, value: Any, member: str) -> Any:
        """Return the value as plugins get it.

        :raises InvalidInput: naming the member and the rule.
        """
        try:
            return self.convert(value)
        except ValueError as error:
            raise InvalidInput(f"{member}: {error}") from None


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("must be true or false")


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 18 and re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    raise ValueError("must be a whole number")


def _bounded(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        number = _int(value)
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}")
        return number

    return convert


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError("must be a text")


def is_host(text: str) -> bool:
    """Tell whether ``text`` is an IP address or a host name."""
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return len(text) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in labels)
    return True


def _host(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be an IP address or host name")
    if value and not is_host(value):
        raise ValueError("must be an IP address or host name without blanks")
    return value


def _one_of(choices: Collection[str]) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return convert


def _locale(value: Any) -> str:
    if not isinstance(value, str) or not _LOCALE.fullmatch(value):
        raise ValueError("must be of the form fr_FR")
    return value


@cache
def _zones() -> frozenset[str]:
    # Not zoneinfo.available_timezones(): that walks hundreds of files, and names files that are no zones.
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def _timezone(value: Any) -> str:
    if not isinstance(value, str) or (value and value not in _zones()):
        raise ValueError("must be a name of the time zone database such as Europe/Paris")
    return value


def _base_url(value: Any) -> str:
    if isinstance(value, str) and not re.search(r"[\s\x00-\x1f\x7f]", value) and _has_web_host(value):
        return value
    raise ValueError("must be an http or https URL with a host")


def _has_web_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError("must be an array of texts")
    return list(value)


BOOL: Final = Kind("bool", _bool)
INT: Final = Kind("int", _int)
PORT: Final = Kind("port", _bounded(1, 65535))
VLAN: Final = Kind("vlan", _bounded(0, 4094))
PRIORITY: Final = Kind("priority", _bounded(0, 7))
TEXT: Final = Kind("text", _text)
HOST: Final = Kind("host", _host)
LOCALE: Final = Kind("locale", _locale)
TIMEZONE: Final = Kind("timezone", _timezone)
BASE_URL: Final = Kind("url", _base_url)
TEXTS: Final = Kind("texts", _texts)
SYSLOG_LEVEL: Final = Kind("level", _one_of(("critical", "error", "warning", "info", "debug")))
PROTOCOL: Final = Kind("protocol", _one_of(("SIP", "SCCP")))
DTMF: Final = Kind("dtmf", _one_of(("RTP-in-band", "RTP-out-of-band", "SIP-INFO")))
SRTP: Final = Kind("srtp", _one_of(("disabled", "preferred", "required")))
TRANSPORT: Final = Kind("transport", _one_of(("udp", "tcp", "tls")))
KEY_TYPE: Final = Kind("key", _one_of(("speeddial", "blf", "park")))

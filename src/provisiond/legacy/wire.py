"""What the server and the child processes of existing plugins say to each other.

Nothing here imports what plugins see: the server's own process never does.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from provisiond.plugins.hosting import PluginPlace

NUMBER: Final = struct.Struct("!cI")
ANSWER: Final = b"A"
QUESTION: Final = b"Q"
READY: Final = b"R"
UNKNOWN_PARAMETER: Final = "the plugin has no such parameter"


@frozen(kw_only=True)
class Environment:
    """What holds for every plugin at the moment of a call.

    :param general: settings without secrets.
    :param base: the base raw_config.
    :param can_notify: True when the server can reach phones.
    """

    proxies: Mapping[str, str]
    locale: str | None
    general: Mapping[str, Any]
    base: Mapping[str, Any]
    can_notify: bool


@frozen(kw_only=True)
class Instruction:
    """One call.

    :param places: the plugins it is for; most calls are for one.
    :param specific: settings by plugin id.
    """

    kind: str
    places: tuple[PluginPlace, ...]
    environment: Environment
    specific: Mapping[str, Mapping[str, Any]]
    arguments: tuple[Any, ...] = ()


@frozen(kw_only=True)
class SeenRequest:
    """What a phone sent, for extractors.

    :param protocol: ``http``, ``tftp`` or ``dhcp``.
    :param path: HTTP: as sent, without query and provisioning key. TFTP: the file name.
    :param query: as sent.
    :param headers: lower-case name to the last value.
    :param options: DHCP options, one character a byte.
    :param mode: of TFTP, lower-case.
    :param asked: options of TFTP, lower-case names to values as sent.
    """

    protocol: str
    method: str = "GET"
    path: bytes = b""
    query: bytes = b""
    headers: Mapping[str, bytes] = field(factory=dict)
    body: bytes = b""
    peer: str = ""
    port: int = 0
    mac: str = ""
    options: Mapping[int, str] = field(factory=dict)
    mode: bytes = b"octet"
    asked: Mapping[bytes, bytes] = field(factory=dict)


def value_of(seen: SeenRequest, name: str) -> Any:
    """Return what an extractor that read ``name`` has seen; equal values give equal results of an extractor."""
    kind, _, rest = name.partition(":")
    if kind == "header":
        return seen.headers.get(rest)
    return getattr(seen, kind)


@frozen(kw_only=True)
class PhoneRequest:
    """What a phone sent over HTTP.

    :param path: as sent, without the provisioning key and without query; so is ``query``, without its ``?``.
    """

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    peer: str = ""


def tftp_packet(filename: bytes, mode: bytes, options: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return a read request as plugins know it.

    :param options: names are lower-case.
    """
    return {"opcode": b"\x00\x01", "filename": filename, "mode": mode, "options": dict(options)}


def as_bytes(options: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return the options of a request, one byte for each character."""
    return {name.encode("latin-1"): value.encode("latin-1") for name, value in options.items()}

"""Requests as extractors see them: read-only, in the types that plugins were written for, with a note of what is read.

Extractors decode as ASCII without a thought, so bytes above 0x7f are question marks here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.web.http import parse_qs

from provisiond.legacy.web_requests import Arguments
from provisiond.legacy.wire import SeenRequest, tftp_packet, value_of


def plain(data: bytes) -> bytes:
    """Return bytes with a question mark for each that is not ASCII."""
    return data if data.isascii() else bytes(byte if byte < 0x80 else 0x3F for byte in data)


class HttpView:
    """An HTTP request, as far as extractors look at one."""

    def __init__(self, seen: SeenRequest) -> None:
        self._seen = seen
        self.reads: list[str] = []

    def _read(self, name: str) -> Any:
        if name not in self.reads:
            self.reads.append(name)
        return value_of(self._seen, name)

    def getHeader(self, name: Any) -> Any:  # noqa: N802
        """Return a header's last value: bytes for bytes, a text for a text."""
        as_text = isinstance(name, str)
        key = name.lower() if as_text else name.decode("latin-1").lower()
        value = self._read(f"header:{key}")
        if value is None:
            return None
        return plain(value).decode("ascii") if as_text else plain(value)

    def getAllHeaders(self) -> dict[bytes, bytes]:  # noqa: N802
        """Return the last value of each header."""
        found = self._read("headers")
        return {name.encode("latin-1"): plain(value) for name, value in found.items()}

    def getClientIP(self) -> str:  # noqa: N802
        """Return the phone's address."""
        return str(self._read("peer"))

    @property
    def path(self) -> bytes:
        """The path as sent."""
        return plain(self._read("path"))

    @property
    def uri(self) -> bytes:
        """Path and query as sent."""
        query = plain(self._read("query"))
        return self.path + (b"?" + query if query else b"")

    @property
    def method(self) -> bytes:
        """The method."""
        return str(self._read("method")).encode("ascii", "replace")

    @property
    def args(self) -> Arguments:
        """The arguments of query and form."""
        found: dict[bytes, list[bytes]] = {}
        for data in (self._read("query"), self._form()):
            for name, values in parse_qs(data, keep_blank_values=True).items():
                found.setdefault(plain(name), []).extend(plain(value) for value in values)
        return Arguments(found)

    @property
    def postpath(self) -> list[bytes]:
        """The decoded parts of the path."""
        return [plain(unquote_to_bytes(part)) for part in self.path[1:].split(b"/")]

    @property
    def prepath(self) -> list[bytes]:
        """Nothing: no part of the path has been walked."""
        return []

    def _form(self) -> bytes:
        if self._seen.method != "POST":
            return b""
        kind = self._read("header:content-type") or b""
        return bytes(self._read("body")) if kind.startswith(b"application/x-www-form-urlencoded") else b""


class _Noting(dict[str, Any]):
    """A dict that notes which of its members were looked at."""

    def __init__(self, members: Mapping[str, Any], notes: Mapping[str, tuple[str, ...]], reads: list[str]) -> None:
        super().__init__(members)
        self._notes = notes
        self._reads = reads

    def __getitem__(self, key: str) -> Any:
        self._read(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a member, or the default."""
        self._read(key)
        return super().get(key, default)

    def items(self) -> Any:
        """Return all members."""
        self._read(*self._notes)
        return super().items()

    def values(self) -> Any:
        """Return all values."""
        self._read(*self._notes)
        return super().values()

    def __iter__(self) -> Any:
        self._read(*self._notes)
        return super().__iter__()

    def _read(self, *keys: str) -> None:
        for key in keys:
            self._reads.extend(name for name in self._notes.get(key, ()) if name not in self._reads)


def tftp_view(seen: SeenRequest, reads: list[str]) -> dict[str, Any]:
    """Return a TFTP request; what an extractor looks at is added to ``reads``."""
    packet = tftp_packet(plain(seen.path), seen.mode, seen.asked)
    noted = _Noting(packet, {"filename": ("path",), "mode": ("mode",), "options": ("asked",)}, reads)
    members = {"address": (seen.peer, seen.port), "packet": noted}
    return _Noting(members, {"address": ("peer", "port")}, reads)


def dhcp_view(seen: SeenRequest, reads: list[str]) -> dict[str, Any]:
    """Return a DHCP request; its option values are texts, one character a byte."""
    members = {"ip": seen.peer, "mac": seen.mac, "options": dict(seen.options)}
    return _Noting(members, {"ip": ("peer",), "mac": ("mac",), "options": ("options",)}, reads)

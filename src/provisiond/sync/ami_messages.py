"""Messages of Asterisk's manager interface, from lines and to lines; nothing is sent here.

Source: Asterisk documentation, "AMI v2 Specification": ``Key: value`` lines, CRLF, an empty line ends a message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

from provisiond.errors import Unavailable

MAX_LINE: Final = 16_384
MAX_LINES: Final = 4_096
GREETING: Final = b"Asterisk Call Manager/"


@frozen
class AmiMessage:
    """A response or an event: its lines in order.

    :param lines: key and value; keys may repeat.
    """

    lines: tuple[tuple[str, str], ...]

    def get(self, key: str) -> str:
        """Return the first value of a key, empty when there is none; case does not matter."""
        wanted = key.lower()
        return next((value for each, value in self.lines if each.lower() == wanted), "")

    @property
    def succeeded(self) -> bool:
        """Whether this is a response that says so."""
        return self.get("Response").lower() in ("success", "goodbye", "follows")


def encoded(lines: Iterable[tuple[str, str]]) -> bytes:
    """Return an action as it is sent.

    :raises ValueError: for a key or value that would begin a line of its own.
    """
    pairs = tuple(lines)
    if any(char in part for pair in pairs for part in pair for char in "\r\n"):
        raise ValueError("a line of an action holds a line break")
    return "".join(f"{key}: {value}\r\n" for key, value in pairs).encode("utf-8") + b"\r\n"


def challenge_key(challenge: str, password: str) -> str:
    """Return what answers a login challenge of type MD5."""
    return hashlib.md5((challenge + password).encode("utf-8"), usedforsecurity=False).hexdigest()


class AmiStream:
    """Cuts what Asterisk sends into messages; the greeting comes first, alone on its line.

    Bounded: a line or a message without end is a problem, not memory.
    """

    def __init__(self) -> None:
        self.greeting: str | None = None
        self._held = b""
        self._lines: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> Iterator[AmiMessage]:
        """Yield the messages that are complete with these bytes.

        :raises Unavailable: when this is not Asterisk's manager interface, or it sends more than is sane.
        """
        # Once for all lines: cutting them off one after another takes time with the square of what came.
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            message = self._line(line.rstrip(b"\r"))
            if message is not None:
                yield message
        if len(self._held) > MAX_LINE:
            raise Unavailable("Asterisk's manager interface sends a line without end")

    def _line(self, line: bytes) -> AmiMessage | None:
        if len(line) > MAX_LINE:
            raise Unavailable("Asterisk's manager interface sends a line without end")
        if self.greeting is None:
            if not line.startswith(GREETING):
                raise Unavailable("what answers on that port is not Asterisk's manager interface")
            self.greeting = line.decode("utf-8", "replace")
            return None
        if not line:
            found, self._lines = self._lines, []
            return AmiMessage(tuple(found)) if found else None
        key, _, value = line.decode("utf-8", "replace").partition(":")
        self._lines.append((key.strip(), value.strip()))
        if len(self._lines) > MAX_LINES:
            raise Unavailable("Asterisk's manager interface sends a message without end")
        return None

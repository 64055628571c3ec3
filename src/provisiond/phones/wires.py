"""Replies as bytes."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

from attrs import frozen

from provisiond.phones.replies import Reply

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in HTTPStatus}


@frozen
class Wire:
    """A reply that is ready but for its date.

    :param status_line: with its end.
    :param rest: everything behind the date, the body included unless it is sent from a file.
    :param closes: whether it says that the connection ends with it.
    """

    status_line: bytes
    rest: bytes
    closes: bool


def wire(reply: Reply, *, body: bytes, closes: bool) -> Wire:
    """Return a reply as bytes.

    :param body: what follows the head; empty for HEAD and for files.
    """
    lines = [f"{name}: {value}\r\n" for name, value in reply.headers]
    if closes:
        lines.append("Connection: close\r\n")
    line = _STATUS_LINES.get(reply.status) or f"HTTP/1.1 {reply.status} \r\n".encode("ascii")
    return Wire(line, "".join(lines).encode("latin-1") + b"\r\n" + body, closes)


class DateLine:
    """The Date header, made once a second.

    :param now: seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until = 0.0
        self._line = b""

    def line(self) -> bytes:
        """Return the header with its end."""
        now = self._now()
        if not self._until - 1 <= now < self._until:
            self._until = int(now) + 1.0
            self._line = f"Date: {formatdate(int(now), usegmt=True)}\r\n".encode("ascii")
        return self._line

"""Telling clients that read slowly from those that do not read at all."""

from __future__ import annotations

import fcntl
import struct
import termios
from typing import Any

_COUNT = struct.Struct("=i")


class Reader:
    """The client at the other end of a connection, as far as the kernel knows what it has read.

    A send buffer has room only when a third of it is empty, which takes a slow client minutes: until then nothing
    can be written, and yet nothing is wrong.

    :param transport: of the connection.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held: int | None = None

    def reads_on(self) -> bool:
        """Tell whether the client has taken something since it was asked last; the first time it is believed."""
        held = self._held_by_kernel()
        former, self._held = self._held, held
        return held != former

    def _held_by_kernel(self) -> int:
        """Return how many bytes the client has not acknowledged (tcp(7), SIOCOUTQ); -1 when nobody knows."""
        try:
            answer = fcntl.ioctl(self._transport.getHandle(), termios.TIOCOUTQ, bytes(_COUNT.size))
        except (AttributeError, OSError, TypeError, ValueError):
            return -1
        return int(_COUNT.unpack(answer)[0])

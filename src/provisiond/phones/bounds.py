"""How much the HTTP service for phones does at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

MAX_CONNECTIONS: Final = 10_000
MAX_WAITING: Final = 2_000
FIRMWARE_SHARE: Final = 0.8


class HttpBounds:
    """Counts what is under way, and tells what still has room.

    Large files take long. They may only take a part of the connections, so that configurations always find room.

    :ivar under_way: requests that could not be answered at once, those for large files included.
    :ivar sending: large files that are being sent.
    :ivar connections: that may be open at a time.
    :param waiting: requests that wait for a file to be made.
    :param refused: told the reason of each refusal: ``connections`` or ``busy``.
    """

    def __init__(
        self,
        connections: int = MAX_CONNECTIONS,
        waiting: int = MAX_WAITING,
        refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.connections = connections
        self._waiting = waiting
        self._refused = refused
        self.under_way = 0
        self.sending = 0

    @property
    def waiting(self) -> int:
        """Requests that wait for their answer to be made now."""
        return self.under_way - self.sending

    def admits_connection(self, number: int) -> bool:
        """Tell whether so many connections may be open."""
        return self._admitted(number <= self.connections, "connections")

    def admits_request(self) -> bool:
        """Tell whether another request may wait for its answer to be made."""
        return self._admitted(self.waiting < self._waiting, "busy")

    def admits_file(self) -> bool:
        """Tell whether another large file may be sent."""
        return self._admitted(self.sending < max(1, int(self.connections * FIRMWARE_SHARE)), "busy")

    @contextmanager
    def sending_file(self) -> Iterator[None]:
        """Count a large file as long as it is being sent."""
        self.sending += 1
        try:
            yield
        finally:
            self.sending -= 1

    def _admitted(self, has_room: bool, reason: str) -> bool:
        if not has_room:
            self._refused(reason)
        return has_room

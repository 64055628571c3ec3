"""A reactor whose sockets are real and whose time is the test's."""

from __future__ import annotations

import select
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure


class SocketReactor(Clock):
    """Watches descriptors only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[Any, int] = {}
        self._writers: dict[Any, int] = {}

    def addReader(self, reader: Any) -> None:  # noqa: N802
        """Watch for something to read."""
        self._readers[reader] = reader.fileno()

    def addWriter(self, writer: Any) -> None:  # noqa: N802
        """Watch for room to write."""
        self._writers[writer] = writer.fileno()

    def removeReader(self, reader: Any) -> None:  # noqa: N802
        """Watch it no longer."""
        self._readers.pop(reader, None)

    def removeWriter(self, writer: Any) -> None:  # noqa: N802
        """Watch it no longer."""
        self._writers.pop(writer, None)

    def watched(self) -> list[int]:
        """Return the descriptors that are read."""
        return list(self._readers.values())

    def turn(self) -> bool:
        """Do what can be done at once; False when there was nothing."""
        self.advance(0)
        readable, writable, _ = select.select(list(self._readers), list(self._writers), [], 0)
        for each in readable:
            self._do(each, each.doRead, self._readers)
        for each in writable:
            self._do(each, each.doWrite, self._writers)
        return bool(readable or writable)

    def settle(self) -> None:
        """Go on until there is nothing more that can be done at once."""
        while self.turn() or any(call.getTime() <= self.seconds() for call in self.getDelayedCalls()):
            pass

    def _do(self, each: Any, work: Any, among: dict[Any, int]) -> None:
        reason = work() if each in among else None
        if reason is not None:
            self.removeReader(each)
            self.removeWriter(each)
            each.connectionLost(Failure(reason))

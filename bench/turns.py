"""A reactor that is driven by hand: sockets are real, time is not."""

from __future__ import annotations

import select
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from provisiond.tftp.packets import ErrorCode
from provisiond.tftp.source import ReadRequest, Refusal, TransferResult, Upload


class HandReactor(Clock):
    """Watches descriptors only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[int, Any] = {}
        self._poll = select.poll()

    def addReader(self, reader: Any) -> None:  # noqa: N802
        """Watch a descriptor."""
        self._readers[reader.fileno()] = reader
        self._poll.register(reader.fileno(), select.POLLIN)

    def removeReader(self, reader: Any) -> None:  # noqa: N802
        """Watch it no longer."""
        for fd in [fd for fd, each in self._readers.items() if each is reader]:
            del self._readers[fd]
            self._poll.unregister(fd)

    def turn(self, seconds: float = 0.0) -> bool:
        """Let time pass and read what there is; False when there was nothing to read."""
        self.advance(seconds)
        return self.turn_without_calls()

    def turn_without_calls(self) -> bool:
        """Read what there is before anything that is planned is done; False when there was nothing to read."""
        ready = self._poll.poll(0)
        for fd, _ in ready:
            self._readers[fd].doRead()
        return bool(ready)

    def settle(self) -> None:
        """Read until there is nothing more, and do what is to be done at once."""
        while self.turn() or any(call.getTime() <= self.seconds() for call in self.getDelayedCalls()):
            pass


class NoThreads:
    """Does at once what others give to threads."""

    def run(self, function: Any, /, *args: Any) -> Deferred[Any]:
        """Call a function."""
        return succeed(function(*args))


class Contents:
    """Gives the files of a table, whatever directory they are asked in; notes how transfers end."""

    def __init__(self, files: dict[str, bytes | Path]) -> None:
        self.files = files
        self.ends: dict[str, int] = {}
        self.uploads: list[Upload] = []

    def at_once(self, filename: str, peer: str) -> bytes | Path | None:
        """Return bytes at once, files later."""
        content = self.files.get(filename)
        return content if isinstance(content, bytes) else None

    async def read(self, request: ReadRequest) -> bytes | Path:
        """Return the file."""
        try:
            return self.files[request.filename]
        except KeyError:
            raise Refusal(ErrorCode.NOT_FOUND, "file not found") from None

    async def accepts(self, request: ReadRequest) -> bool:
        """Take files whose names end in .log."""
        return request.filename.endswith(".log")

    async def uploaded(self, upload: Upload) -> None:
        """Keep the last hundred."""
        self.uploads = [*self.uploads[-99:], upload]

    def ended(self, result: TransferResult) -> None:
        """Count how transfers end."""
        outcome = str(result.outcome)
        self.ends[outcome] = self.ends.get(outcome, 0) + 1

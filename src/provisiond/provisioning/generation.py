"""One number for the state of everything that phones get."""

from __future__ import annotations

from collections.abc import Callable


class Generation:
    """A number that grows with every change that may make a phone get something else, before anybody is told of it."""

    def __init__(self) -> None:
        self.number = 0
        self._listeners: list[Callable[[int], None]] = []

    def listen(self, listener: Callable[[int], None]) -> None:
        """Call ``listener`` with the number now and whenever it has grown, within the change itself."""
        self._listeners.append(listener)
        listener(self.number)

    def advance(self) -> None:
        """Note a change."""
        self.number += 1
        for listener in self._listeners:
            listener(self.number)

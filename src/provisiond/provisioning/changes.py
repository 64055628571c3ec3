"""Which change came after which: the clock that freshness is measured with."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provisiond.provisioning.generation import Generation

MAX_REMEMBERED = 50_000


class Changes:
    """Numbers the changes that may alter files.

    Something made at number *n* is still right when nothing that it was made from changed after *n*. Noting a change
    costs the same for one phone and for a base configuration of a hundred thousand.
    """

    def __init__(self, max_remembered: int = MAX_REMEMBERED, generation: Generation | None = None) -> None:
        self._generation = generation or Generation()
        self.number = 0
        self._everything = 0
        self._last: dict[tuple[str, str], int] = {}
        self._max_remembered = max_remembered
        self._listeners: list[Callable[[str, str], None]] = []

    def listen(self, listener: Callable[[str, str], None]) -> None:
        """Call ``listener(kind, name)`` at each change before the generation grows; ``everything`` is a kind too."""
        self._listeners.append(listener)

    def note(self, kind: str, name: str) -> None:
        """Note that this object changed now.

        :param kind: ``config``, ``plugin``, ``device`` or ``tenant``.
        """
        self.number += 1
        if len(self._last) >= self._max_remembered:
            self._forget()
        self._last[kind, name] = self.number
        self._tell(kind, name)

    def note_everything(self) -> None:
        """Note a change that may alter every file."""
        self.number += 1
        self._forget()
        self._tell("everything", "")

    def newest(self, things: Iterable[tuple[str, str]]) -> int:
        """Return the number of the last change of any of these (kind, name) pairs; 0 when none changed."""
        last = self._last
        return max((last.get(thing, 0) for thing in things), default=0) or self._everything

    def _tell(self, kind: str, name: str) -> None:
        for listener in self._listeners:
            listener(kind, name)
        self._generation.advance()

    def _forget(self) -> None:
        # What is no longer told apart counts as changed now: it is looked at again, which is always safe.
        self._everything = self.number
        self._last.clear()

"""Problems of plugins, kept and counted, so that an administrator sees what is broken."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from attrs import asdict, evolve, frozen

MAX_PROBLEMS: Final = 1_000


@frozen(kw_only=True)
class Problem:
    """What went wrong with a plugin.

    :param kind: ``load``, ``rule``, ``associate``, ``common``, ``device``, ``synchronize`` or
        ``package``.
    :param first_seen: seconds since the epoch; so is ``last_seen``.
    """

    plugin: str
    kind: str
    sentence: str
    device: str | None = None
    count: int = 1
    first_seen: float = 0.0
    last_seen: float = 0.0

    def row(self) -> dict[str, Any]:
        """Return the problem as JSON members."""
        return asdict(self)


class Problems:
    """The problems that are known now; the oldest go when there are too many."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._known: OrderedDict[tuple[str, str, str | None, str], Problem] = OrderedDict()
        self._listeners: list[Callable[[Problem], None]] = []

    def listen(self, callback: Callable[[Problem], None]) -> None:
        """Call back with each problem that was not known yet; the callback must not raise."""
        self._listeners.append(callback)

    def note(self, plugin: str, kind: str, sentence: str, device: str | None = None) -> None:
        """Remember a problem, or count one that is known."""
        key, now = (plugin, kind, device, sentence), self._now()
        known = self._known.pop(key, None)
        fresh = Problem(
            plugin=plugin, kind=kind, sentence=sentence, device=device, count=1, first_seen=now, last_seen=now
        )
        self._known[key] = fresh if known is None else evolve(known, count=known.count + 1, last_seen=now)
        if len(self._known) > MAX_PROBLEMS:
            self._known.popitem(last=False)
        if known is None:
            for listener in self._listeners:
                listener(fresh)

    def clear(self, plugin: str, kind: str | None = None, device: str | None = None) -> None:
        """Forget what was solved: all of a plugin, one kind, or one device."""
        for key in list(self._known):
            if key[0] == plugin and kind in (None, key[1]) and device in (None, key[2]):
                del self._known[key]

    def all(self) -> tuple[Problem, ...]:
        """Return every problem, the one seen longest ago first."""
        return tuple(self._known.values())

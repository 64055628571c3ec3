"""What extractors said before: the same question is not asked twice, whoever asks it.

An extractor looks at parts of a request one after another, and what it looks at next depends on what it saw. So what it
will say of a new request is known as soon as that request looks the same in everything the extractor looked at.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from provisiond.legacy.wire import SeenRequest, value_of

MAX_BRANCHES: Final = 2_048
Info = Mapping[str, str]


@define
class _Step:
    """One look at a request: where to look, and where each value leads."""

    name: str
    ways: dict[Hashable, Any] = field(factory=dict)


class ExtractorMemory:
    """What one extractor has said, as far as that is remembered."""

    def __init__(self) -> None:
        self._first: Any = None
        self._branches = 0

    def recall(self, seen: SeenRequest) -> Info | None:
        """Return what the extractor will say of a request; None when that is not known."""
        step = self._first
        while isinstance(step, _Step):
            step = step.ways.get(_hashable(value_of(seen, step.name)))
        found: Info | None = step
        return found

    def remember(self, seen: SeenRequest, reads: Sequence[str], info: Info) -> None:
        """Remember what the extractor said.

        :param reads: where it looked, in order, each once.
        """
        if self._branches >= MAX_BRANCHES:
            self._first, self._branches = None, 0
        self._branches += 1
        if not reads:
            self._first = dict(info)
            return
        if not isinstance(self._first, _Step) or self._first.name != reads[0]:
            self._first = _Step(reads[0])
        step = self._first
        for name in reads[1:]:
            value = _hashable(value_of(seen, step.name))
            following = step.ways.get(value)
            if not isinstance(following, _Step) or following.name != name:
                following = step.ways[value] = _Step(name)
            step = following
        step.ways[_hashable(value_of(seen, step.name))] = dict(info)


def _hashable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple(sorted(value.items()))
    result: Hashable = value
    return result

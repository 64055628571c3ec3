"""Operations in progress: states, parts, and their text form (REST contract, section 7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from attrs import evolve, field, frozen

from provisiond.errors import InvalidInput

WAITING: Final = "waiting"
PROGRESS: Final = "progress"
SUCCESS: Final = "success"
FAIL: Final = "fail"
STATES: Final = (WAITING, PROGRESS, SUCCESS, FAIL)
_RANK: Final = {WAITING: 0, PROGRESS: 1, SUCCESS: 2, FAIL: 2}
_LABEL: Final = re.compile(r"\w+", re.ASCII)
_HEAD: Final = re.compile(
    r"(?:(?P<label>\w+)\|)?(?P<state>waiting|progress|success|fail)"
    r"(?:;(?P<current>\d{1,18})(?:/(?P<end>(?!0+\b)\d{1,18}))?)?(?=[()]|\Z)",
    re.ASCII,
)
MAX_DEPTH: Final = 50


@frozen(kw_only=True)
class Progress:
    """How far a piece of work is.

    :param current: units done, or None when unknown.
    :param end: units in all, or None when unknown.
    """

    label: str | None = None
    state: str = PROGRESS
    current: int | None = None
    end: int | None = None
    parts: tuple[Progress, ...] = field(default=())


def cut_off(progress: Progress) -> Progress:
    """Return the progress of work that was cut off: what had not ended has failed."""
    state = FAIL if progress.state in (WAITING, PROGRESS) else progress.state
    return evolve(progress, state=state, parts=tuple(cut_off(part) for part in progress.parts))


def format_progress(progress: Progress) -> str:
    """Return the text of ``progress``, as the API's clients parse it."""
    text = f"{progress.label}|" if progress.label else ""
    text += progress.state
    if progress.current is not None:
        text += f";{progress.current}" + (f"/{progress.end}" if progress.end else "")
    return text + "".join(f"({format_progress(part)})" for part in progress.parts)


def parse_progress(text: str) -> Progress:
    """Return the progress that ``text`` tells.

    :raises InvalidInput: when the text breaks the grammar, or nests parts deeper than 50 levels.
    """
    progress, rest = _parsed(text, 0)
    if rest != len(text):
        raise InvalidInput("the operation's text goes on after its end")
    return progress


def _parsed(text: str, start: int, depth: int = 0) -> tuple[Progress, int]:
    match = _HEAD.match(text, start)
    if match is None or depth > MAX_DEPTH:
        raise InvalidInput(f"the operation's text is not valid at character {start + 1}")
    position = match.end()
    parts: list[Progress] = []
    while text[position : position + 1] == "(":
        part, position = _parsed(text, position + 1, depth + 1)
        if text[position : position + 1] != ")":
            raise InvalidInput("the operation's text lacks a closing parenthesis")
        parts.append(part)
        position += 1
    current, end = match["current"], match["end"]
    return (
        Progress(
            label=match["label"],
            state=match["state"],
            current=None if current is None else int(current),
            end=None if end is None else int(end),
            parts=tuple(parts),
        ),
        position,
    )


class OperationProgress:
    """Follows long work: states only go forward, and every part has ended before the whole.

    What has ended stays as it is: later calls change neither state nor numbers, and parts added later end at once.

    :param label: ASCII letters, digits and ``_``, or None.
    :param on_change: called after every change of this progress or of a part.
    :param end: units in all, if known.
    :param started: False to begin as ``waiting``.
    :raises InvalidInput: for any other label.
    """

    def __init__(
        self,
        label: str | None = None,
        on_change: Callable[[], None] | None = None,
        *,
        end: int | None = None,
        started: bool = True,
    ) -> None:
        if label is not None and not _LABEL.fullmatch(label):
            raise InvalidInput("the label of an operation must be letters, digits and _")
        self.label = label
        self._state = PROGRESS if started else WAITING
        self._current: int | None = None
        self._end = end
        self._parts: list[OperationProgress] = []
        self._on_change = on_change

    @property
    def state(self) -> str:
        """One of ``waiting``, ``progress``, ``success``, ``fail``."""
        return self._state

    @property
    def _ended(self) -> bool:
        return self._state in (SUCCESS, FAIL)

    def part(
        self, label: str | None = None, end: int | None = None, *, started: bool = True, current: int | None = None
    ) -> OperationProgress:
        """Add a part and return it; parts are never removed.

        :param current: units done at the beginning, if known.
        """
        part = OperationProgress(label, self._changed, end=end, started=started)
        part._current = current
        if self._ended:
            part._state = self._state
        self._parts.append(part)
        self._changed()
        return part

    def start(self) -> None:
        """Go from waiting to progress."""
        self._go(PROGRESS)

    def set_end(self, end: int | None) -> None:
        """Tell how many units there are in all; None or 0 when that is unknown."""
        if not self._ended:
            self._end = end
            self._changed()

    def advance(self, units: int) -> None:
        """Add to the units done."""
        self.reach((self._current or 0) + units)

    def reach(self, current: int) -> None:
        """Set the units done."""
        if not self._ended:
            self._current = max(0, current)
            self._changed()

    def succeed(self) -> None:
        """End well; parts that are still open end well too."""
        for part in self._parts:
            part.succeed()
        self._go(SUCCESS)

    def fail(self) -> None:
        """End badly; parts that are still open fail too."""
        for part in self._parts:
            part.fail()
        self._go(FAIL)

    def snapshot(self) -> Progress:
        """Return the progress as a value."""
        return Progress(
            label=self.label,
            state=self._state,
            current=self._current,
            end=self._end or None,
            parts=tuple(part.snapshot() for part in self._parts),
        )

    def _go(self, state: str) -> None:
        if _RANK[state] > _RANK[self._state]:
            self._state = state
            self._changed()

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()

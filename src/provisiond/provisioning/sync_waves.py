"""Doing something for many devices at a pace: so many a second, so many at a time, and a stop when failures pile up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from attrs import field, frozen, validators
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from provisiond.errors import InvalidInput, ProvisiondError
from provisiond.model.operation import OperationProgress

NAMED_FAILURES: Final = 20


@frozen(kw_only=True)
class Pace:
    """How fast many phones are told.

    :param rate: phones a second.
    :param window: phones at a time.
    :param max_failures: failures in a row after which the rest is left alone.
    """

    rate: float = field(default=10.0, validator=[validators.ge(0.1), validators.le(1_000)])
    window: int = field(default=20, validator=[validators.ge(1), validators.le(1_000)])
    max_failures: int = field(default=10, validator=[validators.ge(1), validators.le(100_000)])


def pace_of(rate: float | None, window: int | None, max_failures: int | None) -> Pace:
    """Return a pace; what is None has its default.

    :raises InvalidInput: naming what is out of range.
    """
    given = {"rate": rate, "window": window, "max_failures": max_failures}
    try:
        return Pace(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValueError as error:
        raise InvalidInput("rate is 0.1 to 1000, window 1 to 1000, max_failures 1 to 100000") from error


class Waves:
    """Works through devices.

    :param clock: Twisted's clock.
    """

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    async def run(
        self, device_ids: Sequence[str], work: Callable[[str], Awaitable[None]], pace: Pace, progress: OperationProgress
    ) -> None:
        """Do ``work`` for each device; ``progress`` counts them.

        :raises ProvisiondError: at the end when any failed, naming the first and how many.
        """
        wave = _Wave(work, pace, progress, len(device_ids))
        slots: list[Deferred[None]] = []
        for number, device_id in enumerate(device_ids):
            if number:
                await deferLater(self._clock, 1 / pace.rate)
            while len(slots := [each for each in slots if not each.called]) >= pace.window:
                await DeferredList(slots, fireOnOneCallback=True)
            if wave.in_a_row >= pace.max_failures:
                break
            slots.append(Deferred.fromCoroutine(wave.one(device_id)))
        await DeferredList(slots)
        wave.check()


class _Wave:
    def __init__(
        self, work: Callable[[str], Awaitable[None]], pace: Pace, progress: OperationProgress, count: int
    ) -> None:
        self._work = work
        self._pace = pace
        self._progress = progress
        self._count = count
        self._failed: dict[str, str] = {}
        self._done = 0
        self.in_a_row = 0
        progress.set_end(count)
        progress.reach(0)

    async def one(self, device_id: str) -> None:
        try:
            await self._work(device_id)
            self.in_a_row = 0
        except ProvisiondError as problem:
            self._failed[device_id] = problem.sentence
            self.in_a_row += 1
        self._done += 1
        self._progress.reach(self._done)

    def check(self) -> None:
        if not self._failed:
            return
        named = "; ".join(f"{each}: {self._failed[each]}" for each in list(self._failed)[:NAMED_FAILURES])
        left = self._count - self._done
        stopped = f"; stopped after {self.in_a_row} failures in a row, {left} were not told" if left else ""
        raise ProvisiondError(f"{len(self._failed)} of {self._count} failed{stopped}: {named}")

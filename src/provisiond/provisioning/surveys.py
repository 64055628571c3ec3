"""Looking at many devices for one answer: bounded in time and in size, and honest about what was left out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from attrs import frozen

from provisiond.provisioning.ports import Clock

T = TypeVar("T")
SECONDS = 8.0
MAX_SHOWN = 1_000


@frozen(kw_only=True)
class Survey(Generic[T]):
    """What was found.

    :param total: devices that there are to look at.
    :param looked: devices looked at, those passed over included; where the next call goes on with ``skip``.
    :param found: how many of them are worth telling; ``shown`` holds the first ones.
    """

    total: int
    looked: int
    found: int
    shown: tuple[T, ...]

    @property
    def partial(self) -> bool:
        """True when there are devices that were not looked at."""
        return self.looked < self.total


@frozen(kw_only=True)
class Bounds:
    """How far a survey goes.

    :param skip: devices to pass over, 0 or more.
    :param limit: findings to show, 1 to 1,000.
    :param seconds: time after which no further device is looked at.
    """

    skip: int = 0
    limit: int = MAX_SHOWN
    seconds: float = SECONDS


async def surveyed(
    ids: Sequence[str],
    look: Callable[[str, bool], Awaitable[T | None]],
    breathe: Callable[[], Awaitable[None]],
    clock: Clock,
    bounds: Bounds,
) -> Survey[T]:
    """Look at devices one after another, each in a turn of its own.

    :param look: returns what is worth telling of a device, or None; its second argument tells whether it will be shown.
    :param breathe: gives the reactor its turn.
    """
    deadline = clock.seconds() + bounds.seconds
    shown: list[T] = []
    found, looked = 0, min(bounds.skip, len(ids))
    for device_id in ids[bounds.skip :]:
        finding = await look(device_id, len(shown) < bounds.limit)
        looked += 1
        if finding is not None:
            found += 1
            if len(shown) < bounds.limit:
                shown.append(finding)
        await breathe()
        if clock.seconds() >= deadline:
            break
    return Survey(total=len(ids), looked=looked, found=found, shown=tuple(shown))


async def gathered(
    ids: Sequence[str], wanted: Callable[[str], bool], breathe: Callable[[], Awaitable[None]]
) -> list[str]:
    """Return the ids that are wanted; the reactor gets its turn after every 500."""
    chosen: list[str] = []
    for start in range(0, len(ids), 500):
        chosen.extend(filter(wanted, ids[start : start + 500]))
        await breathe()
    return chosen

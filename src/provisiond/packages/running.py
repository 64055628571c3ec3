"""What the package room needs from whoever runs it: threads, a clock, and a way to wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred

P = ParamSpec("P")
T = TypeVar("T")


class ThreadRunner(Protocol):
    """Runs a blocking function where it may block."""

    def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Return what the function returns or raises."""


class DelayedCall(Protocol):
    """A call that the clock will make."""

    def cancel(self) -> None:
        """Don't make it."""

    def reset(self, secondsFromNow: float) -> None:  # noqa: N803
        """Make it so many seconds from now instead."""

    def active(self) -> bool:
        """Tell whether it is still to be made."""


class ReactorClock(Protocol):
    """The part of a reactor that tells the time and calls later."""

    def seconds(self) -> float:
        """Return seconds that only grow."""

    def callLater(  # noqa: N802
        self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object
    ) -> DelayedCall:
        """Call after ``delay`` seconds."""


async def pause(clock: ReactorClock, seconds: float) -> None:
    """Return after so many seconds."""
    waiting: Deferred[None] = Deferred(lambda _: call.cancel())
    call = clock.callLater(seconds, waiting.callback, None)
    await waiting

"""Running a coroutine at once: no Deferred is made for one that waits for nothing."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


class Waiting(Exception):
    """The coroutine waits for something.

    :param rest: a coroutine that waits for it, goes on, and returns the result.
    """

    def __init__(self, rest: Coroutine[Any, Any, Any]) -> None:
        super().__init__()
        self.rest = rest


def result_of(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, if it gets there without waiting.

    :raises Waiting: when it does not; await its ``rest``.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise Waiting(_rest(coroutine, awaited))


async def _rest(coroutine: Coroutine[Any, Any, T], awaited: Deferred[Any]) -> T:
    while True:
        failure: BaseException | None = None
        value: Any = None
        try:
            value = await awaited
        except BaseException as error:
            failure = error
        try:
            awaited = coroutine.send(value) if failure is None else coroutine.throw(failure)
        except StopIteration as stop:
            result: T = stop.value
            return result

"""Coroutines that wait for nothing end at once; the others go on as if nothing had happened."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from provisiond.tftp.eager import Waiting, result_of


async def plain(value: int) -> int:
    return value + 1


async def broken() -> None:
    raise ValueError("no")


async def twice(first: Deferred[int], second: Deferred[int]) -> int:
    total = await first
    try:
        total += await second
    except ValueError:
        total += 1_000
    return total


def begun(first: Deferred[int], second: Deferred[int]) -> list[int]:
    results: list[int] = []
    with pytest.raises(Waiting) as caught:
        result_of(twice(first, second))
    Deferred.fromCoroutine(caught.value.rest).addCallback(results.append)
    return results


def test_a_result_and_an_error_come_at_once() -> None:
    assert result_of(plain(1)) == 2
    with pytest.raises(ValueError, match="no"):
        result_of(broken())


def test_it_goes_on_with_what_it_waited_for() -> None:
    first: Deferred[int] = Deferred()
    second: Deferred[int] = Deferred()
    results = begun(first, second)
    first.callback(1)
    assert results == []
    second.callback(2)
    assert results == [3]


def test_an_error_is_thrown_into_it() -> None:
    first: Deferred[int] = Deferred()
    second: Deferred[int] = Deferred()
    results = begun(first, second)
    first.callback(1)
    second.errback(ValueError("x"))
    assert results == [1_001]


def test_deferreds_that_have_fired_are_not_waited_for() -> None:
    first: Deferred[int] = Deferred()
    second: Deferred[int] = Deferred()
    first.callback(1)
    second.callback(2)
    assert result_of(twice(first, second)) == 3

"""When a request is sent again, and when it is given up (RFC 3261, section 17.1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.sip.transaction import ClientTransaction, Outcome


def sendings(transaction: ClientTransaction) -> list[float]:
    found: list[float] = []
    while (moment := transaction.next_event()) is not None:
        if transaction.due(moment):
            found.append(moment)
    return found


def test_the_timers_of_the_rfc() -> None:
    transaction = ClientTransaction(0.0, reliable=False)
    assert sendings(transaction) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert transaction.outcome is Outcome.TIMED_OUT


def test_nothing_is_sent_again_on_a_connection() -> None:
    transaction = ClientTransaction(5.0, reliable=True)
    assert transaction.next_event() == 37.0
    assert sendings(transaction) == []
    assert transaction.outcome is Outcome.TIMED_OUT


def test_a_provisional_response_slows_it_down() -> None:
    transaction = ClientTransaction(0.0, reliable=False)
    assert not transaction.response(100)
    assert sendings(transaction)[:3] == [0.5, 4.5, 8.5]


@pytest.mark.parametrize("status", [200, 202, 401, 481, 603])
def test_a_final_response_ends_it_once(status: int) -> None:
    transaction = ClientTransaction(0.0, reliable=False)
    assert transaction.response(status)
    assert not transaction.response(500)
    assert (transaction.outcome, transaction.final) == (Outcome.ANSWERED, status)
    assert transaction.next_event() is None
    assert not transaction.due(100.0)


def test_an_early_call_sends_nothing() -> None:
    transaction = ClientTransaction(0.0, reliable=False)
    assert not transaction.due(0.4)
    assert transaction.due(0.5)


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from([None, 100, 180, 200, 404])), max_size=40))
def test_it_always_ends(steps: list[tuple[float, int | None]]) -> None:
    transaction, now = ClientTransaction(0.0, reliable=False), 0.0
    for wait, status in steps:
        now += wait
        if status is not None:
            transaction.response(status)
        transaction.due(now)
    transaction.due(now + 32.0)
    assert transaction.outcome is not Outcome.WAITING

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.provisioning import begin, run
from twisted.internet.defer import CancelledError, Deferred

from provisiond.provisioning.serial import Serial, SharedRuns


class Visitor:
    """Holds keys until it is let go, and notes when it came and went."""

    def __init__(self, serial: Serial, name: int, keys: list[tuple[str, str]], log: list[tuple[str, int]]) -> None:
        self.leave: Deferred[None] = Deferred()
        self.entered = False
        self.keys = keys
        self._log = log
        self._name = name
        self.done = begin(self._visit(serial))

    async def _visit(self, serial: Serial) -> None:
        async with serial.holding(*self.keys):
            self.entered = True
            self._log.append(("in", self._name))
            await self.leave
            self._log.append(("out", self._name))


KEYS = st.lists(st.sampled_from([("k", name) for name in "abcd"]), min_size=1, max_size=3, unique=True)


@given(st.lists(KEYS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_nobody_shares_a_key_and_everybody_gets_his_turn(wanted, random):
    serial, log = Serial(), []
    visitors = [Visitor(serial, number, keys, log) for number, keys in enumerate(wanted)]
    while True:
        inside = [visitor for visitor in visitors if visitor.entered and not visitor.leave.called]
        held = [key for visitor in inside for key in visitor.keys]
        assert len(held) == len(set(held))
        if not inside:
            break
        random.choice(inside).leave.callback(None)
    assert all(visitor.done.called for visitor in visitors)
    assert not any(serial.is_held(key) for keys in wanted for key in keys)


def test_the_order_is_that_of_coming():
    serial, log = Serial(), []
    visitors = [Visitor(serial, number, [("k", "a")], log) for number in range(5)]
    for visitor in visitors:
        visitor.leave.callback(None)
    assert [name for word, name in log if word == "in"] == [0, 1, 2, 3, 4]


def test_a_long_queue_does_not_exhaust_the_stack():
    serial, log = Serial(), []
    first = Visitor(serial, 0, [("k", "a")], log)
    rest = [Visitor(serial, number, [("k", "a")], log) for number in range(1, 5_000)]
    for visitor in rest:
        visitor.leave.callback(None)
    first.leave.callback(None)
    assert all(visitor.done.called for visitor in rest)


def test_who_gives_up_waiting_leaves_the_queue():
    serial, log = Serial(), []
    first, second, third = (Visitor(serial, number, [("k", "a")], log) for number in range(3))
    second.done.cancel()
    with pytest.raises(CancelledError):
        run(second.done)
    first.leave.callback(None)
    assert third.entered
    third.leave.callback(None)
    assert not serial.is_held(("k", "a"))


def test_who_gives_up_with_some_keys_lets_them_go():
    serial, log = Serial(), []
    blocker = Visitor(serial, 0, [("k", "b")], log)
    both = Visitor(serial, 1, [("k", "a"), ("k", "b")], log)
    assert serial.is_held(("k", "a"))
    both.done.cancel()
    with pytest.raises(CancelledError):
        run(both.done)
    assert not serial.is_held(("k", "a"))
    blocker.leave.callback(None)


def test_a_failure_inside_frees_the_key():
    serial = Serial()

    async def fail() -> None:
        async with serial.holding(("k", "a")):
            raise ValueError

    with pytest.raises(ValueError):
        run(fail())
    assert not serial.is_held(("k", "a"))


def test_shared_runs_share_results_and_failures():
    shared: SharedRuns[int] = SharedRuns()
    gates: list[Deferred[int]] = []

    async def work() -> int:
        gates.append(Deferred())
        return await gates[-1]

    one, other = begin(shared.run("k", work)), begin(shared.run("k", work))
    separate = begin(shared.run("l", work))
    assert len(gates) == 2
    assert shared.running("k")
    gates[0].callback(7)
    assert (run(one), run(other)) == (7, 7)
    assert not shared.running("k")
    one, other = begin(shared.run("k", work)), begin(shared.run("k", work))
    gates[2].errback(ValueError("x"))
    for each in (one, other):
        with pytest.raises(ValueError):
            run(each)
    gates[1].callback(1)
    assert run(separate) == 1


def test_giving_up_a_shared_run_does_not_end_it():
    shared: SharedRuns[int] = SharedRuns()
    gate: Deferred[int] = Deferred()

    async def work() -> int:
        return await gate

    one, other = begin(shared.run("k", work)), begin(shared.run("k", work))
    for each in (one, other):
        each.addErrback(lambda failure: failure.trap(CancelledError))
    one.cancel()
    other.cancel()
    assert shared.running("k")
    gate.callback(1)
    assert not shared.running("k")

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from provisiond.clock_watch import ClockWatch


class Bench(Clock):
    """A reactor whose clock can be set, and a clock beside it that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = 1_000_000.0
        self.steady = 50.0
        self.watch = ClockWatch(self, self.seconds, lambda: self.steady)

    def callFromThread(self, callable: Any, *args: Any) -> None:  # noqa: N802
        callable(*args)

    def run(self, seconds: float) -> None:
        self.steady += seconds
        self.advance(seconds)

    def set(self, step: float) -> None:
        self.rightNow += step


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_step_back_delays_nothing(bench: Bench) -> None:
    done: list[str] = []
    bench.callLater(5, done.append, "before")
    bench.set(-7200)
    bench.callLater(6, done.append, "after")
    bench.watch.look()
    bench.run(5)
    assert done == ["before"]
    bench.run(1)
    assert done == ["before", "after"]


def test_a_step_forwards_moves_nothing(bench: Bench) -> None:
    done: list[str] = []
    bench.callLater(5, done.append, "before")
    bench.set(86400)
    bench.callLater(3, done.append, "after")
    bench.watch.look()
    bench.run(3)
    assert sorted(done) == ["after", "before"]


@given(st.lists(st.floats(-1.9, 1.9), max_size=20))
def test_a_clock_that_is_slewed_is_followed(steps: list[float]) -> None:
    bench = Bench()
    call = bench.callLater(100, lambda: None)
    due = call.getTime()
    for step in steps:
        bench.set(step)
        bench.watch.look()
    assert call.getTime() == due


@given(st.floats(10, 1e6), st.floats(0, 1e6))
def test_whatever_was_planned_comes_when_it_should(step: float, delay: float) -> None:
    bench = Bench()
    call = bench.callLater(delay, lambda: None)
    bench.set(-step)
    bench.watch.look()
    assert call.getTime() - bench.seconds() == pytest.approx(delay, abs=0.01)


def test_without_a_thread_the_server_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refused)
    bench.watch.start()
    assert bench.getDelayedCalls() == []

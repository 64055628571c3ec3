"""What is wrong is told in words, and goes when its cause goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.provisioning import run
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from provisiond.model.trouble import KINDS, Severity, Trouble
from provisiond.provisioning.health import INTERVAL, NOT_ANSWERING, PATIENCE, Health

FULL = Trouble(code="disk-full", about="general.state_dir", sentence="general.state_dir: the disk is full")
OLD = Trouble(code="repository-old", about="default", sentence="repository default: old")
GONE = Trouble(code="database-unreachable", sentence="the database does not answer")


class Cause:
    """A check whose answer a test chooses."""

    def __init__(self, *found: Trouble) -> None:
        self.found: Sequence[Trouble] = found
        self.asked = 0
        self.gate: Deferred[None] | None = None
        self.error: Exception | None = None

    async def __call__(self) -> Sequence[Trouble]:
        self.asked += 1
        if self.gate is not None:
            await self.gate
        if self.error is not None:
            raise self.error
        return self.found


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.rightNow = 1_790_000_000.0
    return made


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def test_a_trouble_comes_with_its_cause_and_goes_with_it(health: Health, clock: Clock) -> None:
    cause = Cause()
    health.add("the disk", cause)
    assert run(health.look()) == ()
    cause.found = (FULL,)
    began = clock.seconds()
    assert [each.code for each in run(health.look())] == ["disk-full"]
    clock.advance(60)
    (trouble,) = run(health.look())
    assert trouble.since == began
    cause.found = ()
    assert run(health.look()) == () == health.troubles
    cause.found = (FULL,)
    (again,) = run(health.look())
    assert again.since == clock.seconds()


def test_what_matters_most_comes_first(health: Health) -> None:
    health.add("one", Cause(OLD))
    health.add("other", Cause(FULL))
    assert [each.code for each in run(health.look())] == ["disk-full", "repository-old"]


def test_it_looks_by_itself_until_it_is_stopped(health: Health, clock: Clock) -> None:
    cause = Cause(FULL)
    health.add("the disk", cause)
    assert health.not_ready() == ("stopped",)
    health.start()
    assert (cause.asked, health.not_ready()) == (1, ())
    clock.advance(INTERVAL)
    assert cause.asked == 2
    health.stop()
    clock.advance(10 * INTERVAL)
    assert cause.asked == 2
    assert health.not_ready() == ("stopped",)
    assert not clock.getDelayedCalls()


def test_only_what_stops_everything_makes_it_unready(health: Health, clock: Clock) -> None:
    cause = Cause(FULL)
    health.add("all", cause)
    health.start()
    assert health.not_ready() == ()
    cause.found = (GONE, FULL)
    clock.advance(INTERVAL)
    assert health.not_ready() == ("database-unreachable",)
    cause.found = ()
    clock.advance(INTERVAL)
    assert health.not_ready() == ()
    health.stop()


def test_a_check_that_hangs_holds_nobody_up_and_is_a_trouble_itself(health: Health, clock: Clock) -> None:
    hanging, other = Cause(GONE), Cause(FULL)
    hanging.gate = Deferred()
    health.add("the database", hanging)
    health.add("the disk", other)
    looking = Deferred.fromCoroutine(health.look())
    assert not looking.called
    clock.advance(PATIENCE)
    assert [each.code for each in run(looking)] == ["disk-full"]
    clock.advance(NOT_ANSWERING)
    again = Deferred.fromCoroutine(health.look())
    clock.advance(PATIENCE)
    found = {each.code: each for each in run(again)}
    assert set(found) == {"not-answering", "disk-full"}
    assert "the database has not answered for 20 seconds" in found["not-answering"].sentence
    assert hanging.asked == 1, "it is not asked again while it hangs"
    hanging.gate.callback(None)
    hanging.gate = None
    assert {each.code for each in run(health.look())} == {"database-unreachable", "disk-full"}
    assert not clock.getDelayedCalls()


def test_a_check_with_a_fault_leaves_the_others_alone(health: Health) -> None:
    broken = Cause()
    broken.error = RuntimeError("nobody foresaw this")
    health.add("broken", broken)
    health.add("the disk", Cause(FULL))
    seen: list[Any] = []
    globalLogPublisher.addObserver(seen.append)
    try:
        assert [each.code for each in run(health.look())] == ["disk-full"]
    finally:
        globalLogPublisher.removeObserver(seen.append)
    assert any(event["log_level"] is LogLevel.critical for event in seen)


def test_begin_and_end_are_one_line_each_and_listeners_hear_all(health: Health) -> None:
    cause, told, seen = Cause(FULL), list[list[str]](), list[Any]()
    health.add("the disk", cause)
    health.listen(lambda troubles: told.append([each.code for each in troubles]))
    globalLogPublisher.addObserver(seen.append)
    try:
        for found in ((FULL,), (FULL,), ()):
            cause.found = found
            run(health.look())
    finally:
        globalLogPublisher.removeObserver(seen.append)
    assert told == [["disk-full"], ["disk-full"], []]
    levels = [event["log_level"] for event in seen if event["log_namespace"] == "provisiond.provisioning.health"]
    assert levels == [LogLevel.error, LogLevel.info]


def test_every_kind_tells_what_to_do() -> None:
    for code, kind in KINDS.items():
        assert kind.cure.endswith("."), code
        assert kind.severity is Severity.ERROR or not kind.unready, code


def test_every_kind_stands_in_the_document_with_its_cure() -> None:
    text = (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8")
    for code, kind in KINDS.items():
        weight = kind.severity.value + (", not ready" if kind.unready else "")
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{code}` |"))
        assert f"| {weight} |" in row
        assert row.endswith(f"| {kind.cure} |"), code

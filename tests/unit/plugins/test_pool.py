"""Which process takes a call: processes and time are made up here."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from provisiond.errors import PluginProblem, Unavailable
from provisiond.plugins.child_process import ANSWERS, CALLS
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.messages import HEAD, framed
from provisiond.plugins.pool import WorkerPool

PLACE = PluginPlace(id="lamp", directory=Path("/plugins/lamp"), revision="1", year=2026)


class Child:
    """What a worker process would be."""

    pid = 1

    def __init__(self, protocol: Any, is_quick: bool) -> None:
        self.protocol = protocol
        self.calls: list[str] = []
        self.pipes = {CALLS}
        self.is_slow_to_end = False
        protocol.makeConnection(self)
        if is_quick:
            self.answer()

    def writeToChild(self, fd: int, data: bytes) -> None:  # noqa: N802
        if fd not in self.pipes:
            raise KeyError(fd)
        kind, _, arguments = pickle.loads(data[HEAD.size :])
        self.calls.append(f"{kind} {' '.join(arguments)}".strip())

    def signalProcess(self, name: str) -> None:  # noqa: N802
        if not self.is_slow_to_end:
            self.end()

    def answer(self, text: str = "") -> None:
        self.protocol.childDataReceived(ANSWERS, framed(text.encode()))

    def close_calls(self) -> None:
        """Do what comes first when a process ends; the reactor may tell of the end itself later."""
        self.pipes.remove(CALLS)
        self.protocol.childConnectionLost(CALLS)

    def end(self, signal: int | None = None) -> None:
        self.protocol.processEnded(Failure(ProcessTerminated(exitCode=None if signal else 7, signal=signal)))


class Machine(Clock):
    """Starts processes that are none."""

    def __init__(self) -> None:
        super().__init__()
        self.children: list[Child] = []
        self.is_full = False
        self.is_quick = True

    def spawnProcess(self, protocol: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if self.is_full:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.children.append(Child(protocol, self.is_quick))


class House:
    """A pool, and calls of it."""

    def __init__(self, workers: int = 2) -> None:
        self.machine = Machine()
        self.pool = WorkerPool(self.machine, workers=workers)
        self.answers: dict[str, str] = {}

    def call(self, name: str) -> None:
        done = Deferred.fromCoroutine(self.pool.call("device", PLACE, name, seconds=5.0))
        done.addCallbacks(lambda payload: payload.decode(), lambda failure: failure.type.__name__)
        done.addCallback(lambda text: self.answers.__setitem__(name, text))

    def calls(self) -> list[list[str]]:
        self.machine.advance(0)
        return [child.calls for child in self.machine.children]


@pytest.fixture
def house() -> House:
    return House()


def test_a_call_waits_for_who_is_free_first_and_not_for_a_process_that_starts(house: House) -> None:
    house.call("a")
    house.call("b")
    assert house.calls() == [["device a"], ["load"]]
    house.machine.children[0].answer("A")
    assert house.calls() == [["device a", "device b"], ["load"]]
    house.machine.children[0].answer("B")
    assert house.answers == {"a": "A", "b": "B"}


def test_a_process_that_has_started_takes_what_waits(house: House) -> None:
    for name in "abc":
        house.call(name)
    house.machine.children[1].answer()
    assert house.calls() == [["device a"], ["load", "device b"]]
    house.machine.children[1].answer("B")
    assert house.calls() == [["device a"], ["load", "device b", "device c"]]
    assert house.answers == {"b": "B"}


def test_no_more_processes_are_started_than_allowed_and_one_after_the_other() -> None:
    house = House(workers=3)
    for name in "abcdef":
        house.call(name)
    assert len(house.calls()) == 2
    house.machine.children[1].answer()
    assert house.calls() == [["device a"], ["load", "device b"], ["load"]]
    house.machine.children[2].answer()
    assert house.calls() == [["device a"], ["load", "device b"], ["load", "device c"]]
    house.call("g")
    assert len(house.calls()) == 3


def test_one_process_alone_is_asked_at_once(house: House) -> None:
    house.call("a")
    house.machine.children[0].answer("A")
    house.machine.children[0].end()
    house.call("b")
    assert house.calls() == [["device a"], ["device b"]]


def test_who_calls_is_told_what_keeps_processes_from_starting(house: House) -> None:
    house.call("a")
    house.call("b")
    house.machine.children[1].end()
    assert house.calls() == [["device a"], ["load"], ["device b"]]
    house.machine.children[2].end()
    assert house.answers == {"b": "PluginProblem"}
    house.call("c")
    assert house.calls() == [["device a"], ["load"], ["device b"], ["load"]]


def test_where_no_process_can_be_started_calls_wait_for_those_that_there_are(house: House) -> None:
    house.call("a")
    house.machine.is_full = True
    house.call("b")
    house.machine.children[0].answer("A")
    assert house.calls() == [["device a", "device b"]]
    house.machine.children[0].end()
    assert house.calls() == [["device a", "device b"]]
    house.machine.is_full = False
    house.call("c")
    house.machine.children[1].answer("C")
    assert house.answers == {"a": "A", "b": "PluginProblem", "c": "C"}


def test_where_no_process_can_be_started_and_there_is_none_calls_fail(house: House) -> None:
    house.call("a")
    house.call("b")
    house.call("c")
    house.machine.is_full = True
    for child in tuple(house.machine.children):
        child.end()
    house.machine.advance(0)
    house.call("d")
    assert house.answers == {"a": "PluginProblem", "b": "Unavailable", "c": "Unavailable", "d": "Unavailable"}
    house.machine.is_full = False
    house.call("e")
    house.machine.children[-1].answer("E")
    assert house.answers["e"] == "E"


def test_a_process_that_does_not_come_to_its_start_is_ended(house: House) -> None:
    house.call("a")
    house.call("b")
    house.machine.children[0].answer("A")
    house.machine.advance(0)
    house.machine.children[0].answer("B")
    house.machine.advance(5)
    house.call("c")
    assert house.calls() == [["device a", "device b", "device c"], ["load"]]
    assert house.answers == {"a": "A", "b": "B"}


def test_a_pool_that_stops_while_a_process_starts_ends(house: House) -> None:
    house.call("a")
    house.call("b")
    ended = Deferred.fromCoroutine(house.pool.stop())
    assert ended.called
    assert house.answers == {"a": PluginProblem.__name__, "b": Unavailable.__name__}


def test_a_call_survives_that_all_processes_are_killed_before_anybody_knows(house: House) -> None:
    with_both_free(house)
    house.call("c")
    house.machine.children[1].end(signal=9)
    assert house.calls() == [["device a", "device c"], ["load", "device b", "device c"]]
    house.machine.children[0].end(signal=9)
    assert house.calls()[2:] == [["device c"]]
    house.machine.children[2].answer("C")
    assert house.answers["c"] == "C"


def test_a_call_that_nobody_survives_fails(house: House) -> None:
    house.call("a")
    for number in range(3):
        assert house.calls()[number:] == [["device a"]]
        house.machine.children[number].end(signal=9)
    assert house.answers == {"a": "PluginProblem"}
    house.call("b")
    house.machine.children[-1].end()
    assert house.answers["b"] == "PluginProblem"


def test_a_call_survives_that_a_process_that_starts_is_killed_with_its_own(house: House) -> None:
    house.call("a")
    house.call("b")
    for child in tuple(house.machine.children):
        child.end(signal=9)
    house.machine.advance(0)
    house.machine.children[2].answer("A")
    house.machine.advance(0)
    house.machine.children[2].answer("B")
    assert house.answers == {"a": "A", "b": "B"}


def test_no_call_is_given_to_a_process_whose_end_has_begun(house: House) -> None:
    with_both_free(house)
    for child in tuple(house.machine.children):
        child.close_calls()
    house.call("c")
    assert house.calls() == [["device a"], ["load", "device b"]]
    for child in tuple(house.machine.children):
        child.end(signal=9)
    assert house.calls()[2:] == [["device c"]]
    house.machine.children[2].answer("C")
    assert house.answers["c"] == "C"


def test_a_process_that_is_free_but_hears_nothing_any_more_is_passed_over(house: House) -> None:
    with_both_free(house)
    house.machine.children[1].close_calls()
    house.call("c")
    assert house.calls() == [["device a", "device c"], ["load", "device b"]]


def test_a_call_that_runs_while_its_process_stops_hearing_is_answered(house: House) -> None:
    house.call("a")
    house.machine.children[0].close_calls()
    house.machine.children[0].answer("A")
    house.call("b")
    assert house.calls() == [["device a"], ["load"]]
    house.machine.children[1].answer()
    assert house.calls() == [["device a"], ["load", "device b"]]
    assert house.answers == {"a": "A"}


def test_an_answer_that_comes_when_its_time_is_over_is_taken_all_the_same(house: House) -> None:
    house.call("a")
    child = house.machine.children[0]
    child.is_slow_to_end = True
    house.machine.advance(5.0)
    child.answer("A")
    house.call("b")
    assert house.answers == {"a": "A"}
    child.end(signal=9)
    house.machine.children[1].answer()
    assert house.calls() == [["device a"], ["load", "device b"]]


def test_the_time_of_a_call_counts_from_when_its_process_is_ready(house: House) -> None:
    house.machine.is_quick = False
    house.call("a")
    child = house.machine.children[0]
    house.machine.advance(50.0)
    child.answer()
    house.machine.advance(4.0)
    assert house.answers == {}
    child.answer("A")
    assert house.answers == {"a": "A"}
    house.call("b")
    house.machine.advance(5.0)
    assert house.answers == {"a": "A", "b": "PluginProblem"}


def test_a_process_that_is_never_ready_is_ended(house: House) -> None:
    house.machine.is_quick = False
    house.call("a")
    house.machine.advance(60.0)
    assert house.answers == {"a": "PluginProblem"}


def test_no_call_is_given_to_a_process_that_is_being_ended(house: House) -> None:
    house.call("a")
    child = house.machine.children[0]
    child.is_slow_to_end = True
    child.answer("A")
    child.answer("unasked")
    house.call("b")
    child.end(signal=9)
    house.machine.advance(0)
    assert house.answers == {"a": "A"}
    assert child.calls == ["device a"]


def with_both_free(house: House) -> None:
    house.call("a")
    house.call("b")
    house.machine.children[1].answer()
    house.machine.advance(0)
    for child in house.machine.children:
        child.answer()

"""Processes of existing plugins that end or cannot be started: who calls is told so, and nobody waits for ever."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from provisiond.errors import Unavailable
from provisiond.legacy.mirror import remove_former
from provisiond.legacy.processes import LegacyProcesses
from provisiond.legacy.wire import ANSWER, NUMBER, READY, Environment
from provisiond.plugins.child_process import CALLS
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.messages import framed
from provisiond.plugins.worker import ANSWERS


def place(name: str) -> PluginPlace:
    return PluginPlace(id=name, directory=Path("/plugins"), revision="1", year=2026)


class Machine(Clock):
    """Starts processes that are none, as long as there is room for them."""

    pid = 1

    def __init__(self) -> None:
        super().__init__()
        self.children: list[Any] = []
        self.is_full = self.is_deaf = False
        self.signals: list[str] = []
        self.directories: list[Path] = []

    def spawnProcess(self, protocol: Any, program: str, args: Sequence[str], **kwargs: Any) -> None:  # noqa: N802
        if self.is_full:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.directories.append(Path(args[4]))
        self.children.append(protocol)
        protocol.makeConnection(self)

    def signalProcess(self, name: str) -> None:  # noqa: N802
        self.signals.append(name)

    def writeToChild(self, fd: int, data: bytes) -> None:  # noqa: N802
        assert data
        if self.is_deaf:
            raise KeyError(fd)


class House:
    """Processes of one slot, and calls of them."""

    def __init__(self, scratch: Path) -> None:
        self.machine = Machine()
        environment = Environment(proxies={}, locale=None, general={}, base={}, can_notify=True)
        self.processes = LegacyProcesses(self.machine, scratch, lambda: environment, None, workers=1)  # type: ignore[arg-type]
        self.ends: dict[str, str] = {}

    def call(self, name: str) -> None:
        done = Deferred.fromCoroutine(self.processes.call("device", place(name), seconds=5.0))
        done.addCallbacks(bytes.decode, lambda failure: failure.type.__name__)
        done.addCallback(lambda text: self.ends.__setitem__(name, text))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "scratch")


def test_who_calls_is_told_that_no_process_can_be_started(house: House) -> None:
    house.machine.is_full = True
    house.call("a")
    assert house.ends == {"a": "Unavailable"}
    house.machine.is_full = False
    house.call("a")
    assert len(house.machine.children) == 1
    assert len(house.ends) == 1


def test_calls_of_a_process_that_died_and_cannot_be_replaced_fail(house: House) -> None:
    for name in "abc":
        house.call(name)
    house.machine.is_full = True
    (child,) = house.machine.children
    child.processEnded(Failure(ProcessTerminated(exitCode=7)))
    assert house.ends == dict.fromkeys("abc", "Unavailable")
    assert not house.machine.getDelayedCalls()


def test_a_call_survives_that_its_process_is_killed_by_others_but_not_twice(house: House) -> None:
    house.call("a")
    house.machine.children[0].processEnded(Failure(ProcessTerminated(signal=9)))
    assert len(house.machine.children) == 2
    assert house.ends == {}
    house.machine.children[1].processEnded(Failure(ProcessTerminated(signal=9)))
    assert house.ends == {"a": "PluginProblem"}


def test_a_call_whose_process_died_over_it_fails(house: House) -> None:
    house.call("a")
    house.machine.children[0].processEnded(Failure(ProcessTerminated(signal=11)))
    assert house.ends == {"a": "PluginProblem"}
    assert len(house.machine.children) == 1


def test_a_call_that_comes_when_the_end_of_a_process_has_begun_is_done_by_the_next(house: House) -> None:
    house.call("a")
    (child,) = house.machine.children
    child.childConnectionLost(CALLS)
    house.machine.is_deaf = True
    house.call("b")
    house.machine.is_deaf = False
    child.processEnded(Failure(ProcessTerminated(signal=9)))
    assert len(house.machine.children) == 2
    assert house.ends == {}


def said(child: Any, kind: bytes, number: int, payload: bytes = b"") -> None:
    child.childDataReceived(ANSWERS, framed(NUMBER.pack(kind, number) + payload))


def test_an_answer_that_comes_when_its_time_is_over_is_taken_all_the_same(house: House) -> None:
    house.call("a")
    (child,) = house.machine.children
    said(child, READY, 0)
    house.machine.advance(5.0)
    assert house.machine.signals == ["KILL"]
    said(child, ANSWER, 1, b"A")
    assert house.ends == {"a": "A"}
    child.processEnded(Failure(ProcessTerminated(signal=9)))
    assert house.ends == {"a": "A"}


def test_a_process_that_says_nonsense_is_ended_at_once(house: House) -> None:
    house.call("a")
    (child,) = house.machine.children
    child.childDataReceived(ANSWERS, framed(b"?"))
    assert house.machine.signals == ["KILL"]


def test_who_asks_many_plugins_is_told_that_no_process_can_be_started(house: House) -> None:
    house.machine.is_full = True
    asking = Deferred.fromCoroutine(house.processes.ask_all("extract", [place("a"), place("b")], None))
    reasons: list[type[Exception]] = []
    asking.addErrback(lambda failure: reasons.append(failure.type))
    assert reasons == [Unavailable]


def test_a_process_finds_what_the_one_before_it_has_left_and_removes_it(house: House) -> None:
    for name in "ab":
        house.call(name)
        house.machine.children[-1].processEnded(Failure(ProcessTerminated(exitCode=7)))
    former, present = house.machine.directories
    (former / "1").mkdir()
    remove_former(present)
    assert list(former.parent.iterdir()) == [present]

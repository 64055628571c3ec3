"""Processes of existing plugins that end or cannot be started: who calls is told so, and nobody waits for ever."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from provisiond.legacy.processes import LegacyProcesses
from provisiond.legacy.wire import Environment
from provisiond.plugins.child_process import CALLS
from provisiond.plugins.hosting import PluginPlace


class Machine(Clock):
    """Starts processes that are none, as long as there is room for them."""

    pid = 1

    def __init__(self) -> None:
        super().__init__()
        self.children: list[Any] = []
        self.is_full = self.is_deaf = False

    def spawnProcess(self, protocol: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if self.is_full:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.children.append(protocol)
        protocol.makeConnection(self)

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
        place = PluginPlace(id=name, directory=Path("/plugins"), revision="1", year=2026)
        done = Deferred.fromCoroutine(self.processes.call("device", place, seconds=5.0))
        done.addErrback(lambda failure: self.ends.__setitem__(name, failure.type.__name__))


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

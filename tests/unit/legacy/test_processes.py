"""Processes of existing plugins that cannot be started: who calls is told so, and nobody waits for ever."""

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
from provisiond.plugins.hosting import PluginPlace


class Machine(Clock):
    """Starts processes that are none, as long as there is room for them."""

    pid = 1

    def __init__(self) -> None:
        super().__init__()
        self.children: list[Any] = []
        self.is_full = False

    def spawnProcess(self, protocol: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if self.is_full:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.children.append(protocol)
        protocol.makeConnection(self)

    def writeToChild(self, fd: int, data: bytes) -> None:  # noqa: N802
        assert data


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

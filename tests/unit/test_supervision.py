"""What the service manager is told, by a socket of the test's own."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from provisiond.supervision import Supervisor


class Manager:
    """Listens as systemd does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def told(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["path", "abstract"])
def manager(request: Any, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@provisiond-test-{os.getpid()}")
    with made.socket:
        yield made


def test_a_life_as_it_is_told(manager: Manager) -> None:
    clock = Clock()
    supervisor = Supervisor(manager.address, watchdog=10)
    supervisor.status("starting")
    supervisor.ready("TFTP on 69", clock)
    assert manager.told() == ["STATUS=starting", "READY=1\nSTATUS=TFTP on 69", "WATCHDOG=1"]
    supervisor.reloading()
    supervisor.ready("TFTP on 69", clock)
    reloading, ready = manager.told()
    assert ready == "READY=1\nSTATUS=TFTP on 69"
    found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", reloading)
    assert found is not None
    assert 0 <= time.monotonic() - int(found[1]) / 1e6 < 60
    supervisor.stopping()
    assert manager.told() == ["STOPPING=1"]


def test_life_is_shown_twice_in_the_span_and_only_while_the_clock_runs(manager: Manager) -> None:
    clock = Clock()
    supervisor = Supervisor(manager.address, watchdog=10)
    supervisor.ready("x", clock)
    manager.told()
    clock.advance(4.9)
    assert manager.told() == []
    clock.advance(0.1)
    assert manager.told() == ["WATCHDOG=1"]
    clock.pump([5, 5])
    assert manager.told() == ["WATCHDOG=1", "WATCHDOG=1"]
    # A reactor that hangs calls nothing back: nothing else shows life.
    supervisor.status("still talking")
    assert manager.told() == ["STATUS=still talking"]


def test_without_a_watchdog_nothing_is_planned(manager: Manager) -> None:
    clock = Clock()
    Supervisor(manager.address).ready("x", clock)
    assert clock.getDelayedCalls() == []


def test_a_line_break_cannot_become_another_assignment(manager: Manager) -> None:
    Supervisor(manager.address).status("one\nWATCHDOG=trigger\rx")
    assert manager.told() == ["STATUS=one WATCHDOG=trigger x"]


def test_without_a_manager_nothing_happens() -> None:
    clock = Clock()
    supervisor = Supervisor.of({})
    supervisor.ready("x", clock)
    supervisor.reloading()
    supervisor.stopping()
    assert clock.getDelayedCalls() == []


def test_a_manager_that_is_gone_is_not_fatal(tmp_path: Path) -> None:
    Supervisor(str(tmp_path / "nobody")).stopping()


@pytest.mark.parametrize(
    ("environment", "address", "watchdog"),
    [
        ({"NOTIFY_SOCKET": "/run/x"}, "/run/x", None),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, "@x", 3.0),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000"}, "@x", 3.0),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, "@x", None),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "often"}, "@x", None),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "0"}, "@x", None),
        ({"NOTIFY_SOCKET": "vsock:2:1234"}, None, None),
    ],
)
def test_what_the_environment_says(environment: dict[str, str], address: str | None, watchdog: float | None) -> None:
    supervisor = Supervisor.of(environment)
    assert (supervisor._address, supervisor._watchdog) == (address, watchdog)
    assert environment == {}

"""Leases from real DHCP servers and a real client to provisiond's devices, also while provisiond is away.

The server and busybox's udhcpc have a network namespace each; what is told to phones is what provisiond itself wrote.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.dhcp_servers import URL, DhcpServer, dhcpd, dnsmasq, kea
from tests.support.lease_hooks import HOOK, notes, sender_command
from tests.support.namespaces import Cable, at_work, cable
from tests.support.servers import Running, prepared


@pytest.fixture(scope="module")
def network() -> Iterator[Cable]:
    with cable() as ends:
        yield ends


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that is not started yet."""
    directory = tmp_path_factory.mktemp("house")
    server = prepared(directory, directory)
    yield server
    if server.server.is_started:
        server.server.stop()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    made = tmp_path / "spool"
    made.mkdir()
    return made


@pytest.fixture
def hook(tmp_path: Path, spool: Path) -> Path:
    """The shipped program with a spool of the test's own."""
    wrapper = tmp_path / "hook"
    wrapper.write_text(f'#!/bin/sh\nPROVISIOND_DHCP_SPOOL={spool} exec {HOOK} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def until(found: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


def devices(house: Running, mac: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.rest.get(f"/dev_mgr/devices?q=%7B%22mac%22:%22{mac}%22%7D")["devices"]
    return found


def test_dnsmasq_while_provisiond_is_away(
    network: Cable, house: Running, hook: Path, spool: Path, tmp_path: Path
) -> None:
    mac = "00:04:f2:92:00:07"
    network.plugged(mac)
    with dnsmasq(network, tmp_path, "Polycom", hook=hook):
        told = network.leased(tmp_path, "Polycom-VVX410", 160)
        assert bytes.fromhex(told["opt160"]).decode() == URL
        noted = until(lambda: notes(spool), "dnsmasq ran no hook")
    assert noted == {f"{mac}.add.lease": f"{told['ip']}\n{mac}\n060=Polycom-VVX410\n"}
    token = tmp_path / "token"
    words = sender_command(spool, house.rest_port, token)
    log = tmp_path / "sender.log"
    token.write_text("not yet\n")
    with at_work(words, log, "provisiond cannot be reached", dict(os.environ)):
        assert notes(spool) == noted
        house.server.start()
        token.write_text((house.server.state / "admin-token").read_text())
        (device,) = until(lambda: devices(house, mac), "the lease was not reported")
        until(lambda: "leases reported: 1" in log.read_text(), log.read_text())
    assert (device["ip"], device["vendor"], device["model"]) == (told["ip"], "Polycom", "VVX410")
    assert notes(spool) == {}
    assert token.read_text().strip() not in log.read_text()


@pytest.mark.parametrize("server", [dhcpd, kea])
def test_the_others(
    server: DhcpServer, network: Cable, house: Running, hook: Path, spool: Path, tmp_path: Path
) -> None:
    mac = f"00:04:f2:92:01:{0 if server is kea else 1:02x}"
    network.plugged(mac)
    with server(network, tmp_path, "Polycom", hook=hook):
        told = network.leased(tmp_path, "Polycom-VVX410", 160)
        assert bytes.fromhex(told["opt160"]).decode() == URL
        until(lambda: notes(spool), "the server ran no hook")
    if not house.server.is_started:
        house.server.start()
    words = sender_command(spool, house.rest_port, house.server.state / "admin-token", "--once")
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "provisiond-dhcp-sender: leases reported: 1\n"
    (device,) = until(lambda: devices(house, mac), "the lease was not reported")
    # Kea tells its hook no vendor class: the vendor is known by the hardware address, the model when the phone asks.
    assert (device["ip"], device["vendor"]) == (told["ip"], "Polycom")
    assert device.get("model") == (None if server is kea else "VVX410")


def test_a_server_that_wants_another_token_keeps_the_leases(house: Running, spool: Path, tmp_path: Path) -> None:
    if not house.server.is_started:
        house.server.start()
    (spool / "a.lease").write_text("192.0.2.9\n00:04:f2:92:00:09\n")
    (spool / "b.lease").write_text("nowhere\n00:04:f2:92:00:0a\n")
    os.utime(spool / "a.lease", (time.time() + 60, time.time() + 60))
    token = tmp_path / "token"

    def sent(text: str) -> tuple[int, str]:
        token.write_text(text)
        words = sender_command(spool, house.rest_port, token, "--once")
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    status, said = sent("wrong-one\n")
    assert status == 1
    assert "provisiond answers 401" in said
    assert "wrong-one" not in said
    assert len(notes(spool)) == 2
    assert sent("")[0] == 1
    status, said = sent((house.server.state / "admin-token").read_text())
    assert status == 0
    assert "dropped b.lease: provisiond refuses it: dhcp_info.ip must be an IPv4 address" in said
    assert notes(spool) == {}

"""Plug-and-play from SUBSCRIBE to the phone's file: SIPp plays the phone, on the loopback's multicast group."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from bench.server import ROOT, free_port
from bench.sip_flood import flood
from tests.support.servers import Running, build_repository, prepared
from tests.support.sipp import SCENARIOS

from provisiond.pnp.service import PnpProblem, PnpService
from provisiond.provisioning.newcomers import PER_ADDRESS, PER_ADDRESS_SECONDS

GROUP = "224.0.1.75"
ADDRESS = "127.0.3.8"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port(socket.SOCK_DGRAM)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    server = prepared(directory, build_repository(tmp_path_factory.mktemp("build")))
    (directory / "conf.d").mkdir(exist_ok=True)
    settings = {"pnp": {"enabled": True, "port": port, "interface": "127.0.0.1", "allow": ["127.0.0.0/16"]}}
    (directory / "conf.d" / "pnp.yml").write_text(yaml.safe_dump(settings))
    server.server.start()
    server.install("snom-10.1.184.15")
    yield server
    server.server.stop()


def asked(port: int, directory: Path, address: str = ADDRESS, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = ["-sf", str(SCENARIOS / "asks-for-its-profile.xml"), "-i", address, "-m", "1", "-nostdin"]
    return subprocess.run(
        ["sipp", f"{GROUP}:{port}", *arguments, "-trace_logs", "-log_file", str(directory / "log"), *more],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_a_phone_that_knows_no_server_ends_up_with_its_own_file(house: Running, port: int, tmp_path: Path) -> None:
    done = asked(port, tmp_path)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    url = (tmp_path / "log").read_text().strip()
    path = urlsplit(url).path
    assert path == "/snomD785-000413920008.htm"
    with urllib.request.urlopen(f"http://127.0.0.1:{house.http}{path}", timeout=20) as answer:
        assert b"user_realname" in answer.read()
    (device,) = house.rest.get("/dev_mgr/devices?q=%7B%22mac%22%3A%2200%3A04%3A13%3A92%3A00%3A08%22%7D")["devices"]
    assert (device["vendor"], device["model"], device["version"]) == ("Snom", "D785", "10.1.184.15")
    assert device["configured"] is True


def test_twice_is_the_same(house: Running, port: int, tmp_path: Path) -> None:
    assert asked(port, tmp_path).returncode == 0


def test_who_is_not_allowed_hears_nothing(house: Running, port: int, tmp_path: Path) -> None:
    done = asked(port, tmp_path, "127.9.3.8", "-timeout", "3", "-timeout_error")
    assert done.returncode != 0
    assert not (tmp_path / "log").exists() or (tmp_path / "log").read_text() == ""


def test_a_flood_of_nonsense_changes_nothing(house: Running, port: int, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((ADDRESS, 0))
        for number in range(3_000):
            sender.sendto(b"SUBSCRIBE sip:x SIP/2.0\r\nVia: " + bytes([number % 256]) * 40 + b"\r\n\r\n", (GROUP, port))
    assert house.rest.get("/status")
    assert asked(port, tmp_path).returncode == 0


def test_a_flood_of_phones_is_bounded_and_ends_with_itself(house: Running, port: int, tmp_path: Path) -> None:
    cost = flood(house.server, house.rest, tmp_path, port, count=4_000, rate=2_000)
    assert len(cost.answers_ms) >= 3, "the API was not asked meanwhile"
    assert cost.mebibytes_after - cost.mebibytes_before < 100
    # five of one address at once, then one in twelve seconds; however busy the machine is
    assert cost.devices <= 6 + PER_ADDRESS + cost.seconds / PER_ADDRESS_SECONDS
    # What was sent is not worked off afterwards: what is at work now is done, and a phone that asks is answered.
    assert asked(port, tmp_path).returncode == 0
    assert "Traceback" not in house.server.log_text()


def test_an_ipv6_group() -> None:
    words = ["unshare", "--net", sys.executable, "-m", "tests.support.ipv6_pnp"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout == "SIP/2.0 200 OK\nhttp://link-local/\n", done.stderr


def test_an_interface_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(PnpProblem, match="cannot listen for SIP plug-and-play on port 5060"):
        PnpService(None, None, groups=["ff02::1:75%nowhere"]).start()  # type: ignore[arg-type]


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    server = prepared(tmp_path / "second", tmp_path)
    (tmp_path / "second" / "conf.d").mkdir(exist_ok=True)
    busy = free_port(socket.SOCK_DGRAM)
    settings = {"pnp": {"enabled": True, "port": busy, "interface": "127.0.0.1"}}
    (tmp_path / "second" / "conf.d" / "pnp.yml").write_text(yaml.safe_dump(settings))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((GROUP, busy))
        with pytest.raises(RuntimeError, match="cannot listen for SIP plug-and-play on port"):
            server.server.start()

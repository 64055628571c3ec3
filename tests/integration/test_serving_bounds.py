"""Bounds of a real server, seen from outside: what gets through when they are reached; files that change meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from bench.phones import fetch_http, fetch_tftp
from bench.server import ROOT
from tests.support.servers import Running, build_repository, prepared
from tests.support.waiting import until

SEP = "SEP001B54000005.cnf.xml"
PHONE = "127.0.4.1"
OLD = random.Random(1).randbytes(6_000_001)
MIDDLE = 1_500_000
MEMORY = 8 * 1024 * 1024
BLOCK = 1428
PATIENCE = 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    server = prepared(directory, build_repository(directory, ROOT / "plugins"))
    document = yaml.safe_load(server.server.settings.read_text())
    document["tftp"].update(max_transfers=10, image_memory=MEMORY >> 20, requests_per_peer=0)
    document["http"]["max_connections"] = 10
    server.server.settings.write_text(yaml.safe_dump(document))
    server.server.start()
    try:
        server.install("cisco-sccp-9.0.3")
        assert fetch_tftp(server.tftp, SEP, address=PHONE) is not None
        yield server
    finally:
        server.server.stop()


@pytest.fixture
def firmware(house: Running) -> Path:
    path = root(house) / "firmware.bin"
    path.write_bytes(OLD)
    return path


def root(house: Running) -> Path:
    return house.server.state / "plugins" / "cisco-sccp-9.0.3" / "var" / "tftpboot"


class Tftp:
    """A client that goes on when it is told to."""

    def __init__(self, house: Running, name: str) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((PHONE, 0))
        self.sock.settimeout(60)
        # So patient a client is waited for while the others of a test have their turn, however slow the machine is.
        request = b"\0\1%s\0octet\0blksize\0%d\0timeout\0%d\0" % (name.encode(), BLOCK, PATIENCE)
        self.sock.sendto(request, ("127.0.0.1", house.tftp))
        self.first, self._server = self.sock.recvfrom(2_000)
        self._block = 0
        self.content = b""
        self.ended = b""

    def go_on(self, size: int = sys.maxsize) -> bytes:
        """Fetch until there are so many bytes, all, or an error."""
        while not self.ended and len(self.content) < size:
            self.sock.sendto(b"\0\4" + (self._block & 0xFFFF).to_bytes(2, "big"), self._server)
            datagram = self.sock.recv(2_000)
            if datagram[:2] != b"\0\3":
                self.ended = datagram
            elif int.from_bytes(datagram[2:4], "big") == (self._block + 1) & 0xFFFF:
                self._block += 1
                self.content += datagram[4:]
                self.ended = b"" if len(datagram) == BLOCK + 4 else b"done"
        if self.ended == b"done":
            self.sock.sendto(b"\0\4" + (self._block & 0xFFFF).to_bytes(2, "big"), self._server)
        return self.content

    def close(self) -> None:
        """Give up, and tell the server."""
        self.sock.sendto(b"\0\5\0\0enough\0", self._server)
        self.sock.close()


class Http:
    """A client that goes on when it is told to."""

    def __init__(self, house: Running, name: str) -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(60)
        self.sock.bind((PHONE, 0))
        self.sock.connect(("127.0.0.1", house.http))
        self.sock.sendall(b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % name.encode())
        self.first, _, self.content = self.sock.recv(2_000).partition(b"\r\n\r\n")
        self.ended = b""

    def go_on(self, size: int = sys.maxsize) -> bytes:
        """Fetch until there are so many bytes, or no more."""
        while not self.ended and len(self.content) < size:
            try:
                piece = self.sock.recv(65_536)
            except ConnectionResetError:
                piece = b""
            self.content += piece
            self.ended = b"" if piece else b"done"
        return self.content

    def close(self) -> None:
        """Go away."""
        self.sock.close()


Client = Tftp | Http
CLIENTS = pytest.mark.parametrize("client", [Tftp, Http])


def metric(house: Running, line: str) -> float:
    token = (house.server.state / "admin-token").read_text().strip()
    request = urllib.request.Request(f"http://127.0.0.1:{house.rest_port}/metrics", headers={"X-Auth-Token": token})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = [each for each in answer.read().decode().splitlines() if each.startswith(f"{line} ")]
    return float(found[0].split()[-1]) if found else 0.0


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(OLD[::-1])
    os.replace(path.with_suffix(".new"), path)


def write_over(path: Path) -> None:
    path.write_bytes(OLD[::-1])


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def cut(path: Path) -> None:
    os.truncate(path, MIDDLE)


class TestFilesThatChange:
    @CLIENTS
    @pytest.mark.parametrize("change", [replace, write_over, grow, cut])
    def test_nobody_gets_a_mixture_and_the_next_one_gets_the_file_as_it_is(
        self, house: Running, firmware: Path, client: type[Client], change: Callable[[Path], None]
    ) -> None:
        phone = client(house, firmware.name)
        phone.go_on(300_000)
        change(firmware)
        content = phone.go_on()
        phone.close()
        if change is replace:
            assert content == OLD
        else:
            # What the kernel had taken already may still be of the old file.
            assert len(content) < len(OLD)
            assert change is not grow or OLD.startswith(content)
            assert client is Http or OLD.startswith(content)
            assert client is Http or phone.ended[:2] == b"\0\5"
        again = client(house, firmware.name)
        assert again.go_on() == firmware.read_bytes()
        again.close()


class TestBounds:
    @CLIENTS
    def test_configurations_get_through_when_firmware_fills_the_bound(
        self, house: Running, firmware: Path, client: type[Client]
    ) -> None:
        protocol = client.__name__.lower()
        line = f'provisiond_{protocol}_refused_total{{reason="busy"}}'
        before = metric(house, line)
        fetch = fetch_tftp if client is Tftp else fetch_http
        with ExitStack() as all_clients:
            phones = [client(house, firmware.name) for _ in range(8)]
            for phone in phones:
                all_clients.callback(phone.close)
            assert not [phone for phone in phones if phone.first[:2] == b"\0\5" or b" 503 " in phone.first[:20]]
            ninth = client(house, firmware.name)
            all_clients.callback(ninth.close)
            if client is Tftp:
                assert ninth.first == b"\0\5\0\0the server is busy, try again\0"
            else:
                assert ninth.first.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nRetry-After: 5" in ninth.first
            name = SEP if client is Tftp else f"/{SEP}"
            for _ in range(5):
                content = fetch(house.tftp if client is Tftp else house.http, name, address=PHONE)
                assert content is not None
                assert b"<device" in content
            assert metric(house, line) >= before + 1
            problems = house.rest.get("/status/problems")["problems"]
            row = next(each for each in problems if each["about"] == f"{protocol}-busy")
            assert row["code"] == "phones-turned-away"
            assert f"({'tftp.max_transfers' if client is Tftp else 'http.max_connections'})" in row["sentence"]
        assert until(lambda: metric(house, "provisiond_tftp_running") == 0)
        assert until(lambda: metric(house, "provisiond_http_connections") == 0)

    def test_many_different_files_at_once_take_no_more_memory_than_they_may(self, house: Running) -> None:
        chance = random.Random(3)
        files = {f"fw{number}.bin": chance.randbytes(1_900_000) for number in range(8)}
        for name, content in files.items():
            (root(house) / name).write_bytes(content)
        with ExitStack() as all_clients:
            phones = [Tftp(house, name) for name in files]
            for phone in phones:
                all_clients.callback(phone.close)
            assert 0 < metric(house, "provisiond_tftp_image_bytes") <= MEMORY
            # Prepared in memory the first one, read as it is sent the last.
            assert phones[0].go_on() == files["fw0.bin"]
            assert phones[-1].go_on() == files["fw7.bin"]


def test_a_log_that_nobody_reads_keeps_no_phone_waiting(tmp_path: Path) -> None:
    server = prepared(tmp_path, tmp_path)
    program = Path(sys.executable).with_name("provisiond")
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4_096)
    with subprocess.Popen([program, "--config", server.server.settings], stderr=write_end) as process:
        os.close(write_end)
        try:
            alive = f"http://127.0.0.1:{server.rest_port}/health/live"
            assert until(lambda: answers(alive))
            for _ in range(5):
                done = subprocess.run(
                    ["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{server.http}/nothing-[1-100].cfg"],
                    check=False,
                    timeout=60,
                )
                assert done.returncode == 0
                assert fetch_tftp(server.tftp, "nothing.cfg", address=PHONE) is None
                assert answers(alive)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            os.close(read_end)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:
        return bool(json.load(answer))
    return False

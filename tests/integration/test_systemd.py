"""As a service: what systemd is told, sockets that it opened, and restarts that refuse no phone."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.phones import fetch_http, fetch_tftp
from bench.server import Rest, free_port, write_settings
from tests.support.activation import Activated
from tests.support.servers import build_repository
from tests.support.waiting import until

SEP = "SEP001B54000005.cnf.xml"
WORKERS = 2


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activated]:
    directory = tmp_path_factory.mktemp("server")
    repository = build_repository(directory)
    # One socket more than processes: whatever comes in there is answered too.
    server = Activated(directory, repository, tftp_sockets=WORKERS + 1, workers=WORKERS)
    try:
        server.start()
        assert f"TFTP on {server.port(server.tftp[0])}" in server.hears("READY=1")
        rest = Rest(server.port(server.rest), (server.state / "admin-token").read_text().strip())
        rest.finish("/pg_mgr/install/update", {})
        rest.finish("/pg_mgr/install/install", {"id": "cisco-sccp-9.0.3"})
        yield server
    finally:
        server.close()


def test_it_shows_that_it_lives(house: Activated) -> None:
    for _ in range(3):
        house.hears("WATCHDOG=1")


def test_every_socket_is_answered(house: Activated) -> None:
    # The kernel picks one of the sockets for each port that is asked from.
    for _ in range(30):
        assert fetch_tftp(house.port(house.tftp[0]), SEP, address="127.0.4.1") is not None
    assert fetch_http(house.port(house.http), f"/{SEP}", address="127.0.4.1") is not None


def test_a_reload_is_told_with_its_moment_and_its_end(house: Activated) -> None:
    house.signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in house.hears("RELOADING=1")
    assert "stay as they were" not in house.hears("READY=1")
    right = house.settings.read_text()
    house.settings.write_text(right + "wrong: 1\n")
    house.signal(signal.SIGHUP)
    house.hears("RELOADING=1")
    assert "the settings stay as they were" in house.hears("READY=1")
    house.settings.write_text(right)
    house.signal(signal.SIGHUP)
    house.hears("RELOADING=1")
    assert "stay as they were" not in house.hears("READY=1")


class Phone(threading.Thread):
    """Asks for its file again and again; every request must be answered with the very same bytes, however late."""

    def __init__(self, url: str, expected: bytes) -> None:
        super().__init__()
        self._command = ["curl", "-sSf", "--max-time", "180", "--interface", "127.0.4.1", url]
        self._expected = expected
        self.ended = threading.Event()
        self.answers = 0
        self.wrong: list[bytes] = []

    def run(self) -> None:
        while not self.ended.is_set():
            done = subprocess.run(self._command, capture_output=True, check=False)
            if done.stdout == self._expected:
                self.answers += 1
            else:
                self.wrong.append(done.stderr + done.stdout[:200])


def test_restarts_refuse_no_phone(house: Activated) -> None:
    expected = fetch_tftp(house.port(house.tftp[0]), SEP, address="127.0.4.1")
    assert expected is not None
    phones = [
        Phone(f"tftp://127.0.0.1:{house.port(house.tftp[0])}/{SEP}", expected),
        Phone(f"http://127.0.0.1:{house.port(house.http)}/{SEP}", expected),
    ]
    for phone in phones:
        phone.start()
    try:
        assert house.stop() == 0
        house.hears("STOPPING=1")
        house.start()
        house.hears("READY=1")
        before = [phone.answers for phone in phones]
        assert until(lambda: all(phone.answers > count for phone, count in zip(phones, before, strict=True)), 200)
    finally:
        for phone in phones:
            phone.ended.set()
        for phone in phones:
            phone.join(200)
    assert [phone.wrong for phone in phones] == [[], []]
    assert "Traceback" not in house.log.read_text()


def test_while_no_server_runs_requests_wait(house: Activated) -> None:
    assert house.stop() == 0
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tftp,
        socket.create_connection(("127.0.0.1", house.port(house.http)), timeout=90) as http,
    ):
        tftp.settimeout(90)
        tftp.bind(("127.0.4.1", 0))
        tftp.sendto(b"\0\1%s\0octet\0" % SEP.encode(), ("127.0.0.1", house.port(house.tftp[0])))
        http.sendall(b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % SEP.encode())
        house.start()
        house.hears("READY=1")
        assert tftp.recv(600)[:4] == b"\0\3\0\1"
        assert http.recv(600).startswith(b"HTTP/1.1 200 ")


def test_the_reason_of_a_failed_start_is_told(house: Activated, tmp_path: Path) -> None:
    house.stop()
    before = house.settings.read_text()
    house.settings.write_text(before.replace("systemd:http", "systemd:web"))
    try:
        house.start()
        assert "no socket of this name was handed over" in house.hears("STATUS=")
        assert house.process is not None
        assert house.process.wait(60) == 1
    finally:
        house.settings.write_text(before)


def test_a_real_activator_hands_a_socket_over(tmp_path: Path, house: Activated) -> None:
    """``systemd-socket-activate`` waits for a first connection, and starts the server for it."""
    ports = {"rest": free_port(), "http": free_port(), "tftp": free_port(socket.SOCK_DGRAM)}
    settings = write_settings(tmp_path / "own", **ports, repository=house.settings.parent / "repository")
    activator = subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{ports['http']}", "--fdname=http",
         "-E", "PYTHONPATH", sys.executable, "-m", "provisiond.daemon", "--config", str(settings)],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert activator.stderr is not None
        assert b"Listening on" in activator.stderr.readline()
        with socket.create_connection(("127.0.0.1", ports["http"]), timeout=90) as client:
            client.sendall(b"GET /x HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 ")
    finally:
        activator.terminate()
        # It became the server itself, which ends in order.
        _, rest = activator.communicate(timeout=60)
        assert b"stopped" in rest
        assert activator.returncode == 0

"""SIGHUP to a real daemon: settings and certificates are followed, wrong ones change nothing."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen
from bench.phones import fetch_tftp
from bench.server import free_port
from tests.support.certificates import certificate
from tests.support.servers import Running, build_repository, prepared

SEP = "SEP001B54000005.cnf.xml"
AGAIN = "the settings were read again"
STAY = "the settings stay as they were"


@frozen
class Host:
    """A server whose settings are edited: a plain API, and phones over TLS and TFTP."""

    house: Running
    directory: Path

    def write(self, **sections: dict[str, Any]) -> None:
        """Write what a file of conf.d holds; nothing else of it stays."""
        listen = f"ssl:{self.house.http}:interface=127.0.0.1:privateKey={self.key}:certKey={self.certificate}"
        document = {**sections, "http": {"listen": listen, **sections.get("http", {})}}
        (self.directory / "conf.d/live.yml").write_text(yaml.safe_dump(document))

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"

    @property
    def certificate(self) -> Path:
        return self.directory / "cert.pem"

    def renew(self) -> str:
        """Write another certificate and return it."""
        public, private = certificate()
        self.key.write_bytes(private)
        self.certificate.write_bytes(public)
        return public.decode()

    def shown(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.house.http), timeout=30)

    def hang_up(self, expected: str = AGAIN) -> str:
        """Send SIGHUP and return what is logged until the expected words are."""
        log = self.directory / "provisiond.log"
        offset = log.stat().st_size
        os.kill(self.house.server.pid, signal.SIGHUP)
        return until(lambda: self.house.server.log_text(offset), lambda text: expected in text)

    def metric(self, name: str) -> float:
        token = (self.house.server.state / "admin-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.house.rest_port}/metrics", headers={"X-Auth-Token": token}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read().decode()
        return float(next(line.split()[1] for line in content.splitlines() if line.startswith(name)))


def until(found: Callable[[], str], wanted: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + 60
    while not wanted(answer := found()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    directory = tmp_path_factory.mktemp("sighup")
    house = prepared(directory / "server", build_repository(directory))
    made = Host(house, directory / "server")
    (made.directory / "conf.d").mkdir()
    made.renew()
    made.write()
    house.server.start()
    try:
        house.install("cisco-sccp-9.0.3")
        yield made
    finally:
        assert house.server.stop() == 0


def phone(host: Host) -> bytes:
    return fetch_tftp(host.house.tftp, SEP, address="127.0.6.1") or b""


def test_parameters_that_all_inherit_reach_the_next_file(host: Host) -> None:
    assert b"i18n/france" not in phone(host)
    host.write(general={"base_raw_config": {"locale": "fr_FR"}})
    assert "changed: general.base_raw_config" in host.hang_up()
    assert b"i18n/france" in phone(host)
    host.write()
    host.hang_up()
    assert b"i18n/france" not in phone(host)


def test_networks_are_followed_for_the_next_request(host: Host) -> None:
    assert phone(host)
    host.write(tftp={"allow": ["192.0.2.0/24"]})
    host.hang_up()
    assert phone(host) == b""
    host.write()
    host.hang_up()
    assert phone(host)


def test_a_renewed_certificate_is_shown_and_open_connections_go_on(host: Host, tmp_path: Path) -> None:
    before = host.shown()
    context = ssl.create_default_context(cafile=str(host.certificate))
    context.check_hostname = False
    with context.wrap_socket(socket_to(host.house.http)) as connection:
        renewed = host.renew()
        assert host.shown() == before
        host.hang_up()
        assert host.shown() == renewed != before
        connection.sendall(f"GET /{SEP} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    url = f"https://localhost:{host.house.http}/{SEP}"
    command = ["curl", "-sf", "--cacert", str(host.certificate), "--resolve", f"localhost:{host.house.http}:127.0.0.1"]
    done = subprocess.run([*command, url], check=True, capture_output=True)
    assert done.stdout == phone(host)


def socket_to(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 30)


@pytest.mark.parametrize("wrong", ["network", "unknown key", "yaml", "certificate", "key"])
def test_one_wrong_thing_changes_nothing_and_is_told(host: Host, wrong: str) -> None:
    shown, good = host.shown(), phone(host)
    more: dict[str, Any] = {"general": {"base_raw_config": {"locale": "fr_FR"}}}
    host.write(**more)
    if wrong == "network":
        host.write(tftp={"allow": ["everybody"]}, **more)
    elif wrong == "unknown key":
        host.write(tftp={"alow": []}, **more)
    elif wrong == "yaml":
        (host.directory / "conf.d/live.yml").write_text("general: [")
    elif wrong == "certificate":
        host.certificate.write_text("not a certificate")
    else:
        host.key.write_bytes(certificate()[1])
    told = host.hang_up(STAY)
    assert {"network": "tftp.allow", "unknown key": "alow", "yaml": "live.yml"}.get(wrong, "cert.pem") in told
    assert AGAIN not in told
    assert (host.shown(), phone(host)) == (shown, good)
    host.renew()
    host.write()
    host.hang_up()
    assert host.shown() != shown


def test_the_metrics_count_what_keeps_settings_from_being_followed(host: Host) -> None:
    host.write(tftp={"alow": [], "allow": ["everybody"]})
    host.hang_up(STAY)
    assert host.metric("provisiond_settings_problems") == 2
    host.write()
    host.hang_up()
    assert host.metric("provisiond_settings_problems") == 0


def test_what_cannot_be_followed_is_named_and_the_server_goes_on(host: Host) -> None:
    host.write(rest_api={"listen": f"tcp:{free_port()}"}, log={"level": "debug", "format": "json"})
    told = host.hang_up("log.format has changed and counts from the next start")
    assert "rest_api.listen has changed and counts from the next start" in told
    assert "changed: log.level" in told
    assert host.house.rest.get("/status")
    host.write()
    host.hang_up()


def test_a_subsystem_gets_its_own_level_at_once(host: Host) -> None:
    host.write(log={"level": "error", "levels": {"reloading": "info"}})
    assert "changed: log.level, log.levels" in host.hang_up()
    host.write(log={"level": "error", "levels": {"reloding": "nothing"}})
    assert "log.levels" in host.hang_up(STAY)
    host.write()
    host.hang_up()


def test_a_hail_of_signals_does_no_harm(host: Host) -> None:
    for _ in range(200):
        os.kill(host.house.server.pid, signal.SIGHUP)
    host.hang_up()
    assert phone(host)

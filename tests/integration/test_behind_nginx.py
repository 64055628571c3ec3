"""The server behind a real nginx with the shipped example: phones keep their addresses, events arrive at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from attrs import frozen
from bench.server import ROOT, free_port
from tests.support.certificates import certificate
from tests.support.servers import Running, build_repository, prepared

FILE = "SEP001B54000005.cnf.xml"
EXAMPLE = ROOT / "etc/nginx/provisiond.conf"


@frozen
class Proxied:
    """A server, and the ports of the nginx in front of it."""

    house: Running
    phones: int
    api: int
    ca: Path

    @property
    def token(self) -> str:
        return (self.house.server.settings.parent / "state/admin-token").read_text().strip()

    def device(self, mac: str) -> Any:
        """The device of this address."""
        (found,) = self.house.rest.get("/dev_mgr/devices?q=" + quote(json.dumps({"mac": mac})))["devices"]
        return found

    def curl(self, *arguments: str) -> str:
        """What curl prints."""
        command = ["curl", "-sS", "--max-time", "60", "--cacert", str(self.ca), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=90).stdout


def _configured(directory: Path, house: Running, phones: int, api: int) -> Path:
    key, chain = directory / "key.pem", directory / "cert.pem"
    text = EXAMPLE.read_text()
    for shipped, here in (
        ("listen 80;", f"listen 127.0.0.1:{phones};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{api} ssl;"),
        ("server 127.0.0.1:8667;", f"server 127.0.0.1:{house.http};"),
        ("server 127.0.0.1:8666;", f"server 127.0.0.1:{house.rest_port};"),
        ("/etc/ssl/certs/provisioning.example.org.pem", str(chain)),
        ("/etc/ssl/private/provisioning.example.org.key", str(key)),
    ):
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, here)
    places = " ".join(f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi"))
    main = directory / "nginx.conf"
    main.write_text(
        f"daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;\n"
        f"events {{ worker_connections 500; }}\nhttp {{ access_log off; {places}\n"
        f"uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;\n{text}\n}}\n"
    )
    return main


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    directory = tmp_path_factory.mktemp("nginx")
    house = prepared(directory / "house", build_repository(directory / "repository"))
    conf = directory / "house" / "conf.d"
    conf.mkdir()
    (conf / "proxy.yml").write_text(yaml.safe_dump({"http": {"trusted_proxies": 1}}))
    chain, key = certificate()
    (directory / "cert.pem").write_bytes(chain)
    (directory / "key.pem").write_bytes(key)
    phones, api = free_port(), free_port()
    main = _configured(directory, house, phones, api)
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    subprocess.run([program, "-t", "-q", "-c", main, "-e", directory / "error.log"], check=True, timeout=60)
    nginx = subprocess.Popen([program, "-c", main, "-e", directory / "error.log"])
    house.server.start()
    try:
        house.install("cisco-sccp-9.0.3")
        yield Proxied(house, phones, api, directory / "cert.pem")
    finally:
        nginx.terminate()
        nginx.wait(30)
        house.server.stop()


def test_a_phone_gets_its_file_and_keeps_its_address(proxied: Proxied) -> None:
    got = proxied.curl("--interface", "127.0.0.9", f"http://127.0.0.1:{proxied.phones}/{FILE}")
    assert got == proxied.curl("--interface", "127.0.0.9", f"http://127.0.0.1:{proxied.house.http}/{FILE}")
    assert proxied.device("00:1b:54:00:00:05")["ip"] == "127.0.0.9"


def test_what_a_phone_claims_of_its_address_counts_for_nothing(proxied: Proxied) -> None:
    name = "SEP001B54000006.cnf.xml"
    claim = ("-H", "X-Forwarded-For: 203.0.113.7")
    proxied.curl("--interface", "127.0.0.8", *claim, f"http://127.0.0.1:{proxied.phones}/{name}")
    assert proxied.device("00:1b:54:00:00:06")["ip"] == "127.0.0.8"


def test_the_path_arrives_as_it_was_asked_for(proxied: Proxied) -> None:
    odd = ("--path-as-is", "-o", "/dev/null", "-w", "%{http_code}")
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc//passwd"):
        assert proxied.curl(*odd, f"http://127.0.0.1:{proxied.phones}{path}") in {"400", "403", "404"}, path


def test_the_api_is_reached_over_tls_and_wants_its_token(proxied: Proxied) -> None:
    url = f"https://localhost:{proxied.api}/0.2/dev_mgr/devices"
    assert proxied.curl("-o", "/dev/null", "-w", "%{http_code}", url) == "401"
    assert "devices" in json.loads(proxied.curl("-H", f"X-Auth-Token: {proxied.token}", url))


def test_events_pass_as_they_happen(proxied: Proxied, tmp_path: Path) -> None:
    url = f"https://localhost:{proxied.api}/0.2/events?kinds=device_seen"
    seen = tmp_path / "events"
    token = f"X-Auth-Token: {proxied.token}"
    with seen.open("wb") as output:
        listening = subprocess.Popen(["curl", "-sSN", "--cacert", proxied.ca, "-H", token, url], stdout=output)
    try:
        until = time.monotonic() + 60
        number = 0x10
        while b"event: device_seen" not in seen.read_bytes():
            assert time.monotonic() < until, "no event came through nginx"
            name = f"SEP001B540000{number:02X}.cnf.xml"
            proxied.curl("--interface", "127.0.0.7", f"http://127.0.0.1:{proxied.phones}/{name}")
            number += 1
    finally:
        listening.kill()
        listening.wait()

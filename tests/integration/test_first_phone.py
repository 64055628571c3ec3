"""The commands of docs/first-phone.md, typed as they stand there, with a phone that boots between them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from bench.server import ROOT
from tests.support.servers import Running, build_repository, prepared

TEXT = (ROOT / "docs/first-phone.md").read_text()
MAC = "00:04:13:92:2d:66"
ECHOED = {b"Via", b"From", b"To", b"Call-ID", b"CSeq"}
FILE = "snomD785-000413922D66.htm"


class SipPhone(threading.Thread):
    """Answers every SIP request with 200, as a phone does, and fetches its file."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = url
        self.files: list[str] = []

    def boot(self) -> str:
        """Fetch the file of this phone."""
        asked = urllib.request.Request(
            self.url, headers={"User-Agent": "Mozilla/4.0 (compatible; snomD785-SIP 10.1.184.15)"}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            self.files.append(answer.read().decode())
        return self.files[-1]

    def run(self) -> None:
        while True:
            data, peer = self.socket.recvfrom(65535)
            if not data:
                return
            kept = [
                line
                for line in data.split(b"\r\n")
                if line.split(b":")[0] in {b"Via", b"From", b"To", b"Call-ID", b"CSeq"}
            ]
            answer = b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""])
            self.socket.sendto(answer, peer)
            self.boot()

    def end(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"", ("127.0.0.1", self.port))
        self.join(60)
        self.socket.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Running, SipPhone]]:
    house = prepared(tmp_path / "house", build_repository(tmp_path / "repository"))
    phone = SipPhone(f"http://127.0.0.1:{house.http}/{FILE}")
    (tmp_path / "house/conf.d").mkdir()
    (tmp_path / "house/conf.d/sip.yml").write_text(yaml.safe_dump({"sip_sync": {"port": phone.port}}))
    house.server.start()
    phone.start()
    yield house, phone
    phone.end()
    house.server.stop()


def test_the_first_phone_as_the_document_tells_it(house: tuple[Running, SipPhone], tmp_path: Path) -> None:
    running, phone = house
    scripts = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
    state = running.server.settings.parent / "state"
    environment = {
        **os.environ,
        "PROVISIONCTL_URL": f"http://127.0.0.1:{running.rest_port}",
        "PROVISIONCTL_TOKEN_FILE": str(state / "admin-token"),
        "NO_COLOR": "1",
    }
    shell = f'set -eu; provisionctl() {{ "{sys.executable}" -m provisiond.cli.provisionctl "$@"; }}\n'
    said: list[str] = []
    for script in scripts:
        if "device list" in script:
            phone.boot()
        if "$ID" in script:
            (device,) = running.rest.get("/dev_mgr/devices?fields=id,mac")["devices"]
            environment["ID"] = device["id"]
        ran = subprocess.run(
            ["sh", "-c", shell + script], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert ran.returncode == 0, script + ran.stdout + ran.stderr
        said.append(ran.stdout)
    assert len(scripts) == 5
    assert MAC in said[3]
    assert "snom-10.1.184.15" in said[3]
    assert ">alice<" not in phone.files[0]
    assert ">alice" in phone.boot()
    assert len(phone.files) >= 3

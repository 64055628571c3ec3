"""Another server's state directory, sent to a running server: phones are served from it within seconds."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.demo_repository import ENTRY
from tests.support.servers import Running, running
from tests.support.terminal import environment, piped

SECONDS = 120
LINE = {"username": "alice", "password": "s3cret", "proxy_ip": "192.0.2.5", "registrar_ip": "192.0.2.5"}
FILES = {
    "jsondb/configs/alice": {"id": "alice", "parent_ids": ["base"], "raw_config": {"sip_lines": {"1": LINE}}},
    "jsondb/devices/d1": {"id": "d1", "mac": "00:1a:2b:00:00:01", "plugin": "demo-1", "config": "alice"},
    "app.json": {"locale": "fr_FR"},
    "plugins/demo-1/plugin-info": {"version": "1.0", "description": "d", "capabilities": {}, "api": 1},
}


def served(server: Running) -> bytes:
    """Return what the phone gets when it gets something."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.http}/001a2b000001.cfg", timeout=SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_phones_of_the_other_server_are_served(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, document in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(json.dumps(document))
    (source / "plugins/demo-1/entry.py").write_text(ENTRY)
    with running(tmp_path / "server", tmp_path) as server:
        around = environment(
            tmp_path,
            PROVISIONCTL_URL=f"http://127.0.0.1:{server.rest_port}",
            PROVISIONCTL_TOKEN_FILE=str(server.server.state / "admin-token"),
        )
        done = piped(["migrate-from", str(source), "-o", "json"], around)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["taken"] == {
            "parameters": ["locale"],
            "configs": ["alice"],
            "devices": ["d1"],
            "plugins": ["demo-1"],
        }
        assert report["not_taken"] == {}
        assert b"user = alice\npassword = s3cret\n" in served(server)

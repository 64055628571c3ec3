"""Backups of real servers, restored into empty ones of another database: phones get the same, byte for byte."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.backups import backup_bytes, device_row, members_of, tables
from tests.support.demo_repository import FIRMWARE, demo_repository
from tests.support.file_server import FileServer
from tests.support.servers import Running, prepared
from tests.support.terminal import environment, piped

from provisiond.client import Client, Config, Device, Operation
from provisiond.client.errors import OperationFailed

SECONDS = 120
NAMES = ("001a2b000001.cfg", "firmware/d10.bin", "ring.wav")
DECIDED = "the server begins anew"
ROWS = ("config", "config_parent", "device", "parameter", "tenant", "token")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    firmware = FileServer()
    firmware.start()
    try:
        yield demo_repository(tmp_path_factory.mktemp("repository"), firmware)
    finally:
        firmware.stop()


@contextmanager
def started(directory: Path, repository: Path, database: str | None = None) -> Iterator[Running]:
    made = prepared(directory, repository)
    if database is not None:
        (directory / "conf.d").mkdir()
        (directory / "conf.d/database.yml").write_text(yaml.safe_dump({"database": {"url": database}}))
    made.server.start(SECONDS)
    try:
        yield made
    finally:
        made.server.stop()


class Administrator:
    """Types commands on the host of a server."""

    def __init__(self, running: Running, home: Path) -> None:
        token = str(running.server.state / "admin-token")
        url = f"http://127.0.0.1:{running.rest_port}"
        self._around = environment(home, PROVISIONCTL_URL=url, PROVISIONCTL_TOKEN_FILE=token)

    def types(self, *words: str, status: int = 0) -> str:
        done = piped([*words], self._around)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done.stderr if status else done.stdout


def fetched(running: Running) -> dict[str, bytes]:
    """Return what a phone gets, by protocol and name."""
    found = {}
    for name in NAMES:
        with urllib.request.urlopen(f"http://127.0.0.1:{running.http}/{name}", timeout=SECONDS) as answer:
            found[f"http {name}"] = answer.read()
        command = ["curl", "-s", "-S", "-f", f"tftp://127.0.0.1:{running.tftp}/{name}"]
        found[f"tftp {name}"] = subprocess.run(command, capture_output=True, check=True, timeout=SECONDS).stdout
    return found


def wait_until_noted(running: Running) -> None:
    """Wait until the device tells which account its phone has fetched, which happens after the fetch."""
    until = time.monotonic() + SECONDS
    while "remote_state_sip_username" not in running.rest.get("/dev_mgr/devices/d-1")["device"]:
        assert time.monotonic() < until, "what the phone runs was never noted"
        time.sleep(0.05)


def rows_of(archive: Path) -> dict[str, Any]:
    """Return the rows of a backup, without what changes by looking."""
    members = members_of(archive)
    found = {name: [json.loads(line) for line in members[f"tables/{name}.jsonl"].splitlines()] for name in ROWS}
    for row in found["token"]:
        del row["last_used"]
    for row in found["device"]:
        document = json.loads(row.pop("document"))
        found.setdefault("document", []).append({key: value for key, value in document.items() if key != "ip"})
        row.pop("ip")
    return found


def fill(running: Running) -> None:
    """Give a server everything that a backup must hold."""
    with client_of(running) as client:
        fill_by(client)
    (running.server.state / "plugins/demo-1/var/tftpboot/ring.wav").write_bytes(bytes(range(256)) * 300)


def fill_by(client: Client) -> None:
    waited = client.operations.wait
    waited(client.plugins.update())
    waited(client.plugins.install("demo-1"))
    waited(client.packages.install("demo-1", "d10-fw"))
    line = {"username": "älice", "password": "s3cret", "proxy_ip": "192.0.2.5", "registrar_ip": "192.0.2.5"}
    client.configs.create(
        Config({"id": "alice", "parent_ids": ["base"], "raw_config": {"sip_lines": {"1": line}, "protocol": "SIP"}})
    )
    device = {"id": "d-1", "mac": "00:1a:2b:00:00:01", "plugin": "demo-1", "config": "alice", "vendor": "Demo"}
    client.devices.create(Device({**device, "model": "D10", "X_text": "日本"}))
    client.tenants.create("shop")
    client.tokens.create("reader", ["provd.status.read"])
    client.parameters.set("provisioning_key", "12345678")
    client.parameters.set("locale", "fr_FR")


@contextmanager
def client_of(running: Running) -> Iterator[Client]:
    token = (running.server.state / "admin-token").read_text().strip()
    client = Client(f"http://127.0.0.1:{running.rest_port}", token, timeout=SECONDS)
    try:
        yield client
    finally:
        client.close()


def test_phones_get_the_same_from_an_empty_server_of_either_database(
    tmp_path: Path, repository: Path, other_server: str
) -> None:
    with started(tmp_path / "first", repository) as first:
        administrator = Administrator(first, tmp_path)
        fill(first)
        wanted = fetched(first)
        assert wanted["http firmware/d10.bin"] == wanted["tftp firmware/d10.bin"] == FIRMWARE
        assert "user = älice".encode() in wanted["tftp 001a2b000001.cfg"]
        wait_until_noted(first)
        administrator.types("backup", "--firmware", str(tmp_path / "first.tgz"))
        assert (tmp_path / "first.tgz").stat().st_mode & 0o777 == 0o600
    with started(tmp_path / "second", repository, other_server) as second:
        administrator = Administrator(second, tmp_path)
        administrator.types("restore", str(tmp_path / "first.tgz"), status=2)
        assert administrator.types("restore", "--dry-run", str(tmp_path / "first.tgz")) == "first.tgz: check: done\n"
        with client_of(second) as client:
            assert client.devices.list() == []
        assert administrator.types("restore", "--yes", str(tmp_path / "first.tgz")) == "first.tgz: restored\n"
        assert fetched(second) == wanted
        # new rows come after the restored ones
        with client_of(second) as client:
            client.devices.create(Device({"id": "d-2", "mac": "00:1a:2b:00:00:02"}))
            client.devices.delete("d-2")
        wait_until_noted(second)
        administrator.types("backup", "--firmware", str(tmp_path / "second.tgz"))
    with started(tmp_path / "third", repository) as third:
        administrator = Administrator(third, tmp_path)
        assert administrator.types("restore", "--yes", str(tmp_path / "second.tgz")) == "second.tgz: restored\n"
        assert fetched(third) == wanted
        wait_until_noted(third)
        administrator.types("backup", str(tmp_path / "third.tgz"))
        with client_of(third) as client:
            client.devices.create(Device({"id": "d-3", "mac": "00:1a:2b:00:00:03"}))
        # without firmware in the backup the installed one stays
        assert administrator.types("restore", "--yes", str(tmp_path / "third.tgz")) == "third.tgz: restored\n"
        assert fetched(third) == wanted
        with client_of(third) as client:
            assert [each.id for each in client.devices.list()] == ["d-1"]
    rows = [rows_of(tmp_path / f"{name}.tgz") for name in ("first", "second", "third")]
    for each in (*ROWS, "document"):
        assert rows[0][each] == rows[1][each], each
        assert rows[1][each] == rows[2][each], each


def test_what_is_refused_changes_nothing_and_a_kill_leaves_old_or_new(tmp_path: Path, repository: Path) -> None:
    rows = [device_row(f"new-{number}") for number in range(2_000)]
    new, hostile = backup_bytes(tables(device=rows)), backup_bytes({**tables(), "plugins/../../evil": b"x"})
    with started(tmp_path / "server", repository) as running:
        with client_of(running) as client:
            client.devices.create(Device({"id": "old", "mac": "00:1a:2b:00:00:09"}))
            for content, sentence in ((hostile, "leads out of it"), (new[:-20], "broken or cut off")):
                with pytest.raises(OperationFailed, match=sentence):
                    client.operations.wait(begin(client, content))
            assert devices(running) == ["old"]
            begin(client, new)
        running.server.kill()
        running.server.start(SECONDS)
        assert devices(running) == ["old"]
        # the log tells when the decisive step is done
        offset = len(running.server.log_text())
        with client_of(running) as client:
            begin(client, new)
        deadline = time.monotonic() + SECONDS
        while DECIDED not in running.server.log_text()[offset:] and time.monotonic() < deadline:
            time.sleep(0.01)
        running.server.kill()
        running.server.start(SECONDS)
        assert len(devices(running)) == 2_000


def begin(client: Client, backup: bytes) -> Operation:
    """Send a backup and begin to restore it."""
    return client.backups.restore(client.backups.send(io.BytesIO(backup)))


def devices(running: Running) -> list[str]:
    """Return the ids of the devices in the database."""
    with closing(sqlite3.connect(running.server.state / "provisiond.db")) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM device ORDER BY id")]

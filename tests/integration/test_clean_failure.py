"""What a real server still does while something below it fails, and that it recovers by itself."""

from __future__ import annotations

import http.client
import resource
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define
from bench.legacy_repository import build_legacy_repository
from bench.server import ROOT, RestError
from tests.support.legacy_plugins import write_acme
from tests.support.servers import Running, prepared

PLUGIN = "wazo-acme-1.0"
KNOWN = "001122338801"
# A mount of its own, which a test can cover; and a clock that a test can set.
WRAPPER = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && exec "$@"']


@define
class World:
    server: Running
    offset: Path

    def set_clock(self, seconds: int) -> None:
        with self.offset.open("r+b") as file:
            file.write(struct.pack("l", seconds))

    def ask(self, mac: str, connection: http.client.HTTPConnection | None = None) -> int:
        used = connection or http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=60)
        used.request("GET", f"/Acme/{mac}.cfg", headers={"User-Agent": f"Acme A1 1.0 {mac}"})
        answer = used.getresponse()
        content = answer.read()
        if connection is None:
            used.close()
        assert answer.status != 200 or content.startswith(b"model=A1")
        return answer.status

    def create(self, mac: str) -> None:
        self.server.rest.call("POST", "/dev_mgr/devices", {"device": {"mac": mac, "plugin": PLUGIN, "config": "base"}})

    def told(self, code: str, *, there: bool) -> str:
        """Wait until the server tells of a trouble, or no longer does; return its sentence."""
        deadline = time.monotonic() + 120
        while True:
            rows = {each["code"]: each for each in self.server.rest.get("/status/problems")["problems"]}
            if (code in rows) is there:
                return str(rows.get(code, {}).get("sentence", ""))
            assert time.monotonic() < deadline, rows
            time.sleep(0.2)

    def inside(self, *command: str) -> None:
        """Run a command where the server sees its files."""
        where = ["nsenter", "--target", str(self.server.server.pid), "--user", "--mount", "--preserve-credentials"]
        subprocess.run([*where, *command], check=True, capture_output=True, timeout=60)

    @contextmanager
    def covered(self) -> Iterator[None]:
        """Have everything that the server opens from now on lie on a read-only file system."""
        root = str(self.server.server.state.parent)
        self.inside("mount", "--bind", root, root)
        self.inside("mount", "-o", "remount,bind,ro", root)
        try:
            yield
        finally:
            self.inside("umount", "--lazy", root)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("failure")
    library, offset = root / "clock.so", root / "offset"
    source = ROOT / "tests" / "support" / "clock_offset.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    offset.write_bytes(struct.pack("l", 0))
    repository = build_legacy_repository(root / "repository", [write_acme(root / "plugins", PLUGIN)])
    running = prepared(root / "server", repository)
    clock = ["env", f"LD_PRELOAD={library}", f"CLOCK_OFFSET={offset}"]
    running.server.wrapper = [*WRAPPER, str(root / "server"), *clock]
    running.server.start()
    try:
        running.install(PLUGIN)
        made = World(running, offset)
        assert made.ask(KNOWN) == 200
        yield made
    finally:
        assert running.server.stop() == 0


def test_a_read_only_file_system(world: World) -> None:
    with world.covered():
        assert world.ask(KNOWN) == 200
        sentence = world.told("disk-read-only", there=True)
        assert sentence
        assert world.ask(KNOWN) == 200
        with pytest.raises(RestError, match="ead-only file system"):
            world.server.rest.finish("/pg_mgr/install/upgrade", {"id": PLUGIN})
        assert world.ask(KNOWN) == 200
    world.told("disk-read-only", there=False)
    world.server.rest.finish("/pg_mgr/install/upgrade", {"id": PLUGIN})
    assert world.ask(KNOWN) == 200


def test_a_database_that_another_program_locks(world: World) -> None:
    (file,) = world.server.server.state.glob("*.db")
    lock = sqlite3.connect(file, isolation_level=None)
    try:
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(RestError, match=r"50\d .*locked"):
            world.create("00:11:22:33:88:02")
        assert world.ask(KNOWN) == 200
        assert "locked" in world.told("database-locked", there=True)
        assert world.ask(KNOWN) == 200
    finally:
        lock.close()
    world.told("database-locked", there=False)
    world.create("00:11:22:33:88:02")
    assert world.ask("001122338802") == 200


def test_no_descriptor_is_left(world: World) -> None:
    pid = world.server.server.pid
    former = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    kept = http.client.HTTPConnection("127.0.0.1", world.server.http, timeout=60)
    assert world.ask(KNOWN, kept) == 200
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), former[1]))
    try:
        refused = socket.create_connection(("127.0.0.1", world.server.http), timeout=60)
        assert world.ask(KNOWN, kept) == 200
        refused.close()
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, former)
    assert world.ask(KNOWN, kept) == 200
    kept.close()
    assert world.ask(KNOWN) == 200
    world.told("descriptors-low", there=False)
    world.create("00:11:22:33:88:03")


def retransmits(world: World) -> None:
    """Ask over TFTP, acknowledge nothing, and get the same block again: that is planned work of the server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(60)
        phone.sendto(b"\0\1Acme/" + KNOWN.encode() + b".cfg\0octet\0", ("127.0.0.1", world.server.tftp))
        first, peer = phone.recvfrom(2048)
        assert first[:4] == b"\0\3\0\1"
        # Beside the plan that was made before the step is one that is made after it.
        assert phone.recvfrom(2048) == (first, peer)
        phone.sendto(b"\0\4\0\1", peer)


@pytest.mark.parametrize("seconds", [-7200, 86400, 0])
def test_a_clock_that_is_set(world: World, seconds: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(60)
        phone.sendto(b"\0\1Acme/" + KNOWN.encode() + b".cfg\0octet\0", ("127.0.0.1", world.server.tftp))
        first, peer = phone.recvfrom(2048)
        world.set_clock(seconds)
        assert phone.recvfrom(2048) == (first, peer)
        phone.sendto(b"\0\4\0\1", peer)
    assert world.ask(KNOWN) == 200
    retransmits(world)
    world.server.rest.finish("/pg_mgr/install/update", {})
    deadline = time.monotonic() + 60
    while "the clock was set back by 7200 seconds" not in world.server.server.log_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_damaged_database_is_left_as_it_is_until_a_good_one_is_there(tmp_path: Path) -> None:
    running = prepared(tmp_path / "server", tmp_path)
    running.server.start()
    running.rest.call("POST", "/dev_mgr/devices", {"device": {"id": "kept", "mac": "00:11:22:33:88:09"}})
    assert running.server.stop() == 0
    (file,) = running.server.state.glob("*.db")
    good = file.read_bytes()
    for damaged in (b"\xa5" * len(good), good[: len(good) // 2], good[:8192] + b"\xff" * (len(good) - 8192)):
        file.write_bytes(damaged)
        command = [sys.executable, "-m", "provisiond.daemon", "--config", str(running.server.settings)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == 1
        assert "restore a backup" in ended.stderr.splitlines()[0]
        assert "Traceback" not in ended.stderr
        assert file.read_bytes() == damaged
    file.write_bytes(good)
    running.server.start()
    assert [device["id"] for device in running.rest.get("/dev_mgr/devices")["devices"]] == ["kept"]
    assert running.server.stop() == 0

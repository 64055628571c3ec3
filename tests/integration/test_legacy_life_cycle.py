"""When a plugin of the older interface is asked to configure and to deconfigure, under a real server (check 20)."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from bench.legacy_repository import build_legacy_repository
from bench.server import RestError
from tests.support.legacy_plugins import write_small
from tests.support.servers import Running, prepared

ONE, TWO = "wazo-noting-1", "wazo-noting-2"
MAC = "00:11:22:33:55:01"
CODE = """
class Noting(StandardPlugin):
    IS_PLUGIN = True
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.http_service = HTTPNoListingFileService(self._tftpboot_dir)
        self.note("make", "")
    def note(self, what, which):
        with open({notes!r}, "a") as file:
            file.write(" ".join((what, {name!r} + str(VERSION), which)).strip() + "\\n")
    def close(self):
        self.note("close", "")
    def configure_common(self, raw_config):
        self.note("common", "")
    def configure(self, device, raw_config):
        path = os.path.join(self._tftpboot_dir, device["mac"].replace(":", "") + ".cfg")
        with open(path, "w") as file:
            file.write(raw_config.get("X_word", "no word"))
        self.note("configure", device["mac"][-2:])
        if raw_config.get("X_word") == "bad":
            raise RawConfigError("a bad word")
    def deconfigure(self, device):
        self.note("deconfigure", device["mac"][-2:])
        raise OSError("there is nothing to remove")
"""


@define
class World:
    server: Running
    notes: Path
    root: Path
    plugins: Path

    def said(self, *expected: str) -> None:
        """Wait until the plugins have noted exactly this, in this order, and begin anew."""
        deadline = time.monotonic() + 60
        while self.lines() != list(expected) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.lines() == list(expected)
        self.notes.write_text("")

    def lines(self) -> list[str]:
        return self.notes.read_text().splitlines()

    def change(self, **members: Any) -> None:
        known = self.server.rest.get("/dev_mgr/devices/d")["device"]
        self.server.rest.call("PUT", "/dev_mgr/devices/d", {"device": {**known, **members}})

    def config(self, name: str, parents: list[str], **raw: Any) -> None:
        document = {"config": {"id": name, "parent_ids": parents, "raw_config": raw}}
        known = [each["id"] for each in self.server.rest.get("/cfg_mgr/configs")["configs"]]
        if name in known:
            self.server.rest.call("PUT", f"/cfg_mgr/configs/{name}", document)
        else:
            self.server.rest.call("POST", "/cfg_mgr/configs", document)

    def file(self) -> bytes:
        url = f"http://127.0.0.1:{self.server.http}/001122335501.cfg"
        with urllib.request.urlopen(url, timeout=60) as response:
            return bytes(response.read())

    @property
    def is_configured(self) -> bool:
        return bool(self.server.rest.get("/dev_mgr/devices/d")["device"]["configured"])


def write(world_plugins: Path, notes: Path, plugin_id: str, version: int = 1) -> Path:
    code = f"VERSION = {version}\n" + CODE.format(notes=str(notes), name=plugin_id[-1] + ".")
    import_name = "wazo_provd" if plugin_id == ONE else "provd"
    return write_small(world_plugins, plugin_id, code, import_name=import_name, info={"version": str(version)})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("cycle")
    notes = root / "notes"
    notes.write_text("")
    plugins = root / "plugins"
    repository = build_legacy_repository(root / "repository", [write(plugins, notes, each) for each in (ONE, TWO)])
    running = prepared(root / "server", repository)
    running.server.start()
    try:
        running.install(ONE, TWO)
        made = World(running, notes, root, plugins)
        made.notes.write_text("")
        yield made
    finally:
        assert running.server.stop() == 0


def test_20_devices_and_configs(world: World) -> None:
    world.config("parent", ["base"], X_word="first")
    world.config("own", ["parent"])
    document = {"id": "d", "mac": MAC, "plugin": ONE, "config": "own", "ip": "127.0.0.1"}
    world.server.rest.call("POST", "/dev_mgr/devices", {"device": document})
    world.said("configure 1.1 01")
    world.change(model="M2")
    world.said("deconfigure 1.1 01", "configure 1.1 01")
    world.change(ip="127.0.0.1", sn="12")
    world.config("own", ["parent"], X_other=1)
    world.said("deconfigure 1.1 01", "configure 1.1 01")
    world.config("parent", ["base"], X_word="second")
    world.said("deconfigure 1.1 01", "configure 1.1 01")
    world.server.rest.call("POST", "/dev_mgr/reconfigure", {"id": "d"})
    world.said("deconfigure 1.1 01", "configure 1.1 01")
    assert world.file() == b"second"


def test_20_a_device_moves_to_another_plugin(world: World) -> None:
    world.change(plugin=TWO, mac="00:11:22:33:55:02")
    world.said("deconfigure 1.1 01", "configure 2.1 02")
    world.change(plugin=ONE, mac=MAC)
    world.said("deconfigure 2.1 02", "configure 1.1 01")


def test_21_a_failing_configure_leaves_nothing(world: World) -> None:
    world.config("parent", ["base"], X_word="bad")
    world.said("deconfigure 1.1 01", "configure 1.1 01", "deconfigure 1.1 01")
    assert not world.is_configured
    problems = json.dumps(world.server.rest.get("/pg_mgr/problems"))
    assert "a bad word" in problems
    with pytest.raises(urllib.error.HTTPError):
        world.file()
    world.config("parent", ["base"], X_word="third")
    world.said("configure 1.1 01")
    assert world.file() == b"third"


def test_20_reload_by_the_old_instance(world: World) -> None:
    world.server.rest.call("POST", "/pg_mgr/reload", {"id": ONE})
    world.said("deconfigure 1.1 01", "close 1.1", "make 1.1", "common 1.1", "configure 1.1 01")


def test_20_after_a_restart_nothing_is_configured_again(world: World) -> None:
    assert world.server.server.stop() == 0
    world.notes.write_text("")
    world.server.server.start()
    assert world.file() == b"third"
    assert sorted(world.lines()) == ["common 1.1", "common 2.1", "make 1.1", "make 2.1"]
    world.notes.write_text("")
    world.change(model="M3")
    world.said("deconfigure 1.1 01", "configure 1.1 01")


def test_20_upgrade_by_the_new_instance_and_uninstall_not_at_all(world: World) -> None:
    write(world.plugins, world.notes, ONE, version=2)
    build_legacy_repository(world.root / "repository", [world.plugins / ONE, world.plugins / TWO])
    world.server.rest.finish("/pg_mgr/install/update", {})
    world.server.rest.finish("/pg_mgr/install/upgrade", {"id": ONE})
    lines = world.lines()
    assert lines.index("close 1.1") < lines.index("make 1.2")
    assert lines[-3:] == ["common 1.2", "deconfigure 1.2 01", "configure 1.2 01"]
    world.notes.write_text("")
    world.server.rest.call("POST", "/pg_mgr/install/uninstall", {"id": ONE})
    world.said("close 1.2")
    assert not world.is_configured


def test_20_delete(world: World) -> None:
    world.change(plugin=TWO)
    world.said("configure 2.1 01")
    world.server.rest.call("DELETE", "/dev_mgr/devices/d")
    world.said("deconfigure 2.1 01")
    with pytest.raises(RestError):
        world.server.rest.get("/dev_mgr/devices/d")

"""Disks that fill up: whatever the moment, the old state stays whole, the reason is told, and nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench.server import RestError
from tests.support import firmware_deaths, plugin_deaths
from tests.support.fill_loop import fill
from tests.support.firmware import file_section, package_section
from tests.support.hostile import zeros_zip
from tests.support.package_daemon import PLUGIN, SERVICE, prepared_daemon

ROOT = Path(__file__).parents[3]
NAMESPACE = ["unshare", "--map-root-user", "--mount"]


def can_mount(directory: Path) -> bool:
    """Tell whether this user may have a file system of his own."""
    try:
        mount = ["mount", "-t", "tmpfs", "tmpfs", str(directory)]
        return subprocess.run([*NAMESPACE, *mount], capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        return False


def loop(module: str, scenario: str, directory: Path, pages: int) -> list[dict[str, Any]]:
    if not can_mount(directory):
        pytest.skip("the kernel does not let this user mount a file system in memory")
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", "tests.support.fill_loop", module, scenario, str(directory), str(pages)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    for one in found:
        assert one["ended"] == "" or "disk" in one["ended"], one
        assert one["leftovers"] == [], one
    assert found[0]["ended"] != ""
    assert found[-1]["ended"] == ""
    return found


def text(files: dict[str, bytes]) -> dict[str, str]:
    return {name: content.decode() for name, content in files.items()}


def holds(tree: dict[str, str], files: dict[str, bytes], foreign: str) -> bool:
    return foreign not in tree and text(files).items() <= tree.items()


@pytest.mark.parametrize("scenario", ["install", "upgrade"])
def test_plugins(tmp_path: Path, scenario: str) -> None:
    for one in loop("tests.support.plugin_deaths", scenario, tmp_path, 16):
        tree = one["tree"]
        if scenario == "install":
            assert tree is None if one["ended"] else holds(tree, plugin_deaths.OLD, "only_new")
            assert one["then"] == "1.0"
            continue
        old = bool(one["ended"])
        assert holds(tree, plugin_deaths.OLD if old else plugin_deaths.NEW, "only_new" if old else "only_old")
        assert (tree["var/templates/base.tpl"], tree["var/tftpboot/fw.bin"]) == ("mine", "f" * 5000)
        assert one["then"] == "1.1"


@pytest.mark.parametrize("scenario", ["install", "upgrade"])
def test_firmware(tmp_path: Path, scenario: str) -> None:
    old = {} if scenario == "install" else text(firmware_deaths.OLD)
    for one in loop("tests.support.firmware_deaths", scenario, tmp_path, 12):
        assert one["served"] == (old if one["ended"] else text(firmware_deaths.NEW))
        assert one["missing"] == {}
        assert one["then"] == text(firmware_deaths.NEW)


def test_a_daemon_goes_on_when_its_disk_fills_up(tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("the kernel does not let this user mount a file system in memory")
    state = tmp_path / "server/state"
    state.mkdir(parents=True)
    general = {"plugin_server": "{web}/stable", "cache_dir": str(state / "cache")}
    with prepared_daemon(tmp_path, {"general": general}) as daemon:
        server = daemon.running.server
        mounted = f'mount -t tmpfs -o size=24m tmpfs {state} && exec "$@"'
        server.wrapper = [*NAMESPACE, "sh", "-c", mounted, "sh"]
        server.start()
        server.state = Path(f"/proc/{server.pid}/root{state}")
        archive = zeros_zip(30 << 20)
        daemon.web.files["/fw/zeros.zip"] = archive
        file = file_section("zeros.zip", archive, f"{daemon.web.url}/fw/zeros.zip")
        text = "\n".join([package_section("fw", "zeros.zip", "x"), file, "[install_x]\na-b: unzip *\n"])
        daemon.offer_demo("1.0", **{"pkgs/pkgs.db": text.encode()})
        daemon.update()
        daemon.do("install")
        assert daemon.phone() == "version 1.0\n"
        assert "the disk is full" in daemon.refused(f"{SERVICE}/install", id="fw")
        assert daemon.leftovers() == []
        daemon.offer_demo("2.0")
        filler = fill(server.state, 0)
        for word in ("update", "upgrade"):
            with pytest.raises(RestError):
                daemon.running.rest.finish(f"/pg_mgr/install/{word}", {"id": PLUGIN})
        assert daemon.phone() == "version 1.0\n"
        filler.unlink()
        daemon.update()
        daemon.do("upgrade")
        assert daemon.phone() == "version 2.0\n"
        assert daemon.leftovers() == []

"""Scenarios for ``kill_loop``: firmware packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.firmware import FirmwareWorld, zip_bytes
from tests.support.plugin_packages import result

OLD = {"d/a": b"old a", "d/b": b"old b", "gone/c": b"old c"}
NEW = {"d/a": b"new a", "n/e/w": b"new w", "top": b"new top"}


def define(world: FirmwareWorld, files: dict[str, bytes], version: str) -> None:
    world.one({"fw.zip": zip_bytes(files)}, "a-b: unzip $FILE1", version=version)


def prepare(root: Path) -> None:
    define(FirmwareWorld(root), NEW, "2")


def prepare_installed(root: Path) -> None:
    world = FirmwareWorld(root)
    define(world, OLD, "1")
    world.install()
    define(world, NEW, "2")


def install(root: Path) -> None:
    world = FirmwareWorld(root)
    world.packages.recover()
    world.install()


def uninstall(root: Path) -> None:
    FirmwareWorld(root).uninstall()


def look(root: Path) -> dict[str, Any]:
    """Start again, tell what is there, and that the work can then be done."""
    world = FirmwareWorld(root)
    world.packages.recover()
    served = {name: content.decode() for name, content in world.served().items()} if world.tftpboot.is_dir() else {}
    installed = result(world.packages.installed("demo"))
    leftovers = [name for name in world.leftovers() if not name.startswith("cache/")]
    missing = result(world.packages.missing_files("demo"))
    world.install()
    return {
        "served": served,
        "version": installed.get("fw", {}).get("version"),
        "leftovers": leftovers,
        "missing": missing,
        "then": {name: content.decode() for name, content in world.served().items()},
    }


SCENARIOS = {
    "install": (prepare, install, look),
    "upgrade": (prepare_installed, install, look),
    "uninstall": (prepare_installed, uninstall, look),
}

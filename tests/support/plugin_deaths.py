"""Scenarios for ``kill_loop``: plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.plugin_packages import plugin_archive, publish, result
from tests.support.plugin_world import PluginWorld

from provisiond.model.operation import OperationProgress

OLD = {"version": b"1.0", "only_old": b"x", "templates/base.tpl": b"old"}
NEW = {"version": b"1.1", "only_new": b"x", "templates/base.tpl": b"new"}


def opened(root: Path) -> PluginWorld:
    world = PluginWorld(root)
    result(world.repositories.load())
    return world


def offer(world: PluginWorld, version: str, files: dict[str, bytes]) -> None:
    publish(world.channel, {f"demo-{version}.tar.bz2": plugin_archive("demo", version, files)})


def update(world: PluginWorld) -> None:
    # the address of the index changes with the copy that a run works on
    result(world.packages.update(OperationProgress("update")))


def prepare_offer(root: Path) -> None:
    offer(PluginWorld(root), "1.0", OLD)


def prepare_installed(root: Path) -> None:
    world = PluginWorld(root)
    offer(world, "1.0", OLD)
    update(world)
    world.packages.recover()
    result(world.packages.install("demo", OperationProgress("install")))
    (world.plugins_dir / "demo/var/templates/base.tpl").write_text("mine")
    (world.plugins_dir / "demo/var/tftpboot/fw.bin").write_bytes(b"f" * 5000)
    offer(world, "1.1", NEW)


def install(root: Path) -> None:
    world = PluginWorld(root)
    world.packages.recover()
    update(world)
    result(world.packages.install("demo", OperationProgress("install")))


def upgrade(root: Path) -> None:
    world = PluginWorld(root)
    world.packages.recover()
    update(world)
    result(world.packages.upgrade("demo", OperationProgress("install")))


def uninstall(root: Path) -> None:
    world = PluginWorld(root)
    world.packages.recover()
    result(world.packages.uninstall("demo"))


def look(root: Path) -> dict[str, Any]:
    """Start again, tell what is there, and that the work can then be done."""
    world = opened(root)
    world.packages.recover()
    there = world.packages.is_installed("demo")
    tree = {name: content.decode() for name, content in world.tree("demo").items()} if there else None
    leftovers = world.leftovers()
    update(world)
    if there:
        result(world.packages.upgrade("demo", OperationProgress("install")))
    else:
        result(world.packages.install("demo", OperationProgress("install")))
    return {"tree": tree, "leftovers": leftovers, "then": world.tree("demo")["version"].decode()}


SCENARIOS = {
    "install": (prepare_offer, install, look),
    "upgrade": (prepare_installed, upgrade, look),
    "uninstall": (prepare_installed, uninstall, look),
}

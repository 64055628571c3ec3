"""The way back to a version that no repository has any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.plugin_packages import plugin_archive, publish, result
from tests.support.plugin_world import PluginWorld

from provisiond.errors import PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.packages.problems import CorruptedFile, InstallationProblem, UnknownPackage
from provisiond.packages.signatures import new_private_key, public_half, sign


def offer(world: PluginWorld, version: str, key: str | None = None) -> None:
    for old in world.channel.glob("demo-*"):
        old.unlink()
    publish(world.channel, {f"demo-{version}.tar.bz2": plugin_archive("demo", version, {"version": version.encode()})})
    if key is not None:
        index = world.channel / "plugins.db"
        (world.channel / "plugins.db.sig").write_bytes(sign(index.read_bytes(), key))
    result(world.packages.update(OperationProgress()))


def upgrade(world: PluginWorld, version: str | None = None) -> None:
    result(world.packages.upgrade("demo", OperationProgress(), version))


def installed(world: PluginWorld) -> str:
    return world.tree("demo")["version"].decode()


def versions(world: PluginWorld) -> list[str]:
    return [entry.version for entry in world.packages.versions().get("demo", ())]


@pytest.fixture
def world(tmp_path: Path) -> PluginWorld:
    """A server whose plugin demo was upgraded from 1.0 to 1.1, which is all that the repository has now."""
    world = PluginWorld(tmp_path)
    offer(world, "1.0")
    result(world.packages.install("demo", OperationProgress()))
    offer(world, "1.1")
    upgrade(world)
    assert installed(world) == "1.1"
    return world


def again(world: PluginWorld, keys: tuple[str, ...] = ()) -> PluginWorld:
    restarted = PluginWorld(world.root, keys=keys)
    assert restarted.packages.recover() == []
    result(restarted.packages.load())
    return restarted


def test_the_former_version_comes_back_from_the_cache(world: PluginWorld) -> None:
    assert versions(world) == ["1.1", "1.0"]
    upgrade(world, "1.0")
    assert installed(world) == "1.0"
    upgrade(world)
    assert installed(world) == "1.1"


def test_also_after_a_restart_and_without_any_repository(world: PluginWorld) -> None:
    world = again(world)
    assert versions(world) == ["1.1", "1.0"]
    assert world.packages.installable()["demo"].version == "1.1"
    upgrade(world, "1.0")
    assert installed(world) == "1.0"


def test_a_removed_plugin_can_be_installed_in_its_former_version(world: PluginWorld) -> None:
    result(world.packages.uninstall("demo"))
    result(world.packages.install("demo", OperationProgress(), "1.0"))
    assert installed(world) == "1.0"


@pytest.mark.parametrize("damage", ["changed", "another size"])
def test_a_kept_archive_that_changed_is_refused_and_nothing_changes(world: PluginWorld, damage: str) -> None:
    archive = world.cache_dir / "demo-1.0.tar.bz2"
    content = archive.read_bytes()
    archive.write_bytes(content[:-1] + b"!" if damage == "changed" else content + b"!")
    with pytest.raises((CorruptedFile, PackageProblem), match=r"demo-1\.0\.tar\.bz2"):
        upgrade(world, "1.0")
    assert installed(world) == "1.1"
    assert world.leftovers() == []


def test_an_emptied_cache_ends_the_offer_at_the_next_start(world: PluginWorld) -> None:
    (world.cache_dir / "demo-1.0.tar.bz2").unlink()
    with pytest.raises(PackageProblem):
        upgrade(world, "1.0")
    assert installed(world) == "1.1"
    world = again(world)
    assert versions(world) == ["1.1"]
    notes = world.root / "state/repositories/archives"
    assert [path.name for path in notes.iterdir()] == ["demo-1.1.tar.bz2.json"]


def test_a_version_that_nobody_has_is_refused(world: PluginWorld) -> None:
    assert not world.packages.offers("demo", "1.2")
    with pytest.raises(UnknownPackage, match=r"demo in version 1\.2"):
        upgrade(world, "1.2")


def test_without_a_cache_nothing_is_kept(tmp_path: Path) -> None:
    world = PluginWorld(tmp_path)
    world.cached = False
    offer(world, "1.0")
    result(world.packages.install("demo", OperationProgress()))
    offer(world, "1.1")
    upgrade(world)
    assert list(world.cache_dir.iterdir()) == []
    assert versions(world) == ["1.1"]


def test_a_pin_counts_for_the_way_back_too(world: PluginWorld) -> None:
    world.pins = {"demo": "other"}
    assert versions(world) == []


def test_with_keys_only_what_was_signed_is_offered(tmp_path: Path) -> None:
    key = new_private_key()
    world = PluginWorld(tmp_path)
    offer(world, "1.0")
    result(world.packages.install("demo", OperationProgress()))
    world = again(world, keys=(public_half(key),))
    assert versions(world) == []
    for version in ("1.1", "1.2"):
        offer(world, version, key)
        upgrade(world)
    assert versions(world) == ["1.2", "1.1"]
    assert versions(again(world, keys=(public_half(key),))) == ["1.2", "1.1"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"plugin": "demo", "entry": {}, "repository": "x", "signed": false}']
)
def test_broken_notes_are_dropped(world: PluginWorld, content: str) -> None:
    note = world.root / "state/repositories/archives/demo-1.0.tar.bz2.json"
    note.write_text(content)
    world = again(world)
    assert versions(world) == ["1.1"]
    assert not note.exists()


def test_what_an_interrupted_write_left_is_removed(world: PluginWorld) -> None:
    partial = world.root / "state/repositories/archives/.demo-1.0.tar.bz2.json.tmp"
    partial.write_text(json.dumps({}))
    assert world.packages.recover() == ["the incomplete note .demo-1.0.tar.bz2.json.tmp was removed"]
    assert not partial.exists()


def test_a_note_that_cannot_be_written_costs_the_way_back_only(world: PluginWorld) -> None:
    notes = world.root / "state/repositories/archives"
    for path in notes.iterdir():
        path.unlink()
    notes.rmdir()
    notes.write_text("in the way")
    offer(world, "1.2")
    upgrade(world)
    assert installed(world) == "1.2"
    with pytest.raises(InstallationProblem, match="cannot be noted"):
        world.kept.note(world.packages.installable()["demo"])

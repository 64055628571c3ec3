"""Checks 17 and, in part, 10 of the firmware contract: plugins are installed, upgraded and removed whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.plugin_packages import link, member, plugin_archive, publish, result, tar_bytes
from tests.support.plugin_world import PluginWorld

from provisiond.errors import InProgress, PackageProblem, PluginProblem
from provisiond.model.operation import OperationProgress, format_progress
from provisiond.packages.problems import AlreadyInstalled, CorruptedFile, UnknownPackage


def offer(world: PluginWorld, version: str, **files: bytes) -> None:
    content = {name.replace("__", "/"): data for name, data in files.items()}
    archive = plugin_archive("demo", version, {"version": version.encode(), **content})
    publish(world.channel, {f"demo-{version}.tar.bz2": archive})
    result(world.packages.update(OperationProgress("update")))


@pytest.fixture
def world(tmp_path: Path) -> PluginWorld:
    world = PluginWorld(tmp_path)
    assert world.packages.recover() == []
    offer(world, "1.0", only_old=b"x")
    return world


def install(world: PluginWorld) -> str:
    progress = OperationProgress("install")
    result(world.packages.install("demo", progress))
    progress.succeed()
    return format_progress(progress.snapshot())


def upgrade(world: PluginWorld) -> str:
    progress = OperationProgress("install")
    result(world.packages.upgrade("demo", progress))
    progress.succeed()
    return format_progress(progress.snapshot())


def test_installing_gives_the_tree_of_the_archive(world: PluginWorld) -> None:
    size = world.packages.installable()["demo"].size
    assert install(world) == f"install|success(download|success;{size}/{size})"
    assert world.tree("demo")["version"] == b"1.0"
    assert sorted(path.name for path in (world.plugins_dir / "demo/var").iterdir()) == [
        *("cache", "installed", "templates", "tftpboot"),
    ]
    assert world.leftovers() == []
    assert world.loaded == []


def test_an_archive_in_the_cache_is_not_fetched_again(world: PluginWorld) -> None:
    install(world)
    result(world.packages.uninstall("demo"))
    (world.channel / "demo-1.0.tar.bz2").unlink()
    assert install(world) == "install|success"


def test_a_wrong_archive_in_the_cache_is_fetched_again(world: PluginWorld) -> None:
    install(world)
    result(world.packages.uninstall("demo"))
    (world.cache_dir / "demo-1.0.tar.bz2").write_bytes(b"x" * world.packages.installable()["demo"].size)
    assert "download|success" in install(world)


def test_without_cache_plugin_the_archive_is_removed_after_unpacking(world: PluginWorld) -> None:
    world.cached = False
    install(world)
    assert list(world.cache_dir.iterdir()) == []


def test_what_cannot_be_installed(world: PluginWorld) -> None:
    for plugin_id in ("other", "../demo", ".work", ""):
        with pytest.raises(UnknownPackage):
            install_id(world, plugin_id)
    install(world)
    with pytest.raises(AlreadyInstalled):
        install(world)
    (world.root / "state/precious").mkdir()
    for plugin_id in ("other", "../precious", "", "."):
        with pytest.raises(UnknownPackage, match="not installed"):
            result(world.packages.uninstall(plugin_id))
    assert (world.root / "state/precious").is_dir()
    with pytest.raises(UnknownPackage, match="not installed"):
        result(world.packages.upgrade(".work", OperationProgress()))


def install_id(world: PluginWorld, plugin_id: str) -> None:
    result(world.packages.install(plugin_id, OperationProgress("install")))


def test_a_wrong_digest_changes_nothing(world: PluginWorld) -> None:
    archive = world.channel / "demo-1.0.tar.bz2"
    archive.write_bytes(archive.read_bytes()[:-1] + b"!")
    progress = OperationProgress("install")
    with pytest.raises(CorruptedFile, match="digest"):
        result(world.packages.install("demo", progress))
    progress.fail()
    assert format_progress(progress.snapshot()).startswith("install|fail(download|fail;")
    assert not world.packages.is_installed("demo")
    assert world.leftovers() == []
    assert list(world.cache_dir.iterdir()) == []


@pytest.mark.parametrize(
    "archive",
    [
        tar_bytes([member("demo"), member("zoo", b"")]),
        tar_bytes([member("demo"), member("demo/../../out", b"x")]),
        tar_bytes([member("demo"), link("demo/x", "../../out")]),
        plugin_archive("demo", "7"),
        plugin_archive("demo", "1.0")[:-20],
        b"<html>not found</html>",
    ],
)
def test_a_hostile_archive_changes_nothing(world: PluginWorld, archive: bytes) -> None:
    from provisiond.packages.authoring.index import index_bytes
    from provisiond.packages.digests import file_digests

    entry = dict(world.packages.installable()["demo"].document)
    (world.channel / "demo-1.0.tar.bz2").write_bytes(archive)
    digests = file_digests(world.channel / "demo-1.0.tar.bz2", ("sha1", "sha256"))
    entry |= {"dsize": len(archive), "sha1sum": digests["sha1"], "sha256sum": digests["sha256"]}
    (world.channel / "plugins.db").write_bytes(index_bytes({"demo": entry}))
    result(world.packages.update(OperationProgress("update")))
    with pytest.raises(PackageProblem):
        install(world)
    assert not world.packages.is_installed("demo")
    assert world.leftovers() == []
    assert not (world.root / "out").exists()


def test_an_upgrade_is_a_fresh_tree_that_keeps_the_five_parts_of_var(world: PluginWorld) -> None:
    install(world)
    var = world.plugins_dir / "demo/var"
    (var / "templates/base.tpl").write_text("mine")
    (var / "tftpboot/firmware.bin").write_bytes(b"f" * 100)
    (var / "tftpboot/sub").mkdir()
    (var / "tftpboot/sub/link.bin").symlink_to("../firmware.bin")
    (var / "tftpboot/static.cfg").write_text("carried")
    (var / "cache/firmware.zip").write_bytes(b"z")
    (var / "installed/fw").write_text("{}")
    (var / "config.json").write_text('{"a": 1}')
    (var / "other").write_text("not carried")
    offer(
        world,
        "1.1",
        var__tftpboot__static_cfg=b"",
        **{"var__tftpboot__static.cfg": b"new", "var__templates__base.tpl": b"n"},
    )
    upgrade(world)
    tree = world.tree("demo")
    assert tree["version"] == b"1.1"
    assert "only_old" not in tree
    assert tree["var/templates/base.tpl"] == b"mine"
    assert tree["var/tftpboot/static.cfg"] == b"new"
    assert tree["var/tftpboot/sub/link.bin"] == b"f" * 100
    assert tree["var/cache/firmware.zip"] == b"z"
    assert tree["var/installed/fw"] == b"{}"
    assert tree["var/config.json"] == b'{"a": 1}'
    assert "var/other" not in tree
    assert world.loaded == ["1.1"]
    assert world.leftovers() == []


def test_the_same_and_a_lower_version_can_be_installed_over(world: PluginWorld) -> None:
    install(world)
    for version in ("1.0", "0.9"):
        offer(world, version)
        upgrade(world)
        assert world.tree("demo")["version"] == version.encode()


def test_a_version_that_does_not_load_aside_leaves_the_old_tree_alone(world: PluginWorld) -> None:
    install(world)
    before = world.tree("demo")
    offer(world, "1.1", broken=b"")
    with pytest.raises(PluginProblem):
        upgrade(world)
    assert world.tree("demo") == before
    assert world.leftovers() == []
    assert world.loaded == []


def test_a_version_that_does_not_load_in_place_is_rolled_back_and_the_old_one_loaded(world: PluginWorld) -> None:
    install(world)
    before = world.tree("demo")
    offer(world, "1.1", **{"broken-when-installed": b""})
    with pytest.raises(PluginProblem):
        upgrade(world)
    assert world.tree("demo") == before
    assert world.loaded == ["1.0"]
    assert world.leftovers() == []


def test_two_installs_at_once_are_refused(world: PluginWorld) -> None:
    from twisted.internet.defer import Deferred

    gate: Deferred[None] = Deferred()

    async def waiting(directory: Path, plugin_id: str) -> None:
        await gate

    install(world)
    world.packages._check = waiting
    first = Deferred.fromCoroutine(world.packages.upgrade("demo", OperationProgress("install")))
    for call in (world.packages.check_upgrade, world.packages.check_uninstall, world.packages.check_install):
        with pytest.raises(InProgress, match="is being upgraded"):
            call("demo")
    gate.callback(None)
    assert first.called
    world.packages.check_upgrade("demo")


def test_uninstalling_keeps_templates_and_firmware_in_the_trash_for_two_weeks(world: PluginWorld) -> None:
    install(world)
    (world.plugins_dir / "demo/var/templates/base.tpl").write_text("mine")
    (world.plugins_dir / "demo/var/cache/fw.zip").write_text("z")
    result(world.packages.uninstall("demo"))
    assert not world.packages.is_installed("demo")
    trash = world.plugins_dir / ".trash"
    [kept] = trash.iterdir()
    assert sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()) == [
        *("var/cache/fw.zip", "var/templates/base.tpl"),
    ]
    world.time += 13 * 24 * 3600
    world.packages.recover()
    assert list(trash.iterdir()) == [kept]
    world.time += 2 * 24 * 3600
    world.packages.recover()
    assert list(trash.iterdir()) == []


def test_uninstalling_what_holds_nothing_of_value_leaves_nothing(world: PluginWorld) -> None:
    install(world)
    result(world.packages.uninstall("demo"))
    assert list((world.plugins_dir / ".trash").iterdir()) == []


def test_recover_undoes_a_swap_that_was_not_confirmed(world: PluginWorld) -> None:
    install(world)
    before = world.tree("demo")
    work = world.plugins_dir / ".work"
    (work / "old").mkdir(parents=True, exist_ok=True)
    (world.plugins_dir / "demo").rename(work / "old/demo")
    assert world.packages.recover() == ["the interrupted upgrade of demo was undone"]
    assert world.tree("demo") == before
    (world.plugins_dir / "demo").rename(work / "old/demo")
    (world.plugins_dir / "demo").mkdir()
    (world.plugins_dir / "demo/half").write_text("x")
    (work / "new/abc/demo").mkdir(parents=True)
    (world.cache_dir / "x.tar.bz2.part").write_text("x")
    assert len(world.packages.recover()) == 3
    assert world.tree("demo") == before
    assert world.leftovers() == []


def test_a_cached_archive_is_enough_when_no_server_is_set(world: PluginWorld) -> None:
    from provisiond.packages.repositories import Repository

    install(world)
    result(world.packages.uninstall("demo"))
    world.sources = [Repository(name="default", url=None)]
    world.packages.check_offered("demo")
    install(world)
    result(world.packages.uninstall("demo"))
    (world.cache_dir / "demo-1.0.tar.bz2").unlink()
    with pytest.raises(PackageProblem, match="no plugin server is set"):
        world.packages.check_offered("demo")
    with pytest.raises(PackageProblem, match="no plugin server is set"):
        install(world)
    assert not world.packages.is_installed("demo")

"""Checks 10 to 14 of the firmware contract: cache, installation, records, removal, upgrade."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tests.support.firmware import FirmwareWorld, file_section, package_section, zip_bytes
from tests.support.plugin_packages import result
from twisted.logger import capturedLogs, eventAsText

from provisiond.errors import InProgress, PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.packages.firmware import journal, placing
from provisiond.packages.problems import (
    CorruptedFile,
    DefinitionProblem,
    DownloadProblem,
    InstallationProblem,
    UnknownPackage,
)


@pytest.fixture
def world(tmp_path: Path) -> FirmwareWorld:
    return FirmwareWorld(tmp_path)


COPY = "[install_x]\na-b: cp $FILE1 $ARG1\n"


def copying(world: FirmwareWorld, **packages: tuple[str, bytes]) -> None:
    """Define packages that each place one file: id -> (name, content)."""
    sections = [COPY]
    for package, (name, content) in packages.items():
        (world.mirror / f"{package}.bin").write_bytes(content)
        sections += [package_section(package, f"{package}.bin", f"x {name}"), file_section(f"{package}.bin", content)]
    world.define(*sections)


# 10 cache and manual files


def test_another_size_with_the_right_digest_is_installed_with_a_warning(world: FirmwareWorld) -> None:
    content = b"right"
    (world.mirror / "fw.bin").write_bytes(content)
    section = file_section("fw.bin", content).replace("size: 5", "size: 7")
    world.define(COPY, package_section("fw", "fw.bin", "x fw"), section)
    with capturedLogs() as events:
        assert world.install() == "install_pkg|success(download|success(success;5/7))(install|success)"
    assert [eventAsText(event, includeTimestamp=False) for event in events if event["log_level"].name == "warn"] == [
        "[provisiond.packages.firmware.service#warn] "
        "demo, package fw: fw.bin has 5 bytes instead of 7, but the right digest"
    ]


def test_a_digest_of_32_digits_is_told_in_the_log(world: FirmwareWorld) -> None:
    section = file_section("fw.bin", b"x").replace(hashlib.sha1(b"x").hexdigest(), hashlib.md5(b"x").hexdigest())
    world.define(COPY, package_section("fw", "fw.bin", "x fw"), section)
    with capturedLogs() as events:
        assert result(world.packages.faults("demo")) == ()
    (event,) = events
    assert "pkgs.db, section [file_fw.bin]: sha1sum holds 32 digits" in eventAsText(event)


def test_a_right_file_in_the_cache_is_used_and_a_wrong_one_replaced(world: FirmwareWorld) -> None:
    copying(world, fw=("fw.bin", b"right"))
    cached = world.plugin / "var/cache/fw.bin"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"right")
    (world.mirror / "fw.bin").unlink()
    assert world.install() == "install_pkg|success(download|success)(install|success)"
    cached.write_bytes(b"wrong")
    (world.mirror / "fw.bin").write_bytes(b"right")
    assert world.install() == "install_pkg|success(download|success(success;5/5))(install|success)"
    assert cached.read_bytes() == b"right"


def test_a_manual_file_is_asked_for_with_place_name_size_and_digest(world: FirmwareWorld) -> None:
    world.define(package_section("fw", "fw.bin", "x fw.bin"), file_section("fw.bin", b"right"), COPY)
    world.downloads.mirror = lambda: None
    with pytest.raises(DownloadProblem) as caught:
        world.install()
    for part in ("demo/var/cache", "fw.bin", "5 bytes", "sha1 "):
        assert part in caught.value.sentence
    assert str(world.root) not in caught.value.sentence
    assert world.last == "install_pkg|fail(download|fail)(install|fail)"


def test_a_manual_file_may_lie_in_the_mirror_and_is_asked_for_when_it_does_not(world: FirmwareWorld) -> None:
    world.define(package_section("fw", "fw.bin", "x fw.bin"), file_section("fw.bin", b"right"), COPY)
    with pytest.raises(DownloadProblem, match=r"get it from the vendor, put it .* into demo/var/cache"):
        world.install()
    (world.mirror / "fw.bin").write_bytes(b"other")
    with pytest.raises(CorruptedFile):
        world.install()
    (world.mirror / "fw.bin").write_bytes(b"right")
    world.install()
    assert world.served() == {"fw.bin": b"right"}


def test_a_wrong_manual_file_is_refused_with_both_digests_and_a_right_one_taken(world: FirmwareWorld) -> None:
    world.define(package_section("fw", "fw.bin", "x fw.bin"), file_section("fw.bin", b"right"), COPY)
    world.downloads.mirror = lambda: None
    take = world.inspection.take_manual_file
    with pytest.raises(CorruptedFile):
        result(take("demo", "fw.bin", BytesIO(b"wrong")))
    with pytest.raises(UnknownPackage):
        result(take("demo", "../fw.bin", BytesIO(b"right")))
    digest = hashlib.sha1(b"right").hexdigest()
    assert result(world.inspection.details("demo"))["fw"]["files"] == [
        {"name": "fw.bin", "size": 5, "sha1sum": digest, "url": "", "manual": True, "cached": False}
    ]
    (world.plugin / "var/cache").mkdir(parents=True, exist_ok=True)
    (world.plugin / "var/cache/fw.bin").write_bytes(b"wrong")
    with pytest.raises(CorruptedFile, match=r"sha1 digest [0-9a-f]{40} instead of [0-9a-f]{40}"):
        world.install()
    result(take("demo", "fw.bin", BytesIO(b"right")))
    world.install()
    assert world.served() == {"fw.bin": b"right"}
    assert world.leftovers() == []


# 11 installation


def test_an_installation(world: FirmwareWorld) -> None:
    archive = zip_bytes({"d/app.bin": b"app", "d/sub/x": b"x", "empty/": b""})
    world.one({"fw.zip": archive}, "a-b: unzip $FILE1", version="9.4.2 SR1", description_fr="Micrologiciel", X="y")
    text = world.install()
    size = len(archive)
    assert text == f"install_pkg|success(download|success(success;{size}/{size}))(install|success)"
    assert world.served() == {"d/app.bin": b"app", "d/sub/x": b"x"}
    assert stat.S_IMODE((world.tftpboot / "d/app.bin").stat().st_mode) == 0o644
    assert world.record() == {
        "id": "fw",
        "description": "Package fw",
        "description_fr": "Micrologiciel",
        "version": "9.4.2 SR1",
        "depends": [],
        "explicit_install": True,
        "files": ["d/", "d/app.bin", "d/sub/", "d/sub/x", "empty/"],
        "x": "y",
    }
    assert result(world.packages.installable("demo", "fr_CA")) == {
        "fw": {"version": "9.4.2 SR1", "description": "Micrologiciel", "dsize": size}
    }
    assert result(world.packages.installed("demo", "fr")) == {
        "fw": {"version": "9.4.2 SR1", "description": "Micrologiciel"}
    }
    assert result(world.packages.installed("demo"))["fw"]["description"] == "Package fw"
    assert world.leftovers() == []


def test_a_package_without_an_install_section_places_nothing(world: FirmwareWorld) -> None:
    world.define(package_section("fw"))
    assert world.install() == "install_pkg|success(download|success)(install|success)"
    assert world.record()["files"] == []
    world.uninstall()


def test_the_root_directory_may_be_another_one_and_missing(world: FirmwareWorld) -> None:
    copying(world, fw=("fw.bin", b"x"))
    world.root_dir = world.tftpboot / "Aastra"
    world.install()
    assert world.record()["files"] == ["fw.bin"]
    assert (world.tftpboot / "Aastra/fw.bin").read_bytes() == b"x"


def test_what_cannot_be_installed_is_told_before_anything_begins(world: FirmwareWorld) -> None:
    world.define(package_section("bad", "none"), package_section("good"))
    with pytest.raises(UnknownPackage):
        world.install("other")
    with pytest.raises(DefinitionProblem, match=r"no section \[file_none\]"):
        world.install("bad")
    with pytest.raises(UnknownPackage, match="not installed"):
        world.install("good", "upgrade")
    assert list(result(world.packages.installable("demo"))) == ["good"]
    assert "section [pkg_bad]" in result(world.packages.problems("demo"))[0]


def test_replacing_files_of_nobody_is_allowed(world: FirmwareWorld) -> None:
    world.tftpboot.mkdir(parents=True)
    (world.tftpboot / "one").write_bytes(b"static")
    copying(world, a=("one", b"a"))
    world.install("a")
    assert world.served() == {"one": b"a"}


def test_changing_what_another_package_placed_is_refused(world: FirmwareWorld) -> None:
    copying(world, a=("d/one", b"a"), b=("d/one", b"b"), c=("d/one", b"a"))
    world.install("a")
    with pytest.raises(InstallationProblem, match="d/one of b is another file than that of the installed package a"):
        world.install("b")
    assert world.served() == {"d/one": b"a"}
    assert list(result(world.packages.installed("demo"))) == ["a"]
    assert world.leftovers() == []
    world.install("c")
    world.uninstall("a")
    with pytest.raises(InstallationProblem, match="uninstall c first"):
        world.install("b")
    world.uninstall("c")
    world.install("b")
    assert world.served() == {"d/one": b"b"}


def test_a_file_that_another_package_lost_may_be_placed(world: FirmwareWorld) -> None:
    copying(world, a=("one", b"a"), b=("one", b"b"))
    world.install("a")
    (world.tftpboot / "one").unlink()
    world.install("b")
    assert world.served() == {"one": b"b"}


def test_a_link_in_the_served_tree_is_never_followed(world: FirmwareWorld) -> None:
    outside = world.root / "outside"
    outside.mkdir()
    world.tftpboot.mkdir(parents=True)
    (world.tftpboot / "d").symlink_to(outside)
    (world.tftpboot / "f").symlink_to(outside / "f")
    copying(world, a=("d/one", b"a"), b=("f", b"b"))
    with pytest.raises(InstallationProblem, match="has the name of its directory"):
        world.install("a")
    world.install("b")
    assert list(outside.iterdir()) == []
    assert not (world.tftpboot / "f").is_symlink()


def test_a_file_where_a_directory_is_wanted_and_the_other_way_round(world: FirmwareWorld) -> None:
    world.tftpboot.mkdir(parents=True)
    (world.tftpboot / "file").write_bytes(b"static")
    (world.tftpboot / "directory").mkdir()
    copying(world, a=("file/one", b"a"), b=("directory", b"b"))
    for package in ("a", "b"):
        with pytest.raises(InstallationProblem):
            world.install(package)
    assert world.served() == {"file": b"static"}
    assert result(world.packages.installed("demo")) == {}


def snapshot(root: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if ".staging" not in path.parts and ".journal" not in path.parts
    }


def test_a_failure_at_every_file_operation_leaves_everything_as_before(
    world: FirmwareWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.one({"fw.zip": zip_bytes({"d/a": b"old a", "d/b": b"b", "gone/c": b"c"})}, "a-b: unzip $FILE1", version="1")
    world.install()
    world.one({"fw.zip": zip_bytes({"d/a": b"new a", "n/e/w": b"w"})}, "a-b: unzip $FILE1", version="2")
    # the new download lies in the cache already, so that only the installation can fail
    (world.plugin / "var/cache/fw.zip").write_bytes((world.mirror / "fw.zip").read_bytes())
    before = snapshot(world.plugin / "var")
    number = 0
    told: set[str] = set()
    while True:
        number += 1
        with monkeypatch.context() as patched:
            _fail_at(patched, number)
            try:
                world.install()
            except InstallationProblem as problem:
                told.add(problem.sentence)
            else:
                break
        assert snapshot(world.plugin / "var") == before, number
        assert world.leftovers() == []
    assert number > 8
    assert told == {"the files of fw cannot be placed: the disk is full"}
    assert world.served() == {"d/a": b"new a", "n/e/w": b"w"}
    assert world.record()["version"] == "2"


def _fail_at(patched: pytest.MonkeyPatch, number: int) -> None:
    """Let the ``number``-th renaming or linking of the journal fail, but none that undoes something."""
    count = 0
    real_change, real_rename = journal._change, Path.rename

    def change(directory: Path, position: int, entry: dict[str, Any]) -> None:
        nonlocal count
        for half in ("before", "after"):
            count += 1
            if count == number:
                raise OSError(28, "No space left on device")
            if half == "before":
                real_change(directory, position, entry)

    def rename(self: Path, target: Path) -> Path:
        nonlocal count
        if target.parent.name == "new":
            count += 1
            if count == number:
                raise OSError(28, "No space left on device")
        return real_rename(self, target)

    patched.setattr(journal, "_change", change)
    patched.setattr(Path, "rename", rename)


def test_a_journal_that_is_found_at_the_start_is_rolled_back(
    world: FirmwareWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying(world, fw=("one", b"1"))
    world.install()
    before = snapshot(world.plugin / "var")
    copying(world, fw=("one", b"2"))
    (world.plugin / "var/cache/fw.bin").write_bytes(b"2")
    before["cache/fw.bin"] = b"2"

    def dies(directory: Path) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(journal, "roll_back", dies)
        patched.setattr(journal, "_sync", lambda paths: None)
        real = journal._change

        def change(directory: Path, position: int, entry: dict[str, Any]) -> None:
            real(directory, position, entry)
            raise OSError(5, "died")

        patched.setattr(journal, "_change", change)
        with pytest.raises(KeyboardInterrupt):
            placing.apply(
                journal.Changes(files=[journal.Change(target=world.tftpboot / "one", source=_file(world, b"2"))]),
                world.plugin / "var/.journal/fw",
            )
    assert world.served() == {"one": b"2"}
    assert world.packages.recover() == ["demo: the interrupted installation of the package fw was undone"]
    assert snapshot(world.plugin / "var") == before
    assert world.packages.recover() == []


def _file(world: FirmwareWorld, content: bytes) -> Path:
    path = world.root / "source"
    path.write_bytes(content)
    return path


def test_two_installs_of_one_package_at_once_are_refused_and_another_waits(world: FirmwareWorld) -> None:
    from twisted.internet.defer import Deferred

    copying(world, a=("a", b"a"), b=("b", b"b"))
    gate: Deferred[None] = Deferred()
    real = world.downloads.fetch

    async def fetch(*arguments: Any, **members: Any) -> Path:
        await gate
        return await real(*arguments, **members)

    world.downloads.fetch = fetch  # type: ignore[method-assign]
    first = Deferred.fromCoroutine(world.packages.install("demo", "a", OperationProgress()))
    second = Deferred.fromCoroutine(world.packages.install("demo", "b", OperationProgress()))
    for work in (world.packages.install("demo", "a", OperationProgress()), world.packages.uninstall("demo", "b")):
        with pytest.raises(InProgress):
            result(work)
    assert not first.called
    gate.callback(None)
    assert first.called
    assert second.called
    assert world.served() == {"a": b"a", "b": b"b"}


# dependencies


def test_dependencies_are_installed_first_and_kept_while_they_are_needed(world: FirmwareWorld) -> None:
    for name in ("base", "top"):
        (world.mirror / f"{name}.bin").write_bytes(name.encode())
    world.define(
        COPY,
        *(file_section(f"{name}.bin", name.encode()) for name in ("base", "top")),
        package_section("base", "base.bin", "x base"),
        package_section("top", "top.bin", "x top", depends="base"),
    )
    assert world.install("top") == ("install_pkg|success(download|success(success;4/4)(success;3/3))(install|success)")
    assert [world.record(name)["explicit_install"] for name in ("base", "top")] == [False, True]
    with pytest.raises(InstallationProblem, match="base is needed by top"):
        world.uninstall("base")
    world.install("base")
    assert world.record("base")["explicit_install"] is True
    world.install("top")
    world.uninstall("top")
    world.uninstall("base")
    assert world.served() == {}


# 12 records


def test_records_of_another_server_are_adopted_and_hidden_or_broken_ones_not(world: FirmwareWorld) -> None:
    world.define(package_section("fw"))
    installed = world.plugin / "var/installed"
    installed.mkdir(parents=True)
    foreign = {"id": "fw", "version": "1", "description": "d", "explicit_install": True, "files": ["a/", "a/b"]}
    (installed / "fw").write_text(json.dumps(foreign))
    (installed / ".hidden").write_text(json.dumps({**foreign, "id": ".hidden"}))
    broken = {
        "json": "{",
        "list": "[]",
        "other": json.dumps(foreign),
        "out": json.dumps({**foreign, "id": "out", "files": ["../x"]}),
        "abs": json.dumps({**foreign, "id": "abs", "files": ["/x"]}),
        "keys": json.dumps({"id": "keys"}),
        "kinds": json.dumps({**foreign, "id": "kinds", "files": "x"}),
    }
    for name, text in broken.items():
        (installed / name).write_text(text)
    assert list(result(world.packages.installed("demo"))) == ["fw"]
    told = "\n".join(result(world.packages.problems("demo")))
    assert all(f"the record {name} " in told for name in broken)
    assert result(world.packages.missing_files("demo")) == {"fw": ["a/", "a/b"]}
    (world.tftpboot / "a").mkdir(parents=True)
    (world.tftpboot / "a/b").write_text("x")
    assert result(world.packages.missing_files("demo")) == {}
    world.uninstall()
    assert world.served() == {}
    assert not (world.tftpboot / "a").exists()


# 13 removal


def test_uninstalling_removes_files_directories_and_the_record_and_keeps_the_download(world: FirmwareWorld) -> None:
    world.one({"fw.zip": zip_bytes({"d/e/a": b"a", "d/b": b"b", "f/c": b"c"})}, "a-b: unzip $FILE1")
    world.install()
    (world.tftpboot / "d/b").unlink()
    (world.tftpboot / "f/own").write_text("of the administrator")
    world.uninstall()
    assert world.served() == {"f/own": b"of the administrator"}
    assert not (world.tftpboot / "d").exists()
    assert (world.plugin / "var/cache/fw.zip").exists()
    with pytest.raises(UnknownPackage, match="not installed"):
        world.uninstall()


def test_files_that_another_package_lists_stay(world: FirmwareWorld) -> None:
    copying(world, a=("d/one", b"same"), b=("d/one", b"same"))
    world.install("a")
    world.install("b")
    world.uninstall("a")
    assert world.served() == {"d/one": b"same"}
    world.uninstall("b")
    assert world.served() == {}


def test_a_file_that_cannot_be_removed_keeps_the_record(world: FirmwareWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    copying(world, fw=("d/one", b"1"))
    world.install()

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(InstallationProblem, match="may not write"):
            world.uninstall()
    assert list(result(world.packages.installed("demo"))) == ["fw"]
    world.uninstall()


def test_a_record_cannot_remove_through_a_link(world: FirmwareWorld) -> None:
    outside = world.root / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    copying(world, fw=("d/precious", b"1"))
    world.install()
    (world.tftpboot / "d/precious").unlink()
    (world.tftpboot / "d").rmdir()
    (world.tftpboot / "d").symlink_to(outside)
    world.uninstall()
    assert (outside / "precious").exists()


# 14 upgrade


def test_an_upgrade_removes_what_only_the_older_version_had(world: FirmwareWorld) -> None:
    world.one({"fw.zip": zip_bytes({"old/a": b"1", "both": b"1"})}, "a-b: unzip $FILE1", version="1.9")
    world.install()
    world.one({"fw2.zip": zip_bytes({"new/a": b"2", "both": b"2"})}, "a-b: unzip $FILE1", version="1.10")
    assert result(world.packages.upgrades("demo")) == {"fw": "upgrade"}
    world.install(word="upgrade")
    assert world.served() == {"both": b"2", "new/a": b"2"}
    assert not (world.tftpboot / "old").exists()
    assert result(world.packages.upgrades("demo")) == {}
    world.one({"fw.zip": zip_bytes({})}, "a-b: include *", version="1.2")
    assert result(world.packages.upgrades("demo")) == {"fw": "differs"}


def test_an_upgrade_whose_download_fails_keeps_the_old_version(world: FirmwareWorld) -> None:
    copying(world, fw=("one", b"1"))
    world.install()
    copying(world, fw=("two", b"2"))
    before = world.record()
    for content in (b"wrong", None):
        (world.mirror / "fw.bin").unlink()
        if content:
            (world.mirror / "fw.bin").write_bytes(content)
        with pytest.raises(PackageProblem):
            world.install(word="upgrade")
        assert world.served() == {"one": b"1"}
        assert world.record() == before
        assert world.leftovers() == []


def test_a_failed_first_download_is_told_as_the_contract_says(world: FirmwareWorld) -> None:
    world.define(package_section("fw", "fw.bin", "x one"), file_section("fw.bin", b"12345", "http://host/fw.bin"), COPY)
    with pytest.raises(DownloadProblem):
        world.install()
    assert world.last == "install_pkg|fail(download|fail(fail;0/5))(install|fail)"


def test_unpacking_that_fails_is_told_as_the_contract_says(world: FirmwareWorld) -> None:
    world.one({"fw.zip": b"12345"}, "a-b: unzip $FILE1")
    with pytest.raises(InstallationProblem):
        world.install()
    assert world.last == "install_pkg|fail(download|success(success;5/5))(install|fail)"
    assert result(world.packages.installed("demo")) == {}


def test_links_are_checked(world: FirmwareWorld) -> None:
    world.define(package_section("fw", "fw.bin"), file_section("fw.bin", b"x"))
    [state] = result(world.inspection.check_links("demo"))
    assert (state.file, state.state) == ("fw.bin", "manual")
    assert os.listdir(world.root / "scratch") == []


def test_details_tell_what_is_installed_outdated_and_missing(world: FirmwareWorld) -> None:
    def details() -> dict[str, object]:
        shown = result(world.inspection.details("demo"))["fw"]
        return {name: shown.get(name) for name in ("version", "installed", "offer", "missing")}

    world.one({"fw.zip": zip_bytes({"a": b"a", "b": b"b"})}, "a-b: unzip $FILE1", version="1.9")
    assert details() == {"version": "1.9", "installed": None, "offer": None, "missing": []}
    world.install()
    (world.tftpboot / "b").unlink()
    assert details() == {"version": "1.9", "installed": "1.9", "offer": None, "missing": ["b"]}
    world.one({"fw.zip": zip_bytes({"a": b"a"})}, "a-b: unzip $FILE1", version="1.10")
    assert details()["offer"] == "upgrade"
    world.one({"fw.zip": zip_bytes({"a": b"a"})}, "a-b: unzip $FILE1", version="1.8")
    assert details()["offer"] == "differs"
    world.define(package_section("other"))
    shown = result(world.inspection.details("demo"))["fw"]
    assert (shown["installed"], shown["missing"], shown["problem"]) == (
        "1.9",
        ["b"],
        "the plugin does not define it any more",
    )

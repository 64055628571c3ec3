"""Backups as archives: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from tests.support.backups import DESCRIPTION, INFO, backup_bytes, members_of, tables
from tests.support.plugin_packages import link, member

from provisiond.errors import PackageProblem
from provisiond.packages.state_archive import (
    described,
    firmware_files,
    installed_plugins,
    unpack_backup,
    write_archive,
)

RECORD = {
    "id": "fw",
    "version": "2",
    "description": "",
    "explicit_install": True,
    "depends": [],
    "files": ["a.bin", "dir/"],
}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """An installed plugin with firmware, a template and a program."""
    made = tmp_path / "plugins" / "acme-1"
    for directory in ("var/installed", "var/cache", "var/templates", "var/tftpboot/dir", "__pycache__"):
        (made / directory).mkdir(parents=True)
    (made / "plugin-info").write_bytes(INFO)
    (made / "var/installed/fw").write_text(json.dumps(RECORD))
    (made / "var/cache/archive.zip").write_bytes(b"zip")
    (made / "var/tftpboot/a.bin").write_bytes(b"firmware")
    (made / "var/tftpboot/ring.wav").write_bytes(b"ring")
    (made / "var/templates/base.tpl").write_text("mine")
    (made / "tool").write_text("#!/bin/sh\n")
    (made / "tool").chmod(0o755)
    (made / "x.pyc").write_bytes(b"")
    (made / "latest").symlink_to("var/templates/base.tpl")
    (made / "away").symlink_to("/etc/hostname")
    (made / "nothing").symlink_to("gone")
    return made


def written(tmp_path: Path, plugin: Path, *, firmware: bool) -> Path:
    (tmp_path / "tables").mkdir()
    for name, content in tables().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "admin-token").write_text("secret\n")
    archive = tmp_path / "b.tar.gz"
    plugins = installed_plugins(plugin.parent)
    write_archive(
        archive,
        {**DESCRIPTION, "time": 1000, "plugins": {each.name: described(each) for each in plugins}},
        tmp_path / "tables",
        tmp_path / "admin-token",
        plugins,
        lambda each: () if firmware else firmware_files(each, each / "var/tftpboot"),
    )
    return archive


def test_what_the_server_keeps_goes_in_and_comes_out(tmp_path: Path, plugin: Path) -> None:
    archive = written(tmp_path, plugin, firmware=True)
    into = tmp_path / "into"
    into.mkdir()
    description = unpack_backup(archive, into)
    assert description["plugins"] == {"acme-1": {"version": "1", "firmware": {"fw": "2"}}}
    restored = into / "plugins" / "acme-1"
    assert (restored / "var/tftpboot/a.bin").read_bytes() == b"firmware"
    assert (restored / "tool").stat().st_mode & 0o777 == 0o755
    assert (restored / "latest").read_text() == "mine"
    assert not (restored / "x.pyc").exists()
    assert not (restored / "__pycache__").exists()
    assert not any((restored / name).is_symlink() for name in ("away", "nothing"))
    assert (into / "admin-token").read_text() == "secret\n"


def test_firmware_stays_out_unless_it_is_wanted(tmp_path: Path, plugin: Path) -> None:
    names = {name.removeprefix("plugins/acme-1/") for name in members_of(written(tmp_path, plugin, firmware=False))}
    assert {"var/templates/base.tpl", "var/tftpboot/ring.wav", "plugin-info", "tool"} <= names
    assert not {name for name in names if "a.bin" in name or "installed" in name or "cache" in name}


def test_a_disk_that_refuses_is_told_in_a_sentence(tmp_path: Path, plugin: Path) -> None:
    with pytest.raises(PackageProblem, match="the backup cannot be written"):
        write_archive(tmp_path / "none" / "b", DESCRIPTION, tmp_path, tmp_path / "t", [plugin], lambda each: ())


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (b"", "no tar archive|broken|cut off"),
        (b"not an archive", "no tar archive|broken|cut off|archive"),
        (backup_bytes()[:-40], "broken or cut off"),
        (backup_bytes({}), "is no backup of this server"),
        (backup_bytes({**tables(), "other": b""}), "it holds 'other'"),
        (backup_bytes({**tables(), "../evil": b"x"}), "leads out"),
        (backup_bytes({**tables(), "/etc/evil": b"x"}), "absolute name"),
        (backup_bytes(None, {"provisiond": "1"}), "description"),
        (backup_bytes(None, []), "description"),
        (backup_bytes({**tables(), "plugins/.work/x": b""}), "'.work' among the plugins"),
        (backup_bytes({**tables(), "plugins/acme-1/entry.py": b""}), "'acme-1' among the plugins"),
        (backup_bytes({**tables(), "plugins/plain": b""}), "'plain' among the plugins"),
        (backup_bytes({**tables(), "tables/sub/fact.jsonl": b""}), "a table that is no file"),
        (backup_bytes({**tables(), "admin-token/x": b""}), "token that is no file"),
        (backup_bytes(None, DESCRIPTION, link("plugins/acme-1", "/etc")), "leads out"),
        (backup_bytes(None, DESCRIPTION, link("plugins/acme-1", "../tables")), "among the plugins|leads out"),
        (backup_bytes(None, DESCRIPTION, link("admin-token", "backup.json")), "token that is no file"),
        (backup_bytes(None, DESCRIPTION, link("tables/x.jsonl", "fact.jsonl")), "a table that is no file"),
        (backup_bytes(None, DESCRIPTION, member("dev", type=tarfile.CHRTYPE)), "neither a file"),
    ],
)
def test_hostile_archives_are_refused_with_a_sentence(tmp_path: Path, archive: bytes, sentence: str) -> None:
    file, into = tmp_path / "b.tgz", tmp_path / "into"
    file.write_bytes(archive)
    into.mkdir()
    with pytest.raises(PackageProblem, match=sentence):
        unpack_backup(file, into)
    assert not (tmp_path / "evil").exists()


def test_unpacking_can_be_stopped(tmp_path: Path) -> None:
    file, into = tmp_path / "b.tgz", tmp_path / "into"
    file.write_bytes(backup_bytes())
    into.mkdir()
    with pytest.raises(PackageProblem, match="stopped"):
        unpack_backup(file, into, lambda: True)

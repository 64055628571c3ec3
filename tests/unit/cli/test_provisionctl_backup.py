"""``provisionctl backup`` and ``restore``, on stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.administrator import Administrator
from tests.support.backups import DESCRIPTION, backup_bytes, members_of
from tests.support.provisioning import World

from provisiond.cli.provisionctl.commands import backup

RESTORED = {"id": "x", "made": "2026-11-21T00:00:00+00:00", "provisiond": "0.1.0"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "b.tgz"
    made.write_bytes(backup_bytes())
    return made


def test_a_backup_is_written_for_its_owner_alone(admin: Administrator, tmp_path: Path) -> None:
    file = tmp_path / "mine.tgz"
    assert admin.told("backup", str(file)).startswith(f"wrote {file}, ")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "tables/fact.jsonl" in members_of(file)
    told = admin.types("backup", str(file)).stderr
    assert [line.partition(";")[0] for line in told.splitlines()] == [
        "not in it: the settings",
        "not in it: host extensions and what they have set up on the host",
        "not in it: installed firmware",
        "not in it: files that phones have sent",
    ]
    assert len(admin.types("backup", "--firmware", "--phone-files", str(file)).stderr.splitlines()) == 2
    assert "cannot be written" in admin.refused(1, "backup", str(tmp_path / "none" / "b.tgz"))
    assert [path.name for path in tmp_path.iterdir() if "mine" in path.name] == ["mine.tgz"]


def test_a_backup_is_not_written_into_a_file_called_dash(admin: Administrator) -> None:
    assert "a backup goes into a file; name one" in admin.refused(2, "backup", "-")


def test_a_check_changes_nothing(admin: Administrator, world: World, file: Path) -> None:
    assert admin.told("restore", "--dry-run", str(file)) == "b.tgz: check: done\n"
    file.write_bytes(backup_bytes(None, {**DESCRIPTION, "schema": "0999"}))
    assert "install that version first" in admin.refused(1, "restore", "--dry-run", str(file))


def test_a_restore_asks_and_waits_until_the_server_is_back(admin: Administrator, world: World, file: Path) -> None:
    def anew() -> None:
        world.contents.last = RESTORED

    world.house.backups.on_restored(anew)
    assert "nobody can be asked" in admin.refused(2, "restore", str(file))
    result = admin.types("restore", "--yes", str(file))
    assert (result.stdout, result.exit_code) == ("b.tgz: restored\n", 0)
    assert "runs with the state of the backup" in result.stderr


def test_a_server_that_does_not_come_back_is_told(
    admin: Administrator, world: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "LONGEST", 2.0)
    assert "has not come back" in admin.refused(1, "restore", "--yes", str(file))


def test_a_backup_that_is_refused_is_told(admin: Administrator, file: Path) -> None:
    file.write_bytes(b"nothing")
    assert "archive" in admin.refused(1, "restore", "--yes", str(file))
    assert "cannot be read" in admin.refused(2, "restore", "--yes", str(file.with_name("none")))

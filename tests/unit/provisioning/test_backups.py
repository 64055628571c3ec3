"""Making backups and restoring them: all or nothing, also when the power goes in the middle."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tests.support.backups import DESCRIPTION, INFO, MASTER, backup_bytes, device_row, members_of, tables
from tests.support.provisioning import World, run

from provisiond.errors import InProgress, NotFound, StartProblem, StoreProblem
from provisiond.provisioning.backups import WORK, tidy
from provisiond.provisioning.restoring import DECIDED, PREPARED, decide, finish
from provisiond.store.contents import Contents
from provisiond.store.database import Database, open_database

PLUGIN_FILES = {"plugins/acme-2/plugin-info": INFO, "plugins/acme-2/entry.py": b"new", "admin-token": b"new\n"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    for call in made.clock.getDelayedCalls():
        call.cancel()


def received(world: World, content: bytes) -> str:
    file_id: str = run(world.house.received.begin())
    run(world.house.received.add(file_id, 0, io.BytesIO(content)))
    return file_id


def restored(world: World, content: bytes, *, dry_run: bool = False) -> str | None:
    """Return why a backup is refused; None when it is taken."""
    operation = run(world.house.backups.restore(received(world, content), dry_run=dry_run))
    return run(world.house.operations.get("/restore", operation.id)).error  # type: ignore[no-any-return]


class TestMaking:
    def test_a_backup_is_described_and_removed_by_who_asked(self, world: World) -> None:
        plugin = world.state_dir / "plugins" / "acme-1"
        plugin.mkdir(parents=True)
        (plugin / "plugin-info").write_bytes(INFO)
        archive = run(world.house.backups.make())
        description = json.loads(members_of(archive)["backup.json"])
        assert (description["schema"], description["rows"]) == ("0003", {"fact": 1, "tenant": 1})
        assert description["plugins"] == {"acme-1": {"version": "1", "firmware": {}}}
        run(world.house.backups.discard(archive))
        assert [*(world.state_dir / WORK).iterdir()] == []

    def test_files_of_phones_go_in_when_they_are_wanted(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        sent = world.state_dir / "uploads"
        assert "uploads" not in {
            name.partition("/")[0] for name in members_of(run(world.house.backups.make(phone_files=True)))
        }
        for name in ("d-1/log.txt", "d-1/.half.tmp", "d-2/directory.xml"):
            (sent / name).parent.mkdir(parents=True, exist_ok=True)
            (sent / name).write_bytes(name.encode())
        (sent / "d-2/link").symlink_to("/etc/hostname")
        held = members_of(run(world.house.backups.make(phone_files=True)))
        assert {name: content for name, content in held.items() if name.startswith("uploads/")} == {
            "uploads/d-1/log.txt": b"d-1/log.txt",
            "uploads/d-2/directory.xml": b"d-2/directory.xml",
        }
        assert json.loads(held["backup.json"])["phone_files"] is True
        assert not any(name.startswith("uploads") for name in members_of(run(world.house.backups.make())))

    def test_a_file_of_a_phone_that_goes_meanwhile_is_no_trouble(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent = world.state_dir / "uploads/d-1"
        sent.mkdir(parents=True)
        for name in ("a", "b"):
            (sent / name).write_bytes(name.encode())
        open_file = Path.open

        def going(self: Path, *arguments: Any, **more: Any) -> Any:
            if self == sent / "a":
                self.unlink(missing_ok=True)
            return open_file(self, *arguments, **more)

        monkeypatch.setattr(Path, "open", going)
        archive = run(world.house.backups.make(phone_files=True))
        assert [name for name in members_of(archive) if name.startswith("uploads/")] == ["uploads/d-1/b"]

    def test_installed_extensions_are_named(self, world: World) -> None:
        rules = evolve(world.house.backups._rules, extensions=lambda: {"snmp": "1.2"})
        world.house.backups._rules = rules
        description = json.loads(members_of(run(world.house.backups.make()))["backup.json"])
        assert (description["extensions"], description["phone_files"]) == ({"snmp": "1.2"}, False)

    def test_a_database_that_fails_leaves_nothing(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fails(directory: Path) -> dict[str, int]:
            raise StoreProblem("the database refused")

        monkeypatch.setattr(world.contents, "write", fails)
        with pytest.raises(StoreProblem):
            run(world.house.backups.make())
        assert [*(world.state_dir / WORK).iterdir()] == []

    def test_leftovers_of_a_former_run_go(self, tmp_path: Path) -> None:
        for name in (WORK, "received"):
            (tmp_path / name / "x").mkdir(parents=True)
        tidy(tmp_path)
        assert [*tmp_path.iterdir()] == []


class TestRestoring:
    def test_a_whole_backup_is_decided_and_the_server_begins_anew(self, world: World) -> None:
        begun: list[bool] = []
        world.house.backups.on_restored(lambda: begun.append(True))
        assert restored(world, backup_bytes({**tables(), **PLUGIN_FILES})) is None
        assert begun == [True]
        decided = world.state_dir / DECIDED
        assert (decided / "plugins/acme-2/entry.py").read_bytes() == b"new"
        assert (decided / "admin-token").stat().st_mode & 0o777 == 0o600
        assert world.contents.staged == [world.state_dir / PREPARED / "tables.db"]
        with pytest.raises(InProgress):
            run(world.house.backups.restore(received(world, backup_bytes())))

    def test_a_check_changes_nothing(self, world: World) -> None:
        before = sorted(path.name for path in world.state_dir.iterdir())
        assert restored(world, backup_bytes(), dry_run=True) is None
        assert sorted({path.name for path in world.state_dir.iterdir()} - {"received"}) == before
        assert restored(world, backup_bytes(), dry_run=True) is None

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"nothing", "archive"),
            (backup_bytes(None, {**DESCRIPTION, "schema": "0999", "provisiond": "9.9"}), "made by provisiond 9.9"),
            (backup_bytes(tables(evil=[{"a": 1}])), "a table 'evil' that is unknown"),
            (backup_bytes(tables(operation=[])), "'operation' that is unknown"),
            (backup_bytes({**tables(), "tables/fact.sql": b""}), "unknown"),
            (backup_bytes({**tables(), "uploads": b"x"}), "no file of a phone"),
            (backup_bytes({**tables(), "uploads/loose": b"x"}), "no file of a phone"),
            (backup_bytes({**tables(), "uploads/d/deep/x": b"x"}), "no file of a phone"),
            (backup_bytes(tables(fact=[{"name": "x", "evil": "y"}])), "row 1 of table fact"),
            (backup_bytes(tables(fact=[{"name": "x", "value": {}}])), "row 1 of table fact"),
            (backup_bytes({**tables(), "tables/fact.jsonl": b"[]\n"}), "no JSON object"),
            (backup_bytes({**tables(), "tables/fact.jsonl": b"\xff{\n"}), "no JSON object"),
            (backup_bytes(tables(fact=[{"name": "x", "value": "y"}] * 2)), "do not fit together"),
            (backup_bytes(tables(fact=[])), "no master tenant"),
            (backup_bytes(tables(tenant=[])), "no master tenant"),
            (backup_bytes(tables(device=[{**device_row("a"), "id": "b"}])), "document is not its own"),
            (backup_bytes(tables(device=[{**device_row("a"), "document": "[]"}])), "no JSON object"),
            (backup_bytes(tables(device=[{**device_row("a"), "tenant_uuid": "x"}])), "a tenant that it does not hold"),
            (backup_bytes(tables(parameter=[{"tenant_uuid": "", "name": "n", "value": "{"}])), "not JSON"),
            (
                backup_bytes(
                    tables(token=[{"id": "t", "hash": "", "name": "", "acl": "1", "tenant_uuid": MASTER, "created": 1}])
                ),
                "without an ACL",
            ),
        ],
    )
    def test_what_is_wrong_is_told_and_nothing_is_changed(self, world: World, content: bytes, sentence: str) -> None:
        world.house.backups.on_restored(lambda: pytest.fail("it began anew"))
        found = restored(world, content)
        assert found is not None
        assert sentence in found
        assert not (world.state_dir / PREPARED).exists()
        assert not (world.state_dir / DECIDED).exists()
        assert [*(world.state_dir / "received").iterdir()] == []

    def test_what_the_database_would_refuse_is_refused_before(self, world: World) -> None:
        world.contents.refuses = StoreProblem("the database refused: a NUL")
        assert restored(world, backup_bytes()) == "the database refused: a NUL"
        world.contents.refuses = None
        assert restored(world, backup_bytes()) is None

    def test_the_master_tenant_of_the_settings_is_kept(self, tmp_path: Path) -> None:
        other = "00000000-0000-4000-8000-0000000000ff"
        world = World(tmp_path, master_tenant=other)
        world.start()
        assert f"is {other}, but the backup has {MASTER}" in str(restored(world, backup_bytes()))

    def test_an_upload_that_is_not_there_is_not_found(self, world: World) -> None:
        with pytest.raises(NotFound):
            run(world.house.backups.restore("none"))
        assert restored(world, backup_bytes()) is None

    def test_installed_firmware_stays_when_the_backup_has_none(self, world: World) -> None:
        present = world.state_dir / "plugins" / "acme-2" / "var" / "tftpboot"
        present.mkdir(parents=True)
        (present / "fw.bin").write_bytes(b"firmware")
        (present / "ring.wav").write_bytes(b"old")
        files = {**tables(), **PLUGIN_FILES, "plugins/acme-2/var/tftpboot/ring.wav": b"new"}
        assert restored(world, backup_bytes(files)) is None
        kept = world.state_dir / DECIDED / "plugins/acme-2/var/tftpboot"
        assert {path.name: path.read_bytes() for path in kept.iterdir()} == {"fw.bin": b"firmware", "ring.wav": b"new"}


class PowerCut(BaseException):
    """The end of the process."""


class TestFinishing:
    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        made = open_database(f"sqlite:///{tmp_path}/live.db")
        yield made
        made.close()

    @pytest.fixture
    def state(self, tmp_path: Path) -> Path:
        """A state directory in use, with a restore that is decided."""
        state = tmp_path / "state"
        world = World(state)
        state.mkdir(exist_ok=True)
        world.start()
        for name, content in {
            "plugins/acme-1/plugin-info": INFO,
            "admin-token": b"old\n",
            "rendered/x": b"old",
        }.items():
            (state / name).parent.mkdir(parents=True, exist_ok=True)
            (state / name).write_bytes(content)
        assert restored(world, backup_bytes({**tables(device=[device_row("new")]), **PLUGIN_FILES})) is None
        for call in world.clock.getDelayedCalls():
            call.cancel()
        return state

    def check_new(self, state: Path, database: Database) -> None:
        assert [path.name for path in (state / "plugins").iterdir()] == ["acme-2"]
        assert (state / "admin-token").read_text() == "new\n"
        assert not (state / "rendered").exists()
        assert not (state / DECIDED).exists()
        ids = database.now(lambda connection: [row[0] for row in connection.exec_driver_sql("SELECT id FROM device")])
        assert ids == ["new"]

    def test_everything_is_in_its_place(self, state: Path, database: Database) -> None:
        order = finish(state, database)
        assert order is not None
        assert order["made"] == DESCRIPTION["made"]
        self.check_new(state, database)
        assert run(Contents(database).restored()) == order
        assert finish(state, database) is None

    def test_it_goes_on_wherever_the_power_went(
        self, state: Path, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rename, steps, cuts = Path.rename, 0, 0

        def cutting(self: Path, target: Any) -> Path:
            nonlocal steps
            steps += 1
            if steps % 2:
                raise PowerCut
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", cutting)
        while True:
            try:
                finish(state, database)
                break
            except PowerCut:
                cuts += 1
        assert cuts >= 5
        self.check_new(state, database)

    def test_what_was_written_since_is_not_taken_back_by_going_on(
        self, state: Path, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuses(self: Path, target: Any) -> Path:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", refuses)
            with pytest.raises(StartProblem, match="start again"):
                finish(state, database)
        database.now(lambda connection: connection.exec_driver_sql("UPDATE device SET vendor = 'Acme'"))
        finish(state, database)
        self.check_new(state, database)
        found = database.now(lambda connection: connection.exec_driver_sql("SELECT vendor FROM device").scalar_one())
        assert found == "Acme"

    def test_what_the_backup_lacks_goes(self, state: Path, database: Database) -> None:
        (state / DECIDED / "admin-token").unlink()
        document = json.loads((state / DECIDED / "order.json").read_text())
        document["holds"].remove("admin-token")
        (state / DECIDED / "order.json").write_text(json.dumps(document))
        finish(state, database)
        assert not (state / "admin-token").exists()

    @pytest.mark.parametrize("held", [True, False])
    def test_files_of_phones_are_replaced_only_by_a_backup_that_has_some(
        self, tmp_path: Path, database: Database, world: World, held: bool
    ) -> None:
        state = world.state_dir
        (state / "uploads/d-1").mkdir(parents=True)
        (state / "uploads/d-1/old").write_bytes(b"old")
        more = {"uploads/d-2/new": b"new"} if held else {}
        assert restored(world, backup_bytes({**tables(), **PLUGIN_FILES, **more})) is None
        finish(state, database)
        found = {str(path.relative_to(state)) for path in (state / "uploads").rglob("*") if path.is_file()}
        assert found == ({"uploads/d-2/new"} if held else {"uploads/d-1/old"})

    def test_one_that_was_not_decided_leaves_the_old_state(self, tmp_path: Path, database: Database) -> None:
        (tmp_path / PREPARED / "plugins").mkdir(parents=True)
        (tmp_path / "plugins/acme-1").mkdir(parents=True)
        assert finish(tmp_path, database) is None
        assert not (tmp_path / PREPARED).exists()
        assert (tmp_path / "plugins/acme-1").is_dir()

    def test_deciding_is_refused_when_the_disk_refuses(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="No such file"):
            decide(tmp_path, {"id": "x"})


def test_a_backup_that_cannot_be_decided_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(state: Path, order: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provisiond.provisioning.backups.decide", refuses)
    assert restored(world, backup_bytes()) == "the backup cannot be restored: the disk is full"
    assert not (world.state_dir / PREPARED).exists()

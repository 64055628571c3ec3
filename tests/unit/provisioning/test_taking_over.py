"""Taking over the state of another server, sent as an archive, while this one serves."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import Api
from tests.support.plugin_packages import link, member, tar_bytes
from tests.support.provisioning import World, run

from provisiond.errors import InProgress, NotFound
from provisiond.store.database import Database, open_database

PLUGIN = "wazo-x-1"
FILES = {
    "jsondb/devices/d1": json.dumps(
        {"id": "d1", "mac": "00:11:22:33:44:55", "plugin": PLUGIN, "config": "c1"}
    ).encode(),
    "jsondb/devices/bad": b"{",
    "jsondb/configs/c1": json.dumps({"id": "c1", "parent_ids": [], "raw_config": {}}).encode(),
    "app.json": json.dumps({"locale": "fr_FR"}).encode(),
    f"plugins/{PLUGIN}/plugin-info": json.dumps({"version": "1", "description": "d", "capabilities": {}}).encode(),
    f"plugins/{PLUGIN}/var/templates/mine.tpl": b"mine",
}


def archive(files: dict[str, bytes], *more: Any) -> bytes:
    return tar_bytes([*(member(name, content) for name, content in files.items()), *more], "gz")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_database(f"sqlite:///{tmp_path}/x.db")
    yield made
    made.close()


@pytest.fixture
def world(tmp_path: Path, database: Database) -> Iterator[World]:
    made = World(tmp_path, open_database=lambda: open_database(f"sqlite:///{tmp_path}/x.db"))
    made.start()
    yield made
    for call in made.clock.getDelayedCalls():
        call.cancel()


def take(world: World, content: bytes, *, dry_run: bool = False) -> str | None:
    """Return why an archive is refused; None when it is taken."""
    file_id = run(world.house.received.begin())
    run(world.house.received.add(file_id, 0, io.BytesIO(content)))
    operation = run(world.house.taking_over.take(file_id, dry_run=dry_run))
    return run(world.house.operations.get("/migrate", operation.id)).error  # type: ignore[no-any-return]


def ids(database: Database) -> list[str]:
    return database.now(lambda connection: [row[0] for row in connection.exec_driver_sql("SELECT id FROM device")])


def test_everything_is_taken_once(world: World, database: Database) -> None:
    assert take(world, archive(FILES), dry_run=True) is None
    report = world.house.taking_over.last
    assert report is not None
    assert (report["dry_run"], report["taken"]["devices"]) == (True, ["d1"])
    assert ids(database) == []
    assert not (world.state_dir / "plugins" / PLUGIN).exists()
    assert take(world, archive(FILES)) is None
    assert world.house.taking_over.last["taken"] == report["taken"]
    assert set(world.house.taking_over.last["not_taken"]) >= {"devices/bad"}
    assert ids(database) == ["d1"]
    assert (world.state_dir / "plugins" / PLUGIN / "var/templates/mine.tpl").read_bytes() == b"mine"
    assert take(world, archive(FILES)) is None
    assert world.house.taking_over.last["taken"] == {}
    assert not (world.state_dir / "migrating").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nothing", "archive"),
        (archive({"other": b""}), "neither jsondb nor app.json nor plugins"),
        (archive({**FILES, "../evil": b""}), "leads out"),
        (archive(FILES, link("plugins/evil", "/etc")), "leads out"),
        (archive(FILES)[:-30], "broken or cut off"),
    ],
)
def test_hostile_archives_are_refused(world: World, database: Database, content: bytes, sentence: str) -> None:
    assert sentence in str(take(world, content))
    assert ids(database) == []
    assert not (world.state_dir / "migrating").exists()
    assert [*(world.state_dir / "received").iterdir()] == []


def test_one_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        run(world.house.taking_over.take("none"))
    monkeypatch.setattr(world.house.taking_over, "_busy", True)
    with pytest.raises(InProgress):
        run(world.house.taking_over.take("none"))


def test_it_is_there_over_the_api(world: World, database: Database) -> None:
    api = Api(world)
    assert api.call("GET", "/migrate").document == {"report": None}
    file_id = api.call("POST", "/uploads", b"{}").document["id"]
    api.call("PUT", f"/uploads/{file_id}", archive(FILES), kind="application/gzip")
    assert api.call("POST", "/migrate", json.dumps({"upload": file_id}).encode()).status == 201
    assert api.call("GET", "/migrate").document["report"]["taken"]["devices"] == ["d1"]
    assert ids(database) == ["d1"]
    tenant = run(world.house.tenants.create("shop", world.house.tenants.master)).uuid
    text, _ = run(world.house.tokens.create("t", ["#"], tenant))
    assert api.call("GET", "/migrate", token=text).status == 401
    assert api.call("POST", "/migrate", b'{"upload": "x"}', token=text).status == 401

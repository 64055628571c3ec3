"""``provisiond-admin migrate-from``: another server's state directory, taken over."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.support.provisioning import run

from provisiond.cli.admin import main
from provisiond.model.config import Config
from provisiond.provisioning.tenants import Tenants
from provisiond.store.configs import ConfigStore
from provisiond.store.database import Database, open_database
from provisiond.store.devices import DeviceStore
from provisiond.store.facts import FactStore, ParameterStore, TenantStore
from provisiond.store.feed import ChangeFeed

OWN, MASTER = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
SOFTPHONE = "12345678-2222-4333-8444-555555555555"
DEVICES = {
    "d1": {"mac": "00:11:22:33:44:55", "plugin": "wazo-x-1", "config": "c1", "tenant_uuid": OWN, "configured": True},
    "d2": {"uuid": SOFTPHONE, "mac": "00:11:22:33:44:66", "tenant_uuid": MASTER, "is_new": True, "vendor": "Acme"},
    "bad": {"mac": "not an address"},
}
CONFIGS = {
    "base": {"parent_ids": [], "raw_config": {"timezone": "Europe/Paris"}, "X_type": "registrar"},
    "c1": {"parent_ids": ["base"], "raw_config": {"sip_lines": {"1": {"username": "alice"}}}},
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for kind, documents in (("devices", DEVICES), ("configs", CONFIGS)):
        (root / "jsondb" / kind).mkdir(parents=True)
        for name, document in documents.items():
            (root / "jsondb" / kind / name).write_text(json.dumps({"id": name, **document}))
    (root / "jsondb" / "devices" / "torn").write_text("{")
    tenants = {OWN: {"provisioning_key": "a-key-of-eight"}}
    (root / "app.json").write_text(json.dumps({"locale": "fr_FR", "http_proxy": None, "tenants": tenants, "other": 1}))
    files = {
        "plugin-info": "{}",
        "entry.py": "",
        "var/templates/mine.tpl": "mine",
        "var/installed/fw": "{}",
        "var/tftpboot/Acme/fw.bin": "firmware",
        "var/tftpboot/Acme/001122334455.cfg": "secret",
        "var/tftpboot/ATA112233445501.cnf.xml": "secret of the second port",
        "var/tftpboot/snomD785-001122334455.htm": "secret under a model",
        "var/tftpboot/snomD785.htm": "for all",
        f"var/tftpboot/{SOFTPHONE}": "secret of a softphone",
        "var/tftpboot/half.tmp": "x",
    }
    for name, text in files.items():
        path = root / "plugins" / "wazo-x-1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump({"general": {"state_dir": str(tmp_path / "state")}}))
    (tmp_path / "state").mkdir()
    return file


@pytest.fixture
def database(config: Path, tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'state' / 'provisiond.db'}")
    run(Tenants(TenantStore(database, ChangeFeed(database)), FactStore(database)).load())
    base = Config({"id": "base", "parent_ids": [], "raw_config": {}})
    run(ConfigStore(database, ChangeFeed(database)).insert(base))
    yield database
    database.close()


def migrated(config: Path, source: Path, *more: str) -> dict[str, Any]:
    command = ["--config", str(config), "migrate-from", str(source), "--json", *more]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def state_of(root: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_everything_is_taken_once(source: Path, config: Path, database: Database, tmp_path: Path) -> None:
    before = state_of(source)
    report = migrated(config, source)
    assert report["taken"] == {
        "tenants": [OWN],
        "parameters": ["locale", f"provisioning_key of {OWN}"],
        "configs": ["base", "c1"],
        "devices": ["d1", "d2"],
        "plugins": ["wazo-x-1"],
    }
    assert set(report["not_taken"]) == {"devices bad", "devices/torn"}
    feed = ChangeFeed(database)
    devices = DeviceStore(database, feed)
    one, other = run(devices.get("d1")), run(devices.get("d2"))
    assert one is not None
    assert other is not None
    assert (one.tenant_uuid, one.configured, one.is_new, one.plugin) == (OWN, False, False, "wazo-x-1")
    assert (other.tenant_uuid != MASTER, other.is_new) == (True, True)
    base = run(ConfigStore(database, feed).get("base"))
    assert base is not None
    assert base.document["raw_config"] == {"timezone": "Europe/Paris"}
    assert run(ParameterStore(database, feed).all())[(OWN, "provisioning_key")] == "a-key-of-eight"
    plugin = tmp_path / "state" / "plugins" / "wazo-x-1"
    assert sorted(state_of(plugin)) == [
        "entry.py",
        "plugin-info",
        "var/installed/fw",
        "var/templates/mine.tpl",
        "var/tftpboot/Acme/fw.bin",
        "var/tftpboot/snomD785.htm",
    ]
    again = migrated(config, source)
    assert again["taken"] == {}
    assert again["there_already"]["configs"] == ["base", "c1"]
    assert state_of(source) == before


def test_what_was_changed_since_stays(source: Path, config: Path, database: Database) -> None:
    migrated(config, source)
    store = ConfigStore(database, ChangeFeed(database))
    run(store.replace(Config({"id": "c1", "parent_ids": [], "raw_config": {"locale": "de_DE"}})))
    assert migrated(config, source)["taken"] == {}
    changed = run(store.get("c1"))
    assert changed is not None
    assert changed.document["raw_config"] == {"locale": "de_DE"}


def test_a_dry_run_changes_nothing(source: Path, config: Path, database: Database, tmp_path: Path) -> None:
    report = migrated(config, source, "--dry-run")
    assert report["taken"]["devices"] == ["d1", "d2"]
    assert run(DeviceStore(database, ChangeFeed(database)).count()) == 0
    assert not (tmp_path / "state" / "plugins").exists()
    assert migrated(config, source)["taken"] == report["taken"]


def test_a_directory_of_something_else(config: Path, database: Database, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(main, ["--config", str(config), "migrate-from", str(tmp_path / "empty")])
    assert result.exit_code == 1
    assert "jsondb" in result.stderr


def test_the_report_for_people(source: Path, config: Path, database: Database) -> None:
    result = CliRunner().invoke(main, ["--config", str(config), "migrate-from", str(source)])
    assert "taken: 2 devices: d1, d2" in result.stdout
    assert "not taken: devices bad" in result.stdout

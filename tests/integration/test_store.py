"""One suite that every store must pass: SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.support.stores import Stores, everything, open_stores, run

from provisiond.errors import AlreadyExists, NotFound, StoreProblem
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.model.query import Query, parse_selector
from provisiond.store import feed
from provisiond.store.database import open_database
from provisiond.store.facts import FactStore, ParameterStore, Tenant, TenantStore
from provisiond.store.listing import BATCH
from provisiond.store.operations import INTERRUPTED, KEPT, KEPT_SECONDS, OperationStore
from provisiond.store.schema import devices
from provisiond.store.tokens import StoredToken, TokenStore


def device(device_id: str, **members: Any) -> Device:
    return Device({"id": device_id, "tenant_uuid": "t1", "configured": False, "is_new": True, **members})


class TestDevices:
    def test_what_is_stored_comes_back_in_its_order_with_its_nulls(self, store: Stores) -> None:
        document = {"X_z": [1, {"é": None}], "id": "d/é", "mac": None, "configured": True, "is_new": False, "a": 1.5}
        run(store.devices.insert(Device(document)))
        found = run(store.devices.get("d/é"))
        assert found is not None
        assert list(found.document.items()) == list(document.items())

    def test_an_id_is_used_once(self, store: Stores) -> None:
        run(store.devices.insert(device("d")))
        with pytest.raises(AlreadyExists):
            run(store.devices.insert(device("d", mac="00:11:22:33:44:55")))
        assert run(store.devices.count()) == 1

    def test_macs_are_not_unique(self, store: Stores) -> None:
        for name in ("a", "b"):
            run(store.devices.insert(device(name, mac="00:11:22:33:44:55")))
        query = Query(selector=parse_selector({"mac": "00:11:22:33:44:55"}))
        assert [each["id"] for each in run(store.devices.find(query, None))] == ["a", "b"]

    def test_what_is_not_there_cannot_be_changed(self, store: Stores) -> None:
        for work in (store.devices.replace(device("d")), store.devices.delete("d")):
            with pytest.raises(NotFound):
                run(work)
        assert run(store.devices.get("d")) is None
        assert run(store.feed.latest()) == 0

    def test_all_comes_in_the_order_of_creation(self, store: Stores) -> None:
        names = [f"d{number}" for number in range(1100, 0, -1)]

        def insert(connection: Any) -> None:
            row = {"document": "{}", "configured": False, "is_new": False}
            rows = [{**row, "id": name, "document": f'{{"id": "{name}"}}'} for name in names]
            connection.execute(devices.insert(), rows)

        run(store.database.write(insert))
        assert [each.id for each in run(everything(store.devices.all()))] == names
        assert [each["id"] for each in run(everything(store.devices.stream(Query(), None)))] == names

    def test_sightings_change_members_and_null_takes_one_away(self, store: Stores) -> None:
        run(store.devices.insert(device("d", ip="10.0.0.1", version="1")))
        run(store.devices.write_sightings({"d": {"ip": None, "version": "2"}, "gone": {"ip": "10.0.0.9"}}))
        found = run(store.devices.get("d"))
        assert found is not None
        assert "ip" not in found.document
        assert found.version == "2"
        query = Query(selector=parse_selector({"version": "2"}))
        assert len(run(store.devices.find(query, None))) == 1

    def test_sightings_of_many_are_written_and_told_each_once(self, store: Stores) -> None:
        names = [f"d{number}" for number in range(2 * BATCH + 3)]
        run(store.devices.write_many([device(name, X_number=name) for name in names], ()))
        before = run(store.feed.latest())
        run(store.devices.write_sightings({name: {"configured": True} for name in (*names[1:], "gone")}))
        found = {each.id: each for each in run(everything(store.devices.all()))}
        assert [found[name].configured for name in names] == [False] + [True] * (len(names) - 1)
        assert all(found[name].document["X_number"] == name for name in names)
        query = Query(selector=parse_selector({"configured": True}))
        assert len(run(store.devices.find(query, None))) == len(names) - 1
        told = run(store.feed.changes_since(before, len(names) + 10))
        assert [(each.id, each.action) for each in told] == [(name, "sighting") for name in names[1:]]

    def test_the_scope_overrules_the_query(self, store: Stores) -> None:
        run(store.devices.insert(device("mine")))
        run(store.devices.insert(device("other", tenant_uuid="t2")))
        query = Query(selector=parse_selector({"tenant_uuid": "t2"}))
        assert [each["id"] for each in run(store.devices.find(query, {"t1"}))] == ["mine"]
        assert [each["id"] for each in run(store.devices.find(Query(), {"t2"}))] == ["other"]
        assert run(store.devices.find(Query(), set())) == []

    @pytest.mark.parametrize("value", ["\0", "\ud800", "%", "'; DROP TABLE device; --", "é"])
    def test_no_value_of_a_query_breaks_it(self, store: Stores, value: str) -> None:
        for condition in (value, {"$in": [value]}, {"$ne": value}, {"$contains": value}):
            query = Query(selector=parse_selector({"mac": condition}))
            run(store.devices.find(query, None))


class TestConfigs:
    def test_many_are_found_at_once_and_unknown_ones_left_out(self, store: Stores) -> None:
        names = [f"c{number}" for number in range(BATCH + 2)]
        stored = [Config({"id": name, "parent_ids": [], "raw_config": {"X_a": name}}) for name in names]
        run(store.configs.write_many(stored, ()))
        found = run(store.configs.get_many([*names[1:], "gone"]))
        assert sorted(found, key=lambda config: int(config.id[1:])) == stored[1:]
        assert run(store.configs.get_many([])) == []

    def test_documents_parents_and_roles(self, store: Stores) -> None:
        first = Config({"id": "a", "parent_ids": ["x", "x"], "raw_config": {}, "role": "autocreate"})
        second = Config({"id": "b", "parent_ids": ["a"], "raw_config": {"X_n": None}, "role": "autocreate"})
        for config in (first, second):
            run(store.configs.insert(config))
        assert run(store.configs.parents()) == {"a": ("x", "x"), "b": ("a",)}
        assert [each.id for each in run(store.configs.with_role("autocreate"))] == ["a", "b"]
        run(store.configs.replace(Config({"id": "a", "parent_ids": [], "raw_config": {}})))
        assert run(store.configs.parents())["a"] == ()
        query = Query(selector=parse_selector({"parent_ids": {"$contains": "a"}}))
        assert [each["id"] for each in run(store.configs.find(query))] == ["b"]
        run(store.configs.delete("b"))
        assert run(store.configs.count()) == 1
        with pytest.raises(NotFound):
            run(store.configs.delete("b"))
        with pytest.raises(AlreadyExists):
            run(store.configs.insert(first))


class TestTheRest:
    def test_the_feed_tells_every_write_in_order(self, store: Stores) -> None:
        woken: list[None] = []
        store.feed.subscribe(lambda: woken.append(None))
        run(store.devices.insert(device("d")))
        run(store.configs.insert(Config({"id": "c", "parent_ids": [], "raw_config": {}})))
        run(store.devices.delete("d"))
        changes = run(store.feed.changes_since(0))
        assert [(each.kind, each.id, each.action) for each in changes] == [
            ("device", "d", "insert"),
            ("config", "c", "insert"),
            ("device", "d", "delete"),
        ]
        assert run(store.feed.changes_since(changes[1].number)) == changes[2:]
        assert run(store.feed.latest()) == changes[-1].number
        assert len(woken) == 3

    def test_no_change_is_seen_before_an_earlier_one_of_another_process(self, store: Stores) -> None:
        other = open_stores(store.database.engine.url.render_as_string(hide_password=False))
        noted, committing = threading.Event(), threading.Event()

        def slowly(connection: Connection) -> None:
            feed.note(connection, "token", "first", "delete")
            noted.set()
            assert committing.wait(60)

        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(lambda: run(store.database.write(slowly)))
            assert noted.wait(60)
            second = threads.submit(lambda: run(other.database.write(feed.note, "token", "second", "insert")))
            wait([second], 1)
            seen = [each.id for each in run(store.feed.changes_since(0))]
            committing.set()
            first.result(60)
            second.result(60)
        assert seen == []
        assert [each.id for each in run(store.feed.changes_since(0))] == ["first", "second"]
        other.database.close()

    def test_facts_parameters_and_tenants(self, store: Stores) -> None:
        facts, parameters = FactStore(store.database), ParameterStore(store.database, store.feed)
        tenants = TenantStore(store.database, store.feed)
        assert run(facts.get("x")) is None
        for value in ("1", "2"):
            run(facts.set("x", value))
        assert run(facts.get("x")) == "2"
        run(parameters.set(None, "NAT", 1))
        run(parameters.set("t1", "provisioning_key", "12345678"))
        assert run(parameters.all()) == {(None, "NAT"): 1, ("t1", "provisioning_key"): "12345678"}
        run(tenants.put(Tenant("t1", None, "master")))
        run(tenants.put(Tenant("t1", None, "renamed")))
        assert run(tenants.all()) == [Tenant("t1", None, "renamed")]
        run(tenants.delete("t1"))
        assert run(tenants.all()) == []

    def test_tokens(self, store: Stores) -> None:
        tokens = TokenStore(store.database, store.feed)
        token = StoredToken(id="t", hash="h", name="n", acl=("#", "!x"), tenant_uuid="u", created=1.0, expires=9.0)
        run(tokens.insert(token))
        run(tokens.used({"t": 5.0, "unknown": 6.0}))
        found = run(tokens.get("t"))
        assert found is not None
        assert (found.acl, found.last_used, found.expires) == (("#", "!x"), 5.0, 9.0)
        assert run(tokens.delete("t"))
        assert not run(tokens.delete("t"))

    def test_operations_end_expire_and_never_share_an_id(self, store: Stores) -> None:
        operations = OperationStore(store.database)
        first = run(operations.insert("/x", "a|progress", 0.0))
        run(operations.delete(first))
        second = run(operations.insert("/x", "a|progress(b|waiting)(c|success;1/1)", 1.0))
        assert second > first
        assert run(operations.get("/y", second)) is None
        assert run(operations.interrupt_running(2.0)) == 1
        found = run(operations.get("/x", second))
        assert found is not None
        assert (found.progress, found.error) == ("a|fail(b|fail)(c|success;1/1)", INTERRUPTED)
        third = run(operations.insert("/x", "progress", 3.0))
        run(operations.end(third, "success", None, 2.0 + KEPT_SECONDS + 1))
        assert run(operations.get("/x", second)) is None

    def test_only_so_many_ended_operations_are_kept(self, store: Stores) -> None:
        operations = OperationStore(store.database)
        running = run(operations.insert("/x", "progress", 0.0))
        ids = [run(operations.insert("/x", "progress", 0.0)) for _ in range(KEPT + 5)]
        for position, operation in enumerate(ids):
            run(operations.end(operation, "success", None, float(position)))
        kept = {each.id for each in run(operations.recent())}
        assert kept == {running, *ids[5:]}

    def test_a_database_of_a_newer_version_is_refused(self, store: Stores) -> None:
        with store.database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        try:
            with pytest.raises(StoreProblem, match="made by a newer provisiond"):
                open_database(store.url)
        finally:
            with store.database.engine.begin() as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////proc/nonexistent/x.db", "unable to open database file; the file and its directory must exist"),
        ("mysql://x/y", "not supported"),
        ("nonsense", "not an address of a database"),
        ("postgresql://nobody@/x?host=/nonexistent", "the database refused"),
    ],
)
def test_an_address_that_cannot_be_opened_is_one_sentence(url: str, expected: str) -> None:
    with pytest.raises(StoreProblem, match=expected) as raised:
        open_database(url)
    assert "\n" not in raised.value.sentence


@pytest.mark.parametrize("poisoned", [1, 2])
def test_a_connection_that_was_opened_while_nothing_could_be_written_is_given_up(tmp_path: Path, poisoned: int) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    connections = [database.engine.connect() for _ in range(2)]
    for number, connection in enumerate(connections):
        connection.exec_driver_sql(f"PRAGMA query_only={int(number < poisoned)}")
        connection.rollback()
    for connection in connections:
        connection.close()
    written = [0, 0]

    def write(connection: Connection, number: int) -> None:
        connection.execute(text("INSERT INTO fact (name, value) VALUES (:name, 'x')"), {"name": f"n{number}"})
        written[number] += 1

    database.now(write, 0)
    database.now(write, 1)
    assert written == [1, 1]
    found = database.now(
        lambda connection: connection.execute(text("SELECT name FROM fact WHERE value = 'x'")).scalars().all()
    )
    assert sorted(found) == ["n0", "n1"]
    database.close()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_text("garbage" * 1000)
    with pytest.raises(StoreProblem, match="not a database"):
        open_database(f"sqlite:///{file}")


class TestManyAtOnce:
    def test_new_and_changed_devices_in_order_with_their_changes(self, store: Stores) -> None:
        run(store.devices.insert(Device({"id": "old", "mac": "00:00:00:00:00:01"})))
        new = [Device({"id": f"d{number}", "ip": "10.0.0.1", "X_n": None}) for number in range(1_203)]
        run(store.devices.write_many(new, [Device({"id": "old", "ip": "10.0.0.2"})]))
        stored = run(everything(store.devices.all()))
        assert [device.document for device in stored] == [{"id": "old", "ip": "10.0.0.2"}, *(d.document for d in new)]
        found = run(store.devices.find(Query(selector=parse_selector({"ip": "10.0.0.1"})), None))
        assert len(found) == 1_203
        changes = run(store.feed.changes_since(1, 5_000))
        assert [(each.id, each.action) for each in changes] == [
            *((device.id, "insert") for device in new),
            ("old", "replace"),
        ]

    def test_all_or_none(self, store: Stores) -> None:
        run(store.devices.insert(Device({"id": "used"})))
        run(store.configs.insert(Config({"id": "used", "parent_ids": ["a"], "raw_config": {}})))
        before = run(store.feed.latest())
        new_devices = [Device({"id": f"d{number}"}) for number in range(600)]
        new_configs = [Config({"id": f"c{number}", "parent_ids": ["p"], "raw_config": {}}) for number in range(600)]
        with pytest.raises(AlreadyExists):
            run(store.devices.write_many([*new_devices, Device({"id": "used"})], []))
        with pytest.raises(NotFound):
            run(store.devices.write_many(new_devices, [Device({"id": "ghost"})]))
        with pytest.raises(AlreadyExists):
            run(
                store.configs.write_many([*new_configs, Config({"id": "used", "parent_ids": [], "raw_config": {}})], [])
            )
        ghost = Config({"id": "ghost", "parent_ids": [], "raw_config": {}})
        with pytest.raises(NotFound):
            run(store.configs.write_many(new_configs, [ghost]))
        assert (run(store.devices.count()), run(store.configs.count())) == (1, 1)
        assert run(store.configs.parents()) == {"used": ("a",)}
        assert run(store.feed.latest()) == before

    def test_configs_with_their_parents(self, store: Stores) -> None:
        run(store.configs.insert(Config({"id": "old", "parent_ids": ["a"], "raw_config": {}})))
        new = [
            Config({"id": f"c{number}", "parent_ids": ["old", "b"], "raw_config": {}, "role": "autocreate"})
            for number in range(700)
        ]
        run(store.configs.write_many(new, [Config({"id": "old", "parent_ids": [], "raw_config": {"ip": "x"}})]))
        parents = run(store.configs.parents())
        assert parents["old"] == ()
        assert parents["c699"] == ("old", "b")
        assert len(run(store.configs.with_role("autocreate"))) == 700
        run(store.configs.write_many([], []))

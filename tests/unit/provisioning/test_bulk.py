"""Imports take all rows or none; what is exported can be imported again."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.provisioning import PLUGIN, World, begin, run, sip

from provisiond.errors import InvalidInput, StoreProblem
from provisiond.model.query import Query
from provisiond.provisioning.bulk import CREATE, REPLACE, TABLE, UPSERT, Import, Imported
from provisiond.provisioning.bulk_rows import MAX_SHOWN, WrongRows, same_content

MAC = "00:08:5d:00:{:02x}:{:02x}"


def lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def devices(count: int, **members: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"d{number}", "mac": MAC.format(number // 256, number % 256), "plugin": PLUGIN, **members}
        for number in range(count)
    ]


def took(world: World, content: bytes, scope: Any = None, **members: Any) -> Imported:
    return world.pump(world.house.bulk.import_devices(Import(content=content, **members), scope or world.scope))


def took_configs(world: World, content: bytes, **members: Any) -> Imported:
    return world.pump(world.house.bulk.import_configs(Import(content=content, **members)))


def refused(world: World, content: bytes, scope: Any = None, **members: Any) -> list[tuple[int, str]]:
    before = (dict(world.devices.rows), dict(world.configs.rows), len(world.feed.rows), len(world.house.directory))
    with pytest.raises(WrongRows) as caught:
        took(world, content, scope, **members)
    assert before == (world.devices.rows, world.configs.rows, len(world.feed.rows), len(world.house.directory))
    return [(row.number, row.sentence) for row in caught.value.rows]


def exported(world: World, batches: Any) -> bytes:
    async def gathered() -> bytes:
        chunks: AsyncIterator[bytes] = batches if hasattr(batches, "__aiter__") else await batches
        return b"".join([chunk async for chunk in chunks])

    return world.pump(gathered())


def everything(world: World, form: str, **more: Any) -> bytes:
    bulk = world.house.bulk
    if form == TABLE:
        return exported(world, bulk.device_table(Query(), world.scope, recurse=True, **more))
    return exported(world, bulk.device_lines(Query(), world.scope, recurse=True))


def every_config(world: World, form: str) -> bytes:
    bulk = world.house.bulk
    return exported(world, bulk.config_table(Query()) if form == TABLE else bulk.config_lines(Query()))


def test_new_devices_are_stored_known_and_get_their_files(world):
    run(world.house.configs.create({"id": "c", "parent_ids": ["base"], "raw_config": sip("bob")}))
    done = took(world, lines(*devices(250, config="c"), {"vendor": "Snom"}))
    assert done == Imported(rows=251, created=251, replaced=0, unchanged=0)
    assert len(world.devices.rows) == 251
    world.settle()
    run(world.house.sightings.flush())
    device = run(world.house.devices.get("d7", world.scope))
    assert (device.configured, device.tenant_uuid, device.is_new) == (True, world.scope.master, True)
    assert world.file(device)[2] == MAC.format(0, 7)
    assert [each.id for each in world.house.directory.by_mac(MAC.format(0, 249))] == ["d249"]


def test_every_wrong_row_is_named_and_nothing_is_stored(world):
    world.device(id="used", mac="00:08:5d:ff:00:00")
    content = (
        lines({"id": "a"}, {"id": "b", "mac": "nonsense"}, {"id": "used"}, {"id": "a"}) + b"{\n\n" + lines({"ip": 5})
    )
    found = refused(world, content)
    assert [number for number, _ in found] == [2, 3, 4, 5, 7]
    assert "device.mac" in found[0][1]
    assert found[1][1] == 'device "used" exists already'
    assert found[2][1] == "the id is that of row 1 too"
    assert found[3][1] == "the row is not JSON"
    assert "device.ip" in found[4][1]


def test_the_report_is_bounded_and_counts_all(world):
    with pytest.raises(WrongRows) as caught:
        took(world, b"[]\n" * 5_000)
    assert (caught.value.total, len(caught.value.rows)) == (5_000, MAX_SHOWN)
    assert caught.value.sentence == (
        "5000 rows are wrong, nothing was imported; row 1: the row must be one JSON object"
    )


def test_a_dry_run_checks_everything_and_stores_nothing(world):
    world.device(id="used", mac="00:08:5d:ff:00:00", config=None)
    before = (dict(world.devices.rows), len(world.feed.rows))
    done = took(world, lines({"id": "new"}, {"id": "used"}), mode=UPSERT, dry_run=True)
    assert done == Imported(rows=2, created=1, replaced=1, unchanged=0)
    assert before == (world.devices.rows, len(world.feed.rows))
    assert refused(world, lines({"id": "used"}), dry_run=True) == [(1, 'device "used" exists already')]


def test_modes(world):
    took(world, lines(*devices(2)))
    assert [number for number, _ in refused(world, lines(*devices(3)), mode=CREATE)] == [1, 2]
    assert refused(world, lines(*devices(3)), mode=REPLACE) == [(3, 'device "d2" does not exist')]
    assert refused(world, lines({"mac": MAC.format(9, 9)}), mode=REPLACE) == [(1, "id is missing")]
    new = devices(3)
    new[0]["description"] = "changed"
    assert took(world, lines(*new), mode=UPSERT) == Imported(rows=3, created=1, replaced=1, unchanged=1)
    assert world.devices.document("d0")["description"] == "changed"


def test_replacing_forgets_what_the_row_leaves_out_and_makes_files_anew(world):
    device = world.device(id="d", config="autoprov")
    world.file(device)
    took(world, lines({"id": "d", "mac": "00:08:5d:00:00:02", "plugin": PLUGIN, "config": "base"}), mode=REPLACE)
    changed = run(world.house.devices.get("d", world.scope))
    assert (changed.mac, changed.config, changed.configured) == ("00:08:5d:00:00:02", "base", True)
    assert world.file(changed)[2] == "00:08:5d:00:00:02"


def test_a_transient_config_that_loses_its_last_device_goes(world):
    config = run(world.house.configs.autocreate())
    world.device(id="d", config=config.id)
    took(world, lines({"id": "d", "config": "base"}), mode=REPLACE)
    assert config.id not in world.configs.rows


def test_what_the_server_knows_alone_is_not_taken(world):
    took(world, lines({"id": "d", "configured": True, "is_new": False}))
    document = world.devices.document("d")
    assert (document["configured"], document["is_new"]) == (False, True)


class TestTenants:
    @pytest.fixture
    def tenants(self, world) -> dict[str, str]:
        a = run(world.house.tenants.create("a")).uuid
        return {
            "a": a,
            "below": run(world.house.tenants.create("below", a)).uuid,
            "b": run(world.house.tenants.create("b")).uuid,
        }

    def test_new_devices_go_to_the_tenant_they_name_inside_the_tree(self, world, tenants):
        scope = world.house.tenants.scope(tenants["a"])
        took(world, lines({"id": "own"}, {"id": "below", "tenant_uuid": tenants["below"]}), scope)
        assert world.devices.document("own")["tenant_uuid"] == tenants["a"]
        assert world.devices.document("below")["tenant_uuid"] == tenants["below"]
        for foreign in (tenants["b"], world.scope.master, "nonsense", ""):
            ((_, sentence),) = refused(world, lines({"id": "x", "tenant_uuid": foreign}), scope)
            assert "tenant" in sentence
        ((_, sentence),) = refused(world, lines({"id": "x", "tenant_uuid": 5}), scope)
        assert "text" in sentence

    def test_devices_of_others_are_not_changed_and_look_like_unknown_ones(self, world, tenants):
        took(world, lines({"id": "theirs"}), world.house.tenants.scope(tenants["b"]))
        scope = world.house.tenants.scope(tenants["a"])
        assert refused(world, lines({"id": "theirs"}), scope, mode=REPLACE) == [(1, 'device "theirs" does not exist')]
        assert refused(world, lines({"id": "theirs"}), scope, mode=UPSERT) == [(1, 'device "theirs" exists already')]

    def test_a_known_device_keeps_its_tenant_and_one_of_the_master_tenant_moves(self, world, tenants):
        scope = world.house.tenants.scope(tenants["a"])
        took(world, lines({"id": "new"}))
        took(world, lines({"id": "below", "tenant_uuid": tenants["below"]}))
        changes = lines({"id": "new", "X_a": 1}, {"id": "below", "X_a": 1, "tenant_uuid": tenants["a"]})
        took(world, changes, scope, mode=REPLACE)
        assert (world.devices.document("new")["tenant_uuid"], world.devices.document("new")["is_new"]) == (
            tenants["a"],
            False,
        )
        assert world.devices.document("below")["tenant_uuid"] == tenants["below"]

    def test_an_export_shows_the_tenant_and_with_recurse_those_below(self, world, tenants):
        for name, uuid in tenants.items():
            took(world, lines({"id": name, "tenant_uuid": uuid}))
        scope = world.house.tenants.scope(tenants["a"])
        ids = [
            [
                json.loads(line)["id"]
                for line in exported(world, world.house.bulk.device_lines(Query(), scope, recurse=recurse)).splitlines()
            ]
            for recurse in (False, True)
        ]
        assert ids == [["a"], ["a", "below"]]


def test_configs_are_imported_whatever_their_order(world):
    documents = [
        {"id": "child", "parent_ids": ["parent"], "raw_config": sip("bob")},
        {"id": "parent", "parent_ids": [], "raw_config": {"ntp_enabled": True, "ntp_ip": "192.0.2.3"}},
    ]
    device = world.device(config="child")
    assert took_configs(world, lines(*documents)) == Imported(rows=2, created=2, replaced=0, unchanged=0)
    assert run(world.house.configs.raw("child"))["ntp_ip"] == "192.0.2.3"
    assert "192.0.2.3" in json.dumps(world.file(device))
    documents[1]["raw_config"]["ntp_ip"] = "192.0.2.4"
    assert took_configs(world, lines(*documents), mode=UPSERT) == Imported(rows=2, created=0, replaced=1, unchanged=1)
    assert "192.0.2.4" in json.dumps(world.file(device))


def test_wrong_configs_are_named(world):
    documents = [
        {"id": "ok", "parent_ids": [], "raw_config": {}},
        {"id": "base", "parent_ids": [], "raw_config": {}},
        {"id": "x", "parent_ids": []},
        {"id": "y", "parent_ids": [], "raw_config": {"sip.lines": {}}},
        {"id": "a/b", "parent_ids": [], "raw_config": {}},
    ]
    before = dict(world.configs.rows)
    with pytest.raises(WrongRows) as caught:
        took_configs(world, lines(*documents))
    assert [row.number for row in caught.value.rows] == [2, 3, 4, 5]
    with pytest.raises(WrongRows, match="does not exist"):
        took_configs(world, lines(documents[0]), mode=REPLACE)
    assert world.configs.rows == before


def test_a_store_that_fails_changes_nothing_in_memory(world):
    world.devices.fails = StoreProblem("the disk is full")
    before = world.house.event_log.newest
    with pytest.raises(StoreProblem):
        took(world, lines(*devices(3)))
    assert (len(world.house.directory), world.house.event_log.newest) == (0, before)
    world.devices.fails = None
    assert took(world, lines(*devices(3))).created == 3


def test_imports_come_one_at_a_time_and_phones_are_not_in_between(world):
    world.devices.gate.shut()
    first = begin(world.house.bulk.import_devices(Import(content=lines({"id": "d"})), world.scope))
    world.clock.advance(0)
    second = begin(world.house.bulk.import_devices(Import(content=lines({"id": "d"})), world.scope))
    world.clock.advance(0)
    assert not first.called
    assert not second.called
    world.devices.gate.open()
    assert world.pump(_result(first)).created == 1
    with pytest.raises(WrongRows, match="exists already"):
        world.pump(_result(second))


async def _result(deferred: Any) -> Any:
    return await deferred


def test_the_reactor_gets_its_turn_between_slices(world, monkeypatch):
    known: list[int] = []
    breathe = world.house.bulk._breathe

    async def counted() -> None:
        known.append(len(world.house.directory))
        await breathe()

    monkeypatch.setattr(world.house.bulk, "_breathe", counted)
    took(world, lines(*devices(1_000)))
    assert known[-1] == 1_000
    assert all(0 <= later - earlier <= 100 for earlier, later in itertools.pairwise(known))


@pytest.mark.parametrize("form", ["lines", "table"])
def test_an_export_of_everything_changes_nothing_when_it_comes_back(world, form):
    tenant = run(world.house.tenants.create("a")).uuid
    took(
        world,
        lines(*devices(5, X_n=None, options={"switchboard": True}), {"id": "é=1", "tenant_uuid": tenant, "X": [1]}),
    )
    for number in range(3):
        world.device(mac=MAC.format(8, number))
    assert took(world, everything(world, form), form=form, mode=UPSERT).unchanged == 9
    configs = took_configs(world, every_config(world, form), form=form, mode=UPSERT)
    assert (configs.unchanged, configs.created, configs.replaced) == (7, 0, 0)


LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("a.b\\1'", max_size=3), inner, max_size=2),
    max_leaves=4,
)
MEMBERS = st.dictionaries(st.sampled_from(["X_a", "X.b", "description", "options", "sn", "=x"]), VALUES, max_size=3)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=st.lists(MEMBERS, max_size=4), form=st.sampled_from(["lines", "table"]))
def test_an_empty_store_gets_the_same_content(make_world, members, form):
    world, other = make_world(), make_world()
    documents = []
    for number, each in enumerate(members):
        document = {"id": f"d{number}", **each}
        for name in ("description", "sn"):
            document[name] = str(document.get(name))
        if not isinstance(document.get("options"), dict | None):
            del document["options"]
        documents.append(document)
    took(world, lines(*documents))
    content = everything(world, form).replace(world.scope.master.encode(), other.scope.master.encode())
    assert took(other, content, form=form).created == len(documents)
    own = {"tenant_uuid": other.scope.master}
    for device_id in world.devices.rows:
        assert same_content({**world.devices.document(device_id), **own}, other.devices.document(device_id))


def test_a_table_that_grows_while_it_is_read_is_broken_off(world):
    took(world, lines({"id": "a"}))
    chunks = world.pump(world.house.bulk.device_table(Query(), world.scope, recurse=False))
    took(world, lines({"id": "b", "X_new": 1}))
    with pytest.raises(InvalidInput, match="X_new"):
        exported(world, chunks)


def test_a_table_for_excel_has_semicolons_and_a_mark(world):
    took(world, lines({"id": "a", "description": "x;y"}))
    content = everything(world, TABLE, excel=True)
    assert content.startswith("\ufeffid;description;".encode())
    assert b'a;"x;y";' in content
    assert took(world, content, form=TABLE, mode=UPSERT).unchanged == 1


def test_an_empty_import_and_an_empty_export(world):
    assert took(world, b"") == Imported(rows=0, created=0, replaced=0, unchanged=0)
    assert everything(world, "lines") == b""
    assert everything(world, TABLE) == b"id\r\n"
    assert took(world, b"id\r\n", form=TABLE).rows == 0

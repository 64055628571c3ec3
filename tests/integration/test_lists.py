"""Lists: what SQL selects, sorts and cuts is what the reference says, and the database finds it by indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, text
from tests.support.stores import Stores, everything, open_stores, run

from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.model.query import Query, parse_query, parse_selector, selected
from provisiond.store.configs import ConfigStore
from provisiond.store.devices import DeviceStore
from provisiond.store.listing import BATCH, Walk, as_document
from provisiond.store.schema import config_parents, configs, devices
from provisiond.store.texts import column_text, document_text

TEXTS = st.sampled_from(["", "a", "ab", "b", "B", "é", "10", "9", '"', "\\", "%", "_", "a.b", "Snom", "😀", "\x01"])
WEIRD = st.sampled_from(["\0", "\0a", "\x01\x01", "\ud83d", "\ue000", "\uffff", "null", "true", ":"])
NUMBERS = st.sampled_from([0, 1, 2, -1, 1.0, 0.0, -0.0, 1.5, 10**20, 1e16])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["c", "d", "é"]), inner, max_size=2),
    max_leaves=4,
)
WORDS = st.none() | TEXTS | WEIRD
DEVICES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("mac", "vendor", "plugin", "config", "version"), WORDS),
        "X_a": VALUES,
        "X_b": st.dictionaries(st.sampled_from(["c", "d"]), VALUES, max_size=2),
        "options": st.lists(st.dictionaries(st.sampled_from(["c", "d"]), SCALARS, max_size=2), max_size=2),
        "configured": st.booleans(),
        "is_new": st.booleans(),
        "tenant_uuid": st.sampled_from(["t1", "t2"]),
    },
)
CONFIGS = st.fixed_dictionaries(
    {"parent_ids": st.lists(TEXTS | WEIRD, max_size=3), "raw_config": st.dictionaries(TEXTS, VALUES, max_size=2)},
    optional={"role": WORDS, "X_type": VALUES, "X_a": VALUES},
)
DEVICE_KEYS = st.sampled_from(
    [
        "id",
        "mac",
        "vendor",
        "plugin",
        "version",
        "configured",
        "is_new",
        "tenant_uuid",
        "X_a",
        "X_a.c",
        "X_b.c",
        "X_b",
        "options.c",
        "nothing",
        "seq",
        ".",
        "a..b",
    ]
)
CONFIG_KEYS = st.sampled_from(
    ["id", "parent_ids", "role", "X_type", "x_type", "X_type.c", "raw_config", "raw_config.a", "document"]
)
OPERANDS = VALUES | WEIRD | st.sampled_from(["d0", "d1", "t1"])
TESTS = st.one_of(
    st.fixed_dictionaries({"$in": st.lists(OPERANDS, max_size=3)}),
    st.fixed_dictionaries({"$nin": st.lists(OPERANDS, max_size=3)}),
    *(st.fixed_dictionaries({name: OPERANDS}) for name in ("$ne", "$contains", "$gt", "$ge", "$lt", "$le")),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$gt": TEXTS, "$ne": TEXTS}),
)


def queries(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Query]:
    return st.builds(
        lambda selector, sort, descending, skip, limit, fields: Query(
            selector=parse_selector(selector), sort=sort, descending=descending, skip=skip, limit=limit, fields=fields
        ),
        st.dictionaries(keys, OPERANDS | TESTS, max_size=2),
        st.none() | keys,
        st.booleans(),
        st.sampled_from([0, 0, 1, 3]),
        st.sampled_from([0, 0, 1, 2, 4]),
        st.sampled_from([None, None, ("mac", "X_b.c"), ()]),
    )


def reloaded(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as it comes back from its text: two halves of a character become one."""
    import json

    return dict(json.loads(document_text(document)))


LOOSE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LOOSE
@given(st.lists(DEVICES, max_size=7), queries(DEVICE_KEYS), st.sampled_from([None, {"t1"}, {"t1", "t2"}]))
@example([{"mac": "\0"}, {"mac": "\x01\x01"}, {"mac": "\x01"}], Query(selector=parse_selector({"mac": "\0"})), None)
@example([{"X_a": True}, {"X_a": 1.0}, {"X_a": "1"}], Query(selector=parse_selector({"X_a": 1})), None)
@example([{"X_a": 0}, {"X_a": -0.0}, {"X_a": False}], Query(selector=parse_selector({"X_a": {"$in": [0]}})), None)
@example([{"vendor": "\ud83d"}, {"vendor": "\ue000"}, {"vendor": "\ud7ff"}], Query(sort="vendor"), None)
@example([{}], Query(selector=parse_selector({"configured": False})), None)
def test_lists_of_devices_are_what_the_reference_says(
    store: Stores, documents: list[dict[str, Any]], query: Query, tenants: set[str] | None
) -> None:
    run(store.database.write(lambda connection: connection.execute(delete(devices))))
    complete = [reloaded({**each, "id": f"d{number}"}) for number, each in enumerate(documents)]
    run(store.devices.write_many([Device(each) for each in complete], []))
    seen = [each for each in complete if tenants is None or each.get("tenant_uuid") in tenants]
    asked = query
    if tenants is not None:
        conditions = tuple(each for each in query.selector.conditions if each.key != "tenant_uuid")
        asked = evolve(query, selector=evolve(query.selector, conditions=conditions))
    expected = selected(seen, asked)
    assert run(store.devices.find(query, tenants)) == expected
    assert run(everything(store.devices.stream(query, tenants))) == expected
    assert run(everything(store.devices.texts(query, tenants))) == [document_text(each) for each in expected]


@LOOSE
@given(st.lists(CONFIGS, max_size=7), queries(CONFIG_KEYS))
@example(
    [{"parent_ids": ["\0"], "raw_config": {}}], Query(selector=parse_selector({"parent_ids": {"$contains": "\0"}}))
)
def test_lists_of_configs_are_what_the_reference_says(
    store: Stores, documents: list[dict[str, Any]], query: Query
) -> None:
    def clear(connection: Any) -> None:
        connection.execute(delete(configs))
        connection.execute(delete(config_parents))

    run(store.database.write(clear))
    complete = [reloaded({**each, "id": f"d{number}"}) for number, each in enumerate(documents)]
    run(store.configs.write_many([Config(each) for each in complete], []))
    expected = selected(complete, query)
    assert run(store.configs.find(query)) == expected
    assert run(everything(store.configs.texts(query))) == [document_text(each) for each in expected]


@given(st.lists(st.text(max_size=4) | WEIRD, min_size=2, max_size=2))
def test_texts_of_columns_are_different_storable_and_in_the_same_order(texts: list[str]) -> None:
    one, other = texts
    stored = [column_text(each) for each in texts]
    assert (one < other, one == other) == (stored[0] < stored[1], stored[0] == stored[1])
    assert all("\0" not in each and each.encode("utf-8") for each in stored if each)
    assert (one in other) <= (stored[0] in stored[1])


def many(count: int) -> Iterator[Device]:
    for number in range(count):
        mac = f"00:04:13:{(number * 7919) % 256:02x}:{number // 256:02x}:{number % 256:02x}"
        members = {"mac": mac, "ip": f"10.0.{number // 256}.{number % 256}", "vendor": "Snom", "X_n": number % 3}
        tenant = "t1" if number % 10 else "t2"
        yield Device({"id": f"d{number}", "configured": True, "is_new": False, "tenant_uuid": tenant, **members})


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Stores with two thousand devices and configs that nothing has gathered statistics of, as after an import."""
    sqlite = request.param == "sqlite"
    path = tmp_path_factory.mktemp("full") / "x.db"
    made = open_stores(f"sqlite:///{path}" if sqlite else request.getfixturevalue("other_server"))
    run(made.devices.write_many(list(many(2_000)), []))
    children = [
        Config({"id": f"c{number}", "parent_ids": ["base", f"p{number // 20}"], "raw_config": {}})
        for number in range(2_000)
    ]
    run(made.configs.write_many(children, []))
    yield made
    made.database.close()


def steps_of(store: Stores, statement: Any) -> str:
    """Return how the database carries out a statement."""
    sqlite = store.database.is_sqlite
    with store.database.engine.begin() as connection:
        if not sqlite:
            connection.execute(text("ANALYZE"))
        compiled = statement.compile(connection, compile_kwargs={"literal_binds": True})
        prefix = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        rows = connection.exec_driver_sql(f"{prefix} {compiled}".replace("%", "%%")).all()
    return "\n".join(str(row[3] if sqlite else row[0]) for row in rows)


def walk(table: Any, query: Query, tenants: set[str] | None, store: Stores) -> Walk[Any]:
    return Walk(table, query, tenants, as_document, sqlite=store.database.is_sqlite)


class TestIndexes:
    @pytest.mark.parametrize("tenants", [None, {"t1"}, {"t1", "t2"}])
    @pytest.mark.parametrize(
        ("selector", "index"),
        [
            ({"ip": "10.0.0.1"}, "ix_device_ip"),
            ({"mac": {"$in": ["00:04:13:00:00:00", "b"]}}, "ix_device_mac"),
            ({"sn": "1", "X_n": 2}, "ix_device_sn"),
            ({"uuid": "1"}, "ix_device_uuid"),
            ({"plugin": "x"}, "ix_device_plugin"),
            ({"config": "x"}, "ix_device_config"),
            ({"configured": False}, "ix_device_configured"),
        ],
    )
    def test_searches(self, full: Stores, tenants: set[str] | None, selector: dict[str, Any], index: str) -> None:
        query = Query(selector=parse_selector(selector))
        steps = steps_of(full, walk(devices, query, tenants, full).following(0, 100))
        assert index in steps, steps

    def test_a_lookup_by_id_reads_one_row(self, full: Stores) -> None:
        query = Query(selector=parse_selector({"id": "d77"}))
        steps = steps_of(full, walk(devices, query, {"t1"}, full).following(0, 100))
        assert "sqlite_autoindex_device_1 (id=?)" in steps or "Index Scan using device_id_key" in steps, steps

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("key", ["mac", "ip"])
    def test_a_sorted_page_of_a_tenant_reads_no_more_than_the_page(
        self, full: Stores, key: str, descending: bool
    ) -> None:
        query = Query(sort=key, limit=100, descending=descending)
        steps = steps_of(full, walk(devices, query, {"t1"}, full).ordered())
        assert f"ix_device_by_{key}" in steps, steps
        assert "USE TEMP B-TREE FOR ORDER BY" not in steps, steps
        assert "Seq Scan" not in steps, steps

    def test_an_unsorted_list_of_a_tenant_goes_along_an_index(self, full: Stores) -> None:
        steps = steps_of(full, walk(devices, Query(), {"t1"}, full).following(500, BATCH))
        assert "TEMP B-TREE" not in steps, steps
        assert "Sort" not in steps, steps

    def test_an_unsorted_list_of_many_tenants_is_not_sorted_batch_by_batch(self, full: Stores) -> None:
        steps = steps_of(full, walk(devices, Query(), {"t1", "t2"}, full).following(500, BATCH))
        assert "TEMP B-TREE" not in steps, steps
        assert "Sort" not in steps, steps

    def test_children_of_a_config(self, full: Stores) -> None:
        query = Query(selector=parse_selector({"parent_ids": {"$contains": "p7"}}))
        steps = steps_of(full, walk(configs, query, None, full).following(0, 100))
        assert "ix_config_parent_parent_id" in steps, steps
        assert len(run(full.configs.find(query))) == 20


class TestPages:
    @pytest.mark.parametrize("sort", [None, "mac", "vendor", "X_n", "id"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_pages_do_not_overlap_and_leave_nothing_out(self, full: Stores, sort: str | None, descending: bool) -> None:
        for selector in ({}, {"X_n": {"$ne": 1}}):
            query = Query(selector=parse_selector(selector), sort=sort, descending=descending)
            whole = run(full.devices.find(query, {"t1"}))
            pages = [run(full.devices.find(evolve(query, skip=n, limit=300), {"t1"})) for n in range(0, 2_100, 300)]
            assert [each["id"] for page in pages for each in page] == [each["id"] for each in whole]
            assert len(whole) == (1_800 if not selector else 1_200)
            assert run(everything(full.devices.stream(query, {"t1"}))) == whole

    def test_each_step_is_bounded(self, full: Stores) -> None:
        for asked in ({}, {"sort": "mac"}, {"sort": "X_n"}, {"q": '{"X_n":1}'}):
            stream = full.devices.texts(parse_query(asked), None)
            sizes = [len(batch) for batch in run(whole_batches(stream))]
            assert max(sizes) <= BATCH
            assert sum(sizes) == (667 if "q" in asked else 2_000)

    def test_what_is_deleted_meanwhile_is_left_out(self, store: Stores) -> None:
        run(store.devices.write_many(list(many(600)), []))
        for query in (Query(), Query(sort="mac"), Query(sort="X_n")):
            stream = store.devices.stream(query, None)
            first = run(anext(stream))
            seen = {each["id"] for each in first}
            victim = next(f"d{n}" for n in range(599, 0, -1) if f"d{n}" not in seen and run(store.devices.get(f"d{n}")))
            run(store.devices.delete(victim))
            rest = {each["id"] for each in run(everything(stream))}
            assert victim not in rest
            assert not seen & rest

    def test_a_value_of_a_query_that_is_long_or_strange_breaks_nothing(self, full: Stores) -> None:
        long = "x" * 60_000
        numbers = [str(number) for number in range(12_000)]
        for condition in (long, {"$contains": long}, {"$in": numbers}, {"$nin": numbers}, {"$gt": long}, "\ud800\0%"):
            for key in ("mac", "X_n", "parent_ids", "a." * 200 + "b"):
                query = Query(selector=parse_selector({key: condition}), limit=3)
                assert len(run(full.devices.find(query, {"t1"}))) in (0, 3)
                run(full.configs.find(query))


async def whole_batches(batches: Any) -> list[Any]:
    return [batch async for batch in batches]


class TestMigration:
    def test_documents_of_the_first_release_are_found_after_the_upgrade(self, store: Stores) -> None:
        """Rows as the first release wrote them: spaced JSON, a NULL column for a text that it could not store."""
        run(store.devices.insert(Device({"id": "new", "mac": "00:00:00:00:00:02", "X_a": {"b": 1}})))
        row = {"configured": False, "is_new": True, "tenant_uuid": "t1", "vendor": "wrong"}
        old = '{"id": "old", "vendor": "a\\u0001", "X_a": {"b": "c"}, "tenant_uuid": "t1"}'
        config = '{"id": "c", "parent_ids": [], "raw_config": {"X_k": "v"}, "X_type": "device"}'
        with store.database.engine.begin() as connection:
            connection.execute(insert(devices).values(id="old", document=old, **row))
            connection.execute(insert(configs).values(id="c", document=config, role=None, x_type=None))
            for index in ("mac", "ip", "vendor", "model", "plugin", "config"):
                connection.execute(text(f"DROP INDEX ix_device_by_{index}"))
            for index in ("of_tenant", "configured"):
                connection.execute(text(f"DROP INDEX ix_device_{index}"))
            connection.execute(text("CREATE INDEX ix_device_tenant_uuid ON device (tenant_uuid)"))
            connection.execute(text("ALTER TABLE operation DROP COLUMN tenant_uuid"))
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        migrated = open_stores(store.url)
        for selector in ({"X_a.b": "c"}, {"vendor": "a\x01"}, {"X_a": {"b": "c"}}):
            found = run(migrated.devices.find(Query(selector=parse_selector(selector)), None))
            assert [each["id"] for each in found] == ["old"], selector
        assert run(migrated.configs.find(Query(selector=parse_selector({"X_type": "device"}))))[0]["id"] == "c"
        assert run(migrated.configs.find(Query(selector=parse_selector({"raw_config.X_k": "v"}))))[0]["id"] == "c"
        run(migrated.devices.write_many(list(many(1_000)), []))
        query = Query(sort="mac", limit=10)
        assert "ix_device_by_mac" in steps_of(migrated, walk(devices, query, {"t1"}, migrated).ordered())
        migrated.database.close()


def test_stores_are_what_the_tests_call(store: Stores) -> None:
    assert isinstance(store.devices, DeviceStore)
    assert isinstance(store.configs, ConfigStore)

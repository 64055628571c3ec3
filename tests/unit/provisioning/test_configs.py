from __future__ import annotations

import pytest
from tests.support.provisioning import begin, run, sip

from provisiond.errors import AlreadyExists, InvalidInput, NotDeletable, NotFound
from provisiond.model.config import Config
from provisiond.model.query import Query


def create(world, config_id, raw_config=None, parents=(), **members):
    document = {"id": config_id, "parent_ids": list(parents), "raw_config": raw_config or {}, **members}
    return run(world.house.configs.create(document))


def test_a_config_is_stored_as_sent(world):
    document = {"id": "k", "parent_ids": ["ghost"], "raw_config": {"X_n": None, "sip_proxy_port": "5060"}, "X_any": [1]}
    run(world.house.configs.create(document))
    assert run(world.house.configs.get("k")).document == document
    assert run(world.house.configs.create({"parent_ids": [], "raw_config": {}})).id


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        {"id": "k"},
        {"id": "k", "parent_ids": []},
        {"id": "k", "parent_ids": [1], "raw_config": {}},
        {"id": "k", "parent_ids": [], "raw_config": {"vlan_id": 99999}},
        {"id": "k", "parent_ids": [], "raw_config": {"other": 1}},
        {"id": "a/b", "parent_ids": [], "raw_config": {}},
    ],
)
def test_a_refused_config_leaves_nothing(world, document):
    before = dict(world.configs.rows)
    with pytest.raises(InvalidInput):
        run(world.house.configs.create(document))
    with pytest.raises((InvalidInput, NotFound)):
        run(world.house.configs.replace("k", document))
    assert world.configs.rows == before


def test_an_id_is_used_once(world):
    create(world, "k", {"X_a": 1})
    with pytest.raises(AlreadyExists):
        create(world, "k", {"X_a": 2})
    world.configs.gate.shut()
    one = begin(world.house.configs.create({"id": "n", "parent_ids": [], "raw_config": {"X_a": 1}}))
    other = begin(world.house.configs.create({"id": "n", "parent_ids": [], "raw_config": {"X_a": 2}}))
    world.configs.gate.open()
    run(one)
    with pytest.raises(AlreadyExists):
        run(other)


def test_a_replacement_checks_the_id_before_the_content(world):
    with pytest.raises(NotFound):
        run(world.house.configs.replace("ghost", {"nonsense": True}))
    create(world, "k", {"X_a": 1}, label="old")
    run(world.house.configs.replace("k", {"id": "other", "parent_ids": [], "raw_config": {"X_b": 1}}))
    assert run(world.house.configs.get("k")).document == {"id": "k", "parent_ids": [], "raw_config": {"X_b": 1}}
    assert "other" not in world.configs.rows


def test_raw_shows_what_is_inherited_with_the_base_below(world):
    create(world, "g", {"X_o": "g", "X_d": {"a": "g", "b": "g"}, "X_l": [1, 2]})
    create(world, "p1", {"X_o": "p1", "X_d": {"a": "p1"}}, ["g"])
    create(world, "p2", {"X_o": "p2", "X_d": {"c": "p2"}, "X_l": [3]}, ["g"])
    create(world, "k", {"X_d": {"z": 1}, "X_l": None}, ["p1", "p2"])
    raw = run(world.house.configs.raw("k"))
    base = {"ip": "192.0.2.1", "http_port": 8667, "tftp_port": 69, "http_base_url": "http://192.0.2.1:8667"}
    assert raw == {**base, "X_o": "p2", "X_d": {"a": "p1", "b": "g", "c": "p2", "z": 1}, "X_l": None}
    with pytest.raises(NotFound):
        run(world.house.configs.raw("ghost"))


def test_a_loop_of_parents_ends(world):
    create(world, "a", {"X_a": 1}, ["b"])
    create(world, "b", {"X_b": 1}, ["a"])
    device = world.device(config="a")
    raw = world.file(device)[4]
    assert (raw["X_a"], raw["X_b"]) == (1, 1)
    run(world.house.configs.replace("b", {"parent_ids": ["a"], "raw_config": {"X_b": 2}}))
    assert world.file(device)[4]["X_b"] == 2


def test_a_protected_config_stays(world):
    with pytest.raises(NotDeletable, match="The document base is not deletable"):
        run(world.house.configs.delete("base"))
    document = dict(world.configs.config("base").document)
    run(world.house.configs.replace("base", {**document, "deletable": True}))
    run(world.house.configs.delete("base"))
    with pytest.raises(NotFound):
        run(world.house.configs.delete("base"))


def test_deleting_the_config_of_devices_takes_their_files(world):
    create(world, "site", {"X_site": 1})
    create(world, "user", sip("bob"), ["site"])
    user, site = world.device(config="user"), world.device(mac="00:08:5d:00:00:02", config="site")
    run(world.house.configs.delete("site"))
    world.settle()
    assert "X_site" not in world.file(user)[4]
    assert world.file(site) is None
    assert not world.house.directory.get(site.id).configured
    assert world.devices.document(site.id)["config"] == "site"
    assert world.configs.config("user").parent_ids == ("site",)


def test_autocreate_follows_the_oldest_model(world):
    create(world, "younger", sip("y"), role="autocreate")
    config = run(world.house.configs.autocreate())
    assert config.parent_ids == ("autoprov",)
    assert config.transient


def test_autocreate_needs_a_model_with_a_line(world):
    document = {"parent_ids": [], "raw_config": {}}
    run(world.house.configs.replace("autoprov", {**document, "role": "autocreate"}))
    with pytest.raises(InvalidInput):
        run(world.house.configs.autocreate())
    run(world.house.configs.replace("autoprov", document))
    with pytest.raises(NotFound):
        run(world.house.configs.autocreate())


def test_only_unused_transient_configs_are_deleted_with_devices(world):
    create(world, "kept", transient=False)
    create(world, "used", sip("u"), transient=True)
    create(world, "gone", transient=True)
    world.device(config="used")
    for config_id in ("kept", "used", "gone", "ghost", None):
        run(world.house.configs.delete_unused(config_id))
    assert {"kept", "used"} <= world.configs.rows.keys()
    assert "gone" not in world.configs.rows


def test_lists_go_to_the_store(world):
    ids = [each["id"] for each in run(world.house.configs.list(Query()))]
    assert ids == ["base", "default", "defaultconfigdevice", "autoprov"]

    async def streamed():
        return [each["id"] async for batch in world.house.configs.stream(Query()) for each in batch]

    assert run(streamed()) == ids


def test_a_read_that_crosses_a_write_is_not_remembered(world):
    create(world, "k", {"X_a": 1})
    world.restart()
    tree = world.house.tree
    world.configs.gate.shut()
    early = begin(tree.get("k"))
    tree.put(Config({"id": "k", "parent_ids": [], "raw_config": {"X_a": 2}}))
    world.configs.gate.open()
    run(early)
    assert run(tree.get("k")).raw_config == {"X_a": 2}

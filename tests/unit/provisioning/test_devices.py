from __future__ import annotations

import pytest
from tests.support.provisioning import PLUGIN, World, aastra, begin, run, sip

from provisiond.errors import AlreadyExists, InvalidInput, NotFound, StoreProblem, UnknownReference
from provisiond.model.query import Query, parse_query
from provisiond.provisioning.events import DeviceChanged


@pytest.fixture
def tenants(world):
    """Three tenants: a, b below a, c beside a."""
    a = run(world.house.tenants.create("a"))
    b = run(world.house.tenants.create("b", a.uuid))
    c = run(world.house.tenants.create("c"))
    return {name: world.house.tenants.scope(tenant.uuid) for name, tenant in (("a", a), ("b", b), ("c", c))}


def create(world: World, scope=None, **members):
    return run(world.house.devices.create(members, scope or world.scope))


def test_a_new_device_gets_id_tenant_and_flags_from_the_server(world, tenants):
    device = create(world, tenants["a"], configured=True, is_new=True, tenant_uuid="other", X_mine=None, added="me")
    assert len(device.id) == 32
    assert world.devices.document(device.id) == {
        "id": device.id,
        "configured": False,
        "is_new": False,
        "tenant_uuid": tenants["a"].tenant_uuid,
        "X_mine": None,
        "added": "me",
    }
    assert create(world).is_new


def test_a_creation_answers_after_the_device_was_configured(world):
    device = world.device()
    assert device.configured
    assert world.devices.document(device.id)["configured"] is True


def test_a_refused_creation_leaves_nothing(world):
    with pytest.raises(InvalidInput):
        create(world, id="x", mac="nonsense")
    assert not world.devices.rows
    assert "x" not in world.house.directory
    create(world, id="x")
    with pytest.raises(AlreadyExists):
        create(world, id="x", description="second")
    assert "description" not in world.devices.document("x")


def test_an_id_is_used_up_for_every_tenant(world, tenants):
    create(world, tenants["a"], id="x")
    with pytest.raises(AlreadyExists):
        create(world, tenants["c"], id="x")


def test_two_creations_of_one_id_at_once_make_one_device(world):
    world.devices.gate.shut()
    one = begin(world.house.devices.create({"id": "x", "description": "1"}, world.scope))
    other = begin(world.house.devices.create({"id": "x", "description": "2"}, world.scope))
    world.devices.gate.open()
    assert run(one).document["description"] == "1"
    with pytest.raises(AlreadyExists):
        run(other)


def test_a_creation_and_a_first_contact_of_one_phone_make_one_device(world):
    world.devices.gate.shut()
    creation = begin(world.house.devices.create({"mac": "00:08:5d:2d:b0:7c"}, world.scope))
    contact = begin(world.house.contact.seen(aastra()))
    world.devices.gate.open()
    device = run(creation)
    assert run(contact).device.id == device.id
    assert len(world.devices.rows) == 1


def test_a_replacement_replaces_everything_but_what_the_server_owns(world, tenants):
    device = create(world, tenants["a"], id="x", description="old", X_a=1, remote_state_sip_username="u")
    document = {"id": "y", "X_b": 2, "tenant_uuid": "t", "configured": True, "is_new": True}
    run(world.house.devices.replace("x", document, tenants["a"]))
    assert world.devices.document(device.id) == {
        "id": "x",
        "X_b": 2,
        "tenant_uuid": tenants["a"].tenant_uuid,
        "configured": False,
        "is_new": False,
    }
    assert "y" not in world.devices.rows


def test_replacing_a_device_of_the_master_tenant_moves_it(world, tenants):
    device = run(world.house.contact.seen(aastra())).device
    document = dict(device.document)
    moved = run(world.house.devices.replace(device.id, document, tenants["b"]))
    assert moved.tenant_uuid == tenants["b"].tenant_uuid
    assert not moved.is_new
    stayed = run(world.house.devices.replace(device.id, document, tenants["a"]))
    assert stayed.tenant_uuid == tenants["b"].tenant_uuid


def test_the_master_tenant_keeps_its_own_devices_new(world):
    device = create(world)
    assert run(world.house.devices.replace(device.id, {"X_a": 1}, world.scope)).is_new


@pytest.mark.parametrize(("scope", "seen"), [("a", True), ("b", True), ("c", False)])
def test_a_device_is_seen_from_its_tenant_and_from_above(world, tenants, scope, seen):
    create(world, tenants["b"], id="x")
    devices = world.house.devices
    calls = [
        (devices.get("x", tenants[scope]), NotFound),
        (devices.reconfigure("x", tenants[scope]), UnknownReference),
        (devices.replace("x", {}, tenants[scope]), NotFound),
        (devices.delete("x", tenants[scope]), NotFound),
    ]
    for call, refusal in calls:
        if seen:
            run(call)
        else:
            with pytest.raises(refusal):
                run(call)
    assert ("x" in world.devices.rows) is not seen


def test_what_is_not_seen_is_told_like_what_does_not_exist(world, tenants):
    create(world, tenants["b"], id="x")
    with pytest.raises(NotFound) as foreign:
        run(world.house.devices.get("x", tenants["c"]))
    with pytest.raises(NotFound) as unknown:
        run(world.house.devices.get("y", tenants["c"]))
    assert foreign.value.sentence.replace("x", "y") == unknown.value.sentence


def test_a_tenant_does_not_see_the_devices_above(world, tenants):
    create(world, tenants["a"], id="x")
    with pytest.raises(NotFound):
        run(world.house.devices.get("x", tenants["b"]))


def test_new_devices_can_be_replaced_but_not_read_or_deleted_from_below(world, tenants):
    create(world, id="x")
    for call in (world.house.devices.get, world.house.devices.delete):
        with pytest.raises(NotFound):
            run(call("x", tenants["a"]))
    assert run(world.house.devices.replace("x", {}, tenants["a"])).tenant_uuid == tenants["a"].tenant_uuid


def test_lists_hold_the_tenant_or_the_tree(world, tenants):
    for name, scope in tenants.items():
        create(world, scope, id=name)
    devices = world.house.devices
    assert [each["id"] for each in run(devices.list(Query(), tenants["a"]))] == ["a"]
    assert [each["id"] for each in run(devices.list(Query(), tenants["a"], recurse=True))] == ["a", "b"]
    query = parse_query({"q": '{"id": "b"}', "fields": "tenant_uuid"})
    listed = run(devices.list(query, world.scope, recurse=True))
    assert listed == [{"id": "b", "tenant_uuid": tenants["b"].tenant_uuid}]


def test_lists_show_what_the_phones_told_last(world):
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.contact.seen(aastra(ip="192.0.2.99")))
    (listed,) = run(world.house.devices.list(Query(), world.scope))
    assert listed["ip"] == "192.0.2.99"

    async def streamed():
        return [each async for batch in world.house.devices.stream(Query(), world.scope) for each in batch]

    assert run(streamed()) == [listed]
    assert listed["id"] == device.id


@pytest.mark.parametrize(
    ("name", "value", "again"),
    [
        ("mac", "00:08:5d:00:00:99", True),
        ("version", "2.0", True),
        ("options", {"switchboard": True}, True),
        ("model", "6731i", True),
        ("ip", "192.0.2.7", False),
        ("description", "desk", False),
        ("X_free", 1, False),
    ],
)
def test_only_what_matters_to_the_files_makes_them_anew(world, name, value, again):
    device = world.device()
    world.file(device)
    world.host.rendered.clear()
    run(world.house.devices.replace(device.id, {**device.document, name: value}, world.scope))
    world.settle()
    assert world.host.rendered == ([device.id] if again else [])


def test_the_old_files_are_gone_when_the_mac_changed(world):
    device = world.device()
    changed = run(world.house.devices.replace(device.id, {**device.document, "mac": "00:08:5d:00:00:99"}, world.scope))
    assert run(world.house.rendering.device_file(changed, "00085d000001.cfg")) is None
    assert run(world.house.rendering.device_file(changed, "00085d000099.cfg")) is not None


def test_an_unchanged_replacement_writes_nothing(world):
    device = world.device()
    calls = world.devices.calls
    run(world.house.devices.replace(device.id, dict(device.document), world.scope))
    assert world.devices.calls == calls


def test_true_and_one_are_different_values(world):
    create(world, id="x", X_a=True)
    run(world.house.devices.replace("x", {"X_a": 1}, world.scope))
    assert world.devices.document("x")["X_a"] is not True


def test_a_transient_config_goes_with_its_last_device(world):
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.devices.create({"id": "second", "config": device.config}, world.scope))
    run(world.house.devices.delete(device.id, world.scope))
    assert device.config in world.configs.rows
    run(world.house.devices.replace("second", {"config": "autoprov"}, world.scope))
    assert device.config not in world.configs.rows
    assert "autoprov" in world.configs.rows


def test_a_deleted_device_is_gone_with_its_files(world):
    device = world.device()
    world.file(device)
    world.house.sightings.note(device.id, {"ip": "192.0.2.4"})
    run(world.house.devices.delete(device.id, world.scope))
    assert device.id not in world.devices.rows
    assert world.file(device) is None
    world.clock.advance(2)
    assert device.id not in world.devices.rows
    assert not [path for path in (world.state_dir / "rendered").rglob("*") if path.is_file()]
    with pytest.raises(NotFound):
        run(world.house.devices.delete(device.id, world.scope))


def test_reconfigure_renders_again_and_tells_failure_by_configured(world):
    device = world.device()
    world.file(device)
    world.host.rendered.clear()
    assert run(world.house.devices.reconfigure(device.id, world.scope)).configured
    assert world.host.rendered == [device.id]
    world.host.broken[PLUGIN] = "broken"
    assert not run(world.house.devices.reconfigure(device.id, world.scope)).configured
    del world.host.broken[PLUGIN]
    assert run(world.house.devices.reconfigure(device.id, world.scope)).configured


def test_reading_a_device_first_finishes_its_pending_work(world):
    device = world.device(config="later")
    assert not device.configured
    run(world.house.configs.create({"id": "later", "parent_ids": [], "raw_config": sip("bob")}))
    assert run(world.house.devices.get(device.id, world.scope)).configured


def test_a_sighting_during_a_replacement_is_not_lost(world):
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.sightings.flush())
    world.devices.gate.shut()
    replacement = begin(world.house.devices.replace(device.id, {**device.document, "X_a": 1}, world.scope))
    run(world.house.contact.seen(aastra(ip="192.0.2.99")))
    world.devices.gate.open()
    assert run(replacement).ip == "192.0.2.99"
    assert world.devices.document(device.id)["ip"] == "192.0.2.99"
    assert world.devices.document(device.id)["X_a"] == 1


def test_a_sighting_that_is_being_written_does_not_undo_a_replacement(world):
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.sightings.flush())
    run(world.house.contact.seen(aastra(ip="192.0.2.99")))
    world.devices.gate.shut()
    world.clock.advance(1)
    replacement = begin(world.house.devices.replace(device.id, {**device.document, "ip": "192.0.2.1"}, world.scope))
    world.devices.gate.open()
    assert run(replacement).ip == "192.0.2.1"
    assert world.devices.document(device.id)["ip"] == "192.0.2.1"


def test_a_sighting_stays_to_be_written_when_a_replacement_changes_nothing(world):
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.sightings.flush())
    run(world.house.contact.seen(aastra(ip="192.0.2.99")))
    known = world.house.directory.get(device.id)
    begin(world.house.devices.replace(device.id, dict(known.document), world.scope))
    world.settle()
    assert world.house.directory.get(device.id).ip == "192.0.2.99"
    run(world.house.sightings.flush())
    assert world.devices.document(device.id)["ip"] == "192.0.2.99"


@pytest.mark.parametrize("kind", ["replace", "change", "assign"])
def test_a_sighting_is_not_lost_with_a_write_that_the_database_refuses(world, monkeypatch, kind):
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.sightings.flush())
    if kind == "assign":
        run(world.house.devices.change(device.id, {"plugin": None}))
    world.house.sightings.note(device.id, {"ip": "192.0.2.99"})

    async def refuse(*_):
        raise StoreProblem("no")

    writes = {
        "replace": lambda: world.house.devices.replace(device.id, {"X_a": 1}, world.scope),
        "change": lambda: world.house.devices.change(device.id, {"X_a": 1}),
        "assign": lambda: world.house.devices.assign_plugin(device.id, PLUGIN),
    }
    with monkeypatch.context() as patched:
        patched.setattr(world.devices, "replace", refuse)
        with pytest.raises(StoreProblem):
            run(writes[kind]())
    assert world.house.directory.get(device.id).ip == "192.0.2.99"
    run(world.house.sightings.flush())
    assert world.devices.document(device.id)["ip"] == "192.0.2.99"


def test_a_sighting_that_could_not_be_written_does_not_undo_a_replacement_later(world, monkeypatch):
    device = run(world.house.contact.seen(aastra())).device
    run(world.house.sightings.flush())
    run(world.house.contact.seen(aastra(ip="192.0.2.99")))
    write = world.devices.write_sightings

    async def refuse(changes):
        await write({})
        raise StoreProblem("no")

    monkeypatch.setattr(world.devices, "write_sightings", refuse)
    world.devices.gate.shut()
    world.clock.advance(1)
    replacement = begin(world.house.devices.replace(device.id, {**device.document, "ip": "192.0.2.1"}, world.scope))
    monkeypatch.setattr(world.devices, "write_sightings", write)
    world.devices.gate.open()
    assert run(replacement).ip == "192.0.2.1"
    run(world.house.sightings.flush())
    assert world.devices.document(device.id)["ip"] == "192.0.2.1"


def test_changes_of_devices_are_told_to_listeners(world):
    told = []
    world.house.events.listen(lambda event: told.append(event) if isinstance(event, DeviceChanged) else None)
    create(world, id="x")
    run(world.house.devices.replace("x", {"X_a": 1}, world.scope))
    run(world.house.devices.delete("x", world.scope))
    assert [event.action for event in told] == ["created", "replaced", "deleted"]

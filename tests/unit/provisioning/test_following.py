from __future__ import annotations

import json

import pytest
from tests.support.provisioning import PLUGIN, World, aastra, begin, run, sip

from provisiond.errors import StoreProblem
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.provisioning.following import MAX_CATCH_UP
from provisiond.store.facts import Tenant
from provisiond.store.feed import Change


class Other:
    """Another process on the same store."""

    def __init__(self, world: World) -> None:
        self.world = world

    def device(self, device_id: str, **members) -> None:
        document = {"id": device_id, "configured": False, "tenant_uuid": self.world.house.tenants.master, **members}
        known = device_id in self.world.devices.rows
        run((self.world.devices.replace if known else self.world.devices.insert)(Device(document)))

    def config(self, config_id: str, raw_config: dict, parents=()) -> None:
        config = Config({"id": config_id, "parent_ids": list(parents), "raw_config": raw_config})
        known = config_id in self.world.configs.rows
        run((self.world.configs.replace if known else self.world.configs.insert)(config))

    def note(self, kind: str, name: str) -> None:
        self.world.feed.note(kind, name, "replace")


@pytest.fixture
def other(world):
    return Other(world)


def look(world: World) -> None:
    run(world.house._following.look())
    world.settle()


def test_devices_of_others_are_known_after_a_second(world, other):
    other.device("x", mac="00:08:5d:2d:b0:7c", plugin=PLUGIN, config="autoprov")
    assert "x" not in world.house.directory
    world.clock.advance(1)
    assert world.house.directory.by_mac("00:08:5d:2d:b0:7c")[0].id == "x"
    assert run(world.house.contact.seen(aastra())).device.id == "x"
    run(world.devices.delete("x"))
    look(world)
    assert "x" not in world.house.directory


def test_configs_of_others_reach_the_phones(world, other):
    device = world.device()
    world.file(device)
    other.config(device.config, sip("bob"), ["new"])
    other.config("new", {"X_new": 1})
    look(world)
    raw = world.file(device)[4]
    assert (raw["sip_lines"]["1"]["username"], raw["X_new"]) == ("bob", 1)
    run(world.configs.delete("new"))
    look(world)
    assert "X_new" not in world.file(device)[4]


def test_parameters_tenants_and_tokens_of_others_count(world, other):
    text, stored = run(world.house.tokens.create("t", ["#"], world.house.tenants.master))
    run(world.house.tokens.authenticate(text))
    del world.tokens.rows[stored.id]
    world.parameters.values[None, "locale"] = "fr"
    run(world.tenants.put(Tenant("t", world.house.tenants.master, "t")))
    for kind in ("token", "parameter", "tenant"):
        other.note(kind, "x")
    look(world)
    assert world.house.parameters.locale == "fr"
    assert world.house.tenants.scope("t").tenant_uuid == "t"
    assert stored.id not in {token.id for token in world.house.tokens.list()}


def test_own_writes_are_recognised_and_change_nothing(world):
    device = world.device()
    world.settle()
    look(world)
    before, events = world.house.rendering._changes.number, world.house.events.subscribe()
    run(world.house.sightings.flush())
    look(world)
    assert world.house.rendering._changes.number == before
    assert events.pending() == ()
    assert world.host.rendered == [device.id]


def test_a_look_does_not_undo_what_is_not_written_yet(world, other):
    device = world.device()
    look(world)
    other.device(device.id, **{k: v for k, v in device.document.items() if k != "id"}, X_theirs=1)
    world.house.sightings.note(device.id, {"ip": "192.0.2.9"})
    look(world)
    merged = world.house.directory.get(device.id)
    assert (merged.ip, merged.document["X_theirs"]) == ("192.0.2.9", 1)


def test_a_look_that_crosses_a_change_takes_the_newer(world, other):
    device = world.device()
    look(world)
    document = {k: v for k, v in device.document.items() if k != "id"}
    other.device(device.id, **document, X_step=1)
    world.devices.gate.shut()
    looking = begin(world.house._following.look())
    replacing = begin(world.house.devices.replace(device.id, {**document, "X_step": 2}, world.scope))
    for _ in range(5):
        world.devices.gate.open()
        world.clock.advance(0)
    run(looking)
    run(replacing)
    look(world)
    assert world.house.directory.get(device.id).document["X_step"] == 2
    assert world.devices.document(device.id)["X_step"] == 2


def test_a_single_process_need_not_read_back(make_world):
    world = make_world(followed=["token"])
    world.device()
    calls = world.devices.calls
    look(world)
    assert world.devices.calls == calls


def test_a_failing_store_is_tried_again(world, other, monkeypatch):
    original = world.feed.changes_since

    async def refuse(*args):
        raise RuntimeError

    monkeypatch.setattr(world.feed, "changes_since", refuse)
    world.clock.advance(1)
    monkeypatch.setattr(world.feed, "changes_since", original)
    other.device("x", mac="00:08:5d:00:00:01")
    world.clock.advance(1)
    assert "x" in world.house.directory


def test_no_look_follows_the_end_that_waited_for_one(world, other, monkeypatch):
    other.device("x", mac="00:08:5d:00:00:01")
    world.devices.gate.shut()
    world.clock.advance(1)
    stopping = begin(world.house._following.stop())
    assert not stopping.called
    world.devices.gate.open()
    assert stopping.called
    assert "x" in world.house.directory
    looks = []
    monkeypatch.setattr(world.feed, "changes_since", lambda *asked: looks.append(asked))
    world.clock.advance(5)
    assert looks == []


def test_what_is_rendered_needs_no_rendering_after_a_restart(world):
    world.device()
    world.settle()
    look(world)
    assert world.facts.values["rendered_through"] == str(len(world.feed.rows))
    world.restart()
    assert world.house.rendering._outcomes == {}


def test_up_to_where_it_is_rendered_is_remembered_once_the_store_takes_it(world, monkeypatch):
    world.device()
    world.settle()

    async def refuse(*_):
        raise StoreProblem("no")

    with monkeypatch.context() as patched:
        patched.setattr(world.facts, "set", refuse)
        world.clock.advance(1)
    assert world.facts.values.get("rendered_through") != str(len(world.feed.rows))
    world.clock.advance(1)
    assert world.facts.values["rendered_through"] == str(len(world.feed.rows))


def test_a_long_absence_looks_at_every_device(world):
    device = world.device()
    world.feed.rows += [Change(number, "token", "x", "insert") for number in range(MAX_CATCH_UP + 10)]
    world.host.broken[PLUGIN] = "broken"
    world.host.touch(PLUGIN)
    world.restart()
    assert not world.house.directory.get(device.id).configured


def test_documents_that_others_wrote_come_out_as_they_are(world, other):
    other.device("x", X_nested={"a": [1, None, {"b": True}]})
    look(world)
    assert json.dumps(world.house.directory.get("x").document["X_nested"]) == '{"a": [1, null, {"b": true}]}'

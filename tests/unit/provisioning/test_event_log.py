"""The numbered events of a process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.provisioning import aastra, run
from twisted.internet.task import Clock

from provisiond.errors import InvalidInput
from provisiond.provisioning.event_log import KINDS, EventLog
from provisiond.provisioning.events import ConfigChanged, DeviceChanged, DeviceConfigured, DeviceSeen, Events
from provisiond.provisioning.tenants import Scope

ALL = frozenset(KINDS.values())
SCOPE = Scope(tenant_uuid="t", tree=frozenset({"t", "below"}), master="m")


def made(kept: int = 5, at: float = 1000.0, tenants: dict[str, str] | None = None) -> tuple[Events, EventLog]:
    clock = Clock()
    clock.rightNow = at
    events = Events()
    return events, EventLog(events, (tenants or {}).get, clock, kept)


def test_every_kind_has_a_name() -> None:
    assert {
        "device_seen",
        "device_changed",
        "device_configured",
        "device_synchronized",
        "config_changed",
        "operation_changed",
        "plugin_changed",
        "plugin_problem_seen",
        "extension_progress",
    } == ALL


def test_a_new_listener_begins_at_the_present() -> None:
    events, log = made()
    events.publish(ConfigChanged("a", "created"))
    position, lost = log.position(None)
    assert (position, lost) == (1, False)
    events.publish(ConfigChanged("b", "created"))
    rows, position = log.after(position, 10, ALL, SCOPE)
    assert [(row.number, row.kind, row.event, row.at) for row in rows] == [
        (2, "config_changed", ConfigChanged("b", "created"), 1000.0)
    ]
    assert log.after(position, 10, ALL, SCOPE) == ([], 2)


@given(st.integers(1, 8), st.integers(0, 20), st.integers(0, 20), st.integers(1, 5))
def test_a_listener_that_comes_back_gets_each_event_once_or_is_told(kept: int, before: int, away: int, step: int):
    events, log = made(kept)
    for number in range(before):
        events.publish(ConfigChanged(str(number), "created"))
    seen = log.id_of(log.position(None)[0])
    for number in range(away):
        events.publish(ConfigChanged(str(before + number), "created"))
    position, lost = log.position(seen)
    assert lost is (away > kept)
    got = []
    while True:
        rows, position = log.after(position, step, ALL, SCOPE)
        if not rows:
            break
        assert len(rows) <= step
        got += [row.event.config_id for row in rows]
    assert got == [str(number) for number in range(before + away - min(away, kept), before + away)]


@pytest.mark.parametrize("last", ["", "-", "x", "1", "abc-1", "abc-", "{origin}-99", "{origin}--1", "{origin}-1x"])
def test_an_id_of_another_process_or_nonsense_gets_everything_that_is_kept(last: str) -> None:
    events, log = made(2)
    for name in "abc":
        events.publish(ConfigChanged(name, "created"))
    origin = log.id_of(0).rpartition("-")[0]
    position, lost = log.position(last.format(origin=origin))
    assert lost
    assert [row.event.config_id for row in log.after(position, 10, ALL, SCOPE)[0]] == ["b", "c"]


def test_two_processes_have_different_ids() -> None:
    assert made(at=1000.0)[1].id_of(1) != made(at=1000.5)[1].id_of(1)


def test_events_of_other_tenants_are_hidden_and_still_passed() -> None:
    events, log = made(10, tenants={"own": "t", "child": "below", "foreign": "other", "master": "m"})
    for device in ("own", "child", "foreign", "master", "unknown"):
        events.publish(DeviceSeen(device, False, None))
    events.publish(DeviceChanged("gone", "deleted", "t"))
    events.publish(DeviceChanged("gone too", "deleted", "other"))
    events.publish(ConfigChanged("c", "created"))
    rows, position = log.after(0, 100, ALL, SCOPE)
    assert [getattr(row.event, "device_id", None) for row in rows] == ["own", "child", "gone", None]
    assert position == 8


def test_a_device_that_moves_is_seen_where_it_was() -> None:
    tenants = {"d": "t"}
    events, log = made(tenants=tenants)
    events.publish(DeviceConfigured("d", True, None))
    tenants["d"] = "other"
    events.publish(DeviceConfigured("d", False, "broken"))
    assert [row.event.configured for row in log.after(0, 9, ALL, SCOPE)[0]] == [True]


def test_kinds_choose() -> None:
    events, log = made(tenants={"d": "t"})
    events.publish(DeviceSeen("d", True, "192.0.2.1"))
    events.publish(ConfigChanged("c", "created"))
    assert [row.kind for row in log.after(0, 9, {"device_seen"}, SCOPE)[0]] == ["device_seen"]


def test_a_waiter_is_called_once_and_can_forget() -> None:
    events, log = made()
    called: list[str] = []
    log.call_at_next(lambda: called.append("a"))
    log.call_at_next(lambda: called.append("b"))()
    events.publish(ConfigChanged("c", "created"))
    events.publish(ConfigChanged("d", "created"))
    assert called == ["a"]


def kinds_of(world, after: int = 0) -> list[str]:
    return [row.kind for row in world.house.event_log.after(after, 1000, ALL, world.scope)[0]]


def test_the_house_tells_what_happens(world) -> None:
    before = world.house.event_log.newest
    device = world.device()
    seen = kinds_of(world, before)
    assert seen[0] == "config_changed"
    assert {"device_changed", "device_configured"} <= set(seen)
    before = world.house.event_log.newest
    run(world.house.contact.seen(aastra()))
    assert "device_seen" in kinds_of(world, before)
    before = world.house.event_log.newest
    run(world.house.devices.delete(device.id, world.scope))
    assert kinds_of(world, before) == ["device_changed"]


def test_a_problem_is_told_once(world) -> None:
    before = world.house.event_log.newest
    for _ in range(3):
        world.host.note_problem("acme-1.0", "rule", "pattern 3 is broken")
    rows, _ = world.house.event_log.after(before, 10, ALL, world.scope)
    assert [(row.kind, row.event.sentence) for row in rows] == [("plugin_problem_seen", "pattern 3 is broken")]


def test_operations_tell_progress_at_most_once_a_second(world) -> None:
    before = world.house.event_log.newest
    parts: list = []

    async def work(progress) -> None:
        part = progress.part("download", end=100)
        parts.append(part)
        for _ in range(50):
            part.advance(1)
        world.clock.advance(1.0)
        for _ in range(50):
            part.advance(1)
        raise InvalidInput("the disk is full")

    run(world.house.operations.start("/x", work, "install"))
    rows, _ = world.house.event_log.after(before, 100, ALL, world.scope)
    assert [(row.event.progress, row.event.error) for row in rows] == [
        ("install|progress", None),
        ("install|progress(download|progress;51/100)", None),
        ("install|fail(download|fail;100/100)", "the disk is full"),
    ]

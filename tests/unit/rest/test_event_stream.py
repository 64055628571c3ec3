"""Server-sent events over HTTP."""

from __future__ import annotations

import json

import pytest
from tests.support.api import Api
from tests.support.provisioning import run

from provisiond.provisioning.event_log import EventLog
from provisiond.provisioning.events import ConfigChanged
from provisiond.rest.event_stream import HEARTBEAT_SECONDS, STREAMS
from provisiond.rest.sending import STALL_SECONDS


def happen(world, *names: str) -> None:
    for name in names:
        world.house.events.publish(ConfigChanged(name, "created"))


def messages(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.partition(": ")[::2] for line in block.split("\n")) for block in blocks]


def names(connection) -> list[str]:
    found = [each for each in messages(connection.got().text) if each["event"] == "config_changed"]
    return [json.loads(each["data"])["config_id"] for each in found]


def test_a_stream_begins_with_a_place_to_come_back_to(api, world):
    connection = api.begin("GET", "/events")
    got = connection.got()
    assert (got.status, got.headers["content-type"], got.whole) == (200, "text/event-stream", False)
    assert got.headers["cache-control"] == "no-store"
    (begin,) = messages(got.text)
    assert (begin["event"], begin["id"]) == ("begin", world.house.event_log.id_of(world.house.event_log.newest))


def test_events_arrive_at_once_with_id_kind_and_time(api, world):
    connection = api.begin("GET", "/events")
    happen(world, "a")
    message = messages(connection.got().text)[-1]
    assert message["id"] == world.house.event_log.id_of(world.house.event_log.newest)
    assert message["event"] == "config_changed"
    assert json.loads(message["data"]) == {
        "time": "2026-09-21T14:13:20.000+00:00",
        "config_id": "a",
        "action": "created",
    }


def test_who_was_away_goes_on_where_it_was(api, world):
    connection = api.begin("GET", "/events")
    happen(world, "a", "b")
    last = messages(connection.got().text)[-1]["id"]
    connection.close()
    happen(world, "c", "d")
    assert names(api.begin("GET", "/events", Last_Event_ID=last)) == ["c", "d"]
    assert names(api.begin("GET", f"/events?last_event_id={last}")) == ["c", "d"]


def test_who_was_away_too_long_is_told(api, world):
    connection = api.begin("GET", "/events", Last_Event_ID="17-3")
    assert [each["event"] for each in messages(connection.got().text)][:2] == ["begin", "lost"]


def test_kinds_are_chosen_and_unknown_ones_refused(api, world):
    connection = api.begin("GET", "/events?kinds=device_seen,plugin_changed")
    happen(world, "a")
    assert names(connection) == []
    refused = api.get("/events?kinds=weather")
    assert refused.status == 400
    assert "device_seen" in refused.text


def test_nothing_of_another_tenant_is_told(api, world):
    tenant = run(world.house.tenants.create("branch")).uuid
    other = run(world.house.tenants.create("other")).uuid
    connection = api.begin("GET", "/events?kinds=device_changed", token=api.made_token("#", tenant=tenant))
    mine = run(world.house.devices.create({"mac": "00:08:5d:00:00:07"}, world.house.tenants.scope(tenant)))
    theirs = run(world.house.devices.create({"mac": "00:08:5d:00:00:08"}, world.house.tenants.scope(other)))
    run(world.house.devices.delete(theirs.id, world.house.tenants.scope(other)))
    told = [json.loads(each["data"]) for each in messages(connection.got().text) if each["event"] == "device_changed"]
    assert {each["device_id"] for each in told} == {mine.id}


def test_silence_is_broken_by_heartbeats(api, world):
    connection = api.begin("GET", "/events")
    before = len(connection.got().content)
    world.clock.advance(HEARTBEAT_SECONDS - 1)
    assert len(connection.got().content) == before
    world.clock.advance(1)
    assert connection.got().content[before:] == b": nothing new\n\n"


def test_a_stream_ends_when_its_token_is_revoked(api, world):
    token = api.made_token("provd.events.read")
    connection = api.begin("GET", "/events", token=token)
    (row,) = [each for each in world.house.tokens.list() if each.acl == ("provd.events.read",)]
    run(world.house.tokens.revoke(row.id))
    happen(world, "a")
    got = connection.got()
    assert got.whole
    assert names(connection) == []


def test_a_stream_ends_when_its_token_expires(api, world):
    text, _ = run(world.house.tokens.create("short", ["#"], world.house.tenants.master, world.clock.seconds() + 60))
    connection = api.begin("GET", "/events", token=text)
    for _ in range(5):
        world.clock.advance(HEARTBEAT_SECONDS)
    assert connection.got().whole


def test_the_number_of_streams_is_bounded_and_given_back(api, world):
    connections = [api.begin("GET", "/events") for _ in range(STREAMS)]
    assert all(each.got().status == 200 for each in connections)
    assert api.get("/events").status == 503
    assert api.call("HEAD", "/events").status == 200
    connections[0].close()
    world.clock.advance(HEARTBEAT_SECONDS)
    assert api.begin("GET", "/events").got().status == 200


def test_a_reader_that_takes_nothing_is_cut_off(api, world):
    connection = api.begin("GET", "/events")
    connection.transport.producer.pauseProducing()
    happen(world, "a")
    happen(world, "b")
    world.clock.advance(STALL_SECONDS - 1)
    assert not connection.transport.aborted
    world.clock.advance(1)
    assert connection.transport.aborted


def test_a_reader_that_is_a_little_slow_gets_everything(api, world):
    connection = api.begin("GET", "/events")
    connection.transport.producer.pauseProducing()
    happen(world, "a", "b", "c")
    assert names(connection) == []
    connection.transport.producer.resumeProducing()
    assert names(connection) == ["a", "b", "c"]
    world.clock.advance(STALL_SECONDS * 2)
    assert not connection.transport.aborted


def test_a_reader_that_fell_behind_the_log_is_told_and_ended(world):
    house = world.house
    house.event_log = EventLog(house.events, lambda _: None, world.clock, kept=10)
    connection = Api(world).begin("GET", "/events")
    connection.transport.producer.pauseProducing()
    happen(world, *(str(number) for number in range(50)))
    connection.transport.producer.resumeProducing()
    got = connection.got()
    assert got.whole
    assert messages(got.text)[-1]["event"] == "lost"


@pytest.mark.parametrize("acl", ["provd.dev_mgr.#", "!provd.events.read"])
def test_the_acl_decides(api, acl):
    assert api.get("/events", token=api.made_token(acl)).status == 401

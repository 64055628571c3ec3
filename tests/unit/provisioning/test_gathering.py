"""Calls of plugins that go together."""

from __future__ import annotations

import pytest
from tests.support.provisioning import Gate, begin
from twisted.internet.task import Clock

from provisiond.errors import PluginProblem
from provisiond.model.device import Device
from provisiond.provisioning.gathering import AT_ONCE, Gathering

DEVICES = [Device({"id": f"d{number}"}) for number in range(2 * AT_ONCE + 1)]


class Host:
    def __init__(self):
        self.calls, self.gate, self.fails = [], Gate(), None

    def undoes(self, plugin_id):
        return plugin_id == "old"

    async def files_of_many(self, plugin_id, asked):
        self.calls.append((plugin_id, [device.id for device, _ in asked]))
        await self.gate()
        if self.fails is not None:
            raise self.fails
        return [PluginProblem(raw["problem"]) if "problem" in raw else (plugin_id, device.id) for device, raw in asked]


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def clock():
    return Clock()


def names(devices):
    return [device.id for device in devices]


def test_what_is_asked_for_in_one_turn_goes_together(host, clock):
    gathering = Gathering(host, clock, 1)
    results = [begin(gathering.device_files("p", device, {})) for device in DEVICES[:3]]
    assert host.calls == []
    clock.advance(0)
    assert host.calls == [("p", names(DEVICES[:3]))]
    assert [result.result for result in results] == [("p", device.id) for device in DEVICES[:3]]


def test_a_call_is_for_a_few_and_plugins_take_turns(host, clock):
    gathering = Gathering(host, clock, 1)
    host.gate.shut()
    results = [begin(gathering.device_files("p", device, {})) for device in DEVICES]
    results += [begin(gathering.device_files("q", device, {})) for device in DEVICES[:2]]
    for _ in range(8):
        clock.advance(0)
        assert host.gate.waiting <= 1
        host.gate.open()
        host.gate.shut()
    assert host.calls == [
        ("p", names(DEVICES[:AT_ONCE])),
        ("q", names(DEVICES[:2])),
        ("p", names(DEVICES[AT_ONCE : 2 * AT_ONCE])),
        ("p", names(DEVICES[2 * AT_ONCE :])),
    ]
    assert all(result.called for result in results)


def test_so_many_calls_run_at_a_time(host, clock):
    gathering = Gathering(host, clock, 2)
    host.gate.shut()
    for device in DEVICES:
        begin(gathering.device_files("p", device, {}))
    for _ in range(8):
        clock.advance(0)
    assert host.gate.waiting == 2


def test_plugins_of_the_older_interface_are_asked_for_one_at_a_time(host, clock):
    gathering = Gathering(host, clock, 1)
    results = [begin(gathering.device_files("old", device, {})) for device in DEVICES[:3]]
    for _ in range(3):
        clock.advance(0)
    assert host.calls == [("old", [device.id]) for device in DEVICES[:3]]
    assert all(result.called for result in results)


def test_who_hurries_waits_for_no_turn_and_no_other_device(host, clock):
    gathering = Gathering(host, clock, 1)
    host.gate.shut()
    with gathering.expecting("d0"), gathering.expecting("d1"):
        first = begin(gathering.device_files("old", DEVICES[0], {}))
        second = begin(gathering.device_files("old", DEVICES[1], {}))
        clock.advance(0)
        assert host.calls == [("old", ["d0"])]
        gathering.hurry("d1")
        gathering.hurry("d0")
        assert host.calls == [("old", ["d0"]), ("old", ["d1"])]
        again = begin(gathering.device_files("old", DEVICES[1], {}))
        assert len(host.calls) == 3
    host.gate.open()
    clock.advance(0)
    assert len(host.calls) == 3
    assert [first.result, second.result, again.result] == [("old", "d0"), ("old", "d1"), ("old", "d1")]


def test_a_device_may_be_expected_twice(host, clock):
    gathering = Gathering(host, clock, 1)
    with gathering.expecting("d0"):
        with gathering.expecting("d0"):
            gathering.hurry("d0")
        begin(gathering.device_files("p", DEVICES[0], {}))
    clock.advance(0)
    assert host.calls == [("p", ["d0"])]


def test_nobody_is_hurried_who_is_not_expected(host, clock):
    gathering = Gathering(host, clock, 1)
    gathering.hurry("d0")
    begin(gathering.device_files("p", DEVICES[0], {}))
    gathering.hurry("d0")
    assert host.calls == []
    with gathering.expecting("d1"):
        gathering.hurry("d1")
    begin(gathering.device_files("p", DEVICES[1], {}))
    clock.advance(0)
    assert host.calls == [("p", ["d0", "d1"])]


def test_a_problem_is_that_of_its_device(host, clock):
    gathering = Gathering(host, clock, 1)
    good = begin(gathering.device_files("p", DEVICES[0], {}))
    bad = begin(gathering.device_files("p", DEVICES[1], {"problem": "no line"}))
    clock.advance(0)
    assert good.result == ("p", "d0")
    assert bad.result.check(PluginProblem)
    bad.addErrback(lambda failure: None)


def test_a_call_that_fails_is_told_to_all_and_the_next_goes_on(host, clock):
    gathering = Gathering(host, clock, 1)
    host.fails = RuntimeError("the server is to blame")
    results = [begin(gathering.device_files("p", device, {})) for device in DEVICES[:2]]
    clock.advance(0)
    assert all(result.result.check(RuntimeError) for result in results)
    for result in results:
        result.addErrback(lambda failure: None)
    host.fails = None
    later = begin(gathering.device_files("p", DEVICES[0], {}))
    clock.advance(0)
    assert later.result == ("p", "d0")

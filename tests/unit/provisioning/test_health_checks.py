"""Each check finds its cause, and nothing once it is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from tests.support.provisioning import NOW, PLUGIN, World, run
from twisted.internet.task import Clock

from provisiond.model.device import Device
from provisiond.model.trouble import KINDS, Trouble
from provisiond.plugins.problems import Problems
from provisiond.provisioning.health_checks import (
    DAY,
    FEED_SECONDS,
    OLD_INDEX,
    REMEMBERED,
    feed_check,
    plugin_check,
    repository_check,
    seldom,
)


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.rightNow = NOW
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.start()
    return made


def test_plugins(clock: Clock) -> None:
    problems = Problems(clock.seconds)
    check = plugin_check(problems.all, clock)
    assert run(check()) == []
    problems.note("acme-1.0", "device", "template a.tpl is wrong", "d1")
    problems.note("acme-1.0", "device", "template a.tpl is wrong", "d2")
    problems.note("other-1.0", "associate", "it raised an error")
    acme, other = run(check())
    assert acme.about == "acme-1.0"
    assert acme.sentence == "plugin acme-1.0 for 2 devices: template a.tpl is wrong (and 1 more problems)"
    assert other.sentence == "plugin other-1.0: it raised an error"
    clock.advance(REMEMBERED + 1)
    assert [each.about for each in run(check())] == ["acme-1.0"], "what happened once is not held against it for ever"
    problems.clear("acme-1.0")
    assert run(check()) == []


def test_devices(world: World) -> None:
    def codes() -> dict[str, Trouble]:
        return {each.code: each for each in run(world.house.health.look())}

    assert "devices-unconfigured" not in codes()
    device = world.device(id="d1", plugin=PLUGIN, config="none", configured=False)
    world.house.directory.put(device)
    assert codes()["devices-unconfigured"].sentence.startswith("1 device has a plugin and yet no files")
    world.house.directory.put(Device({**device.document, "configured": True}))
    assert "devices-unconfigured" not in codes()


def test_devices_that_no_plugin_serves(world: World) -> None:
    def told() -> dict[str, str]:
        return {each.code: each.sentence for each in run(world.house.health.look())}

    assert "devices-unserved" not in told()
    for number in "12":
        world.house.directory.put(Device({"id": number, "configured": False}))
    assert told()["devices-unserved"] == "2 devices have no plugin, so their phones get no files"
    assert "devices-unconfigured" not in told()
    world.house.directory.put(Device({"id": "1", "plugin": PLUGIN, "configured": True}))
    assert told()["devices-unserved"].startswith("1 device has no plugin")


def test_feed(clock: Clock) -> None:
    level = NOW
    check = feed_check(lambda: level, clock)
    clock.advance(FEED_SECONDS - 1)
    assert run(check()) == ()
    clock.advance(10)
    (trouble,) = run(check())
    assert (trouble.code, "39 seconds" in trouble.sentence) == ("feed-behind", True)
    level = clock.seconds()
    assert run(check()) == ()


def test_the_feed_of_a_running_house_is_level(world: World) -> None:
    world.clock.advance(FEED_SECONDS + 5)
    world.clock.advance(2)
    assert "feed-behind" not in {each.code for each in run(world.house.health.look())}


@frozen(kw_only=True)
class State:
    name: str = "default"
    url: str | None = "http://repository.example/"
    updated: float | None = None
    problem: str | None = None


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (State(), None, ""),
        (State(updated=NOW - DAY), None, ""),
        (State(updated=NOW - OLD_INDEX - DAY), "repository-old", "31 days ago"),
        (State(problem="it cannot be reached"), "repository-unreachable", "it cannot be reached"),
        (State(problem="404", updated=NOW - DAY), "repository-unreachable", "its index of 2026-09-20 is in use"),
        (State(url=None, updated=NOW - 2 * OLD_INDEX), None, ""),
    ],
)
def test_repositories(clock: Clock, state: State, code: str | None, words: str) -> None:
    found = run(repository_check(lambda: [state], clock)())
    assert [each.code for each in found] == ([] if code is None else [code])
    assert all(words in each.sentence and each.about == "default" for each in found)


class Firmware:
    """Packages of plugins, as far as the check asks."""

    def __init__(self) -> None:
        self.there: dict[str, Any] = {}

    async def has_packages(self, plugin_id: str) -> bool:
        return True

    async def faults(self, plugin_id: str) -> tuple[str, ...]:
        return ()

    async def installable(self, plugin_id: str, locale: str | None) -> dict[str, Any]:
        return {"firmware": {"version": "1.0"}}

    async def installed(self, plugin_id: str, locale: str | None) -> dict[str, Any]:
        return self.there


def test_firmware(tmp_path: Path) -> None:
    service = Firmware()
    world = World(tmp_path, packages=service)
    world.start()

    def codes() -> list[str]:
        world.clock.advance(120)
        return [each.code for each in run(world.house.health.look())]

    assert "firmware-missing" not in codes(), "nobody uses the plugin"
    world.house.directory.put(world.device(id="d1", plugin=PLUGIN))
    assert "firmware-missing" in codes()
    service.there = {"firmware": {"version": "1.0"}}
    assert "firmware-missing" not in codes()


def test_what_is_seldom_asked_answers_with_what_it_knows(clock: Clock) -> None:
    asked: list[float] = []

    async def check() -> list[Trouble]:
        asked.append(clock.seconds())
        return [Trouble(code="disk-low", sentence=str(len(asked)))]

    rare = seldom(clock, 60, check)
    assert [run(rare())[0].sentence for _ in range(3)] == ["1", "1", "1"]
    clock.advance(60)
    assert run(rare())[0].sentence == "2"
    clock.rightNow = NOW - 1_000
    assert run(rare())[0].sentence == "3", "a clock that was set back asks again"


def test_every_code_is_a_known_kind(clock: Clock) -> None:
    assert Trouble(code="feed-behind", sentence="").kind is KINDS["feed-behind"]

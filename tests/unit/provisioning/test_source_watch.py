"""Plugins follow their edited sources, on a clock of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.provisioning import PLUGIN, Gate, InlineThreads, begin, run
from twisted.internet.task import Clock

from provisiond.errors import InProgress, PluginProblem
from provisiond.plugins.working_copies import templates_signature_of
from provisiond.provisioning.source_watch import INTERVAL, SourceWatch, TemplateFollower


class Plugins:
    def __init__(self) -> None:
        self.followed: list[tuple[str, bool]] = []
        self.fails: list[Exception] = []
        self.gate = Gate()

    async def follow_source(self, plugin_id: str, *, there: bool) -> None:
        self.followed.append((plugin_id, there))
        await self.gate()
        if self.fails:
            raise self.fails.pop(0)


class Bench:
    """A watch over plugins whose directories hold one file, the sign."""

    def __init__(self, root: Path, meanwhile: int = 1) -> None:
        self.root = root
        self.clock = Clock()
        self.plugins = Plugins()
        self.broken = False
        self.put("a", 1)
        self.put("b", 1)
        self.watch = SourceWatch(root, self.sign, self.plugins, InlineThreads(), self.clock)
        run(self.watch.note())
        self.put("a", meanwhile)
        self.watch.start()

    def sign(self, directory: Path) -> int | None:
        if self.broken:
            raise PermissionError
        return int((directory / "sign").read_text())

    def put(self, name: str, sign: int) -> None:
        (self.root / name).mkdir(exist_ok=True)
        (self.root / name / "sign").write_text(str(sign))

    def look(self, times: int = 1) -> list[tuple[str, bool]]:
        """Return what was followed during so many looks."""
        before = len(self.plugins.followed)
        for _ in range(times):
            self.clock.advance(INTERVAL)
        return self.plugins.followed[before:]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_nothing_happens_while_nothing_changes(bench: Bench) -> None:
    (bench.root / ".staging").mkdir()
    (bench.root / "file").write_text("")
    assert bench.look(50) == []


def test_what_is_edited_while_the_server_starts_is_followed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, meanwhile=2)
    assert bench.look(2) == [("a", True)]
    assert bench.look(10) == []


def test_plugins_that_come_after_the_start_are_followed_where_none_had_been(tmp_path: Path) -> None:
    clock, plugins = Clock(), Plugins()
    watch = SourceWatch(tmp_path / "none", lambda path: 1, plugins, InlineThreads(), clock)
    run(watch.note())
    watch.start()
    clock.advance(INTERVAL)
    (tmp_path / "none" / "a").mkdir(parents=True)
    for _ in range(2):
        clock.advance(INTERVAL)
    assert plugins.followed == [("a", True)]


def test_a_change_is_followed_once_when_it_has_settled(bench: Bench) -> None:
    bench.put("a", 2)
    assert bench.look() == []
    assert bench.look() == [("a", True)]
    assert bench.look(10) == []


def test_an_author_who_goes_on_writing_is_waited_for(bench: Bench) -> None:
    for sign in range(2, 12):
        bench.put("a", sign)
        assert bench.look() == []
    assert bench.look() == [("a", True)]


def test_a_change_that_is_taken_back_at_once_is_none(bench: Bench) -> None:
    bench.put("a", 2)
    bench.look()
    bench.put("a", 1)
    assert bench.look(10) == []


def test_new_and_removed_directories_are_followed(bench: Bench) -> None:
    bench.put("c", 1)
    (bench.root / "b" / "sign").unlink()
    (bench.root / "b").rmdir()
    assert bench.look(2) == [("b", False), ("c", True)]
    assert bench.look(10) == []


def test_what_is_being_installed_is_followed_afterwards(bench: Bench) -> None:
    bench.plugins.fails = [InProgress("it is being upgraded"), InProgress("it is being upgraded")]
    bench.put("a", 2)
    assert bench.look(10) == [("a", True)] * 3


def test_a_broken_edit_is_not_tried_again_until_the_next(bench: Bench) -> None:
    bench.plugins.fails = [PluginProblem("entry.py failed to load")]
    bench.put("a", 2)
    assert bench.look(10) == [("a", True)]
    bench.put("a", 3)
    assert bench.look(10) == [("a", True)]


def test_a_disk_that_cannot_be_read_is_looked_at_again(bench: Bench) -> None:
    bench.broken = True
    assert bench.look(3) == []
    bench.broken = False
    bench.put("a", 2)
    assert bench.look(2) == [("a", True)]


def test_looks_do_not_overlap_and_the_end_waits_for_the_last(bench: Bench) -> None:
    bench.plugins.gate.shut()
    bench.put("a", 2)
    bench.put("b", 2)
    assert bench.look(20) == [("a", True)]
    stopped = begin(bench.watch.stop())
    assert not stopped.called
    bench.plugins.gate.open()
    bench.clock.advance(0)
    assert stopped.called
    assert bench.look(20) == []
    assert bench.clock.getDelayedCalls() == []


def test_a_slow_disk_is_asked_less_often(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    real, looks = bench.sign, []

    def slow(directory: Path) -> int | None:
        looks.append(directory.name)
        bench.clock.rightNow += 1.0
        return real(directory)

    bench.watch._sign = slow
    bench.clock.advance(INTERVAL)
    assert len(looks) == 2
    bench.clock.advance(19.0)
    assert len(looks) == 2
    bench.clock.advance(1.0)
    assert len(looks) == 4


def test_following_loads_changed_plugins_and_forgets_removed_ones(world) -> None:  # type: ignore[no-untyped-def]
    device = world.device(plugin=PLUGIN)
    world.settle()
    before = world.host.plugins[PLUGIN].revision
    world.host.touch(PLUGIN)
    run(world.house.plugins.follow_source(PLUGIN, there=True))
    world.settle()
    assert world.house.plugins.get(PLUGIN).revision != before
    assert world.house.directory.get(device.id).configured
    run(world.house.plugins.follow_source(PLUGIN, there=False))
    world.settle()
    assert PLUGIN not in world.house.plugins.installed()
    assert not world.house.directory.get(device.id).configured


class Templates:
    def __init__(self) -> None:
        self.followed: list[str] = []

    def follow_templates(self, plugin_id: str) -> None:
        self.followed.append(plugin_id)


def test_templates_alone_are_followed_also_when_the_last_is_gone(tmp_path: Path) -> None:
    own = tmp_path / "a" / "var" / "templates"
    own.mkdir(parents=True)
    (tmp_path / "a" / "entry.py").write_text("1")
    clock, templates = Clock(), Templates()
    watch = SourceWatch(tmp_path, templates_signature_of, TemplateFollower(templates), InlineThreads(), clock, 2.0)
    run(watch.note())
    watch.start()

    def followed() -> list[str]:
        for _ in range(2):
            clock.advance(2.0)
        found, templates.followed = templates.followed, []
        return found

    (tmp_path / "a" / "entry.py").write_text("22")
    assert followed() == []
    (own / "base.tpl").write_text("x")
    assert followed() == ["a"]
    (own / "base.tpl").write_text("longer")
    assert followed() == ["a"]
    assert followed() == []
    (own / "base.tpl").unlink()
    assert followed() == ["a"]
    (tmp_path / "b" / "var" / "templates").mkdir(parents=True)
    assert followed() == []
    run(watch.stop())

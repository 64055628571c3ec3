"""What can be wrong with what is kept in memory: plugins, devices, repositories, firmware, the change feed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from provisiond.errors import NotFound
from provisiond.model.trouble import Trouble
from provisiond.plugins.problems import Problem
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.health import Check
from provisiond.provisioning.packages import Packages
from provisiond.provisioning.ports import Clock

DAY: Final = 86_400.0
OLD_INDEX: Final = 30 * DAY
PASSING: Final = frozenset({"rule", "associate", "synchronize"})
REMEMBERED: Final = 3_600.0
FEED_SECONDS: Final = 30.0


class RepositoryState(Protocol):
    """How a repository is doing (``packages.repositories.RepositoryState``)."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str | None: ...
    @property
    def updated(self) -> float | None: ...
    @property
    def problem(self) -> str | None: ...


def seldom(clock: Clock, seconds: float, check: Check) -> Check:
    """Return a check that is asked at most once in so many seconds, and gives what it found last in between."""
    last: list[tuple[float, Sequence[Trouble]]] = []

    async def checked() -> Sequence[Trouble]:
        now = clock.seconds()
        if not last or not 0 <= now - last[0][0] < seconds:
            last[:] = [(now, await check())]
        return last[0][1]

    return checked


def plugin_check(problems: Callable[[], Iterable[Problem]], clock: Clock) -> Check:
    """Return a check of the plugins: one trouble for each that has a problem.

    What happened once, and is not found solved by itself, counts for an hour.
    """

    async def checked() -> Sequence[Trouble]:
        newest = clock.seconds() - REMEMBERED
        by_plugin: dict[str, list[Problem]] = {}
        for each in problems():
            if each.kind not in PASSING or each.last_seen >= newest:
                by_plugin.setdefault(each.plugin, []).append(each)
        return [_plugin_trouble(plugin, found) for plugin, found in sorted(by_plugin.items())]

    return checked


def _plugin_trouble(plugin: str, found: Sequence[Problem]) -> Trouble:
    last = max(found, key=lambda each: each.last_seen)
    devices = {each.device for each in found if each.device is not None}
    whom = f" for {len(devices)} devices" if len(devices) > 1 else ""
    more = f" (and {len(found) - 1} more problems)" if len(found) > 1 else ""
    return Trouble(code="plugin-problem", about=plugin, sentence=f"plugin {plugin}{whom}: {last.sentence}{more}")


def device_check(directory: Directory) -> Check:
    """Return a check of the devices: those that have a plugin and yet no files, and those that have no plugin."""

    async def checked() -> Sequence[Trouble]:
        tally = directory.tally()
        unserved = sum(number for (plugin, _), number in tally.items() if not plugin)
        failed = sum(number for (plugin, configured), number in tally.items() if plugin and not configured)
        found = (
            ("devices-unconfigured", failed, "a plugin and yet no files"),
            ("devices-unserved", unserved, "no plugin, so their phones get no files"),
        )
        return [
            Trouble(code=code, sentence=f"{count} {'device has' if count == 1 else 'devices have'} {what}")
            for code, count, what in found
            if count
        ]

    return checked


def feed_check(level_at: Callable[[], float], clock: Clock) -> Check:
    """Return a check of the change feed.

    :param level_at: when memory was last found to be like the store.
    """

    async def checked() -> Sequence[Trouble]:
        behind = clock.seconds() - level_at()
        if behind < FEED_SECONDS:
            return ()
        return [
            Trouble(
                code="feed-behind",
                sentence=f"what other programs wrote to the database has not been followed for {int(behind)} seconds",
            )
        ]

    return checked


def repository_check(states: Callable[[], Iterable[RepositoryState]], clock: Clock) -> Check:
    """Return a check of the plugin repositories: whether they could be reached, and how old their indexes are."""

    async def checked() -> Sequence[Trouble]:
        now = clock.seconds()
        found = (_repository_trouble(each, now) for each in states() if each.url is not None)
        return [each for each in found if each is not None]

    return checked


def _repository_trouble(state: RepositoryState, now: float) -> Trouble | None:
    name = state.name
    if state.problem is not None:
        used = "" if state.updated is None else f"; its index of {_day(state.updated)} is in use"
        return Trouble(code="repository-unreachable", about=name, sentence=f"repository {name}: {state.problem}{used}")
    if state.updated is not None and now - state.updated > OLD_INDEX:
        days = int((now - state.updated) / DAY)
        return Trouble(
            code="repository-old",
            about=name,
            sentence=f"repository {name}: its index was last looked at {days} days ago",
        )
    return None


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def firmware_check(directory: Directory, loaded: Callable[[], Mapping[str, object]], packages: Packages) -> Check:
    """Return a check of firmware: plugins in use that offer some, and have none installed."""

    async def checked() -> Sequence[Trouble]:
        counts: dict[str, int] = {}
        for (plugin, _), number in directory.tally().items():
            if plugin in loaded():
                counts[plugin] = counts.get(plugin, 0) + number
        found = []
        for plugin, number in sorted(counts.items()):
            if await _lacks_firmware(packages, plugin):
                sentence = f"no firmware of plugin {plugin} is installed, which {number} devices use"
                found.append(Trouble(code="firmware-missing", about=plugin, sentence=sentence))
        return found

    return checked


async def _lacks_firmware(packages: Packages, plugin: str) -> bool:
    try:
        return bool(await packages.installable(plugin)) and not await packages.installed(plugin)
    except NotFound:
        return False

"""Watching the sources of plugins for their author."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.errors import InProgress, ProvisiondError
from provisiond.provisioning.ports import Clock, Threads

log = Logger()
INTERVAL: Final = 0.5
CALM_INTERVAL: Final = 2.0
# a look takes at most this part of the time
_SHARE: Final = 10


class Follower(Protocol):
    """Lets a plugin follow its directory (``provisioning.plugins.Plugins``)."""

    async def follow_source(self, plugin_id: str, *, there: bool) -> None: ...


class Templates(Protocol):
    """Takes changed templates (``provisioning.plugins.Plugins``)."""

    def follow_templates(self, plugin_id: str) -> None: ...


class TemplateFollower:
    """Follows the templates of the administrator alone: code stays as it was loaded."""

    def __init__(self, plugins: Templates) -> None:
        self._plugins = plugins

    async def follow_source(self, plugin_id: str, *, there: bool) -> None:
        """Take it that a plugin's templates have changed, or that the last of them is gone."""
        self._plugins.follow_templates(plugin_id)


class SourceWatch:
    """Loads a plugin again when its directory has changed and was then left alone for a moment.

    It looks at the files' names, sizes and times, which works on every file system, mounted and shared ones included.

    :param directory: of the installed plugins.
    :param sign: returns a number that changes with a plugin's directory, None when it is gone. It blocks.
    :param interval: seconds between two looks, at least.
    """

    def __init__(
        self,
        directory: Path,
        sign: Callable[[Path], int | None],
        plugins: Follower,
        threads: Threads,
        clock: Clock,
        interval: float = INTERVAL,
    ) -> None:
        self._interval = interval
        self._directory = directory
        self._sign = sign
        self._plugins = plugins
        self._threads = threads
        self._clock = clock
        self._followed: dict[str, int] = {}
        self._unsettled: dict[str, int | None] = {}
        self._planned: Any = None
        self._look_ended: Deferred[None] | None = None
        self._stopped = False

    async def note(self) -> None:
        """Take the directories as they are now for what is loaded next; what is edited from now on will be followed."""
        self._followed = dict(await self._threads.run(self._scanned))

    def start(self) -> None:
        """Begin to watch."""
        log.info("watching the files of {count} plugins for changes", count=len(self._followed))
        self._plan(self._interval)

    async def stop(self) -> None:
        """Stop watching; a plugin that is being loaded is waited for."""
        self._stopped = True
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        if self._look_ended is not None:
            await self._look_ended

    def _plan(self, delay: float) -> None:
        if not self._stopped:
            self._planned = self._clock.callLater(delay, self._begin)

    def _begin(self) -> None:
        self._look_ended = Deferred.fromCoroutine(self._looked())

    async def _looked(self) -> None:
        before = self._clock.seconds()
        try:
            found = await self._threads.run(self._scanned)
            took = self._clock.seconds() - before
            await self._follow(found)
        except Exception:
            log.failure("the sources of the plugins cannot be watched now")
            took = 0.0
        self._plan(max(self._interval, took * _SHARE))

    async def _follow(self, found: Mapping[str, int]) -> None:
        for plugin_id in self._settled(found):
            if self._stopped:
                return
            try:
                await self._plugins.follow_source(plugin_id, there=plugin_id in found)
                log.info("plugin {plugin} follows its changed sources", plugin=plugin_id)
            except InProgress:
                continue
            except ProvisiondError as problem:
                log.error("plugin {plugin} stays as it was: {problem}", plugin=plugin_id, problem=problem.sentence)
            self._unsettled.pop(plugin_id, None)
            if plugin_id in found:
                self._followed[plugin_id] = found[plugin_id]
            else:
                self._followed.pop(plugin_id, None)

    def _settled(self, found: Mapping[str, int]) -> Collection[str]:
        """Return the plugins that differ from what was followed, in the same way as at the last look."""
        every = {*found, *self._followed}
        differing = {name: found.get(name) for name in every if found.get(name) != self._followed.get(name)}
        settled = [name for name in sorted(differing) if self._unsettled.get(name, 0) == differing[name]]
        self._unsettled = differing
        return settled

    def _scanned(self) -> dict[str, int]:
        signs: dict[str, int] = {}
        for path in self._directory.iterdir() if self._directory.is_dir() else ():
            if path.name.startswith(".") or not path.is_dir():
                continue
            sign = self._sign(path)
            if sign is not None:
                signs[path.name] = sign
        return signs

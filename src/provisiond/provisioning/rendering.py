"""Files of devices, always made from what is stored now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from twisted.internet.defer import Deferred

from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.plugins.values import RenderedFile
from provisiond.provisioning.background import BackgroundQueue
from provisiond.provisioning.changes import Changes
from provisiond.provisioning.config_tree import ConfigTree
from provisiond.provisioning.deconfiguring import Deconfiguring
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import DeviceConfigured, Events
from provisiond.provisioning.fetches import Fetches
from provisiond.provisioning.file_sets import FileSet
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.gathering import AT_ONCE, Gathering
from provisiond.provisioning.making import (
    SECRETS,
    SIP_USERNAME,
    Maker,
    Making,
    Outcome,
    common_key,
    device_key,
    year_of,
)
from provisiond.provisioning.ports import Clock, PluginHost
from provisiond.provisioning.rendered_files import RenderedFiles
from provisiond.provisioning.serial import SharedRuns
from provisiond.provisioning.sightings import Sightings

SETTLE_SECONDS = 5.0
FETCHED_AHEAD = 127


class Rendering:
    """Gives phones the files made from the present plugin, device and configs, and nothing older.

    A change is only marked (:meth:`mark`); a phone that asks for a stale file waits for the fresh one, and everybody
    who asks for the same device meanwhile waits for the same rendering. The rest follows in the background.

    :param files: keeps the rendered sets, also over a restart.
    :param background_limit: calls of plugins at a time in the background.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        tree: ConfigTree,
        flattening: Flattening,
        host: PluginHost,
        files: RenderedFiles,
        fetches: Fetches,
        sightings: Sightings,
        changes: Changes,
        events: Events,
        clock: Clock,
        background_limit: int = 1,
    ) -> None:
        self._directory = directory
        self._host = host
        self._tree = tree
        self._deconfiguring = Deconfiguring(host)
        directory.listen(self._deconfiguring.replaced)
        self.maker = Maker(flattening, host, files, clock, self._deconfiguring)
        self._files = files
        self._fetches = fetches
        self._sightings = sightings
        self._changes = changes
        self._events = events
        self._clock = clock
        self._year_end = 0.0
        self._outcomes: dict[str, Outcome] = {}
        self._commons: dict[str, tuple[int, str]] = {}
        self._common_runs: SharedRuns[FileSet] = SharedRuns()
        self._runs: SharedRuns[tuple[Outcome, FileSet | None]] = SharedRuns()
        self._gathering = Gathering(host, clock, background_limit)
        self.background = BackgroundQueue(clock, self._refresh_gently, background_limit * AT_ONCE)

    # For phones

    async def device_file(self, device: Device, name: str) -> RenderedFile | None:
        """Return a file of a device by its exact name; None when the device has no such file or no files at all."""
        files = await self.device_files(device)
        return files.files.get(name) if files is not None else None

    async def device_files(self, device: Device) -> FileSet | None:
        """Return all files of a device; None when they cannot be made (see :meth:`problem`).

        What was acknowledged before this call is in them. Without a change since the last call, and while the files
        are in memory, this waits for nothing.
        """
        outcome = self._outcomes.get(device.id)
        if outcome is not None and self._is_fresh(device.id, outcome):
            if outcome.problem is not None:
                return None
            found = self._files.at_hand(device_key(device.id))
            if found is not None and found.revision == outcome.revision:
                return found
        self.background.hold()
        try:
            _, files = await self._ensured(device.id)
        finally:
            self.background.let_go()
        return files

    async def common_file(self, plugin_id: str, name: str) -> RenderedFile | None:
        """Return a file that all devices of a plugin share; None when there is none of this name.

        :raises PluginProblem: when the plugin is not loaded or cannot make them.
        """
        files = (await self.common_files(plugin_id)).files
        return files.get(name)

    async def common_files(self, plugin_id: str) -> FileSet:
        """Return the files that all devices of a plugin share, made from the present base parameters.

        :raises PluginProblem: when the plugin is not loaded or cannot make them.
        """
        revision = self._common_revision(plugin_id)
        found = self._files.at_hand(common_key(plugin_id))
        if found is not None and found.revision == revision:
            return found
        return await self._common_runs.run((plugin_id, revision), partial(self.maker.common_set, plugin_id, revision))

    def fetched(self, device_id: str, name: str, etag: str) -> None:
        """Note that a phone got a file completely; to be called after the last byte.

        A trigger file makes ``remote_state_sip_username`` that of the configuration it was rendered from.
        """
        files = self._files.at_hand(device_key(device_id))
        if files is not None:
            self._note_fetch(device_id, files, name, etag)
        else:
            Deferred.fromCoroutine(self._note_fetch_later(device_id, name, etag))

    # For use cases

    def mark(
        self,
        *,
        configs: Iterable[str] = (),
        plugins: Iterable[str] = (),
        devices: Iterable[str] = (),
        tenants: Iterable[str] = (),
        base: bool = False,
    ) -> None:
        """Note that these changed, after the store and the memory hold the change.

        Costs the same for one device and for all; phones get fresh files from now on.

        :param tenants: those whose provisioning key changed.
        :param base: True when the base raw_config changed.
        """
        for kind, names in (("config", configs), ("plugin", plugins), ("device", devices), ("tenant", tenants)):
            chosen = tuple(names)
            for name in chosen:
                self._changes.note(kind, name)
            if chosen:
                self.background.add(self._touched(kind, chosen))
        if base:
            self._changes.note("base", "")
            self.background.add(self._lazily_all())

    async def configure(self, device_id: str, *, again: bool = False) -> Outcome:
        """Make a device's files now, and tell how that ended.

        :param again: True to make them anew even when nothing changed.
        """
        if again:
            self._drop(device_id)
            self._changes.note("device", device_id)
        outcome, _ = await self._ensured(device_id)
        return outcome

    async def settled(self, device_id: str, seconds: float = SETTLE_SECONDS) -> None:
        """Wait until a device's pending work is done, at most so long; then the work goes on in the background."""
        outcome = self._outcomes.get(device_id)
        if outcome is not None and self._is_fresh(device_id, outcome):
            return
        waiter: Deferred[None] = Deferred()
        timer = self._clock.callLater(seconds, waiter.callback, None)

        def finished(_: object) -> None:
            if timer.active():
                timer.cancel()
                waiter.callback(None)

        Deferred.fromCoroutine(self.configure(device_id)).addBoth(finished)
        await waiter

    async def refreshed(self, device_ids: Iterable[str]) -> None:
        """Make the files of all these devices, beside the background work; returns when it is done."""
        for device_id in device_ids:
            await self._refresh(device_id)
            await self.breathe()

    async def breathe(self) -> None:
        """Let the reactor have its turn."""
        pause: Deferred[None] = Deferred()
        self._clock.callLater(0, pause.callback, None)
        await pause

    def problem(self, device_id: str) -> str | None:
        """Return why the device has no files, one sentence; None when it has, or nobody tried yet."""
        outcome = self._outcomes.get(device_id)
        return outcome.problem if outcome is not None else None

    def revision(self, device_id: str) -> str | None:
        """Return the revision of the device's files; None when there are none, or nobody tried yet."""
        outcome = self._outcomes.get(device_id)
        return outcome.revision if outcome is not None and outcome.problem is None else None

    async def preview(self, device: Device, override: Config | None = None) -> FileSet:
        """Return the files that this device would get; nothing is stored.

        :param device: also one that is not stored.
        :param override: a config that is taken in place of the stored one with its id.
        :raises PluginProblem: when the files cannot be made.
        :raises InvalidInput: when the merged parameters are not valid.
        """
        return await self.maker.preview(device, override)

    def forget(self, device: Device) -> None:
        """Remove the files of a device that was deleted; what its plugin did for it is undone soon."""
        self._drop(device.id)
        self._fetches.forget(device.id)
        self.background.discard(device.id)
        Deferred.fromCoroutine(self._deconfiguring.undo(device))

    async def begin_anew(self, plugin_id: str, *, undo: bool) -> None:
        """Make the files of a plugin's devices anew when they are marked next, also those that would not differ.

        That is for plugins that do more for a device than make its files; nothing happens for others.

        :param undo: True to have the plugin that is loaded now undo what it did, because another takes its place.
        """
        if not self._host.undoes(plugin_id):
            return
        for device_id in self._directory.using_plugin(plugin_id):
            device = self._directory.get(device_id)
            if device is None:
                continue
            if undo:
                await self._deconfiguring.undo_early(device)
            self._drop(device_id)
            await self.breathe()

    async def stop(self) -> None:
        """End the background work and write what is not on disk yet."""
        await self.background.stop()
        await self._fetches.flush()
        await self._files.written()

    # Inside

    async def _note_fetch_later(self, device_id: str, name: str, etag: str) -> None:
        files = await self._files.load(device_key(device_id))
        if files is not None:
            self._note_fetch(device_id, files, name, etag)

    def _note_fetch(self, device_id: str, files: FileSet, name: str, etag: str) -> None:
        file = files.files.get(name)
        if file is None or file.etag != etag:
            return
        self._fetches.note(device_id, file, files.facts.get(SECRETS, ()))
        username = files.facts.get(SIP_USERNAME)
        device = self._directory.get(device_id)
        if not file.trigger or username is None or device is None:
            return
        if device.document.get("remote_state_sip_username") != username:
            self._sightings.note(device_id, {"remote_state_sip_username": username})

    def _common_revision(self, plugin_id: str) -> str:
        newest = self._changes.newest((("plugin", plugin_id), ("base", "")))
        known = self._commons.get(plugin_id)
        if known is None or known[0] < newest or self._clock.seconds() >= self._year_end:
            known = self._commons[plugin_id] = (self._changes.number, self.maker.common_revision(plugin_id))
        return known[1]

    def _is_fresh(self, device_id: str, outcome: Outcome) -> bool:
        now = self._clock.seconds()
        if outcome.may_be_tried_again(now):
            return False
        if now >= self._year_end:
            self._turn_the_year(now)
        return outcome.number >= self._newest(device_id)

    def _turn_the_year(self, now: float) -> None:
        if self._year_end:
            self._changes.note_everything()
            self.background.add(self._lazily_all())
        self._year_end = datetime(year_of(now) + 1, 1, 1, tzinfo=UTC).timestamp()

    def _newest(self, device_id: str) -> int:
        device = self._directory.get(device_id)
        if device is None:
            return self._changes.number + 1
        things = [("device", device_id), ("plugin", device.plugin or ""), ("base", "")]
        things.append(("tenant", device.tenant_uuid or ""))
        if device.config is not None:
            things.extend(("config", config) for config in self._tree.graph.ancestors(device.config))
        return self._changes.newest(things)

    async def _ensured(self, device_id: str, making: Making | None = None) -> tuple[Outcome, FileSet | None]:
        """Return an outcome that began after every change known when this was called, with its files."""
        needed = self._newest(device_id)
        if making is None:
            self._gathering.hurry(device_id)
        while True:
            outcome, files = await self._runs.run(device_id, partial(self._make, device_id, making))
            if outcome.number >= needed or device_id not in self._directory:
                return outcome, files

    async def _refresh(self, device_id: str) -> None:
        if self._is_stale(device_id):
            await self._ensured(device_id)

    async def _refresh_gently(self, device_id: str) -> None:
        if self._is_stale(device_id):
            await self._fetch_ahead(device_id)
            with self._gathering.expecting(device_id):
                await self._ensured(device_id, self._gathering.device_files)

    def _is_stale(self, device_id: str) -> bool:
        outcome = self._outcomes.get(device_id)
        return device_id in self._directory and (outcome is None or not self._is_fresh(device_id, outcome))

    async def _fetch_ahead(self, device_id: str) -> None:
        """Have the config of a device at hand, and with the same look those of the devices that come next."""
        device = self._directory.get(device_id)
        if device is None or device.config is None or self._tree.at_hand(device.config) is not None:
            return
        devices = map(self._directory.get, (device_id, *self.background.upcoming(FETCHED_AHEAD)))
        await self._tree.fetch({each.config for each in devices if each is not None and each.config is not None})

    async def _make(self, device_id: str, making: Making | None) -> tuple[Outcome, FileSet | None]:
        number = self._changes.number
        self.background.discard(device_id)
        device = self._directory.get(device_id)
        if device is None:
            return Outcome(number, None, "the device does not exist"), None
        outcome, files = await self.maker.device_set(number, device, self._outcomes.get(device_id), making)
        if files is not None and device_id in self._directory:
            self._keep(device_id, files)
        elif files is not None:
            # It was deleted meanwhile, and what was just done for it was not known yet.
            await self._deconfiguring.undo(device.with_members(configured=True))
        self._record(device_id, outcome)
        return outcome, files

    def _drop(self, device_id: str) -> None:
        self._outcomes.pop(device_id, None)
        self._files.drop(device_key(device_id))

    def _keep(self, device_id: str, files: FileSet) -> None:
        if self._files.at_hand(device_key(device_id)) is not files:
            self._files.put(device_key(device_id), files)

    def _record(self, device_id: str, outcome: Outcome) -> None:
        device = self._directory.get(device_id)
        if device is None:
            self._outcomes.pop(device_id, None)
            return
        former = self._outcomes.get(device_id)
        self._outcomes[device_id] = outcome
        configured = outcome.problem is None
        if outcome.problem is not None and self._files.at_hand(device_key(device_id)) is not None:
            self._files.drop(device_key(device_id))
        if device.document.get("configured") is not configured:
            self._sightings.note(device_id, {"configured": configured})
        if former is None or (former.revision, former.problem) != (outcome.revision, outcome.problem):
            self._events.publish(DeviceConfigured(device_id, configured, outcome.problem))

    def _touched(self, kind: str, names: tuple[str, ...]) -> Iterator[str]:
        if kind == "device":
            yield from names
        elif kind == "plugin":
            for name in names:
                yield from self._directory.using_plugin(name)
        elif kind == "config":
            for config_id in self._tree.graph.descendants(names):
                yield from self._directory.using_config(config_id)
        else:
            yield from self._lazily_all()

    def _lazily_all(self) -> Iterator[str]:
        yield from self._directory.ids()

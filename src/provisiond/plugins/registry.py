"""The installed plugins, as the server sees them."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from attrs import evolve
from twisted.logger import Logger

from provisiond.errors import PluginProblem, ProvisiondError
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.manifest import check_api, check_plugin_id, read_manifest
from provisiond.plugins.messages import (
    parsed_action,
    parsed_answer,
    parsed_files,
    parsed_many,
    parsed_parameters,
    parsed_rules,
)
from provisiond.plugins.pool import WorkerPool
from provisiond.plugins.problems import Problem, Problems
from provisiond.plugins.revisions import revision_of, revision_with
from provisiond.plugins.values import LoadedPlugin, PluginInfo, RenderedFile
from provisiond.plugins.working_copies import WorkingCopies
from provisiond.sdk import SyncAction

log = Logger()
T = TypeVar("T")
MAX_SCORES: Final = 10_000


class Threads(Protocol):
    """Runs blocking work beside the reactor."""

    async def run(self, work: Callable[..., T], *args: Any) -> T: ...


class PluginRegistry:
    """Loads the plugins below a directory, keeps their problems, and has workers run their code.

    :param directory: where each plugin has a directory named like its id.
    :param workers: run plugin code.
    :param threads: for everything that reads the disk.
    :param now: seconds since the epoch.
    :param copies: when given, plugins run from copies: a broken edit of one that works leaves the old one at work.
    :param values: what was set of a plugin's parameters, by its id.
    :param load_seconds: longest time a plugin may take to load; so is ``render_seconds`` for one device's files.
    """

    def __init__(
        self,
        directory: Path,
        workers: WorkerPool,
        threads: Threads,
        now: Callable[[], float],
        *,
        copies: WorkingCopies | None = None,
        values: Callable[[str], Mapping[str, Any]] = lambda plugin_id: {},
        load_seconds: float = 10.0,
        render_seconds: float = 10.0,
    ) -> None:
        self._directory = directory
        self._workers = workers
        self._threads = threads
        self._now = now
        self._copies = copies
        self._values = values
        self._load_seconds = load_seconds
        self._render_seconds = render_seconds
        self._loaded: dict[str, LoadedPlugin] = {}
        self._installed: dict[str, PluginInfo | None] = {}
        self._problems = Problems(now)
        self._scores: dict[tuple[str, str | None, str | None, str | None], int | None] = {}
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever the loaded plugins change."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Load every plugin of the directory; what does not load is kept as a problem."""
        if self._copies is not None:
            await self._threads.run(self._copies.clear)
        names = await self._threads.run(plugin_names, self._directory)
        for name in names:
            try:
                await self.load(name)
            except PluginProblem as problem:
                log.error("plugin {plugin} does not load: {problem}", plugin=name, problem=problem.sentence)

    async def stop(self) -> None:
        """End the workers."""
        await self._workers.stop()

    def loaded(self) -> Mapping[str, LoadedPlugin]:
        """Return the plugins that work, by id."""
        return MappingProxyType(self._loaded)

    def installed(self) -> Mapping[str, PluginInfo | None]:
        """Return every plugin on disk, loaded or not; None where plugin-info cannot be read."""
        return MappingProxyType(self._installed)

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with plugins."""
        return self._problems.all()

    def problem_of(self, plugin_id: str) -> str | None:
        """Return the sentence of a plugin's newest problem, or None."""
        mine = [problem for problem in self._problems.all() if problem.plugin == plugin_id]
        return mine[-1].sentence if mine else None

    def on_problem(self, callback: Callable[[Problem], None]) -> None:
        """Call back with each problem that was not known yet."""
        self._problems.listen(callback)

    def note_problem(self, plugin_id: str, kind: str, sentence: str) -> None:
        """Remember a problem that was found elsewhere, such as a rule that cannot be used."""
        self._problems.note(plugin_id, kind, sentence)

    async def load(self, plugin_id: str) -> LoadedPlugin:
        """Load a plugin, or load it again.

        :raises PluginProblem: when it does not load; it is then installed, not loaded. Where plugins run from copies,
            one that was loaded before stays at work.
        """
        directory = self._directory / check_plugin_id(plugin_id)
        self._installed.setdefault(plugin_id, None)
        try:
            plugin = await self._loaded_from(directory, plugin_id)
        except PluginProblem as problem:
            if self._copies is None:
                self._loaded.pop(plugin_id, None)
            self._problems.clear(plugin_id)
            self._problems.note(plugin_id, "load", problem.sentence)
            self._changed(plugin_id)
            raise
        self._problems.clear(plugin_id)
        self._loaded[plugin_id] = plugin
        self._changed(plugin_id)
        if self._copies is not None:
            await self._threads.run(self._copies.keep_only, plugin_id, plugin.directory)
        return plugin

    async def unload(self, plugin_id: str) -> None:
        """Forget a plugin and its problems; unknown ones are no error."""
        self._loaded.pop(plugin_id, None)
        self._installed.pop(plugin_id, None)
        self._problems.clear(plugin_id)
        self._changed(plugin_id)
        if self._copies is not None:
            await self._threads.run(self._copies.keep_only, plugin_id, None)

    async def check(self, directory: Path, plugin_id: str) -> PluginInfo:
        """Return what the plugin in ``directory`` says, after loading it in a worker without using it.

        :raises PluginProblem: when it would not load.
        """
        info: PluginInfo = await self._threads.run(read_manifest, directory)
        check_api(info)
        place = await self._place(directory, check_plugin_id(plugin_id))
        parsed_rules(await self._workers.call("load", place, seconds=self._load_seconds))
        return info

    async def associate(self, info: DeviceInfo, seen: Mapping[str, str] | None = None) -> Mapping[str, int]:
        """Return how well each loaded plugin fits a phone; one that raises is left out and gets a problem.

        :param seen: what the extractors of plugins of the older interface revealed; those plugins judge by it.
        """
        scores: dict[str, int] = {}
        for plugin_id in tuple(self._loaded):
            score = await self._score(plugin_id, info)
            if score is not None:
                scores[plugin_id] = score
        return scores

    async def common_files(self, plugin_id: str, raw_config: Mapping[str, Any]) -> tuple[RenderedFile, ...]:
        """Return the files that all devices of a plugin share.

        :raises PluginProblem: when it is not loaded or cannot make them.
        """
        return parsed_files(await self._called("common", plugin_id, None, dict(raw_config)))

    async def device_files(
        self, plugin_id: str, device: Device, raw_config: Mapping[str, Any]
    ) -> tuple[RenderedFile, ...]:
        """Return the files of a device.

        :raises PluginProblem: when the plugin is not loaded or cannot make them.
        """
        return parsed_files(await self._called("device", plugin_id, device.id, device, dict(raw_config)))

    async def files_of_many(
        self, plugin_id: str, asked: Sequence[tuple[Device, Mapping[str, Any]]]
    ) -> list[tuple[RenderedFile, ...] | ProvisiondError]:
        """Return for each device its files, or why there are none; all are asked for with one call.

        What ends the whole call, such as a worker that dies over one of them, is followed by a call for each.
        """
        rows = [(device, dict(raw_config)) for device, raw_config in asked]
        payloads: list[bytes] = []
        if len(rows) > 1:
            try:
                place, seconds = self._present(plugin_id), self._load_seconds + self._render_seconds
                payloads = parsed_many(await self._workers.call("devices", place, rows, seconds=seconds))[: len(rows)]
            except PluginProblem:
                payloads = []
        answers = [self._files_in(plugin_id, row[0], payload) for row, payload in zip(rows, payloads, strict=False)]
        for device, raw_config in asked[len(payloads) :]:
            answers.append(await self._files_alone(plugin_id, device, raw_config))
        return answers

    def _files_in(self, plugin_id: str, device: Device, payload: bytes) -> tuple[RenderedFile, ...] | ProvisiondError:
        try:
            return parsed_files(self._judged("device", plugin_id, device.id, payload))
        except PluginProblem as problem:
            return problem

    async def _files_alone(
        self, plugin_id: str, device: Device, raw_config: Mapping[str, Any]
    ) -> tuple[RenderedFile, ...] | ProvisiondError:
        try:
            return await self.device_files(plugin_id, device, raw_config)
        except ProvisiondError as problem:
            return problem

    async def synchronize(self, plugin_id: str, device: Device, raw_config: Mapping[str, Any]) -> SyncAction | None:
        """Return what makes the phone fetch its files again; None when the plugin has done it already.

        :raises PluginProblem: when the plugin is not loaded or raises.
        """
        return parsed_action(await self._called("synchronize", plugin_id, device.id, device, dict(raw_config)))

    async def checked_parameter(self, plugin_id: str, name: str, value: Any) -> Any:
        """Return a value of a loaded plugin's parameter as it is to be kept.

        :raises PluginProblem: when the plugin refuses it, or raises.
        """
        seconds = self._load_seconds + self._render_seconds
        payload = await self._workers.call("parameter", self._present(plugin_id), name, value, seconds=seconds)
        return parsed_answer(payload)[0].get("value")

    async def set_own_parameter(self, plugin_id: str, name: str, value: str | None) -> None:
        """Set a parameter that the plugin keeps itself; native plugins keep none.

        :raises PluginProblem: always.
        """
        raise PluginProblem(f"the plugin {plugin_id} keeps no parameters itself")

    async def read_own_parameters(self, plugin_id: str) -> None:
        """Note the parameters that a plugin keeps itself as they are now; native plugins keep none."""

    async def accepts_upload(self, plugin_id: str, name: str) -> bool:
        """Tell whether phones of a plugin may upload a file of this name.

        :raises PluginProblem: when the plugin is not loaded or raises.
        """
        header, _ = parsed_answer(await self._called("upload", plugin_id, None, name))
        return header.get("accepted") is True

    def undoes(self, plugin_id: str) -> bool:
        """Tell whether a plugin wants to undo what it did for a device; native plugins do nothing that lasts."""
        return False

    async def deconfigure(self, plugin_id: str, device: Device) -> None:
        """Let a plugin undo what it did for a device. Never raises; native plugins have nothing to undo."""

    def templates_changed(self, plugin_id: str) -> bool:
        """Tell whether a plugin takes changed templates without being loaded again; native ones do not."""
        return False

    def static_root(self, plugin_id: str) -> Path:
        """Return the directory of the files that a plugin serves as they are."""
        return self._directory / check_plugin_id(plugin_id) / "var" / "tftpboot"

    async def _loaded_from(self, directory: Path, plugin_id: str) -> LoadedPlugin:
        info: PluginInfo = await self._threads.run(read_manifest, directory)
        self._installed[plugin_id] = info
        check_api(info)
        place = await (self._place if self._copies is None else self._copied_place)(directory, plugin_id)
        payload = await self._workers.call("load", place, seconds=self._load_seconds)
        rules, parameters = parsed_rules(payload), parsed_parameters(payload)
        if self._copies is not None and plugin_id in self._loaded:
            parsed_answer(await self._workers.call("try", place, seconds=self._load_seconds + self._render_seconds))
        return LoadedPlugin(
            id=plugin_id,
            info=info,
            directory=place.directory,
            revision=place.revision,
            rules=rules,
            parameters=parameters,
            values=dict(place.values),
        )

    async def _copied_place(self, directory: Path, plugin_id: str) -> PluginPlace:
        assert self._copies is not None
        year = self._year()
        try:
            copy, revision = await self._threads.run(self._copies.take, directory, year)
        except (OSError, shutil.Error):
            raise PluginProblem("the plugin's files cannot be copied") from None
        return evolve(self._placed(plugin_id, copy, revision, year), home=self._home(plugin_id))

    async def _place(self, directory: Path, plugin_id: str) -> PluginPlace:
        try:
            revision: str = await self._threads.run(revision_of, directory, self._year())
        except OSError as error:
            raise PluginProblem(f"the plugin's files cannot be read: {error.strerror}") from None
        return self._placed(plugin_id, directory, revision, self._year())

    def _placed(self, plugin_id: str, directory: Path, revision: str, year: int) -> PluginPlace:
        values = tuple(self._values(plugin_id).items())
        whole = revision_with(revision, values)
        return PluginPlace(id=plugin_id, directory=directory.absolute(), revision=whole, year=year, values=values)

    def _present(self, plugin_id: str) -> PluginPlace:
        plugin = self._loaded.get(plugin_id)
        if plugin is None:
            raise PluginProblem(f"the plugin {plugin_id} is not loaded")
        return PluginPlace(
            id=plugin_id,
            directory=plugin.directory.absolute(),
            revision=plugin.revision,
            year=self._year(),
            values=tuple(plugin.values.items()),
            home=self._home(plugin_id),
        )

    def _home(self, plugin_id: str) -> Path | None:
        return None if self._copies is None else (self._directory / plugin_id).absolute()

    async def _score(self, plugin_id: str, info: DeviceInfo) -> int | None:
        key = (plugin_id, info.vendor, info.model, info.version)
        if key not in self._scores:
            if len(self._scores) >= MAX_SCORES:
                self._scores.clear()
            try:
                header, _ = parsed_answer(await self._called("associate", plugin_id, None, info))
                score = header.get("score")
                self._scores[key] = score if isinstance(score, int) else None
            except PluginProblem:
                return None
        return self._scores[key]

    async def _called(self, kind: str, plugin_id: str, device_id: str | None, *arguments: Any) -> bytes:
        place = self._present(plugin_id)
        seconds = self._load_seconds + self._render_seconds if kind != "associate" else self._load_seconds
        try:
            payload = await self._workers.call(kind, place, *arguments, seconds=seconds)
        except PluginProblem as problem:
            self._problems.note(plugin_id, kind, problem.sentence, device_id)
            raise
        return self._judged(kind, plugin_id, device_id, payload)

    def _judged(self, kind: str, plugin_id: str, device_id: str | None, payload: bytes) -> bytes:
        """Return a worker's answer, after noting the problem that it tells, or that there is none any more."""
        try:
            parsed_answer(payload)
        except PluginProblem as problem:
            self._problems.note(plugin_id, kind, problem.sentence, device_id)
            raise
        self._problems.clear(plugin_id, kind, device_id)
        return payload

    def _year(self) -> int:
        return datetime.datetime.fromtimestamp(self._now(), datetime.UTC).year

    def _changed(self, plugin_id: str) -> None:
        self._scores = {key: score for key, score in self._scores.items() if key[0] != plugin_id}
        for listener in self._listeners:
            listener()


def plugin_names(directory: Path) -> list[str]:
    """Return the ids of all plugins on disk; blocks."""
    directory.mkdir(parents=True, exist_ok=True)
    return sorted(child.name for child in directory.iterdir() if child.is_dir() and not child.name.startswith("."))

"""The installed plugins of both kinds: native ones, and those of the older interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from provisiond.errors import PluginProblem, ProvisiondError
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import DeviceInfo
from provisiond.legacy.spelling import in_own_words, spellings
from provisiond.model.device import Device
from provisiond.packages.urls import Credentials
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.legacy_facts import LegacyRunner, check_interface, parsed_facts, plain_device
from provisiond.plugins.manifest import check_api, check_plugin_id, read_manifest
from provisiond.plugins.messages import parsed_answer, parsed_files
from provisiond.plugins.registry import PluginRegistry, log, plugin_names
from provisiond.plugins.revisions import revision_with, static_state
from provisiond.plugins.values import STATIC, LegacyFacts, LoadedPlugin, PluginInfo, RenderedFile, ServedBy
from provisiond.sdk import SyncAction

LOADED_AT_ONCE: Final = 8
NATIVE: Final = ServedBy()


class FullPluginRegistry(PluginRegistry):
    """A registry that hosts plugins of the older interface as well; nobody else need know which is which.

    :param runner: runs plugins of the older interface.
    :param seconds: longest time that one of those may take for anything.
    :param check_compat: whether the least and the greatest interface version that those demand are looked at.
    :param knowledge: knows other spellings of vendors and models.
    """

    def __init__(
        self,
        *arguments: Any,
        runner: LegacyRunner,
        seconds: float = 30.0,
        check_compat: tuple[bool, bool] = (True, True),
        knowledge: Knowledge | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self._runner = runner
        self._seconds = seconds
        self._check_compat = check_compat
        self._knowledge = knowledge

    async def start(self) -> None:
        """Load every plugin, several side by side."""
        if self._copies is not None:
            await self._threads.run(self._copies.clear)
        await self._threads.run(self._runner.recover)
        names = await self._threads.run(plugin_names, self._directory)
        slots = DeferredSemaphore(LOADED_AT_ONCE)

        async def loaded(name: str) -> None:
            async with slots:
                await self._loaded_or_noted(name)

        await gatherResults([Deferred.fromCoroutine(loaded(name)) for name in names], consumeErrors=True)
        self._loaded = dict(sorted(self._loaded.items()))

    async def _loaded_or_noted(self, plugin_id: str) -> None:
        try:
            await self.load(plugin_id)
        except PluginProblem as problem:
            log.error("plugin {plugin} does not load: {problem}", plugin=plugin_id, problem=problem.sentence)

    async def stop(self) -> None:
        """End the workers."""
        await super().stop()
        await self._runner.stop()

    async def load(self, plugin_id: str) -> LoadedPlugin:
        """Load a plugin, or load it again; see the base class."""
        if self.undoes(plugin_id):
            # Of a plugin there is never more than one instance: the old one ends before the new one begins.
            await self._runner.forget(plugin_id)
        plugin = await super().load(plugin_id)
        if plugin.legacy is not None:
            for sentence in plugin.legacy.package_problems:
                self._problems.note(plugin_id, "package", sentence)
            if plugin.legacy.degraded is not None:
                self._problems.note(plugin_id, "common", plugin.legacy.degraded)
        return plugin

    async def unload(self, plugin_id: str) -> None:
        """Forget a plugin and its problems; unknown ones are no error."""
        was_legacy = self.legacy_of(plugin_id) is not None
        await super().unload(plugin_id)
        if was_legacy:
            await self._runner.forget(plugin_id)

    async def check(self, directory: Path, plugin_id: str) -> PluginInfo:
        """Return what the plugin in ``directory`` says, after loading it without using it.

        :raises PluginProblem: when it would not load.
        """
        info: PluginInfo = await self._threads.run(read_manifest, directory)
        if info.api is not None:
            return await super().check(directory, plugin_id)
        self._check_legacy(info)
        place = await self._place(directory, check_plugin_id(plugin_id))
        parsed_facts(await self._runner.call("load", place, seconds=self._seconds))
        return info

    async def associate(self, info: DeviceInfo, seen: Mapping[str, str] | None = None) -> Mapping[str, int]:
        """Return how well each loaded plugin fits a phone; one that raises is left out and gets a problem.

        :param seen: what the extractors of plugins of the older interface revealed; those plugins judge by it.
        """
        scores: dict[str, int] = {}
        asked: dict[str, LoadedPlugin] = {}
        for plugin_id, plugin in tuple(self._loaded.items()):
            if plugin.legacy is None:
                score = await self._score(plugin_id, info)
                if score is not None:
                    scores[plugin_id] = score
            elif plugin.legacy.associates:
                asked[plugin_id] = plugin
        scores.update(await self._scores_of(asked, info, seen) if asked else {})
        return scores

    async def _scores_of(
        self, asked: Mapping[str, LoadedPlugin], info: DeviceInfo, seen: Mapping[str, str] | None
    ) -> dict[str, int]:
        infos = {
            plugin_id: spellings(plugin.info.capabilities, info, seen, self._knowledge)
            for plugin_id, plugin in asked.items()
        }
        scores: dict[str, int] = {}
        answers = await self._runner.ask_all("associate", [self._present(plugin_id) for plugin_id in asked], infos)
        for plugin_id, answer in answers.items():
            if answer.get("problem") is not None:
                self._problems.note(plugin_id, "associate", str(answer["problem"])[:500])
            elif type(answer.get("score")) is int:
                scores[plugin_id] = answer["score"]
        return scores

    async def common_files(self, plugin_id: str, raw_config: Mapping[str, Any]) -> tuple[RenderedFile, ...]:
        """Return the files that all devices of a plugin share; those that there are when the plugin fails over some.

        :raises PluginProblem: when it is not loaded or cannot make them.
        """
        payload = await self._called("common", plugin_id, None, dict(raw_config))
        degraded = parsed_answer(payload)[0].get("degraded")
        if degraded is not None:
            self._problems.note(plugin_id, "common", str(degraded)[:500])
        return parsed_files(payload)

    async def files_of_many(
        self, plugin_id: str, asked: Sequence[tuple[Device, Mapping[str, Any]]]
    ) -> list[tuple[RenderedFile, ...] | ProvisiondError]:
        """Return for each device its files, or why there are none.

        Plugins of the older interface are asked for one after the other.
        """
        if self.legacy_of(plugin_id) is None:
            own = [(in_own_words(device, self._knowledge), raw_config) for device, raw_config in asked]
            return await super().files_of_many(plugin_id, own)
        return [await self._files_alone(plugin_id, device, raw_config) for device, raw_config in asked]

    async def synchronize(self, plugin_id: str, device: Device, raw_config: Mapping[str, Any]) -> SyncAction | None:
        """Return what makes the phone fetch its files again; None when the plugin has done it already.

        :raises PluginProblem: when the plugin is not loaded or raises.
        """
        if self.legacy_of(plugin_id) is None:
            return await super().synchronize(plugin_id, device, raw_config)
        await self._called("synchronize", plugin_id, device.id, device, dict(raw_config))
        return None

    def undoes(self, plugin_id: str) -> bool:
        """Tell whether a plugin wants to undo what it did for a device: those of the older interface do."""
        return self.legacy_of(plugin_id) is not None

    async def deconfigure(self, plugin_id: str, device: Device) -> None:
        """Let a plugin of the older interface undo what it did for a device. Never raises."""
        if not self.undoes(plugin_id):
            return
        try:
            await self._called("deconfigure", plugin_id, device.id, device)
        except ProvisiondError as problem:
            sentence = problem.sentence
            log.warn("plugin {plugin} did not undo a device: {problem}", plugin=plugin_id, problem=sentence)

    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[Mapping[str, Any], bytes]:
        """Return header and body of what a plugin of the older interface answers.

        :param kind: ``web``, ``path``, ``tftp``, ``sensitive`` or one of those that begin with ``package_``.
        :raises PluginProblem: when the plugin is not loaded, is of the other kind, or fails.
        """
        plugin = self._loaded.get(plugin_id)
        if plugin is None or plugin.legacy is None:
            raise PluginProblem(f"the plugin {plugin_id} cannot do this")
        payload = await self._runner.call(kind, self._present(plugin_id), *arguments, seconds=self._seconds)
        return parsed_answer(payload)

    async def set_own_parameter(self, plugin_id: str, name: str, value: str | None) -> None:
        """Set a parameter that a plugin of the older interface keeps itself.

        :raises PluginProblem: when the plugin is not loaded, or refuses the value.
        """
        await self._described_by("set_parameter", plugin_id, name, value, None)

    async def read_own_parameters(self, plugin_id: str) -> None:
        """Note the parameters of a plugin of the older interface as they are now, in the language of now.

        :raises PluginProblem: when the plugin is not loaded, or its process fails.
        """
        if self.legacy_of(plugin_id) is not None:
            await self._described_by("describe", plugin_id)

    async def _described_by(self, kind: str, plugin_id: str, *arguments: Any) -> None:
        payload = await self._runner.call(kind, self._present(plugin_id), *arguments, seconds=self._seconds)
        facts = parsed_facts(payload)
        plugin = self._loaded.get(plugin_id)
        if plugin is not None:
            self._loaded[plugin_id] = evolve(plugin, legacy=facts, parameters=facts.parameters)

    def templates_changed(self, plugin_id: str) -> bool:
        """Take it that a plugin's templates differ from now on; tell whether that needs no reload."""
        plugin = self._loaded.get(plugin_id)
        if plugin is None or plugin.legacy is None:
            return False
        # After a restart the revision is made from the files alone, and everything is made anew once more.
        revision = revision_with(plugin.revision, (("templates", self._now()),))
        self._loaded[plugin_id] = evolve(plugin, revision=revision)
        self._changed(plugin_id)
        return True

    def place(self, plugin: LoadedPlugin) -> PluginPlace:
        """Return which state of a loaded plugin is meant now."""
        return self._present(plugin.id)

    def legacy_of(self, plugin_id: str) -> LegacyFacts | None:
        """Return what a loaded plugin of the older interface said of itself; None for all others."""
        plugin = self._loaded.get(plugin_id)
        return plugin.legacy if plugin is not None else None

    def served_by(self, plugin_id: str, protocol: str) -> ServedBy:
        """Return how a plugin serves a protocol, ``http`` or ``tftp``."""
        legacy = self.legacy_of(plugin_id)
        if legacy is None:
            return NATIVE
        return legacy.http if protocol == "http" else legacy.tftp

    def firmware_root(self, plugin_id: str) -> Path:
        """Return the directory that a plugin's packages are placed in."""
        legacy = self.legacy_of(plugin_id)
        return self._directory / check_plugin_id(plugin_id) / (legacy.firmware_root if legacy else STATIC)

    def credentials(self, plugin_id: str, url: str) -> Credentials | None:
        """Return user and password that a plugin gave for downloads from a URL, or None."""
        legacy = self.legacy_of(plugin_id)
        fitting = [each for each in legacy.passwords if url.startswith(each[0])] if legacy is not None else []
        if not fitting:
            return None
        _, user, word = max(fitting, key=lambda each: len(each[0]))
        return Credentials(user or "", word or "") if user or word else None

    async def _loaded_from(self, directory: Path, plugin_id: str) -> LoadedPlugin:
        info: PluginInfo = await self._threads.run(read_manifest, directory)
        if info.api is not None:
            return await super()._loaded_from(directory, plugin_id)
        self._installed[plugin_id] = info
        self._check_legacy(info)
        place = await self._legacy_place(directory, plugin_id)
        facts = parsed_facts(await self._runner.call("load", place, seconds=self._seconds))
        if self._copies is not None:
            await self._tried(plugin_id, place, facts)
        return LoadedPlugin(
            id=plugin_id,
            info=info,
            directory=place.directory,
            revision=place.revision,
            parameters=facts.parameters,
            legacy=facts,
        )

    async def _legacy_place(self, directory: Path, plugin_id: str) -> PluginPlace:
        """Return the state of a plugin; what it makes may also depend on which firmware lies beside its files."""
        place = await (self._place if self._copies is None else self._copied_place)(directory, plugin_id)
        state: str = await self._threads.run(static_state, directory)
        return evolve(place, revision=revision_with(place.revision, (("static files", state),)))

    async def _tried(self, plugin_id: str, place: PluginPlace, facts: LegacyFacts) -> None:
        """Refuse an edit of a plugin that works, when less works after it."""
        before = self.legacy_of(plugin_id)
        if before is None:
            return
        if before.degraded is None and facts.degraded is not None:
            raise PluginProblem(facts.degraded)
        parsed_answer(await self._runner.call("try", place, seconds=self._seconds))

    def _check_legacy(self, info: PluginInfo) -> None:
        check_api(info, legacy=True)
        check_interface(info.document, minimum=self._check_compat[0], maximum=self._check_compat[1])

    async def _called(self, kind: str, plugin_id: str, device_id: str | None, *arguments: Any) -> bytes:
        if self.legacy_of(plugin_id) is None:
            return await super()._called(kind, plugin_id, device_id, *(self._for_native(each) for each in arguments))
        plain = [plain_device(each) if isinstance(each, Device) else each for each in arguments]
        place = self._present(plugin_id)
        try:
            payload = await self._runner.call(kind, place, *plain, seconds=self._seconds)
            parsed_answer(payload)
        except PluginProblem as problem:
            if plugin_id in self._loaded and self._present(plugin_id) != place:
                # The plugin was replaced meanwhile, and the files of the former one may be gone.
                return await self._called(kind, plugin_id, device_id, *arguments)
            self._problems.note(plugin_id, kind, problem.sentence, device_id)
            raise
        self._problems.clear(plugin_id, kind, device_id)
        return payload

    def _for_native(self, argument: Any) -> Any:
        return in_own_words(argument, self._knowledge) if isinstance(argument, Device) else argument

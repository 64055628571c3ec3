"""What the server can have a child process do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, TimeoutError, gatherResults
from twisted.internet.threads import deferToThread

from provisiond.errors import PluginProblem
from provisiond.legacy import driving
from provisiond.legacy.extracting import extract, support
from provisiond.legacy.hosted import HostedLegacyPlugin, LegacyFile, Setting
from provisiond.legacy.installing import Installations, listed
from provisiond.legacy.mirror import Mirror
from provisiond.legacy.notifying import SyncService
from provisiond.legacy.surroundings import Surroundings
from provisiond.legacy.templates import check_templates
from provisiond.legacy.wire import UNKNOWN_PARAMETER, Instruction, PhoneRequest, SeenRequest
from provisiond.paths import UnsafeName, normalized_name
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.messages import packed_answer, packed_files
from provisiond.plugins.rendering import MAX_DEVICE, MAX_FILE, MAX_FILES
from provisiond.plugins.values import RenderedFile

logger = logging.getLogger("plugin.host")
T = TypeVar("T")
SYNCHRONIZE_SECONDS: Final = 60.0


class Calls:
    """Answers instructions; each plugin is loaded when it is first needed, and again when its files have changed.

    :param scratch: an empty directory for this process alone.
    """

    def __init__(self, here: Surroundings, scratch: Path, reactor: Any) -> None:
        self._here = here
        self._scratch = scratch
        self._reactor = reactor
        self._hosted: dict[str, HostedLegacyPlugin] = {}
        self._places: dict[str, PluginPlace] = {}
        self._problems: dict[str, tuple[PluginPlace, str]] = {}
        self._locks: dict[str, DeferredLock] = {}
        self._made = 0
        self._installations = Installations()
        self._base: Mapping[str, Any] = {}

    async def answer(self, wanted: Instruction) -> bytes:
        """Return the payload that answers an instruction.

        :raises PluginProblem: when the plugin does not load or fails.
        """
        environment = wanted.environment
        self._here.follow(environment.proxies, environment.locale)
        self._base = environment.base
        bridge = self._here.bridge
        self._here.sync_service = SyncService(bridge) if environment.can_notify and bridge is not None else None
        batch = {"extract": self._extract, "associate": self._associate}.get(wanted.kind)
        if batch is not None:
            return packed_answer({"answers": await batch(wanted)})
        if wanted.kind == "unload":
            await self._unload(wanted.places[0].id)
            return packed_answer({})
        hosted = await self._loaded(wanted, wanted.places[0])
        answer = _ANSWERS[wanted.kind]
        return await answer(self, hosted, *wanted.arguments)

    # Loading

    async def _loaded(self, wanted: Instruction, place: PluginPlace) -> HostedLegacyPlugin:
        # To load a plugin that is loaded already is to make it anew, as after a reload.
        anew = wanted.kind == "load"
        if not anew and self._places.get(place.id) == place:
            return self._hosted[place.id]
        async with self._lock(place.id):
            if not anew and self._places.get(place.id) == place:
                return self._hosted[place.id]
            former = self._places.get(place.id)
            if not anew and former is not None and (former.directory, former.home) == (place.directory, place.home):
                # Only templates have changed, and those are always read afresh.
                self._places[place.id] = place
                self._hosted[place.id].begin_anew()
                return self._hosted[place.id]
            known = self._problems.get(place.id)
            if known is not None and known[0] == place and not anew:
                raise PluginProblem(known[1])
            await self._closed(place.id)
            try:
                hosted = await deferToThread(self._load, wanted, place)
            except PluginProblem as problem:
                self._problems[place.id] = (place, problem.sentence)
                raise
            self._problems.pop(place.id, None)
            self._hosted[place.id], self._places[place.id] = hosted, place
            return hosted

    def _load(self, wanted: Instruction, place: PluginPlace) -> HostedLegacyPlugin:
        environment = wanted.environment
        self._made += 1
        try:
            root = self._scratch / str(self._made) / place.id
            mirror = Mirror(place.home or place.directory, root, place.directory)
        except OSError as error:
            raise PluginProblem(f"the plugin's directory cannot be used: {error.strerror}") from None
        setting = Setting(
            general=environment.general, specific=wanted.specific.get(place.id, {}), base=environment.base
        )
        try:
            return HostedLegacyPlugin(place.id, mirror, self._here, setting)
        except PluginProblem:
            self._here.forget_home(mirror.root)
            mirror.remove()
            raise

    async def _unload(self, plugin_id: str) -> None:
        async with self._lock(plugin_id):
            await self._closed(plugin_id)

    async def _closed(self, plugin_id: str) -> None:
        hosted = self._hosted.pop(plugin_id, None)
        self._places.pop(plugin_id, None)
        if hosted is not None:
            await deferToThread(hosted.close)

    def _lock(self, plugin_id: str) -> DeferredLock:
        return self._locks.setdefault(plugin_id, DeferredLock())

    async def _alone(self, hosted: HostedLegacyPlugin, work: Callable[..., T], *arguments: Any) -> T:
        """Call a plugin in a thread, one call at a time."""
        async with self._lock(hosted.id):
            result: T = await deferToThread(work, *arguments)
            return result

    # Many plugins at once

    async def _extract(self, wanted: Instruction) -> dict[str, Any]:
        seen: SeenRequest = wanted.arguments[0]

        async def one(hosted: HostedLegacyPlugin) -> dict[str, Any]:
            extractor = hosted.extractor(seen.protocol)
            if extractor is None:
                return {"info": {}, "reads": [], "problem": None}
            return (await extract(extractor, seen, self._reactor)).row()

        return await self._each(wanted, one)

    async def _associate(self, wanted: Instruction) -> dict[str, Any]:
        infos: Mapping[str, Sequence[Mapping[str, str]]] = wanted.arguments[0]

        async def one(hosted: HostedLegacyPlugin) -> dict[str, Any]:
            associator = getattr(hosted.plugin, "pg_associator", None)
            if associator is None:
                return {"score": 0, "problem": None}
            return {"score": max(support(associator, info) for info in infos[hosted.id]), "problem": None}

        return await self._each(wanted, one)

    async def _each(
        self, wanted: Instruction, ask: Callable[[HostedLegacyPlugin], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        async def one(place: PluginPlace) -> dict[str, Any]:
            try:
                return await ask(await self._loaded(wanted, place))
            except PluginProblem as problem:
                return {"problem": problem.sentence}

        answers = await gatherResults([Deferred.fromCoroutine(one(place)) for place in wanted.places])
        return dict(zip((place.id for place in wanted.places), answers, strict=True))

    # One plugin

    async def _describe(self, hosted: HostedLegacyPlugin) -> bytes:
        return packed_answer(await self._checked(hosted, hosted.described))

    async def _common(self, hosted: HostedLegacyPlugin, raw_config: Mapping[str, Any]) -> bytes:
        # Defaults of devices' parameters are not for files that all devices share.
        base = {name: value for name, value in raw_config.items() if name in self._base}
        files = await self._alone(hosted, hosted.common_files, base)
        return _packed(files, {"degraded": hosted.degraded})

    async def _device(
        self, hosted: HostedLegacyPlugin, device: Mapping[str, Any], raw_config: Mapping[str, Any]
    ) -> bytes:
        return _packed(await self._alone(hosted, hosted.device_files, device, raw_config))

    async def _deconfigure(self, hosted: HostedLegacyPlugin, device: Mapping[str, Any]) -> bytes:
        await self._alone(hosted, hosted.deconfigure, device)
        return packed_answer({})

    async def _synchronize(
        self, hosted: HostedLegacyPlugin, device: Mapping[str, Any], raw_config: Mapping[str, Any]
    ) -> bytes:
        try:
            result = hosted.synchronize(device, raw_config)
            if isinstance(result, Deferred):
                await result.addTimeout(SYNCHRONIZE_SECONDS, self._reactor)
        except TimeoutError:
            raise PluginProblem(f"the phone was not told within {SYNCHRONIZE_SECONDS:g} seconds") from None
        except (Exception, SystemExit) as error:
            raise PluginProblem(hosted.reason(error)) from error
        return packed_answer({"action": "Done", "members": {}})

    async def _web(
        self,
        hosted: HostedLegacyPlugin,
        request: PhoneRequest,
        prov_dev: Mapping[str, Any] | None,
        files: Mapping[str, bytes] | None = None,
    ) -> bytes:
        await self._shown(hosted, prov_dev, files)
        service = hosted.plugin.http_service
        answer = await driving.web_answer(service, request, prov_dev, self._reactor)
        return packed_answer({"status": answer.status, "headers": answer.headers}, answer.body)

    async def _shown(
        self, hosted: HostedLegacyPlugin, prov_dev: Mapping[str, Any] | None, files: Mapping[str, bytes] | None
    ) -> None:
        """Services of plugins read what configure wrote."""
        if prov_dev is not None and files is not None:
            await self._alone(hosted, hosted.show, str(prov_dev.get("id")), files)

    async def _path(self, hosted: HostedLegacyPlugin, request: PhoneRequest) -> bytes:
        return packed_answer({"path": driving.rewritten(hosted.plugin.http_service, request)})

    async def _tftp(
        self,
        hosted: HostedLegacyPlugin,
        packet: Mapping[str, Any],
        peer: str,
        prov_dev: Mapping[str, Any] | None,
        files: Mapping[str, bytes] | None = None,
    ) -> bytes:
        await self._shown(hosted, prov_dev, files)
        service = hosted.plugin.tftp_service
        content, code, text = await driving.tftp_answer(service, packet, peer, prov_dev, self._reactor)
        return packed_answer({"served": content is not None, "code": code, "text": text}, content or b"")

    async def _sensitive(self, hosted: HostedLegacyPlugin, base: str) -> bytes:
        return packed_answer({"sensitive": hosted.is_sensitive(base)})

    async def _try(self, hosted: HostedLegacyPlugin) -> bytes:
        await self._checked(hosted, check_templates, str(hosted.directory))
        return packed_answer({})

    async def _upload(self, hosted: HostedLegacyPlugin, name: str) -> bytes:
        return packed_answer({"accepted": False})

    async def _package_list(self, hosted: HostedLegacyPlugin, which: str) -> bytes:
        hosted.installer(f"list_{which}")
        rows = await self._checked(hosted, listed, hosted.services["install"], which)
        return packed_answer({"packages": rows})

    async def _package_begin(self, hosted: HostedLegacyPlugin, word: str, package: str) -> bytes:
        begun = await self._checked(hosted, hosted.installer(word), package)
        return packed_answer({"number": self._installations.begin(hosted.id, begun)})

    async def _package_state(self, hosted: HostedLegacyPlugin, number: int) -> bytes:
        return packed_answer(self._installations.state(hosted.id, number, hosted.reason))

    async def _package_uninstall(self, hosted: HostedLegacyPlugin, package: str) -> bytes:
        await self._checked(hosted, hosted.installer("uninstall"), package)
        return packed_answer({})

    async def _set_parameter(
        self, hosted: HostedLegacyPlugin, name: str, value: str | None, tenant: str | None
    ) -> bytes:
        await self._parameter_call(hosted, hosted.set_parameter, name, value, tenant)
        return await self._describe(hosted)

    async def _parameter_call(self, hosted: HostedLegacyPlugin, work: Callable[..., T], *arguments: Any) -> T:
        def known() -> T:
            try:
                return work(*arguments)
            except KeyError:
                raise PluginProblem(UNKNOWN_PARAMETER) from None

        return await self._checked(hosted, known)

    async def _checked(self, hosted: HostedLegacyPlugin, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await self._alone(hosted, work, *arguments)
        except PluginProblem:
            raise
        except (Exception, SystemExit) as error:
            raise PluginProblem(hosted.reason(error)) from error


_ANSWERS: Final[Mapping[str, Callable[..., Awaitable[bytes]]]] = {
    "load": Calls._describe,
    "describe": Calls._describe,
    "common": Calls._common,
    "device": Calls._device,
    "deconfigure": Calls._deconfigure,
    "synchronize": Calls._synchronize,
    "web": Calls._web,
    "path": Calls._path,
    "tftp": Calls._tftp,
    "sensitive": Calls._sensitive,
    "try": Calls._try,
    "upload": Calls._upload,
    "set_parameter": Calls._set_parameter,
    "package_list": Calls._package_list,
    "package_begin": Calls._package_begin,
    "package_state": Calls._package_state,
    "package_uninstall": Calls._package_uninstall,
}


def _packed(files: Sequence[LegacyFile], more: Mapping[str, Any] | None = None) -> bytes:
    for file in files:
        if len(file.content) > MAX_FILE:
            raise PluginProblem(f"the file {file.name} is larger than 8 MiB")
    if len(files) > MAX_FILES or sum(len(file.content) for file in files) > MAX_DEVICE:
        raise PluginProblem("the plugin makes more files than the server takes")
    rendered = [
        RenderedFile(
            name=file.name, content=file.content, content_type="", sensitive=file.sensitive, trigger=file.trigger
        )
        for file in files
        if _can_be_asked_for(file.name)
    ]
    return packed_files(rendered, more)


def _can_be_asked_for(name: str) -> bool:
    try:
        if normalized_name(name.encode().decode()) == name:
            return True
    except (UnsafeName, UnicodeEncodeError):
        pass
    logger.warning("the file %r is left out: no phone can ask for a file of this name", name)
    return False

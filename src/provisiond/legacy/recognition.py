"""What the extractors of all existing plugins say of a request, each plugin with one vote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from provisiond.identification.values import PhoneRequest
from provisiond.identification.values import Protocol as PhoneProtocol
from provisiond.legacy.memory import ExtractorMemory
from provisiond.legacy.wire import SeenRequest, as_bytes
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.values import LoadedPlugin

KEYS = ("mac", "vendor", "model", "version", "sn", "uuid")
_PROTOCOLS = {PhoneProtocol.HTTP: "http", PhoneProtocol.TFTP: "tftp", PhoneProtocol.DHCP: "dhcp"}


class Host(Protocol):
    """The loaded plugins (``plugins.registry``)."""

    def loaded(self) -> Mapping[str, LoadedPlugin]: ...
    def place(self, plugin: LoadedPlugin) -> PluginPlace: ...
    def note_problem(self, plugin_id: str, kind: str, sentence: str) -> None: ...


class Asking(Protocol):
    """Asks plugins (``legacy.processes``)."""

    async def ask_all(
        self, kind: str, places: Sequence[PluginPlace], argument: Any
    ) -> Mapping[str, Mapping[str, Any]]: ...


class LegacyRecognition:
    """Recognises phones by the extractors of existing plugins.

    :param failed: told the id of a plugin whose extractor failed.
    """

    def __init__(self, host: Host, processes: Asking, failed: Callable[[str], None] = lambda plugin_id: None) -> None:
        self._host = host
        self._processes = processes
        self._failed = failed
        self._memories: dict[tuple[str, str, str], ExtractorMemory] = {}
        self.asked = 0

    def forget(self) -> None:
        """Forget what was said; to be called when plugins change."""
        self._memories.clear()

    def runs(self, plugin_id: str | None) -> bool:
        """Tell whether a plugin is a loaded one of the older interface."""
        plugin = self._host.loaded().get(plugin_id or "")
        return plugin is not None and plugin.legacy is not None

    async def votes(self, request: PhoneRequest) -> dict[str, str]:
        """Return what the extractors reveal of a phone, its address excepted; empty when they say nothing."""
        seen = seen_request(request)
        if seen is None:
            return {}
        said: dict[str, Mapping[str, str]] = {}
        unknown: list[LoadedPlugin] = []
        for plugin in self._host.loaded().values():
            if plugin.legacy is None or seen.protocol not in plugin.legacy.extractors:
                continue
            known = self._memory(plugin, seen.protocol).recall(seen)
            if known is None:
                unknown.append(plugin)
            else:
                said[plugin.id] = known
        if unknown:
            said.update(await self._asked(unknown, seen))
        return counted(said[plugin_id] for plugin_id in sorted(said))

    async def _asked(self, plugins: Sequence[LoadedPlugin], seen: SeenRequest) -> dict[str, Mapping[str, str]]:
        self.asked += len(plugins)
        answers = await self._processes.ask_all("extract", [self._host.place(plugin) for plugin in plugins], seen)
        said: dict[str, Mapping[str, str]] = {}
        for plugin in plugins:
            answer = answers.get(plugin.id, {})
            if answer.get("problem") is not None:
                self._failed(plugin.id)
                self._host.note_problem(plugin.id, "extract", str(answer["problem"])[:500])
                continue
            said[plugin.id] = info = _checked(answer.get("info"))
            reads = answer.get("reads")
            if isinstance(reads, list) and all(isinstance(name, str) for name in reads):
                self._memory(plugin, seen.protocol).remember(seen, reads, info)
        return said

    def _memory(self, plugin: LoadedPlugin, protocol: str) -> ExtractorMemory:
        return self._memories.setdefault((plugin.id, plugin.revision, protocol), ExtractorMemory())


def counted(infos: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return for each key the value that most gave; among equals the one that came first."""
    votes: dict[str, Counter[str]] = {key: Counter() for key in KEYS}
    for info in infos:
        for key in KEYS:
            if key in info:
                votes[key][info[key]] += 1
    return {key: counter.most_common(1)[0][0] for key, counter in votes.items() if counter}


def seen_request(request: PhoneRequest) -> SeenRequest | None:
    """Return a request in the form that extractors' processes take; None for protocols that they do not know."""
    protocol = _PROTOCOLS.get(request.protocol)
    if protocol is None:
        return None
    return SeenRequest(
        protocol=protocol,
        method=request.method,
        path=request.path.encode("latin-1", "replace"),
        query=request.raw_query.encode("latin-1", "replace"),
        headers={name: value.encode("latin-1", "replace") for name, value in request.headers.items()},
        body=request.body,
        peer=request.peer or "",
        mac=request.chaddr or "",
        options=dict(request.dhcp),
        mode=request.mode.encode("latin-1"),
        asked=as_bytes(request.options),
    )


def _checked(info: Any) -> dict[str, str]:
    if not isinstance(info, Mapping):
        return {}
    return {key: info[key] for key in KEYS if isinstance(info.get(key), str)}

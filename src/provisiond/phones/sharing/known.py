"""What a front knows by itself: devices, how plugins serve, and the files that it has been given."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import asdict

from provisiond.errors import Unavailable
from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.retrieve import retrieve
from provisiond.identification.rules import Rule, Where
from provisiond.identification.update import displaced, updated
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.model.device import Device
from provisiond.phones.access import Access
from provisiond.plugins.values import RenderedFile, ServedBy
from provisiond.provisioning.contact import is_certain
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.file_sets import FileSet, unpacked
from provisiond.provisioning.recognition import Recognition
from provisiond.provisioning.serial import SharedRuns

MAX_BYTES: Final = 64 * 1024 * 1024
LIFETIME: Final = 600.0
ALL: Final = True

Key = tuple[str, str]
Ask = Callable[[dict[str, Any]], Awaitable[tuple[dict[str, Any], bytes]]]


class KnownFiles:
    """Sets of files as the owner gave them, until they are stale; implements ``phones.files.Rendering``.

    :param ask: asks the owner.
    :param limit: bytes kept.
    """

    def __init__(self, ask: Ask, limit: int = MAX_BYTES, tick: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._limit = limit
        self._tick = tick
        self._sets: OrderedDict[Key, tuple[float, FileSet]] = OrderedDict()
        self._under_way: dict[Key, object] = {}
        self._runs: SharedRuns[FileSet | None] = SharedRuns()
        self._size = 0

    async def device_file(self, device: Device, name: str) -> RenderedFile | None:
        """Return a file of a device; None when it has none of this name."""
        files = await self.device_files(device)
        return None if files is None else files.files.get(name)

    async def device_files(self, device: Device) -> FileSet | None:
        """Return all files of a device; None when it has none."""
        return await self._set(("device", device.id))

    async def common_file(self, plugin_id: str, name: str) -> RenderedFile | None:
        """Return a file that all devices of a plugin share; None when there is none of this name."""
        files = await self._set(("common", plugin_id))
        return None if files is None else files.files.get(name)

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget sets, also those that are just being fetched: whoever asks from now on gets newer ones."""
        for key in keys:
            self._under_way.pop(key, None)
            self._forget(key)

    def drop_all(self) -> None:
        """Forget all sets."""
        self._under_way.clear()
        self._sets.clear()
        self._size = 0

    async def _set(self, key: Key) -> FileSet | None:
        known = self._sets.get(key)
        if known is not None and self._tick() < known[0]:
            self._sets.move_to_end(key)
            return known[1]
        run = self._under_way.setdefault(key, object())
        return await self._runs.run((key, run), partial(self._fetched, key, run))

    async def _fetched(self, key: Key, run: object) -> FileSet | None:
        try:
            header, body = await self._ask({"kind": "files", "of": key[0], "name": key[1]})
        finally:
            wanted = self._under_way.get(key) is run
            if wanted:
                del self._under_way[key]
        if "found" not in header:
            raise Unavailable("the files cannot be had now")
        files = unpacked(body) if header["found"] else None
        if files is not None and wanted:
            self._keep(key, files)
        return files

    def _keep(self, key: Key, files: FileSet) -> None:
        self._forget(key)
        self._sets[key] = (self._tick() + LIFETIME, files)
        self._size += files.size
        while self._size > self._limit and self._sets:
            _, (_, oldest) = self._sets.popitem(last=False)
            self._size -= oldest.size

    def _forget(self, key: Key) -> None:
        known = self._sets.pop(key, None)
        if known is not None:
            self._size -= known[1].size


class KnownPhones:
    """Devices, plugins, rules and networks as the owner tells them.

    :param files: to be told which are stale.
    """

    def __init__(self, knowledge: Knowledge, files: KnownFiles) -> None:
        self.directory = Directory()
        self.access = Access({})
        self._files = files
        self._knowledge = knowledge
        self._recognition = Recognition(Identifier(knowledge))
        self._number: int | None = None
        self._is_filled = False
        self._nat = False
        self._asks_all = False
        self._roots: dict[str, Path] = {}
        self._served: dict[tuple[str, str], ServedBy] = {}

    def take(self, header: Mapping[str, Any]) -> None:
        """Take what the owner tells."""
        for document in header.get("put", ()):
            self.directory.put(Device(document))
        for device_id in header.get("gone", ()):
            self.directory.remove(device_id)
        stale = header.get("stale", ())
        if stale is ALL:
            self._files.drop_all()
        else:
            changed = [*stale, *header.get("gone", ()), *(document["id"] for document in header.get("put", ()))]
            self._files.drop(("device", device_id) for device_id in changed)
        if "state" in header:
            self._take_state(header["state"])
        self._is_filled = self._is_filled or header.get("filled", False)
        self._number = header.get("number")

    def knows(self, number: int) -> bool:
        """Tell whether everything up to this state is known here."""
        return self._is_filled and self._number == number and not self._asks_all

    def found(self, request: PhoneRequest) -> Device | None:
        """Return the known device that sent a request which reveals nothing new of it; else the owner must be asked."""
        if not self.access.admits(request.protocol, request.peer):
            return None
        info = self._recognition.identify(request)
        found = retrieve(info, self.directory, self._knowledge)
        if not isinstance(found, Device) or found.plugin is None or found.config is None:
            return None
        if self._has_foreign and not is_certain(found, info):
            return None
        if updated(found, info) or displaced(found.id, info.ip, self.directory, nat=self._nat):
            return None
        served = self._served.get((found.plugin, "tftp" if request.protocol is Protocol.TFTP else "http"))
        if served is None or served.is_legacy or served.rewrites or served.kind == "code":
            return None
        return found

    # As phones.files wants to know it

    def static_root(self, plugin_id: str) -> Path:
        """Return the directory of the files that a plugin serves as they are."""
        return self._roots[plugin_id]

    def served_by(self, plugin_id: str, protocol: str) -> ServedBy:
        """Return how a plugin serves a protocol."""
        return self._served[plugin_id, protocol]

    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[Mapping[str, Any], bytes]:
        """Refuse: only the owner asks plugins."""
        raise Unavailable("a process that serves phones does not ask plugins")

    # Inside

    @property
    def _has_foreign(self) -> bool:
        return any(served.is_legacy for served in self._served.values())

    def _take_state(self, state: Mapping[str, Any]) -> None:
        self._nat, self._asks_all = state["nat"], state["asks_all"]
        self.access.use({Protocol(name): networks for name, networks in state["allowed"].items()})
        self._roots = {plugin_id: Path(each["root"]) for plugin_id, each in state["plugins"].items()}
        self._served = {
            (plugin_id, protocol): ServedBy(**each[protocol])
            for plugin_id, each in state["plugins"].items()
            for protocol in ("http", "tftp")
        }
        self._recognition.use_plugin_rules(
            {
                plugin_id: [Rule(**{**rule, "where": Where(rule["where"])}) for rule in each["rules"]]
                for plugin_id, each in state["plugins"].items()
            }
        )


def told_plugin(root: Path, http: ServedBy, tftp: ServedBy, rules: Iterable[Rule]) -> dict[str, Any]:
    """Return what fronts have to know of a plugin, as JSON members."""
    return {
        "root": str(root),
        "http": asdict(http),
        "tftp": asdict(tftp),
        "rules": [asdict(rule) for rule in rules],
    }

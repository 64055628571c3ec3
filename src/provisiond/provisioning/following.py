"""Following what other processes write to the same store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.model.query import Condition, Query, Selector, Test
from provisiond.provisioning.config_tree import ConfigTree
from provisiond.provisioning.configs import Configs, same_text
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.ports import Clock, StoredConfigs, StoredDevices, StoredFacts
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.serial import Serial
from provisiond.provisioning.sightings import Sightings, with_changes
from provisiond.provisioning.tenants import Tenants
from provisiond.provisioning.tokens import Tokens
from provisiond.store.feed import Change

log = Logger()
INTERVAL = 1.0
LIMIT = 500
COMPARED_AT_ONCE = 50
TRIM_EVERY = 1_000
MAX_CATCH_UP = 20_000
EVERY_KIND = frozenset({"device", "config", "parameter", "tenant", "token"})
_SETTLED = "rendered_through"


class Feed(Protocol):
    """The store's change feed."""

    async def latest(self) -> int: ...
    async def changes_since(self, number: int, limit: int = 1000) -> Sequence[Change]: ...
    async def trim(self) -> None: ...


class Following:
    """Keeps memory like the store when others write to it too, and remembers up to which change files were made.

    What this process wrote itself is recognised by comparing, so it costs one look and changes nothing.

    :param kinds: which objects others may write; reading back devices and configs is needless for a single process.

    ``level_at`` is when memory was last found to be like the store, in seconds since the epoch.
    """

    def __init__(
        self,
        *,
        feed: Feed,
        facts: StoredFacts,
        device_store: StoredDevices,
        config_store: StoredConfigs,
        directory: Directory,
        tree: ConfigTree,
        devices: Devices,
        configs: Configs,
        parameters: Parameters,
        tenants: Tenants,
        tokens: Tokens,
        rendering: Rendering,
        sightings: Sightings,
        serial: Serial,
        clock: Clock,
        kinds: Collection[str] = EVERY_KIND,
    ) -> None:
        self._feed = feed
        self._facts = facts
        self._device_store = device_store
        self._config_store = config_store
        self._directory = directory
        self._tree = tree
        self._devices = devices
        self._configs = configs
        self._parameters = parameters
        self._tenants = tenants
        self._tokens = tokens
        self._rendering = rendering
        self._sightings = sightings
        self._serial = serial
        self._clock = clock
        self._kinds = frozenset(kinds)
        self._number = 0
        self._settled = 0
        self.level_at = clock.seconds()
        self._planned: Any = None
        self._running: Deferred[None] | None = None

    async def start(self) -> None:
        """Begin at the present; what was changed but not rendered when the server last ended is rendered now."""
        self._number = await self._feed.latest()
        self._settled = int(await self._facts.get(_SETTLED) or 0)
        await self._catch_up()
        self._plan()

    async def stop(self) -> None:
        """Stop following."""
        if self._running is not None:
            # It plans the next look.
            await self._running
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None

    async def look(self) -> None:
        """Take over what was written since the last look."""
        while changes := await self._feed.changes_since(self._number, LIMIT):
            wanted = [change for change in changes if change.kind in self._kinds]
            await self._take_devices(dict.fromkeys(change.id for change in wanted if change.kind == "device"))
            await self._take_configs(dict.fromkeys(change.id for change in wanted if change.kind == "config"))
            await self._take_others({change.kind for change in wanted})
            self._number = changes[-1].number
        self.level_at = self._clock.seconds()
        await self._remember_settled()

    def _plan(self) -> None:
        self._planned = self._clock.callLater(INTERVAL, self._tick)

    def _tick(self) -> None:
        self._planned = None
        running: Deferred[None] = Deferred.fromCoroutine(self._look_safely())
        if not running.called:
            self._running = running

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except Exception:
            log.failure("the change feed could not be followed, it is tried again")
        self._running = None
        self._plan()

    async def _take_devices(self, ids: Iterable[str]) -> None:
        wanted = list(ids)
        if not wanted:
            return
        selector = Selector((Condition("id", (Test("$in", wanted),)),))
        found = {document["id"]: document for document in await self._device_store.find(Query(selector=selector), None)}
        for count, device_id in enumerate(wanted, 1):
            if count % COMPARED_AT_ONCE == 0:
                await self._rendering.breathe()
            known = self._directory.get(device_id)
            document = found.get(device_id)
            if known is None or document is None or not same_text(known.document, document):
                await self._take_device(device_id)

    async def _take_device(self, device_id: str) -> None:
        async with self._serial.holding(("device", device_id)):
            while True:
                before = self._directory.get(device_id)
                unwritten = self._sightings.unwritten(device_id)
                stored = await self._device_store.get(device_id)
                if self._directory.get(device_id) == before:
                    break
            if stored is None:
                self._devices.lost(device_id)
                return
            stored = with_changes(stored, unwritten)
            if before is None or not same_text(before.document, stored.document):
                self._devices.took(stored, "replaced")

    async def _take_configs(self, ids: Iterable[str]) -> None:
        wanted = list(ids)
        found = {config.id: config for config in await self._config_store.get_many(wanted)} if wanted else {}
        for count, config_id in enumerate(wanted, 1):
            if count % COMPARED_AT_ONCE == 0:
                await self._rendering.breathe()
            stored = found.get(config_id)
            if stored is None or not self._tree.has_taken(stored):
                await self._take_config(config_id)

    async def _take_config(self, config_id: str) -> None:
        async with self._serial.holding(("config", config_id)):
            stored = await self._config_store.get(config_id)
            if stored is None:
                self._configs.lost(config_id)
            elif not self._tree.has_taken(stored):
                self._configs.took(stored)

    async def _take_others(self, kinds: set[str]) -> None:
        if "tenant" in kinds:
            await self._tenants.load()
        if "parameter" in kinds:
            await self._parameters.reload()
        if "token" in kinds:
            await self._tokens.load()

    async def _catch_up(self) -> None:
        if self._number - self._settled > MAX_CATCH_UP or self._settled > self._number:
            self._rendering.mark(base=True)
            return
        number = self._settled
        while changes := await self._feed.changes_since(number, LIMIT):
            number = changes[-1].number
            self._rendering.mark(
                devices=[change.id for change in changes if change.kind == "device" and change.action != "sighting"],
                configs=[change.id for change in changes if change.kind == "config"],
            )

    async def _remember_settled(self) -> None:
        if self._rendering.background.idle and self._settled != self._number:
            former, settled = self._settled, self._number
            await self._facts.set(_SETTLED, str(settled))
            self._settled = settled
            if settled // TRIM_EVERY != former // TRIM_EVERY:
                await self._feed.trim()

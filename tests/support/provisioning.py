"""Stand-ins for the rooms below the use cases, and a house built on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from provisiond.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    PackageProblem,
    PluginProblem,
    ProvisiondError,
    UnknownReference,
)
from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.rules import Rule
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.model.config import Config
from provisiond.model.device import Device
from provisiond.model.operation import OperationProgress
from provisiond.model.query import Query, selected
from provisiond.plugins.problems import Problem, Problems
from provisiond.plugins.values import LoadedPlugin, PluginInfo, RenderedFile
from provisiond.provisioning.base_config import base_raw_config
from provisiond.provisioning.house import House, Stores, Surroundings
from provisiond.sdk import SipNotify, SyncAction
from provisiond.store.facts import Tenant
from provisiond.store.feed import Change
from provisiond.store.operations import StoredOperation
from provisiond.store.tokens import StoredToken

T = TypeVar("T")
KNOWLEDGE = Knowledge.shipped()
IDENTIFIER = Identifier(KNOWLEDGE)
NOW = 1_790_000_000.0
PLUGIN = "acme-1.0"
Document = dict[str, Any]


def run(work: Coroutine[Any, Any, T] | Deferred[T]) -> T:
    """Return the result of work that needs to wait for nothing."""
    outcome: list[Any] = []
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
    deferred.addBoth(outcome.append)
    assert outcome, "the work waits for something"
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    return outcome[0]


def begin(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Start work and return its result to come."""
    return Deferred.fromCoroutine(work)


class Gate:
    """Lets tests decide when a slow thing goes on; open until it is shut."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] | None = None
        self.passed = 0

    def shut(self) -> None:
        self._waiting = self._waiting or []

    def open(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for waiter in waiting:
            waiter.callback(None)

    @property
    def is_open(self) -> bool:
        return self._waiting is None

    @property
    def waiting(self) -> int:
        return len(self._waiting or [])

    async def __call__(self) -> None:
        self.passed += 1
        if self._waiting is not None:
            waiter: Deferred[None] = Deferred()
            self._waiting.append(waiter)
            await waiter


class InlineThreads:
    """Runs blocking work at once."""

    def __init__(self) -> None:
        self.gate = Gate()

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        await self.gate()
        return work(*args)


class MemoryFeed:
    def __init__(self) -> None:
        self.rows: list[Change] = []

    def note(self, kind: str, object_id: str, action: str) -> None:
        self.rows.append(Change(len(self.rows) + 1, kind, object_id, action))

    async def latest(self) -> int:
        return len(self.rows)

    async def changes_since(self, number: int, limit: int = 1000) -> Sequence[Change]:
        return self.rows[number : number + limit]

    async def trim(self) -> None:
        return None


class MemoryDevices:
    """Stored devices; each call counts, and waits at the gate."""

    def __init__(self, feed: MemoryFeed) -> None:
        self.rows: dict[str, str] = {}
        self.gate = Gate()
        self.feed = feed
        self.sighting_writes: list[dict[str, Any]] = []
        self.fails: Exception | None = None

    @property
    def calls(self) -> int:
        return self.gate.passed

    def document(self, device_id: str) -> Document:
        return dict(json.loads(self.rows[device_id]))

    async def _enter(self) -> None:
        await self.gate()
        if self.fails is not None:
            raise self.fails

    def _write(self, device: Device, action: str) -> None:
        self.rows[device.id] = json.dumps(dict(device.document), default=dict)
        self.feed.note("device", device.id, action)

    async def get(self, device_id: str) -> Device | None:
        await self._enter()
        return Device(self.document(device_id)) if device_id in self.rows else None

    async def insert(self, device: Device) -> None:
        await self._enter()
        if device.id in self.rows:
            raise AlreadyExists("used")
        self._write(device, "insert")

    async def replace(self, device: Device) -> None:
        await self._enter()
        if device.id not in self.rows:
            raise NotFound(device.id)
        self._write(device, "replace")

    async def write_many(self, new: Sequence[Device], changed: Sequence[Device]) -> None:
        await self._enter()
        if any(device.id in self.rows for device in new):
            raise AlreadyExists("used")
        if any(device.id not in self.rows for device in changed):
            raise NotFound("gone")
        for device in new:
            self._write(device, "insert")
        for device in changed:
            self._write(device, "replace")

    async def delete(self, device_id: str) -> None:
        await self._enter()
        if self.rows.pop(device_id, None) is None:
            raise NotFound(device_id)
        self.feed.note("device", device_id, "delete")

    async def find(self, query: Query, tenants: Collection[str] | None) -> list[Document]:
        await self._enter()
        documents = [self.document(device_id) for device_id in self.rows]
        return selected([each for each in documents if tenants is None or each["tenant_uuid"] in tenants], query)

    async def stream(self, query: Query, tenants: Collection[str] | None) -> AsyncIterator[Sequence[Document]]:
        yield await self.find(query, tenants)

    async def all(self) -> AsyncIterator[Sequence[Device]]:
        yield [Device(self.document(device_id)) for device_id in self.rows]

    async def write_sightings(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        await self._enter()
        self.sighting_writes.append({key: dict(value) for key, value in changes.items()})
        for device_id, members in changes.items():
            if device_id in self.rows:
                document = {**self.document(device_id), **members}
                self._write(Device({key: value for key, value in document.items() if value is not None}), "sighting")

    async def count(self) -> int:
        return len(self.rows)


class MemoryConfigs:
    """Stored configs; each call counts, and waits at the gate."""

    def __init__(self, feed: MemoryFeed) -> None:
        self.rows: dict[str, str] = {}
        self.gate = Gate()
        self.feed = feed

    def config(self, config_id: str) -> Config:
        return Config(json.loads(self.rows[config_id]))

    async def get(self, config_id: str) -> Config | None:
        config = self.config(config_id) if config_id in self.rows else None
        await self.gate()
        return config

    async def get_many(self, config_ids: Sequence[str]) -> list[Config]:
        found = [self.config(config_id) for config_id in config_ids if config_id in self.rows]
        await self.gate()
        return found

    async def insert(self, config: Config) -> None:
        await self.gate()
        if config.id in self.rows:
            raise AlreadyExists("used")
        self.rows[config.id] = json.dumps(dict(config.document), default=dict)
        self.feed.note("config", config.id, "insert")

    async def replace(self, config: Config) -> None:
        await self.gate()
        if config.id not in self.rows:
            raise NotFound(config.id)
        self.rows[config.id] = json.dumps(dict(config.document), default=dict)
        self.feed.note("config", config.id, "replace")

    async def write_many(self, new: Sequence[Config], changed: Sequence[Config]) -> None:
        await self.gate()
        if any(config.id in self.rows for config in new):
            raise AlreadyExists("used")
        for config in (*new, *changed):
            self.rows[config.id] = json.dumps(dict(config.document), default=dict)
            self.feed.note("config", config.id, "write")

    async def delete(self, config_id: str) -> None:
        await self.gate()
        if self.rows.pop(config_id, None) is None:
            raise NotFound(config_id)
        self.feed.note("config", config_id, "delete")

    async def find(self, query: Query) -> list[Document]:
        return selected([json.loads(row) for row in self.rows.values()], query)

    async def stream(self, query: Query) -> AsyncIterator[Sequence[Document]]:
        yield await self.find(query)

    async def all(self) -> AsyncIterator[Sequence[Config]]:
        yield [self.config(config_id) for config_id in self.rows]

    async def parents(self) -> Mapping[str, tuple[str, ...]]:
        return {config_id: self.config(config_id).parent_ids for config_id in self.rows}

    async def with_role(self, role: str) -> list[Config]:
        await self.gate()
        return [self.config(config_id) for config_id in self.rows if self.config(config_id).role == role]

    async def count(self) -> int:
        return len(self.rows)


class MemoryParameters:
    def __init__(self) -> None:
        self.values: dict[tuple[str | None, str], Any] = {}

    async def all(self) -> Mapping[tuple[str | None, str], Any]:
        return dict(self.values)

    async def set(self, tenant: str | None, name: str, value: Any) -> None:
        self.values[tenant, name] = value


class MemoryTenants:
    def __init__(self, devices: MemoryDevices | None = None) -> None:
        self.rows: dict[str, Tenant] = {}
        self._devices = devices

    async def all(self) -> Sequence[Tenant]:
        return list(self.rows.values())

    async def put(self, tenant: Tenant) -> None:
        self.rows[tenant.uuid] = tenant

    async def delete(self, tenant_uuid: str) -> None:
        devices = self._devices.rows if self._devices is not None else {}
        if any(json.loads(row)["tenant_uuid"] == tenant_uuid for row in devices.values()):
            raise InvalidInput("the tenant has devices")
        self.rows.pop(tenant_uuid, None)


class MemoryTokens:
    def __init__(self) -> None:
        self.rows: dict[str, StoredToken] = {}

    async def all(self) -> Sequence[StoredToken]:
        return list(self.rows.values())

    async def insert(self, token: StoredToken) -> None:
        self.rows[token.id] = token

    async def delete(self, token_id: str) -> bool:
        return self.rows.pop(token_id, None) is not None

    async def used(self, times: Mapping[str, float]) -> None:
        for token_id, seconds in times.items():
            if token_id in self.rows:
                self.rows[token_id] = evolve(self.rows[token_id], last_used=seconds)


class MemoryOperations:
    def __init__(self) -> None:
        self.rows: dict[int, StoredOperation] = {}
        self.last = 0
        self.interrupted: list[float] = []

    async def interrupt_running(self, now: float) -> int:
        self.interrupted.append(now)
        return 0

    async def insert(self, resource: str, progress: str, now: float, tenant_uuid: str | None = None) -> int:
        self.last += 1
        members = {"resource": resource, "progress": progress, "created": now, "tenant_uuid": tenant_uuid}
        self.rows[self.last] = StoredOperation(id=self.last, error=None, ended=None, **members)
        return self.last

    async def end(self, operation_id: int, progress: str, error: str | None, now: float) -> None:
        self.rows[operation_id] = evolve(self.rows[operation_id], progress=progress, error=error, ended=now)

    async def get(self, resource: str, operation_id: int) -> StoredOperation | None:
        row = self.rows.get(operation_id)
        return row if row is not None and row.resource == resource else None

    async def delete(self, operation_id: int) -> None:
        self.rows.pop(operation_id, None)

    async def recent(self) -> list[StoredOperation]:
        return [row for _, row in sorted(self.rows.items(), reverse=True)]


class MemoryContents:
    """What a database holds, as far as backups ask for it.

    :ivar refuses: why the database would refuse what is staged.
    """

    def __init__(self) -> None:
        self.last: dict[str, Any] | None = None
        self.staged: list[Path] = []
        self.refuses: Exception | None = None

    async def write(self, directory: Path) -> dict[str, int]:
        master = "00000000-0000-4000-8000-000000000001"
        rows = {
            "fact": {"name": "master_tenant", "value": master},
            "tenant": {"uuid": master, "parent_uuid": None, "name": "master"},
        }
        for name, row in rows.items():
            (directory / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
        return dict.fromkeys(rows, 1)

    async def rehearse(self, staged: Path) -> None:
        self.staged.append(staged)
        if self.refuses is not None:
            raise self.refuses

    async def restored(self) -> dict[str, Any] | None:
        return self.last


class MemoryFacts:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def get(self, name: str) -> str | None:
        return self.values.get(name)

    async def set(self, name: str, value: str) -> None:
        self.values[name] = value


def info_of(version: str = "1.0", **capabilities: Mapping[str, Any]) -> PluginInfo:
    """Return a plugin-info; capability names are written with ``__`` in place of comma and blank."""
    keyed = {name.replace("__", ", "): value for name, value in capabilities.items()}
    document = {"version": version, "description": "files", "description_fr": "fichiers", "capabilities": keyed}
    return PluginInfo(version=version, description="files", capabilities=keyed, api=1, document=document)


class FakeHost:
    """A plugin host whose plugins write what they were given, in JSON; every call counts and waits at the gate."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.plugins: dict[str, LoadedPlugin] = {}
        self.on_disk: dict[str, PluginInfo | None] = {}
        self.vendors: dict[str, tuple[str, int]] = {}
        self.broken: dict[str, str] = {}
        self.unloadable: dict[str, str] = {}
        self.rendered: list[str] = []
        self.undoing: set[str] = set()
        self.undone: list[tuple[str, str, str | None]] = []
        self.notes = Problems(lambda: NOW)
        self.action: SyncAction = SipNotify("check-sync")

    def add(self, plugin_id: str, vendor: str = "Aastra", score: int = 500, rules: tuple[Rule, ...] = ()) -> None:
        self.on_disk[plugin_id] = info = info_of()
        directory = Path("/nowhere") / plugin_id
        revision = f"revision of {plugin_id}"
        self.plugins[plugin_id] = LoadedPlugin(
            id=plugin_id, info=info, directory=directory, revision=revision, rules=rules
        )
        self.vendors[plugin_id] = (vendor, score)

    async def checked_parameter(self, plugin_id: str, name: str, value: Any) -> Any:
        await self.gate()
        if value == "refused":
            raise PluginProblem(f"{name} must not be refused")
        return value.strip() if isinstance(value, str) else value

    def touch(self, plugin_id: str) -> None:
        """Change the content of a plugin."""
        plugin = self.plugins[plugin_id]
        self.plugins[plugin_id] = evolve(plugin, revision=plugin.revision + "+")

    def loaded(self) -> Mapping[str, LoadedPlugin]:
        return self.plugins

    def installed(self) -> Mapping[str, PluginInfo | None]:
        return self.on_disk

    def problems(self) -> tuple[Problem, ...]:
        return self.notes.all()

    def problem_of(self, plugin_id: str) -> str | None:
        mine = [each for each in self.notes.all() if each.plugin == plugin_id]
        return mine[-1].sentence if mine else None

    def on_problem(self, callback: Callable[[Problem], None]) -> None:
        self.notes.listen(callback)

    def note_problem(self, plugin_id: str, kind: str, sentence: str) -> None:
        self.notes.note(plugin_id, kind, sentence)

    async def load(self, plugin_id: str) -> LoadedPlugin:
        if plugin_id in self.unloadable:
            self.plugins.pop(plugin_id, None)
            self.notes.note(plugin_id, "load", self.unloadable[plugin_id])
            raise PluginProblem(self.unloadable[plugin_id])
        if plugin_id not in self.plugins:
            self.add(plugin_id)
        else:
            self.touch(plugin_id)
        return self.plugins[plugin_id]

    async def unload(self, plugin_id: str) -> None:
        self.plugins.pop(plugin_id, None)
        self.on_disk.pop(plugin_id, None)

    async def associate(self, info: DeviceInfo, seen: Mapping[str, str] | None = None) -> Mapping[str, int]:
        return {
            plugin_id: score if vendor == info.vendor else 0
            for plugin_id, (vendor, score) in self.vendors.items()
            if plugin_id in self.plugins
        }

    async def common_files(self, plugin_id: str, raw_config: Mapping[str, Any]) -> Sequence[RenderedFile]:
        await self.gate()
        if plugin_id in self.broken:
            raise PluginProblem(self.broken[plugin_id])
        return (self._file("common.cfg", self.plugins[plugin_id].revision, dict(raw_config)),)

    async def device_files(
        self, plugin_id: str, device: Device, raw_config: Mapping[str, Any]
    ) -> Sequence[RenderedFile]:
        content = json.dumps(
            [self.plugins[plugin_id].revision, device.id, device.mac, device.version, dict(raw_config)]
        )
        self.rendered.append(device.id)
        await self.gate()
        if plugin_id in self.broken:
            raise PluginProblem(self.broken[plugin_id])
        name = (device.mac or device.id).replace(":", "")
        file = RenderedFile(name=f"{name}.cfg", content=content.encode(), content_type="text/plain", trigger=True)
        return (file, self._file("boot.cfg", device.id))

    async def files_of_many(
        self, plugin_id: str, asked: Sequence[tuple[Device, Mapping[str, Any]]]
    ) -> list[Sequence[RenderedFile] | ProvisiondError]:
        answers: list[Sequence[RenderedFile] | ProvisiondError] = []
        for device, raw_config in asked:
            try:
                answers.append(await self.device_files(plugin_id, device, raw_config))
            except ProvisiondError as problem:
                answers.append(problem)
        return answers

    async def synchronize(self, plugin_id: str, device: Device, raw_config: Mapping[str, Any]) -> SyncAction:
        return self.action

    def templates_changed(self, plugin_id: str) -> bool:
        if plugin_id not in self.undoing:
            return False
        self.touch(plugin_id)
        return True

    def undoes(self, plugin_id: str) -> bool:
        return plugin_id in self.undoing and plugin_id in self.plugins

    async def deconfigure(self, plugin_id: str, device: Device) -> None:
        await self.gate()
        self.undone.append((plugin_id, device.id, device.mac))

    def static_root(self, plugin_id: str) -> Path:
        return Path("/nowhere") / plugin_id / "var" / "tftpboot"

    @staticmethod
    def _file(name: str, *parts: Any) -> RenderedFile:
        return RenderedFile(name=name, content=json.dumps(parts).encode(), content_type="text/plain")


class FakeOffer:
    def __init__(self, **capabilities: Mapping[str, Any]) -> None:
        self.info = info_of(**capabilities)

    @property
    def capabilities(self) -> Mapping[str, Any]:
        return self.info.capabilities

    def localized(self, locale: str | None) -> dict[str, Any]:
        return {**self.info.localized(locale), "dsize": 1}


@frozen
class FakeEntry:
    """A version of a plugin that can be installed."""

    version: str = "1.0"
    repository: str = "default"
    size: int = 1
    kept: bool = False


class FakeArchives:
    """Repositories that offer what a test puts there."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.offers: dict[str, FakeOffer] = {}
        self.entries: dict[str, list[FakeEntry]] = {}
        self.states: list[Any] = []
        self.wishes: list[tuple[str, str | None, str | None]] = []
        self.gate = Gate()
        self.fails: Exception | None = None
        self.updates = 0
        self.served = True

    def installable(self) -> Mapping[str, FakeOffer]:
        return self.offers

    async def _work(self, progress: OperationProgress) -> None:
        part = progress.part("download", end=10, current=0)
        await self.gate()
        if self.fails is not None:
            raise self.fails
        part.advance(10)

    def check_update(self) -> None:
        if not self.served:
            raise InvalidInput("no plugin server is set")

    async def update(self, progress: OperationProgress) -> None:
        await self.gate()
        if self.fails is not None:
            raise self.fails
        progress.advance(187260)
        self.updates += 1

    def check_offered(self, plugin_id: str, version: str | None = None, repository: str | None = None) -> None:
        offered = self.entries.get(plugin_id, [FakeEntry()] if plugin_id in self.offers else [])
        if not any(version in (None, each.version) and repository in (None, each.repository) for each in offered):
            raise UnknownReference(f"no repository offers the plugin {plugin_id}")
        if not self.served:
            raise PackageProblem("no plugin server is set, and its archive is not in the cache")

    def repositories(self) -> Sequence[Any]:
        return self.states

    def versions(self) -> Mapping[str, Sequence[FakeEntry]]:
        return self.entries

    async def install(
        self,
        plugin_id: str,
        progress: OperationProgress,
        version: str | None = None,
        repository: str | None = None,
        given: Any = None,
    ) -> None:
        self.wishes.append((plugin_id, version, repository))
        await self._work(progress)
        self.host.on_disk[plugin_id] = info_of(version or "1.0")

    async def upgrade(
        self,
        plugin_id: str,
        progress: OperationProgress,
        version: str | None = None,
        repository: str | None = None,
        given: Any = None,
    ) -> None:
        self.wishes.append((plugin_id, version, repository))
        await self._work(progress)
        await self.host.load(plugin_id)
        self.host.on_disk[plugin_id] = info_of(version or "1.0")

    async def uninstall(self, plugin_id: str) -> None:
        await self.gate()


class World:
    """A whole server on stand-ins, with its clock and everything below in reach."""

    def __init__(self, state_dir: Path, **around: Any) -> None:
        self.state_dir = state_dir
        self.clock = Clock()
        self.clock.rightNow = NOW
        self.threads = InlineThreads()
        self.feed = MemoryFeed()
        self.devices = MemoryDevices(self.feed)
        self.configs = MemoryConfigs(self.feed)
        self.parameters = MemoryParameters()
        self.tenants = MemoryTenants(self.devices)
        self.tokens = MemoryTokens()
        self.operations = MemoryOperations()
        self.facts = MemoryFacts()
        self.contents = MemoryContents()
        self.host = FakeHost()
        self.host.add(PLUGIN)
        self.archives = FakeArchives(self.host)
        self._around = around
        self.house = self.built()

    def built(self) -> House:
        """Build the use cases anew on what is stored, as a restart does."""
        around: dict[str, Any] = {
            "clock": self.clock,
            "threads": self.threads,
            "state_dir": self.state_dir,
            "base": base_raw_config("http://192.0.2.1:8667", 69, {}),
            "identifier": IDENTIFIER,
            "host": self.host,
            "archives": self.archives,
            "token_work_factor": 2,
            **self._around,
        }
        return House(self.stores(), Surroundings(**around))

    def stores(self) -> Stores:
        """Return everything that is stored."""
        return Stores(
            devices=self.devices,
            configs=self.configs,
            parameters=self.parameters,
            tenants=self.tenants,
            tokens=self.tokens,
            operations=self.operations,
            facts=self.facts,
            feed=self.feed,
            contents=self.contents,
        )

    def start(self) -> House:
        """Start the house and let its first background work end."""
        run(self.house.start("192.0.2.1", 8667))
        self.settle()
        return self.house

    def restart(self) -> House:
        """Build and start the house again without stopping the former, as after a power cut."""
        for call in self.clock.getDelayedCalls():
            call.cancel()
        self.house = self.built()
        return self.start()

    def settle(self, turns: int = 20_000) -> None:
        """Let the background work end without letting time pass."""
        for _ in range(turns):
            if self.house.rendering.background.idle:
                return
            self.clock.advance(0)
        raise AssertionError("the background work does not end")

    def pump(self, work: Coroutine[Any, Any, T], turns: int = 20_000) -> T:
        """Return the result of work that needs turns of the reactor, but no time."""
        deferred = begin(work)
        for _ in range(turns):
            if deferred.called and not deferred.paused:
                break
            self.clock.advance(0)
        return run(deferred)

    @property
    def scope(self) -> Any:
        return self.house.tenants.everything()

    def device(self, **members: Any) -> Device:
        """Store a device of the plugin, with a config of its own unless one is named."""
        members = {"plugin": PLUGIN, "mac": "00:08:5d:00:00:01", **members}
        if "config" not in members:
            number = len(self.configs.rows)
            config = {"id": f"config{number}", "parent_ids": ["base"], "raw_config": sip(f"user{number}")}
            members["config"] = run(self.house.configs.create(config)).id
        return run(self.house.devices.create(members, self.scope))

    def file(self, device: Device, name: str | None = None) -> Any:
        """Return the content of a device's file as the phone gets it."""
        name = name or f"{(device.mac or device.id).replace(':', '')}.cfg"
        found = run(self.house.rendering.device_file(device, name))
        return None if found is None else json.loads(found.content)


def sip(username: str, **more: Any) -> dict[str, Any]:
    """Return a raw_config with one SIP line."""
    return {"sip_lines": {"1": {"username": username, "proxy_ip": "192.0.2.9"}}, **more}


def aastra(mac: str = "00085D2DB07C", ip: str = "192.0.2.50", version: str = "3.3.1.4256") -> PhoneRequest:
    """Return the request of an Aastra phone for its own file."""
    agent = f"Aastra6731i MAC:{'-'.join(mac[index : index + 2] for index in range(0, 12, 2))} V:{version}-SIP"
    return PhoneRequest(protocol=Protocol.HTTP, path=f"/Aastra/{mac}.cfg", headers={"User-Agent": agent}, peer=ip)


def browser(ip: str = "192.0.2.77") -> PhoneRequest:
    """Return a request that tells nothing about any phone."""
    return PhoneRequest(protocol=Protocol.HTTP, path="/index.html", headers={"User-Agent": "Mozilla/5.0"}, peer=ip)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""Every object of the server, made once and put together; no sockets here."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from attrs import define

from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import Protocol
from provisiond.metrics import Metrics
from provisiond.phones.access import Access
from provisiond.phones.files import PhoneFiles
from provisiond.phones.journal import Journal
from provisiond.phones.pipeline import Pipeline
from provisiond.plugins.pool import WorkerPool
from provisiond.plugins.registry import PluginRegistry
from provisiond.provisioning.base_config import base_raw_config
from provisiond.provisioning.changes import Changes
from provisiond.provisioning.config_tree import ConfigTree
from provisiond.provisioning.configs import Configs
from provisiond.provisioning.contact import Contact
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import Events
from provisiond.provisioning.fetches import Fetches
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.following import Following
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.rendered_files import RenderedFiles
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.serial import Serial
from provisiond.provisioning.sightings import Sightings
from provisiond.provisioning.synchronization import Synchronization
from provisiond.provisioning.tenants import Tenants
from provisiond.provisioning.threads import ThreadRunner
from provisiond.provisioning.tokens import Tokens
from provisiond.settings import Settings
from provisiond.store.configs import ConfigStore
from provisiond.store.database import Database
from provisiond.store.devices import DeviceStore
from provisiond.store.facts import FactStore, ParameterStore, TenantStore
from provisiond.store.feed import ChangeFeed
from provisiond.store.operations import OperationStore
from provisiond.store.tokens import TokenStore

FETCHED_MEMORY = 16 * 1024 * 1024


def own_address() -> str:
    """Return the address of the default route, or the loopback address when there is none; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def endpoint_port(endpoint: str, default: int) -> int:
    """Return the port of an endpoint text such as ``tcp:8667``."""
    kind, _, rest = endpoint.partition(":")
    text = rest.split(":")[0]
    return int(text) if kind in ("tcp", "tcp6", "ssl") and text.isdigit() else default


@define(kw_only=True)
class Parts:
    """The server's objects."""

    settings: Settings
    metrics: Metrics
    database: Database
    directory: Directory
    tree: ConfigTree
    device_store: DeviceStore
    config_store: ConfigStore
    threads: ThreadRunner
    registry: PluginRegistry
    identifier: Identifier
    rendering: Rendering
    files: RenderedFiles
    fetches: Fetches
    sightings: Sightings
    tenants: Tenants
    tokens: Tokens
    parameters: Parameters
    operations: Operations
    configs: Configs
    devices: Devices
    contact: Contact
    synchronization: Synchronization
    following: Following
    events: Events
    journal: Journal
    pipeline: Pipeline
    host: str
    http_port: int

    async def start(self) -> None:
        """Read what is stored and load the plugins; nothing answers yet."""
        await self.tenants.load()
        await self.tokens.load()
        await self.parameters.load()
        await self.operations.load()
        await self.directory.fill(self.device_store.all())
        await self.tree.fill()
        await self.registry.start()
        await self.following.start()

    async def stop(self) -> None:
        """Write what is pending and close."""
        await self.following.stop()
        await self.rendering.stop()
        await self.sightings.flush()
        await self.fetches.flush()
        await self.tokens.flush()
        await self.files.written()
        await self.registry.stop()


def compose(settings: Settings, reactor: Any, database: Database) -> Parts:
    """Return the server's objects, put together.

    :param reactor: for time, threads and processes.
    """
    state = settings.general.state_dir
    metrics, events, serial, changes = Metrics(), Events(), Serial(), Changes()
    threads = ThreadRunner(reactor, reactor.getThreadPool())
    feed = ChangeFeed(database)
    device_store, config_store = DeviceStore(database, feed), ConfigStore(database, feed)
    facts = FactStore(database)
    directory, tree = Directory(), ConfigTree(config_store)
    tenants = Tenants(TenantStore(database, feed), facts)
    tokens = Tokens(TokenStore(database, feed), threads, reactor)
    parameters = Parameters(ParameterStore(database, feed), {"plugin_server": settings.general.plugin_server})
    operations = Operations(OperationStore(database), reactor, events)
    registry = PluginRegistry(
        state / "plugins",
        WorkerPool(reactor, workers=settings.plugins.workers),
        threads,
        reactor.seconds,
        load_seconds=settings.plugins.load_seconds,
        render_seconds=settings.plugins.render_seconds,
    )
    host = settings.general.advertised_ip or own_address()
    http_port = endpoint_port(settings.http.listen, 8667)
    base = base_raw_config(
        settings.general.advertised_http_url or f"http://{host}:{http_port}",
        int(settings.tftp.listen[0].rpartition(":")[2]) if settings.tftp.listen else 69,
        settings.general.base_raw_config,
    )
    flattening = Flattening(tree, base, parameters.key_of if settings.general.provisioning_key_in_urls else None)
    files = RenderedFiles(state / "rendered", threads)
    fetches = Fetches(RenderedFiles(state / "fetched", threads, FETCHED_MEMORY), reactor)
    sightings = Sightings(directory, device_store, reactor)
    rendering = Rendering(
        directory=directory,
        tree=tree,
        flattening=flattening,
        host=registry,
        files=files,
        fetches=fetches,
        sightings=sightings,
        changes=changes,
        events=events,
        clock=reactor,
    )
    configs = Configs(
        store=config_store,
        tree=tree,
        flattening=flattening,
        directory=directory,
        rendering=rendering,
        events=events,
        serial=serial,
    )
    devices = Devices(
        store=device_store,
        directory=directory,
        configs=configs,
        rendering=rendering,
        sightings=sightings,
        events=events,
        serial=serial,
    )
    knowledge = Knowledge.shipped()
    identifier = Identifier(knowledge)
    contact = Contact(
        identifier=identifier,
        knowledge=knowledge,
        directory=directory,
        store=device_store,
        configs=configs,
        host=registry,
        rendering=rendering,
        sightings=sightings,
        tenants=tenants,
        parameters=parameters,
        events=events,
        serial=serial,
    )
    _follow_rules(registry, identifier)
    journal = Journal(metrics)
    return Parts(
        settings=settings,
        metrics=metrics,
        database=database,
        directory=directory,
        tree=tree,
        device_store=device_store,
        config_store=config_store,
        threads=threads,
        registry=registry,
        identifier=identifier,
        rendering=rendering,
        files=files,
        fetches=fetches,
        sightings=sightings,
        tenants=tenants,
        tokens=tokens,
        parameters=parameters,
        operations=operations,
        configs=configs,
        devices=devices,
        contact=contact,
        synchronization=Synchronization(
            directory=directory,
            flattening=flattening,
            host=registry,
            rendering=rendering,
            operations=operations,
            notifier=None,
        ),
        following=Following(
            feed=feed,
            facts=facts,
            device_store=device_store,
            config_store=config_store,
            directory=directory,
            tree=tree,
            devices=devices,
            configs=configs,
            parameters=parameters,
            tenants=tenants,
            tokens=tokens,
            rendering=rendering,
            sightings=sightings,
            serial=serial,
            clock=reactor,
        ),
        events=events,
        journal=journal,
        pipeline=Pipeline(
            contact=contact,
            files=PhoneFiles(rendering, registry),
            access=Access({Protocol.HTTP: settings.http.allow, Protocol.TFTP: settings.tftp.allow}),
            fetched=rendering,
            journal=journal,
        ),
        host=host,
        http_port=http_port,
    )


def _follow_rules(registry: PluginRegistry, identifier: Identifier) -> None:
    """Have the identifier use the rules of the plugins that are loaded now."""
    current: dict[str, Any] = {}

    def changed() -> None:
        rules = {name: plugin.rules for name, plugin in registry.loaded().items() if plugin.rules}
        if rules == current:
            return
        current.clear()
        current.update(rules)
        identifier.use_plugin_rules(rules)
        for problem in identifier.problems:
            registry.note_problem(problem.plugin, "rule", problem.sentence)

    registry.listen(changed)


def check_directories(settings: Settings) -> Path | None:
    """Return the first directory of the settings that cannot be made or written, or None."""
    for directory in (settings.general.state_dir, settings.general.cache_dir):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / ".provisiond-write-test"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError:
            return directory
    return None

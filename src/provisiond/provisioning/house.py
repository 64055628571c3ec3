"""All use cases of one server, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from provisiond.errors import StartProblem
from provisiond.identification.extract import Identifier
from provisiond.packages.catalog.entries import EXTENSION
from provisiond.plugins.problems import Problem
from provisiond.provisioning.backups import BackupRules, Backups, StoredContents
from provisiond.provisioning.bulk import Bulk
from provisiond.provisioning.changes import Changes
from provisiond.provisioning.config_tree import ConfigTree
from provisiond.provisioning.configs import Configs
from provisiond.provisioning.contact import Contact
from provisiond.provisioning.currency import Currencies
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.dhcp_plans import DhcpPlans
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.event_log import EventLog
from provisiond.provisioning.events import Events, PluginProblemSeen
from provisiond.provisioning.fetches import Fetches
from provisiond.provisioning.first_start import create_admin_token, create_default_configs
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.following import EVERY_KIND, Feed, Following
from provisiond.provisioning.foreign import ForeignEyes
from provisiond.provisioning.generation import Generation
from provisiond.provisioning.health import Health
from provisiond.provisioning.health_checks import device_check, feed_check, firmware_check, plugin_check, seldom
from provisiond.provisioning.host_side import HostSide
from provisiond.provisioning.inspection import Inspection
from provisiond.provisioning.newcomers import Newcomers
from provisiond.provisioning.operations import Operations, StoredOperations
from provisiond.provisioning.outside_tokens import OutsideTokens, Service
from provisiond.provisioning.package_files import FileInspection, PackageFiles
from provisiond.provisioning.packages import Packages, PackageService
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.plugin_parameters import PluginParameters
from provisiond.provisioning.plugin_ports import Hosting
from provisiond.provisioning.plugin_use import PluginUse
from provisiond.provisioning.plugin_versions import PluginVersions, VersionedArchives
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import (
    Clock,
    StoredConfigs,
    StoredDevices,
    StoredFacts,
    StoredParameters,
    Threads,
)
from provisiond.provisioning.profiles import Profiles
from provisiond.provisioning.received import ReceivedFiles
from provisiond.provisioning.recognition import Recognition
from provisiond.provisioning.rendered_files import DEFAULT_LIMIT, RenderedFiles
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.serial import Serial
from provisiond.provisioning.sightings import Sightings
from provisiond.provisioning.sync_steps import SyncSteps
from provisiond.provisioning.sync_waves import Waves
from provisiond.provisioning.synchronization import Notifier, Synchronization
from provisiond.provisioning.taking_over import TakeOverRules, TakingOver
from provisiond.provisioning.tenants import StoredTenants, Tenants
from provisiond.provisioning.tokens import WORK_FACTOR, StoredTokens, Tokens
from provisiond.store.database import Database, in_memory

FETCHED_LIMIT = 16 * 1024 * 1024
FIRMWARE_SECONDS = 60.0


@frozen(kw_only=True)
class Stores:
    """Everything that is stored."""

    devices: StoredDevices
    configs: StoredConfigs
    parameters: StoredParameters
    tenants: StoredTenants
    tokens: StoredTokens
    operations: StoredOperations
    facts: StoredFacts
    feed: Feed
    contents: StoredContents


@frozen(kw_only=True)
class Surroundings:
    """What the use cases work with.

    :param state_dir: rendered files lie in ``rendered/`` below it, the first token in ``admin-token``.
    :param base: the base raw_config, see :func:`provisiond.provisioning.base_config.base_raw_config`.
    :param parameter_defaults: values of parameters that nobody set, e.g. ``plugin_server`` of the settings.
    :param keys_in_urls: True when phones' URLs carry their tenant's provisioning key.
    :param rendered_limit: bytes of rendered files kept in memory.
    :param background_limit: calls of plugins at a time in the background.
    :param auth_service: vouches for tokens that are not ours, or None; its word counts for ``auth_seconds``.
    :param master_tenant: uuid of the master tenant; by default a random one, made at the first start.
    :param followed: kinds of objects that other processes may write.
    :param notifier: reaches phones, or None.
    :param packages: firmware and languages of plugins, or None.
    :param foreign: sees phones as existing plugins see them, or None.
    :param conflicts_by_text: True to compare ids of equally fitting plugins as texts.
    :param takes_anyone: True to create a device also for a request that tells nothing but its address.
    :param firmware_root: plugin id -> the directory that its firmware packages are placed in.
    :param open_database: opens the database once more, for work in a thread of its own.
    :param file_inspection: looks at the files that those are made from, or None.
    :param host_side: makes what concerns the host of plugins, operations, events and tenants, or None.
    """

    clock: Clock
    threads: Threads
    state_dir: Path
    base: Mapping[str, Any]
    identifier: Identifier
    host: Hosting
    archives: VersionedArchives
    packages: PackageService | None = None
    file_inspection: FileInspection | None = None
    host_side: Callable[[Plugins, Operations, Events, Tenants], HostSide] | None = None
    notifier: Notifier | None = None
    parameter_defaults: Mapping[str, Any] = {}
    keys_in_urls: bool = False
    rendered_limit: int = DEFAULT_LIMIT
    background_limit: int = 1
    followed: Collection[str] = EVERY_KIND
    token_work_factor: int = WORK_FACTOR
    auth_service: Service | None = None
    auth_seconds: float = 10.0
    master_tenant: str | None = None
    foreign: ForeignEyes | None = None
    conflicts_by_text: bool = False
    takes_anyone: bool = False
    firmware_root: Callable[[str], Path] = Path
    open_database: Callable[[], Database] = in_memory


class House:
    """The use cases, ready to be called once :meth:`start` has returned."""

    def __init__(self, stores: Stores, around: Surroundings) -> None:
        self._stores = stores
        self._around = around
        clock, threads, host = around.clock, around.threads, around.host
        rendered = around.state_dir / "rendered"
        self.generation = Generation()
        serial, use = Serial(), PluginUse()
        self.changes = Changes(generation=self.generation)
        recognition = Recognition(around.identifier, generation=self.generation)
        self.threads = threads
        self.events = Events()
        self.directory = Directory(self.generation)
        self.event_log = EventLog(self.events, self._tenant_of, clock)
        self.tenants = Tenants(stores.tenants, stores.facts)
        self.parameters = Parameters(stores.parameters, around.parameter_defaults)
        self.tokens = Tokens(stores.tokens, threads, clock, around.token_work_factor)
        service = around.auth_service
        self.outside = OutsideTokens(service, self.tenants, clock, around.auth_seconds) if service else None
        self.operations = Operations(stores.operations, clock, self.events)
        self.received = ReceivedFiles(around.state_dir / "received", threads, clock)
        self.backups = Backups(
            contents=stores.contents,
            received=self.received,
            operations=self.operations,
            rules=BackupRules(
                extensions=self._installed_extensions,
                state_dir=around.state_dir,
                root_of=around.firmware_root,
                master_tenant=around.master_tenant,
            ),
            threads=threads,
            clock=clock,
        )
        self.tree = ConfigTree(stores.configs)
        self.flattening = Flattening(self.tree, around.base, self.parameters.key_of if around.keys_in_urls else None)
        self.sightings = Sightings(self.directory, stores.devices, clock)
        self.backups.on_making(self.sightings.flush)
        self._files = RenderedFiles(rendered / "files", threads, around.rendered_limit)
        self.fetches = Fetches(RenderedFiles(rendered / "fetched", threads, FETCHED_LIMIT), clock)
        self.rendering = Rendering(
            directory=self.directory,
            tree=self.tree,
            flattening=self.flattening,
            host=host,
            files=self._files,
            fetches=self.fetches,
            sightings=self.sightings,
            changes=self.changes,
            events=self.events,
            clock=clock,
            background_limit=around.background_limit,
        )
        self.configs = Configs(
            store=stores.configs,
            tree=self.tree,
            flattening=self.flattening,
            directory=self.directory,
            rendering=self.rendering,
            events=self.events,
            serial=serial,
        )
        self.devices = Devices(
            store=stores.devices,
            directory=self.directory,
            configs=self.configs,
            rendering=self.rendering,
            sightings=self.sightings,
            events=self.events,
            serial=serial,
            knowledge=around.identifier.knowledge,
        )
        self.bulk = Bulk(
            device_store=stores.devices,
            config_store=stores.configs,
            devices=self.devices,
            configs=self.configs,
            directory=self.directory,
            tree=self.tree,
            sightings=self.sightings,
            serial=serial,
            threads=threads,
            breathe=self.rendering.breathe,
        )
        self.contact = Contact(
            identifier=recognition,
            knowledge=around.identifier.knowledge,
            directory=self.directory,
            store=stores.devices,
            configs=self.configs,
            host=host,
            rendering=self.rendering,
            sightings=self.sightings,
            tenants=self.tenants,
            parameters=self.parameters,
            events=self.events,
            serial=serial,
            foreign=around.foreign,
            conflicts_by_text=around.conflicts_by_text,
            takes_anyone=around.takes_anyone,
        )
        self.packages = Packages(host, around.packages, self.operations, self.parameters, use)
        self.plugins = Plugins(
            host=host,
            archives=around.archives,
            rules=recognition,
            directory=self.directory,
            devices=self.devices,
            rendering=self.rendering,
            operations=self.operations,
            parameters=self.parameters,
            events=self.events,
            use=use,
            packages=self.packages,
        )
        rules = TakeOverRules(state_dir=around.state_dir, open_database=around.open_database)
        self.taking_over = TakingOver(self.received, self.operations, self.plugins, threads, rules)
        self.plugin_versions = PluginVersions(host, around.archives, self.plugins)
        self.plugin_parameters = PluginParameters(host, self.parameters, self.plugins, use)
        self.inspection = Inspection(self.directory, self.tree, self.rendering, self.fetches, threads, clock)
        self.currencies = Currencies(self.directory, self.rendering, self.fetches, clock)
        self.package_files = PackageFiles(
            self.packages, around.file_inspection, self.operations, self.parameters, use, clock
        )
        self.host_side = around.host_side and around.host_side(self.plugins, self.operations, self.events, self.tenants)
        self.dhcp_plans = DhcpPlans(host, around.identifier.knowledge, self.flattening)
        self.profiles = Profiles(self.contact, self.flattening, self.rendering, Newcomers(clock))
        self.synchronization = Synchronization(
            directory=self.directory,
            flattening=self.flattening,
            host=host,
            rendering=self.rendering,
            operations=self.operations,
            notifier=around.notifier,
            steps=SyncSteps(self.fetches, self.events, clock),
            waves=Waves(clock),
        )
        self._following = Following(
            feed=stores.feed,
            facts=stores.facts,
            device_store=stores.devices,
            config_store=stores.configs,
            directory=self.directory,
            tree=self.tree,
            devices=self.devices,
            configs=self.configs,
            parameters=self.parameters,
            tenants=self.tenants,
            tokens=self.tokens,
            rendering=self.rendering,
            sightings=self.sightings,
            serial=serial,
            clock=clock,
            kinds=around.followed,
        )
        self.health = self._watched(clock, host)
        self.parameters.listen(self._parameter_changed)
        host.on_problem(self._problem_seen)

    async def start(
        self, host: str, http_port: int, loading: Callable[[], Awaitable[None]] | None = None
    ) -> Path | None:
        """Fill the memory, create what a fresh system begins with, and begin to work.

        :param host: advertised address of this server, for the default configs.
        :param http_port: advertised port of the HTTP service for phones.
        :param loading: starts the plugin host, while devices and configs are read; None when it has been started.
        :return: the file with the administrator's token when this start made it, else None.
        :raises StartProblem: when the token cannot be written.
        """
        filling = Deferred.fromCoroutine(self._fill())
        try:
            if loading is not None:
                await loading()
        finally:
            await filling
        wanted = self._around.master_tenant
        await self.tenants.load(wanted)
        if wanted not in (None, self.tenants.master):
            raise StartProblem(f"rest_api.auth.master_tenant is {wanted}, but this database has {self.tenants.master}")
        await self.parameters.load()
        await self.tokens.load()
        await self.operations.load()
        self.plugins.changed((), "started")
        await self.plugins.note_faults(tuple(self._around.host.loaded()))
        await create_default_configs(self._stores.configs, self.configs, host, http_port)
        token = await create_admin_token(self.tokens, self.tenants.master, self._around.state_dir, self._around.threads)
        await self._following.start()
        if self.host_side is not None:
            await self.host_side.extensions.start()
        return token

    async def _fill(self) -> None:
        await self.tree.fill()
        await self.directory.fill(self._stores.devices.all())

    def stamp(self) -> int:
        """Return a value that differs after any change that may make a phone get something else."""
        return self.generation.number

    def follow_base(self, base: Mapping[str, Any]) -> None:
        """Let every device inherit this base raw_config from now on; their files follow in the background."""
        if dict(base) != self.flattening.base:
            self.flattening.base = dict(base)
            self.rendering.mark(base=True)

    async def stop(self) -> None:
        """End the background work and write what is not written yet. The stores are still open."""
        if self.host_side is not None:
            self.host_side.extensions.stop()
        await self._following.stop()
        await self.rendering.stop()
        await self.sightings.flush()
        await self.tokens.flush()

    def _watched(self, clock: Clock, host: Hosting) -> Health:
        health = Health(clock)
        health.add("the change feed", feed_check(lambda: self._following.level_at, clock))
        health.add("the plugins", plugin_check(host.problems, clock))
        health.add("the devices", device_check(self.directory))
        firmware = firmware_check(self.directory, host.loaded, self.packages)
        health.add("the firmware of plugins", seldom(clock, FIRMWARE_SECONDS, firmware))
        return health

    def _installed_extensions(self) -> Mapping[str, str]:
        return self.host_side.packages.inventory.installed_versions(EXTENSION) if self.host_side is not None else {}

    def _parameter_changed(self, name: str, tenant: str | None, value: Any) -> None:
        if name == "provisioning_key" and tenant is not None and self._around.keys_in_urls:
            self.rendering.mark(tenants=[tenant])

    def _problem_seen(self, problem: Problem) -> None:
        self.events.publish(PluginProblemSeen(problem.plugin, problem.kind, problem.sentence, problem.device))

    def _tenant_of(self, device_id: str) -> str | None:
        device = self.directory.get(device_id)
        return device.tenant_uuid if device is not None else None

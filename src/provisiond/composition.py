"""Every object of the server, made once and put together; no sockets here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from provisiond.archive_composition import LateParameters, archives_of, host_packages_of
from provisiond.authservice.service import AuthService
from provisiond.current_settings import (
    CurrentSettings,
    base_of,
    endpoint_port,
    networks,
    own_address,
    parameter_defaults,
)
from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.legacy.own_packages import OwnPackages
from provisiond.legacy.processes import LegacyProcesses
from provisiond.legacy.recognition import LegacyRecognition
from provisiond.legacy.registry import FullPluginRegistry
from provisiond.legacy.telling import environment_of
from provisiond.metrics import Metrics
from provisiond.outward_composition import auth_service_of, reaching_of
from provisiond.packages.catalog.catalog import Catalog
from provisiond.packages.firmware.inspection import FirmwareInspection
from provisiond.packages.firmware.service import FirmwarePackages
from provisiond.packages.plugins import PluginPackages
from provisiond.phones.access import Access
from provisiond.phones.files import PhoneFiles
from provisiond.phones.journal import Journal
from provisiond.phones.pipeline import Pipeline
from provisiond.phones.request_lines import RequestLines
from provisiond.phones.uploads import Uploads
from provisiond.plugins.pool import WorkerPool
from provisiond.plugins.working_copies import WorkingCopies, signature_of, templates_signature_of
from provisiond.provisioning.house import House, Stores, Surroundings
from provisiond.provisioning.plugin_questions import PluginQuestions
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.source_watch import CALM_INTERVAL, SourceWatch, TemplateFollower
from provisiond.provisioning.threads import ThreadRunner
from provisiond.settings import Settings
from provisiond.store.configs import ConfigStore
from provisiond.store.contents import Contents
from provisiond.store.database import Database, open_database
from provisiond.store.devices import DeviceStore
from provisiond.store.facts import FactStore, ParameterStore, TenantStore
from provisiond.store.feed import ChangeFeed
from provisiond.store.operations import OperationStore
from provisiond.store.tokens import TokenStore
from provisiond.sync.reaching import Reaching

log = Logger()


def stores(database: Database) -> Stores:
    """Return everything that is stored in a database."""
    feed = ChangeFeed(database)
    return Stores(
        devices=DeviceStore(database, feed),
        configs=ConfigStore(database, feed),
        parameters=ParameterStore(database, feed),
        tenants=TenantStore(database, feed),
        tokens=TokenStore(database, feed),
        operations=OperationStore(database),
        facts=FactStore(database),
        feed=feed,
        contents=Contents(database),
    )


@frozen(kw_only=True)
class Parts:
    """The server's objects."""

    settings: Settings
    metrics: Metrics
    house: House
    registry: FullPluginRegistry
    archives: PluginPackages
    firmware: FirmwarePackages
    file_inspection: FirmwareInspection
    catalog: Catalog
    threads: ThreadRunner
    journal: Journal
    lines: RequestLines
    pipeline: Pipeline
    host: str
    http_port: int
    current: CurrentSettings
    access: Access
    reaching: Reaching
    auth_service: AuthService | None
    watch: SourceWatch

    def follow(self, settings: Settings) -> None:
        """Let the running objects follow changed settings; see :data:`provisiond.reloading.LIVE` for which."""
        self.current.value = settings
        self.current.number += 1
        self.access.use(networks(settings))
        self.house.follow_base(base_of(settings))
        self.house.parameters.use_defaults(parameter_defaults(settings))

    async def start(self) -> None:
        """Clean up after a crash, load the plugins, and read what is stored; nothing answers yet."""
        ours = (self.archives, self.firmware, self.file_inspection, self.catalog)
        for recover in (each.recover for each in ours):
            for sentence in await self.threads.run(recover):
                log.warn("{sentence}", sentence=sentence)
        await self.house.parameters.load()
        await self.watch.note()
        await self.house.start(self.host, self.http_port, self.registry.start)
        await self.archives.load()
        await self.catalog.load()
        self.watch.start()

    async def stop(self) -> None:
        """Write what is pending and end the workers."""
        await self.watch.stop()
        self.firmware.stop()
        await self.lines.flush()
        try:
            await self.house.stop()
        finally:
            await self.registry.stop()


def _watch(settings: Settings, directory: Path, plugins: Plugins, threads: ThreadRunner, reactor: Any) -> SourceWatch:
    if settings.general.development:
        return SourceWatch(directory, signature_of, plugins, threads, reactor)
    follower = TemplateFollower(plugins)
    return SourceWatch(directory, templates_signature_of, follower, threads, reactor, CALM_INTERVAL)


def compose(settings: Settings, reactor: Any, database: Database) -> Parts:
    """Return the server's objects, put together.

    :param reactor: for time, threads, processes and connections to repositories.
    """
    state = settings.general.state_dir.absolute()
    compiled = settings.general.cache_dir.absolute() / "templates"
    metrics, late, current = Metrics(), LateParameters(), CurrentSettings(settings)
    threads = ThreadRunner(reactor, reactor.getThreadPool())
    questions, knowledge, reaching = PluginQuestions(), Knowledge.shipped(), reaching_of(settings, reactor)
    legacy = LegacyProcesses(
        reactor,
        state / "legacy-processes",
        lambda: environment_of(
            current.value, base_of(current.value), late.get, late.proxies(), can_notify=settings.general.sync != "none"
        ),
        questions,
        specific=settings.plugin_config,
        workers=settings.plugins.legacy_workers,
        compiled=compiled,
    )
    registry = FullPluginRegistry(
        state / "plugins",
        WorkerPool(reactor, workers=settings.plugins.workers, compiled=compiled),
        threads,
        reactor.seconds,
        copies=WorkingCopies(state / "development") if settings.general.development else None,
        values=late.of_plugin,
        load_seconds=settings.plugins.load_seconds,
        render_seconds=settings.plugins.render_seconds,
        runner=legacy,
        seconds=settings.plugins.legacy_seconds,
        knowledge=knowledge,
        check_compat=(settings.plugins.check_compat_min, settings.plugins.check_compat_max),
    )
    eyes = LegacyRecognition(registry, legacy, lambda plugin: metrics.extractor_failures.labels(plugin).inc())
    registry.listen(eyes.forget)
    auth = auth_service_of(settings.rest_api.auth, reactor)
    host = settings.general.advertised_ip or own_address()
    http_port = endpoint_port(settings.http.listen, 8667)
    archives = archives_of(current, reactor, registry, late, state)
    host_packages = host_packages_of(current, reactor, state, archives, host)
    house = House(
        stores(database),
        Surroundings(
            clock=reactor,
            threads=threads,
            state_dir=state,
            base=base_of(settings),
            identifier=Identifier(knowledge),
            host=registry,
            archives=archives.plugins,
            packages=OwnPackages(registry, archives.firmware, reactor),
            host_side=lambda plugins, operations, events, tenants: host_packages.host_side(
                plugins, operations, events, tenants, threads, reactor
            ),
            file_inspection=archives.inspection,
            notifier=reaching,
            background_limit=max(1, settings.plugins.workers - 1),
            parameter_defaults=parameter_defaults(settings),
            firmware_root=registry.firmware_root,
            open_database=partial(open_database, settings.database_url),
            keys_in_urls=settings.general.provisioning_key_in_urls,
            auth_service=auth,
            auth_seconds=settings.rest_api.auth.cache_seconds,
            master_tenant=settings.rest_api.auth.master_tenant,
            foreign=eyes,
            conflicts_by_text=settings.plugins.conflict_rule == "string",
            takes_anyone=settings.plugins.unknown_devices == "create",
        ),
    )
    late.parameters = house.parameters
    questions.connect(house.directory, house.devices, archives.firmware, reaching)
    access = Access(networks(settings))
    lines = RequestLines(reactor, threads, left_out=metrics.phone_lines_left_out.inc)
    journal = Journal(metrics, lines)
    return Parts(
        settings=settings,
        metrics=metrics,
        house=house,
        registry=registry,
        archives=archives.plugins,
        firmware=archives.firmware,
        catalog=host_packages.catalog,
        file_inspection=archives.inspection,
        threads=threads,
        journal=journal,
        lines=lines,
        pipeline=Pipeline(
            contact=house.contact,
            files=PhoneFiles(house.rendering, registry, serving=registry),
            access=access,
            fetched=house.rendering,
            journal=journal,
            upload_rules=registry,
            uploads=Uploads(state / "uploads", threads),
            stamp=lambda: (current.number, house.stamp()),
        ),
        host=host,
        http_port=http_port,
        current=current,
        access=access,
        reaching=reaching,
        auth_service=auth,
        watch=_watch(settings, state / "plugins", house.plugins, threads, reactor),
    )

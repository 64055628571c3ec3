"""Every object of the server, made once and put together; no sockets here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from attrs import evolve, frozen
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from provisiond.authservice.service import AuthService, auth_service
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
from provisiond.package_composition import Packaging, packaging
from provisiond.packages.archives import FIRMWARE_LIMITS
from provisiond.packages.catalog.catalog import Catalog
from provisiond.packages.downloads import Downloads, Mirror
from provisiond.packages.firmware.inspection import FirmwareInspection
from provisiond.packages.firmware.service import FirmwarePackages
from provisiond.packages.kept_archives import KeptArchives
from provisiond.packages.plugins import PluginPackages
from provisiond.packages.repositories import Repositories, Repository
from provisiond.packages.web import WebClient
from provisiond.phones.access import Access
from provisiond.phones.files import PhoneFiles
from provisiond.phones.journal import Journal
from provisiond.phones.pipeline import Pipeline
from provisiond.phones.request_lines import RequestLines
from provisiond.phones.uploads import Uploads
from provisiond.plugins.pool import WorkerPool
from provisiond.plugins.working_copies import WorkingCopies, signature_of, templates_signature_of
from provisiond.provisioning.house import House, Stores, Surroundings
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.plugin_questions import PluginQuestions
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.source_watch import CALM_INTERVAL, SourceWatch, TemplateFollower
from provisiond.provisioning.threads import ThreadRunner
from provisiond.settings import AuthSettings, Settings
from provisiond.sip.digest import Credentials
from provisiond.store.configs import ConfigStore
from provisiond.store.contents import Contents
from provisiond.store.database import Database, open_database
from provisiond.store.devices import DeviceStore
from provisiond.store.facts import FactStore, ParameterStore, TenantStore
from provisiond.store.feed import ChangeFeed
from provisiond.store.operations import OperationStore
from provisiond.store.tokens import TokenStore
from provisiond.sync.ami import Ami, AmiNotifier, AmiPlace
from provisiond.sync.ami_connection import AmiUser
from provisiond.sync.http_action import HttpActions
from provisiond.sync.reaching import Reaching, SipRoute
from provisiond.sync.sip_sending import SipSending

log = Logger()
P = ParamSpec("P")
T = TypeVar("T")


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
        await self.registry.start()
        await self.house.start(self.host, self.http_port)
        await self.archives.load()
        await self.catalog.load()
        await self.watch.start()

    async def stop(self) -> None:
        """Write what is pending and end the workers."""
        await self.watch.stop()
        self.firmware.stop()
        await self.lines.flush()
        await self.house.stop()
        await self.registry.stop()


class _Late:
    """The parameters, for objects that are made before them."""

    parameters: Parameters | None = None

    def get(self, name: str) -> Any:
        return None if self.parameters is None else self.parameters.get(name)

    def of_plugin(self, plugin_id: str) -> Mapping[str, Any]:
        return {} if self.parameters is None else self.parameters.of_plugin(plugin_id)

    def proxies(self) -> Mapping[str, str]:
        pairs = {scheme: self.get(f"{scheme}_proxy") for scheme in ("http", "https", "ftp")}
        return {scheme: value for scheme, value in pairs.items() if value}


@frozen(kw_only=True)
class _Archives:
    """What fetches and keeps archives."""

    plugins: PluginPackages
    firmware: FirmwarePackages
    inspection: FirmwareInspection
    repositories: Repositories
    sources: Callable[[], Sequence[Repository]]
    downloads: Downloads
    web: WebClient
    run: Any


def _archives(
    current: CurrentSettings, reactor: Any, registry: FullPluginRegistry, late: _Late, state: Path
) -> _Archives:
    def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Any:
        return deferToThreadPool(reactor, reactor.getThreadPool(), function, *args, **kwargs)

    settings = current.value

    def sources() -> Sequence[Repository]:
        more = current.value.general.repositories
        return [
            Repository(name="default", url=late.get("plugin_server")),
            *(Repository(name=each.name, url=each.url, priority=each.priority) for each in more),
        ]

    web = WebClient(reactor, late.proxies)
    repositories = Repositories(
        directory=state / "repositories",
        sources=sources,
        web=web,
        run=run,
        now=reactor.seconds,
        pins=lambda: current.value.general.plugin_pins,
        keys=settings.general.repository_keys,
    )
    downloads = Downloads(
        web,
        run,
        reactor,
        max_size=settings.packages.max_download_size,
        mirror=lambda: Mirror.parse(current.value.general.firmware_mirror),
    )
    firmware = FirmwarePackages(
        plugins_dir=state / "plugins",
        downloads=downloads,
        run=run,
        limits=evolve(FIRMWARE_LIMITS, size=settings.packages.max_unpacked_size),
        root_of=registry.firmware_root,
        credentials=registry.credentials,
    )
    archives = PluginPackages(
        plugins_dir=state / "plugins",
        cache_dir=settings.general.cache_dir,
        repositories=repositories,
        kept=KeptArchives(
            state / "repositories" / "archives",
            settings.general.cache_dir,
            signed=bool(settings.general.repository_keys),
        ),
        downloads=downloads,
        check=registry.check,
        load=registry.load,
        run=run,
        now=reactor.seconds,
        cache_plugin=lambda: current.value.general.cache_plugin,
    )
    inspection = FirmwareInspection(
        plugins_dir=state / "plugins",
        downloads=downloads,
        run=run,
        scratch=state / "link-check",
        root_of=registry.firmware_root,
    )
    return _Archives(
        plugins=archives,
        firmware=firmware,
        inspection=inspection,
        repositories=repositories,
        sources=sources,
        downloads=downloads,
        web=web,
        run=run,
    )


def _host_packages(current: CurrentSettings, reactor: Any, state: Path, archives: _Archives, address: str) -> Packaging:
    given, general = current.value.packages, current.value.general
    return packaging(
        settings=given,
        directory=state / (given.path or "packages"),
        channels=archives.repositories,
        channel_urls=lambda: {each.name: each.url for each in archives.sources() if each.url},
        downloads=archives.downloads,
        web=archives.web,
        run=archives.run,
        now=reactor.seconds,
        pins=lambda: current.value.general.plugin_pins,
        keys=general.repository_keys,
        plugins_dir=state / "plugins",
        cache_dir=general.cache_dir,
        address=address,
        extensions=current.value.extensions,
    )


def _reaching(settings: Settings, reactor: Any) -> Reaching:
    way, sip, asterisk = settings.general.sync, settings.sip_sync, settings.asterisk_ami
    ami = None
    if way == "asterisk_ami":
        user = AmiUser(asterisk.username, asterisk.password, challenge=asterisk.login == "md5")
        place = AmiPlace(host=asterisk.host, port=asterisk.port, user=user, tls=asterisk.tls)
        ami = AmiNotifier(Ami(reactor, place), asterisk.channel)
    credentials = Credentials(sip.username, sip.password or "") if sip.username else None
    return Reaching(
        sip=SipSending(reactor, verify=sip.verify_certificates) if way == "sip" else None,
        route=SipRoute(transport=sip.transport, port=sip.effective_port, proxy=sip.proxy, credentials=credentials),
        ami=ami,
        http=HttpActions(reactor),
    )


def _auth_service(auth: AuthSettings, reactor: Any) -> AuthService | None:
    if auth.url is None:
        return None
    return auth_service(reactor, auth.url, timeout=auth.timeout, ca_file=auth.ca_file)


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
    metrics, late, current = Metrics(), _Late(), CurrentSettings(settings)
    threads = ThreadRunner(reactor, reactor.getThreadPool())
    questions, knowledge, reaching = PluginQuestions(), Knowledge.shipped(), _reaching(settings, reactor)
    legacy = LegacyProcesses(
        reactor,
        state / "legacy-processes",
        lambda: environment_of(
            current.value, base_of(current.value), late.get, late.proxies(), can_notify=settings.general.sync != "none"
        ),
        questions,
        specific=settings.plugin_config,
        workers=settings.plugins.legacy_workers,
    )
    registry = FullPluginRegistry(
        state / "plugins",
        WorkerPool(reactor, workers=settings.plugins.workers),
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
    host = settings.general.advertised_ip or own_address()
    http_port = endpoint_port(settings.http.listen, 8667)
    archives = _archives(current, reactor, registry, late, state)
    host_packages = _host_packages(current, reactor, state, archives, host)
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
            auth_service=_auth_service(settings.rest_api.auth, reactor),
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
        watch=_watch(settings, state / "plugins", house.plugins, threads, reactor),
    )

"""What fetches and keeps archives, put together: repositories, plugins, firmware, packages of the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from attrs import evolve, frozen
from twisted.internet.threads import deferToThreadPool

from provisiond.current_settings import CurrentSettings
from provisiond.legacy.registry import FullPluginRegistry
from provisiond.package_composition import Packaging, packaging
from provisiond.packages.archives import FIRMWARE_LIMITS
from provisiond.packages.downloads import Downloads, Mirror
from provisiond.packages.firmware.inspection import FirmwareInspection
from provisiond.packages.firmware.service import FirmwarePackages
from provisiond.packages.kept_archives import KeptArchives
from provisiond.packages.plugins import PluginPackages
from provisiond.packages.repositories import Repositories, Repository
from provisiond.packages.web import WebClient
from provisiond.provisioning.parameters import Parameters

P = ParamSpec("P")
T = TypeVar("T")


class LateParameters:
    """The parameters, for objects that are made before them.

    :ivar parameters: None until they are made; every parameter is unset till then.
    """

    parameters: Parameters | None = None

    def get(self, name: str) -> Any:
        """Return the value of a parameter."""
        return None if self.parameters is None else self.parameters.get(name)

    def of_plugin(self, plugin_id: str) -> Mapping[str, Any]:
        """Return the parameters that a plugin has of its own."""
        return {} if self.parameters is None else self.parameters.of_plugin(plugin_id)

    def proxies(self) -> Mapping[str, str]:
        """Return the proxies by scheme."""
        pairs = {scheme: self.get(f"{scheme}_proxy") for scheme in ("http", "https", "ftp")}
        return {scheme: value for scheme, value in pairs.items() if value}


@frozen(kw_only=True)
class Archives:
    """What fetches and keeps archives.

    :param sources: the repositories, as settings and parameters name them now.
    :param run: runs a function in a thread.
    """

    plugins: PluginPackages
    firmware: FirmwarePackages
    inspection: FirmwareInspection
    repositories: Repositories
    sources: Callable[[], Sequence[Repository]]
    downloads: Downloads
    web: WebClient
    run: Any


def archives_of(
    current: CurrentSettings, reactor: Any, registry: FullPluginRegistry, late: LateParameters, state: Path
) -> Archives:
    """Return what fetches, keeps and installs plugins and their firmware.

    :param state: the directory of the server's state.
    """

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
    plugins = PluginPackages(
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
    return Archives(
        plugins=plugins,
        firmware=firmware,
        inspection=inspection,
        repositories=repositories,
        sources=sources,
        downloads=downloads,
        web=web,
        run=run,
    )


def host_packages_of(
    current: CurrentSettings, reactor: Any, state: Path, archives: Archives, address: str
) -> Packaging:
    """Return what installs packages of the host.

    :param address: of this host.
    """
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

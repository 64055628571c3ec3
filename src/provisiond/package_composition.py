"""Packages and extensions of the host put together, for the composition of the daemon."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from provisiond import __version__
from provisiond.extensions.commands import Commands
from provisiond.extensions.installing import Installer, Surroundings
from provisiond.extensions.registry import Registry
from provisiond.extensions.running import HostRules
from provisiond.extensions.sources import SourceRules
from provisiond.extensions.trees import identity_of
from provisiond.extensions.validating import RunningVersions
from provisiond.logs import redacted_value
from provisiond.packages.archives import PLUGIN_LIMITS, Usage, unpack_tar
from provisiond.packages.catalog.catalog import Catalog
from provisiond.packages.catalog.fetching import SECONDS, Checksums, Collected, PackageArchives
from provisiond.packages.downloads import Downloads
from provisiond.packages.python_requirements import PythonIndex
from provisiond.packages.repositories import Repositories
from provisiond.packages.running import ThreadRunner as Run
from provisiond.packages.web import WebClient
from provisiond.provisioning.events import Events
from provisiond.provisioning.extension_operations import ExtensionOperations
from provisiond.provisioning.extensions import ExtensionRules, Extensions
from provisiond.provisioning.host_packages import HostPackages
from provisiond.provisioning.host_side import HostSide
from provisiond.provisioning.market import Market
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.package_inventory import PackageInventory
from provisiond.provisioning.package_values import PackageRules, node_name
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import Clock, Threads
from provisiond.provisioning.tenants import Tenants
from provisiond.settings import ExtensionSettings, PackageSettings


@frozen(kw_only=True)
class Packaging:
    """What installs packages and extensions, but for the use cases that are made later."""

    catalog: Catalog
    archives: PackageArchives
    python_index: PythonIndex
    rules: PackageRules
    web: WebClient
    run: Run
    now: Callable[[], float]
    extensions: ExtensionSettings
    root: Path

    def host_side(
        self,
        plugins: Plugins,
        operations: Operations,
        events: Events,
        tenants: Tenants,
        threads: Threads,
        clock: Clock,
    ) -> HostSide:
        """Return the use cases of the host."""
        given, directory = self.extensions, self.rules.plugins_dir.parent / "extensions"
        running = RunningVersions(
            server=__version__, platform=given.platform_version or os.environ.get("WAZO_VERSION") or None
        )
        registry, commands = Registry(directory), Commands(directory / "homes")
        market = Market(self.web, given.market_url, registry, running)
        sources = SourceRules(methods=given.sources, directories=given.directories, git_urls=given.git_urls)
        installer = Installer(
            directory,
            registry,
            commands,
            sources=sources,
            host=HostRules(path=given.path, seconds=given.step_timeout, root=self.root),
            running=running,
            around=Surroundings(run=self.run, fetch=self._fetch, unpack=_unpack, choose=market.choose, now=self.now),
        )
        extensions = Extensions(
            registry=registry,
            installer=installer,
            operations=ExtensionOperations(directory / "operations", threads, clock, events, lambda: tenants.master),
            rules=ExtensionRules(enabled=given.enabled, allow_root=given.allow_root, sources=sources),
            threads=threads,
            stop=commands.stop,
        )
        inventory = PackageInventory(
            catalog=self.catalog,
            plugins=plugins,
            extensions=extensions,
            python_index=self.python_index,
            threads=threads,
            rules=self.rules,
        )
        packages = HostPackages(
            catalog=self.catalog,
            archives=self.archives,
            inventory=inventory,
            plugins=plugins,
            operations=operations,
            extensions=extensions,
            read_extension=identity_of,
            threads=threads,
            rules=self.rules,
        )
        shown = redacted_value(json.loads(given.model_dump_json()))
        return HostSide(packages=packages, extensions=extensions, market=market, shown_settings=shown)

    async def _fetch(self, url: str, target: Path) -> None:
        collected = Collected(self.rules.max_upload)
        await self.web.get(url, collected.open, total=SECONDS)
        await self.run(target.write_bytes, collected.content)


def _unpack(archive: Path, target: Path) -> None:
    unpack_tar(archive, target, Usage(PLUGIN_LIMITS), keep_executable=True)


def packaging(
    *,
    settings: PackageSettings,
    directory: Path,
    channels: Repositories,
    channel_urls: Callable[[], Mapping[str, str]],
    downloads: Downloads,
    web: WebClient,
    run: Run,
    now: Callable[[], float],
    pins: Callable[[], Mapping[str, str]],
    keys: Sequence[str],
    plugins_dir: Path,
    cache_dir: Path,
    address: str,
    extensions: ExtensionSettings,
    root: Path = Path("/"),
) -> Packaging:
    """Return what installs packages.

    :param directory: where copies of repositories and remembered checksums are kept.
    :param channels: the plugin channels of the settings.
    :param address: of this host.
    :param extensions: settings of extensions.
    :param root: of the host's files.
    """
    catalog = Catalog(
        directory=directory / "repositories",
        sources_list=settings.sources_list,
        channels=channels,
        channel_urls=channel_urls,
        web=web,
        run=run,
        now=now,
        keys=keys,
        pins=pins,
    )
    checksums = Checksums(directory / "checksums.json")
    archives = PackageArchives(downloads, cache_dir, checksums, run, require_checksum=settings.require_checksum)
    rules = PackageRules(
        node=node_name(socket.gethostname()),
        address=address,
        error_code=settings.error_code,
        max_upload=settings.max_upload,
        normal=settings.path is not None,
        wait=settings.wait,
        plugins_dir=plugins_dir,
        cache_dir=cache_dir,
        signed=bool(keys),
        python_command=settings.python_command,
        plugin_command=settings.plugin_command,
    )
    return Packaging(
        catalog=catalog,
        archives=archives,
        python_index=PythonIndex(web, settings.python_index),
        rules=rules,
        web=web,
        run=run,
        now=now,
        extensions=extensions,
        root=root,
    )

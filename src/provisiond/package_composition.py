"""The packages of the host put together, for the composition of the daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from provisiond.errors import PackageProblem
from provisiond.packages.catalog.catalog import Catalog
from provisiond.packages.catalog.fetching import Checksums, PackageArchives
from provisiond.packages.downloads import Downloads
from provisiond.packages.python_requirements import PythonIndex
from provisiond.packages.repositories import Repositories
from provisiond.packages.running import ThreadRunner as Run
from provisiond.packages.web import WebClient
from provisiond.provisioning.host_packages import ExtensionPackages, HostPackages, PackageRules, node_name
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import Threads
from provisiond.settings import PackageSettings


@frozen(kw_only=True)
class Packaging:
    """What installs packages, but for the use cases that are made later."""

    catalog: Catalog
    archives: PackageArchives
    python_index: PythonIndex
    rules: PackageRules

    def made(
        self, plugins: Plugins, operations: Operations, threads: Threads, extensions: ExtensionPackages | None = None
    ) -> HostPackages:
        """Return the packages of this host."""
        return HostPackages(
            catalog=self.catalog,
            archives=self.archives,
            plugins=plugins,
            operations=operations,
            extensions=extensions,
            read_extension=_no_extension,
            python_index=self.python_index,
            threads=threads,
            rules=self.rules,
        )


def _no_extension(files: Mapping[str, bytes]) -> tuple[str, str]:
    raise PackageProblem("extensions are disabled by the settings")


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
) -> Packaging:
    """Return what installs packages.

    :param directory: where copies of repositories and remembered checksums are kept.
    :param channels: the plugin channels of the settings.
    :param address: of this host.
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
        catalog=catalog, archives=archives, python_index=PythonIndex(web, settings.python_index), rules=rules
    )

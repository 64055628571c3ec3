"""Installing, updating and removing packages of this host: device plugins and host extensions (package contract)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any

from twisted.logger import Logger

from provisiond.errors import NotFound, PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.packages.catalog.catalog import Catalog
from provisiond.packages.catalog.entries import EXTENSION, PLUGIN, CatalogEntry
from provisiond.packages.catalog.fetching import PackageArchives
from provisiond.packages.catalog.identity import PackageFile, ReadExtension, check_file_name, check_is, read_package
from provisiond.packages.catalog.uploads import keep_upload
from provisiond.packages.index_file import IndexEntry
from provisiond.provisioning.dependency_check import Finding, server_problem
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.package_inventory import PackageInventory, check_normal
from provisiond.provisioning.package_values import Begun, ExtensionPackages, PackageRules
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import Threads
from provisiond.provisioning.serial import SharedRuns
from provisiond.store.operations import StoredOperation

log = Logger()
Check = Callable[[PackageFile], None]


class HostPackages:
    """What can be installed, updated and removed on this host.

    :param inventory: which packages there are.
    :param extensions: None while this server has none.
    :param read_extension: tells id and version of an extension from its metadata files.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        archives: PackageArchives,
        inventory: PackageInventory,
        plugins: Plugins,
        operations: Operations,
        extensions: ExtensionPackages | None,
        read_extension: ReadExtension,
        threads: Threads,
        rules: PackageRules,
    ) -> None:
        self._catalog = catalog
        self._archives = archives
        self.inventory = inventory
        self._plugins = plugins
        self._operations = operations
        self._extensions = extensions
        self._read_extension = read_extension
        self._threads = threads
        self._rules = self.rules = rules
        self._updates = SharedRuns[None]()

    # What there is

    @property
    def mode(self) -> str:
        """``normal`` or ``development``."""
        return "normal" if self._rules.normal else "development"

    async def repositories(self) -> list[tuple[str, int]]:
        """Return address and priority of every repository, the one that counts most first."""
        return await self._catalog.sources()

    async def update(self) -> None:
        """Fetch every repository; one that fails keeps its previous copy. Who asks meanwhile waits for the same end.

        :raises PackageProblem: naming every repository that failed.
        """
        if self._rules.normal:
            await self._updates.run("update", self._update)

    async def archive(self, kind: str, package_id: str, version: str) -> bytes:
        """Return the archive of a package from the cache.

        :raises NotFound: when it is not there.
        :raises PackageProblem: when it is not what the index says.
        """
        entry = self._catalog.find(kind, package_id, version)
        if entry is None or not await self._threads.run((self._rules.cache_dir / _file_name(entry)).is_file):
            raise NotFound(f"{kind}-{package_id} {version}")
        path = await self._archives.fetch(entry, OperationProgress())
        return await self._threads.run(path.read_bytes)

    # What can be done

    async def install(self, kind: str, package_id: str, version: str, seconds: float | None = None) -> Begun:
        """Install a package of the cache, or update, reinstall or downgrade an installed one; wait a while for the end.

        :param seconds: to wait at most; never longer than the settings say.
        :raises ProvisiondError: when it cannot begin.
        """
        check_normal(self._rules)
        entry = self._catalog.find(kind, package_id, version)
        if entry is None:
            raise PackageProblem(f"package {kind}-{package_id} {version} is not in the cache")
        _check_server(entry.min_server_version)
        if kind == PLUGIN:
            operation = await self._plugins.put(package_id, partial(self._prepare, entry))
            return await self._waited(operation, seconds)
        if self._extensions is None:
            raise PackageProblem("extensions are disabled by the settings")
        return await self._extensions.install_package(partial(self._fetched, entry), self._patience(seconds))

    async def install_file(self, filename: str, content: IO[bytes], check: Check, wait: float | None = None) -> Begun:
        """Install an uploaded package file.

        :param check: refuses, once it is known which package it is, by raising.
        :raises ProvisiondError: when the file is no package, another one than its name says, or cannot be installed.
        """
        check_normal(self._rules)
        check_file_name(filename)
        package = await self._threads.run(
            keep_upload, filename, content, self._rules.cache_dir, self._read_extension, partial(self._allow, check)
        )
        if package.type == EXTENSION:
            if self._extensions is None:
                raise PackageProblem("extensions are disabled by the settings")

            async def present(progress: OperationProgress) -> PackageFile:
                return package

            return await self._extensions.install_package(present, self._patience(wait))

        async def prepare(progress: OperationProgress) -> Any:
            offer: IndexEntry = await self._threads.run(package.offer)
            needed = offer.metadata.dependencies
            _name_missing(package.fullname, await self.inventory.findings(PLUGIN, package.id, needed), progress)
            return offer

        return await self._waited(await self._plugins.put(package.id, prepare), wait)

    async def uninstall(self, kind: str, name: str, seconds: float | None = None) -> Begun | None:
        """Remove an installed package.

        :param name: its id, or its full name.
        :return: None when it is removed at once.
        :raises PackageProblem: when it is not installed.
        """
        check_normal(self._rules)
        package_id = self.inventory.package_id_of(kind, name)
        if package_id not in self.inventory.installed_versions(kind):
            raise PackageProblem(f"{kind}-{package_id} is not installed")
        if kind == PLUGIN:
            await self._plugins.uninstall(package_id)
            return None
        assert self._extensions is not None
        return await self._extensions.uninstall_package(package_id, self._patience(seconds))

    # Inside

    async def _update(self) -> None:
        failed = await self._catalog.update()
        if self._catalog.has_channels:
            ended = await self._operations.ended(await self._plugins.update(), self._rules.wait)
            if ended.ended is None:
                raise PackageProblem(f"still running, see {_path(ended)}")
            failed += self._catalog.failed_channels() or ([f"repository {ended.error}"] if ended.error else [])
        if failed:
            raise PackageProblem("; ".join(failed))

    async def _prepare(self, entry: CatalogEntry, progress: OperationProgress) -> Any:
        package = await self._fetched(entry, progress)
        findings = await self.inventory.dependencies(entry.type, entry.id, entry.version)
        _name_missing(entry.fullname, findings, progress)
        return await self._threads.run(package.offer)

    async def _fetched(self, entry: CatalogEntry, progress: OperationProgress) -> PackageFile:
        package = await self._read(await self._archives.fetch(entry, progress))
        check_is(package, entry.type, entry.id, entry.version)
        return package

    async def _read(self, path: Path) -> PackageFile:
        package: PackageFile = await self._threads.run(read_package, path, self._read_extension)
        _check_servers(package)
        return package

    def _allow(self, check: Check, package: PackageFile) -> None:
        _check_servers(package)
        check(package)
        if package.type == PLUGIN and self._rules.signed:
            raise PackageProblem("the settings want plugins from signed repositories")

    def _patience(self, seconds: float | None) -> float:
        return self._rules.wait if seconds is None else min(seconds, self._rules.wait)

    async def _waited(self, operation: StoredOperation, seconds: float | None) -> Begun:
        ended = await self._operations.ended(operation, self._patience(seconds))
        return Begun(_path(operation), ended.ended is not None, ended.error)


def _name_missing(fullname: str, findings: Iterable[Finding], progress: OperationProgress) -> None:
    """Name, in the operation, what a package needs and is not there; that stops nothing."""
    for finding in findings:
        if finding.installed == "False":
            log.warn("{package}: {error}", package=fullname, error=finding.error)
            progress.part(f"missing_{_word(finding.name or finding.id)}").succeed()


def _path(operation: StoredOperation) -> str:
    return f"/0.2{operation.resource}/{operation.id}"


def _file_name(entry: CatalogEntry) -> str:
    return entry.offer.filename if entry.offer else f"{entry.fullname}-{entry.version}.tgz"


def _check_servers(package: PackageFile) -> None:
    for minimum in package.needed_servers:
        _check_server(minimum)


def _check_server(minimum: str) -> None:
    problem = server_problem(minimum)
    if problem:
        raise PackageProblem(problem)


def _word(text: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in text)[:60]

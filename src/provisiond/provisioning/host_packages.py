"""Packages of this host: device plugins and host extensions in one list (package contract)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

from attrs import frozen
from twisted.logger import Logger

from provisiond.errors import NotFound, PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.model.package_metadata import Dependency
from provisiond.model.versions import version_key
from provisiond.packages.catalog.catalog import Catalog
from provisiond.packages.catalog.entries import EXTENSION, PLUGIN, CatalogEntry
from provisiond.packages.catalog.fetching import PackageArchives
from provisiond.packages.catalog.identity import PackageFile, ReadExtension, check_file_name, check_is, read_package
from provisiond.packages.catalog.repository import read_icon
from provisiond.packages.catalog.uploads import keep_upload
from provisiond.packages.python_requirements import PythonIndex, installed_distributions
from provisiond.plugins.values import PluginInfo
from provisiond.provisioning.dependency_check import PYTHON, Finding, Surroundings, findings, server_problem
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import Threads
from provisiond.provisioning.serial import SharedRuns
from provisiond.store.operations import StoredOperation

log = Logger()
Check = Callable[[PackageFile], None]
PreparePackage = Callable[[OperationProgress], Awaitable[PackageFile]]


class InstalledPackage(Protocol):
    """An installed extension, as a package."""

    @property
    def package_id(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def dependencies(self) -> tuple[Dependency, ...]: ...
    @property
    def icon(self) -> Path | None: ...


@frozen
class Begun:
    """Work that has begun, and perhaps ended.

    :param path: of the operation.
    :param done: whether it has ended.
    :param error: why it failed, one sentence.
    """

    path: str
    done: bool
    error: str | None = None


class ExtensionPackages(Protocol):
    """Host extensions as packages (``provisioning.extensions.Extensions``)."""

    def installed_packages(self) -> Sequence[InstalledPackage]: ...
    async def install_package(self, prepare: PreparePackage, seconds: float) -> Begun: ...
    async def uninstall_package(self, package_id: str, seconds: float) -> Begun: ...


@frozen(kw_only=True)
class PackageRules:
    """What the settings say of packages.

    :param normal: False in development mode.
    :param wait: seconds that a caller waits for the end of an installation.
    :param plugins_dir: where plugins are installed.
    :param cache_dir: where archives are kept.
    :param signed: whether plugins must come from signed repositories.
    :param node: name of this node, see :func:`node_name`.
    :param address: of this node.
    :param error_code: what errors carry as their code.
    :param max_upload: bytes that a package file may have when it is sent.
    """

    node: str
    address: str
    error_code: int
    max_upload: int
    normal: bool
    wait: float
    plugins_dir: Path
    cache_dir: Path
    signed: bool
    python_command: str
    plugin_command: str


class HostPackages:
    """What can be listed, installed, updated and removed on this host.

    :param extensions: None while this server has none.
    :param read_extension: tells id and version of an extension from its metadata files.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        archives: PackageArchives,
        plugins: Plugins,
        operations: Operations,
        extensions: ExtensionPackages | None,
        read_extension: ReadExtension,
        python_index: PythonIndex,
        threads: Threads,
        rules: PackageRules,
        distributions: Callable[[], Mapping[str, str]] = installed_distributions,
    ) -> None:
        self._catalog = catalog
        self._archives = archives
        self._plugins = plugins
        self._operations = operations
        self._extensions = extensions
        self._read_extension = read_extension
        self._python_index = python_index
        self._threads = threads
        self._rules = self.rules = rules
        self._distributions = distributions
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

    def installed_versions(self, kind: str) -> dict[str, str]:
        """Return id -> version of what is installed of a type, sorted by id."""
        if kind == PLUGIN:
            found = self._plugins.on_disk()
            return {name: info.version if info else "" for name, info in sorted(found.items())}
        if kind == EXTENSION and self._extensions is not None:
            return {each.package_id: each.version for each in self._extensions.installed_packages()}
        return {}

    def available(self, kind: str) -> list[CatalogEntry]:
        """Return what the cache holds of a type and is not installed; nothing in development mode."""
        installed = self.installed_versions(kind)
        entries = self._catalog.entries(kind) if self._rules.normal else ()
        return [entry for entry in entries if entry.id not in installed]

    def installed(self, kind: str) -> list[dict[str, Any]]:
        """Return what is installed of a type, with its updates; nothing in development mode."""
        if not self._rules.normal:
            return []
        entries, loaded = self._catalog.entries(kind), self._plugins.loaded()
        rows = []
        for package_id, version in sorted(self.installed_versions(kind).items()):
            updates = [entry.update() for entry in entries if entry.id == package_id and _is_newer(entry, version)]
            rows.append(
                {
                    "enabled": str(kind != PLUGIN or package_id in loaded),
                    "version": version,
                    "updates": updates or "",
                    "fullname": f"{kind}-{package_id}",
                    "type": kind,
                    "id": package_id,
                }
            )
        return rows

    async def dependencies(self, kind: str, package_id: str, version: str) -> list[Finding]:
        """Return what there is to say about each dependency of a package in the cache, or installed.

        :raises PackageProblem: when there is no such package.
        """
        self._check_normal()
        needed, minimum = self._needs(kind, package_id, version)
        around = Surroundings(
            python=await self._threads.run(self._distributions) if _has_python(needed) else {},
            packages={each: self.installed_versions(each) for each in (PLUGIN, EXTENSION)},
            versions_of=self._python_index.versions,
            needs=self._needs_of_any,
            python_command=self._rules.python_command,
            plugin_command=self._rules.plugin_command,
        )
        return await findings(kind, package_id, needed, minimum, around)

    async def available_icon(self, kind: str, package_id: str, version: str) -> bytes | None:
        """Return the icon of a package in the cache."""
        return await self._threads.run(self._catalog.icon, kind, package_id, version)

    async def installed_icon(self, kind: str, package_id: str) -> bytes | None:
        """Return the icon of an installed package, in development mode that of its source."""
        for path in self._icon_paths(kind, package_id):
            content = await self._threads.run(read_icon, path)
            if content is not None:
                return content
        return None

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
        self._check_normal()
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
        self._check_normal()
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
            return await self._threads.run(package.offer)

        return await self._waited(await self._plugins.put(package.id, prepare), wait)

    async def uninstall(self, kind: str, name: str, seconds: float | None = None) -> Begun | None:
        """Remove an installed package.

        :param name: its id, or its full name.
        :return: None when it is removed at once.
        :raises PackageProblem: when it is not installed.
        """
        self._check_normal()
        installed = self.installed_versions(kind)
        package_id = name if name in installed else name.removeprefix(f"{kind}-")
        if package_id not in installed:
            raise PackageProblem(f"{kind}-{package_id} is not installed")
        if kind == PLUGIN:
            await self._plugins.uninstall(package_id)
            return None
        assert self._extensions is not None
        return await self._extensions.uninstall_package(package_id, self._patience(seconds))

    def package_id_of(self, kind: str, name: str) -> str:
        """Return the id of an installed package that is named by id or full name."""
        return name if name in self.installed_versions(kind) else name.removeprefix(f"{kind}-")

    # Inside

    async def _update(self) -> None:
        failed = await self._catalog.update()
        if self._catalog.has_channels:
            ended = await self._operations.ended(await self._plugins.update(), self._rules.wait)
            failed += [f"repository {ended.error}"] if ended.error else []
        if failed:
            raise PackageProblem("; ".join(failed))

    def _check_normal(self) -> None:
        if not self._rules.normal:
            raise PackageProblem("packages are managed in normal mode only")

    async def _prepare(self, entry: CatalogEntry, progress: OperationProgress) -> Any:
        package = await self._fetched(entry, progress)
        for finding in await self.dependencies(entry.type, entry.id, entry.version):
            if finding.installed == "False":
                log.warn("{package}: {error}", package=entry.fullname, error=finding.error)
                progress.part(f"missing_{_word(finding.name or finding.id)}").succeed()
        return await self._threads.run(package.offer)

    async def _fetched(self, entry: CatalogEntry, progress: OperationProgress) -> PackageFile:
        package = await self._read(await self._archives.fetch(entry, progress))
        check_is(package, entry.type, entry.id, entry.version)
        return package

    async def _read(self, path: Path) -> PackageFile:
        package: PackageFile = await self._threads.run(read_package, path, self._read_extension)
        _check_server(str(package.info.get("min_provisiond_version") or ""))
        return package

    def _allow(self, check: Check, package: PackageFile) -> None:
        _check_server(str(package.info.get("min_provisiond_version") or ""))
        check(package)
        if package.type == PLUGIN and self._rules.signed:
            raise PackageProblem("the settings want plugins from signed repositories")

    def _patience(self, seconds: float | None) -> float:
        return self._rules.wait if seconds is None else min(seconds, self._rules.wait)

    async def _waited(self, operation: StoredOperation, seconds: float | None) -> Begun:
        path = f"/0.2{operation.resource}/{operation.id}"
        ended = await self._operations.ended(operation, self._patience(seconds))
        return Begun(path, ended.ended is not None, ended.error)

    def _needs(self, kind: str, package_id: str, version: str) -> tuple[tuple[Dependency, ...], str]:
        entry = self._catalog.find(kind, package_id, version)
        if entry is not None:
            return entry.dependencies, entry.min_server_version
        if self.installed_versions(kind).get(package_id) != version:
            raise PackageProblem(f"no package {kind}-{package_id} {version}")
        return self._installed_needs(kind, package_id)

    def _installed_needs(self, kind: str, package_id: str) -> tuple[tuple[Dependency, ...], str]:
        if kind == PLUGIN:
            info = self._plugins.on_disk().get(package_id)
            return (info.metadata.dependencies, info.metadata.min_server_version) if info else ((), "")
        packages = self._extensions.installed_packages() if self._extensions else ()
        return next((each.dependencies for each in packages if each.package_id == package_id), ()), ""

    def _needs_of_any(self, kind: str, package_id: str) -> tuple[Dependency, ...]:
        if package_id in self.installed_versions(kind):
            return self._installed_needs(kind, package_id)[0]
        entry = next((each for each in self._catalog.entries(kind) if each.id == package_id), None)
        return entry.dependencies if entry else ()

    def _icon_paths(self, kind: str, package_id: str) -> list[Path]:
        if package_id not in self.installed_versions(kind):
            return []
        if kind == PLUGIN:
            info: PluginInfo | None = self._plugins.on_disk().get(package_id)
            names = [info.metadata.icon] if info and info.metadata.icon else []
            return [self._rules.plugins_dir / package_id / name for name in (*names, "icon.png")]
        packages = self._extensions.installed_packages() if self._extensions else ()
        return [each.icon for each in packages if each.package_id == package_id and each.icon is not None]


def node_name(host: str) -> str:
    """Return the name of a node of this server: its host name, plainer and shorter."""
    return host.lower().partition(".")[0].replace("-", "")[:16]


def _has_python(dependencies: tuple[Dependency, ...]) -> bool:
    return any(each.type == PYTHON for each in dependencies)


def _file_name(entry: CatalogEntry) -> str:
    return entry.offer.filename if entry.offer else f"{entry.fullname}-{entry.version}.tgz"


def _is_newer(entry: CatalogEntry, version: str) -> bool:
    return version_key(entry.version) > version_key(version)


def _check_server(minimum: str) -> None:
    problem = server_problem(minimum)
    if problem:
        raise PackageProblem(problem)


def _word(text: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in text)[:60]

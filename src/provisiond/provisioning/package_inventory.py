"""Which packages there are: those installed on this host, and those that its repositories offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from provisiond.errors import PackageProblem
from provisiond.model.package_metadata import Dependency
from provisiond.model.versions import version_key
from provisiond.packages.catalog.catalog import Catalog
from provisiond.packages.catalog.entries import EXTENSION, PLUGIN, CatalogEntry
from provisiond.packages.catalog.repository import read_icon
from provisiond.packages.python_requirements import PythonIndex, installed_distributions
from provisiond.plugins.values import PluginInfo
from provisiond.provisioning.dependency_check import PYTHON, Finding, Surroundings, findings
from provisiond.provisioning.package_values import ExtensionPackages, PackageRules
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import Threads


class PackageInventory:
    """Device plugins and host extensions in one list; nothing here changes any.

    :param extensions: None while this server has none.
    :param distributions: tells the installed Python packages and their versions; blocks.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        plugins: Plugins,
        extensions: ExtensionPackages | None,
        python_index: PythonIndex,
        threads: Threads,
        rules: PackageRules,
        distributions: Callable[[], Mapping[str, str]] = installed_distributions,
    ) -> None:
        self._catalog = catalog
        self._plugins = plugins
        self._extensions = extensions
        self._python_index = python_index
        self._threads = threads
        self._rules = rules
        self._distributions = distributions

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

    def package_id_of(self, kind: str, name: str) -> str:
        """Return the id of an installed package that is named by id or full name."""
        return name if name in self.installed_versions(kind) else name.removeprefix(f"{kind}-")

    async def dependencies(self, kind: str, package_id: str, version: str) -> list[Finding]:
        """Return what there is to say about each dependency of a package in the cache, or installed.

        :raises PackageProblem: when there is no such package.
        """
        check_normal(self._rules)
        return await self.findings(kind, package_id, *self._needs(kind, package_id, version))

    async def findings(
        self, kind: str, package_id: str, needed: tuple[Dependency, ...], minimum: str = ""
    ) -> list[Finding]:
        """Return what there is to say about the dependencies of any package.

        :param minimum: version of the server that it needs, or empty.
        """
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


def check_normal(rules: PackageRules) -> None:
    """Return when packages are managed here.

    :raises PackageProblem: in development mode.
    """
    if not rules.normal:
        raise PackageProblem("packages are managed in normal mode only")


def _has_python(dependencies: tuple[Dependency, ...]) -> bool:
    return any(each.type == PYTHON for each in dependencies)


def _is_newer(entry: CatalogEntry, version: str) -> bool:
    return version_key(entry.version) > version_key(version)

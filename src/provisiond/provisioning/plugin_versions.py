"""Where plugins come from, which versions of them can be had, and the way back to a lower one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from provisiond.errors import InvalidInput, UnknownReference
from provisiond.model.versions import version_key
from provisiond.plugins.values import PluginInfo
from provisiond.provisioning.plugin_ports import PluginArchives
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import PluginHost
from provisiond.store.operations import StoredOperation


class OfferedVersion(Protocol):
    """A version of a plugin that can be installed."""

    @property
    def version(self) -> str: ...
    @property
    def repository(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def kept(self) -> bool: ...


class RepositoryState(Protocol):
    """How a repository is doing."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str | None: ...
    @property
    def priority(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def updated(self) -> float | None: ...
    @property
    def entries(self) -> int: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def left_out(self) -> tuple[str, ...]: ...
    @property
    def pinned(self) -> tuple[str, ...]: ...


class VersionedArchives(PluginArchives, Protocol):
    """Repositories with all versions that they have (``packages.plugins.PluginPackages``)."""

    def repositories(self) -> Sequence[RepositoryState]: ...
    def versions(self) -> Mapping[str, Sequence[OfferedVersion]]: ...


class PluginVersions:
    """Repositories and versions, as an administrator sees them."""

    def __init__(self, host: PluginHost, archives: VersionedArchives, plugins: Plugins) -> None:
        self._host = host
        self._archives = archives
        self._plugins = plugins

    def repositories(self) -> Sequence[RepositoryState]:
        """Return how each repository is doing, the one that counts most first."""
        return self._archives.repositories()

    def versions(self) -> dict[str, dict[str, Any]]:
        """Return plugin id -> the installed version, and each that can be had, the one that counts first."""
        return {
            plugin_id: {
                "installed": self._installed_version(plugin_id),
                "versions": [
                    {"version": each.version, "repository": each.repository, "dsize": each.size, "kept": each.kept}
                    for each in offered
                ],
            }
            for plugin_id, offered in self._archives.versions().items()
        }

    async def downgrade(
        self, plugin_id: str, version: str | None = None, repository: str | None = None
    ) -> StoredOperation:
        """Install a lower version of an installed plugin and load it, as an operation.

        :param version: None for the next lower one.
        :param repository: name of the only repository that it may come from; None for any.
        :raises UnknownReference: when it is not installed, or there is no such version.
        :raises InvalidInput: when the version is not lower than the installed one.
        :raises InProgress: while it is being installed or upgraded.
        """
        installed = self._installed_version(plugin_id)
        if installed is None and plugin_id not in self._host.installed():
            raise UnknownReference(f'plugin "{plugin_id}" is not installed')
        wanted = version if version is not None else self._next_lower(plugin_id, installed, repository)
        self._archives.check_offered(plugin_id, wanted, repository)
        if installed is not None and version_key(wanted) >= version_key(installed):
            raise InvalidInput(f"version {wanted} is not lower than {installed}, which is installed: upgrade to it")
        return await self._plugins.upgrade(plugin_id, wanted, repository, word="downgrade")

    def _next_lower(self, plugin_id: str, installed: str | None, repository: str | None) -> str:
        lower = [
            each.version
            for each in self._archives.versions().get(plugin_id, ())
            if repository in (None, each.repository)
            and (installed is None or version_key(each.version) < version_key(installed))
        ]
        if not lower:
            raise UnknownReference(f'no lower version of plugin "{plugin_id}" can be had')
        return max(lower, key=version_key)

    def _installed_version(self, plugin_id: str) -> str | None:
        info = self._host.installed().get(plugin_id)
        return info.version if isinstance(info, PluginInfo) else None

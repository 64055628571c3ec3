"""Packages of one plugin: firmware and languages (REST contract, section 5.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from provisiond.errors import InProgress, NotFound, UnknownReference
from provisiond.model.operation import OperationProgress
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.ports import PluginHost
from provisiond.store.operations import StoredOperation


class PackageService(Protocol):
    """The packages of the plugins (``packages.firmware``)."""

    async def installable(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]: ...
    async def installed(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]: ...
    async def install(self, plugin_id: str, package: str, progress: OperationProgress) -> None: ...
    async def upgrade(self, plugin_id: str, package: str, progress: OperationProgress) -> None: ...
    async def uninstall(self, plugin_id: str, package: str) -> None: ...


class Packages:
    """What can be done with the packages of a loaded plugin.

    :param service: None while the server has none.
    """

    def __init__(
        self, host: PluginHost, service: PackageService | None, operations: Operations, parameters: Parameters
    ) -> None:
        self._host = host
        self._service = service
        self._operations = operations
        self._parameters = parameters
        self._busy: set[tuple[str, str]] = set()

    async def offered(self, plugin_id: str) -> bool:
        """Tell whether a loaded plugin has packages at all.

        :raises NotFound: when the plugin is not loaded.
        """
        self._check_loaded(plugin_id)
        return self._service is not None and bool(await self.installable(plugin_id))

    async def check_offered(self, plugin_id: str) -> None:
        """Return when a loaded plugin has packages.

        :raises NotFound: when it is not loaded, or has none.
        """
        if not await self.offered(plugin_id):
            raise NotFound(f'packages of plugin "{plugin_id}"')

    async def installable(self, plugin_id: str) -> dict[str, dict[str, Any]]:
        """Return the packages that can be installed.

        :raises NotFound: when the plugin is not loaded.
        """
        found = await self._of(plugin_id).installable(plugin_id, self._parameters.locale)
        return {name: dict(members) for name, members in found.items()}

    async def installed(self, plugin_id: str) -> dict[str, dict[str, Any]]:
        """Return the packages that are installed.

        :raises NotFound: when the plugin is not loaded.
        """
        found = await self._of(plugin_id).installed(plugin_id, self._parameters.locale)
        return {name: dict(members) for name, members in found.items()}

    async def install(self, plugin_id: str, package: str) -> StoredOperation:
        """Install a package, also one that is installed, as an operation.

        :raises NotFound: when the plugin is not loaded.
        :raises UnknownReference: when it has no such package.
        :raises InProgress: while that package is being worked on.
        """
        service = self._of(plugin_id)
        await self._known(plugin_id, package)
        return await self._begin("install", plugin_id, package, partial(service.install, plugin_id, package))

    async def upgrade(self, plugin_id: str, package: str) -> StoredOperation:
        """Install the present version of an installed package, as an operation; raises as :meth:`install`."""
        service = self._of(plugin_id)
        await self._known(plugin_id, package)
        await self._there(plugin_id, package)
        return await self._begin("upgrade", plugin_id, package, partial(service.upgrade, plugin_id, package))

    async def uninstall(self, plugin_id: str, package: str) -> None:
        """Remove a package's files.

        :raises NotFound: when the plugin is not loaded.
        :raises UnknownReference: when the package is not installed.
        :raises InProgress: while it is being worked on.
        """
        service = self._of(plugin_id)
        await self._there(plugin_id, package)
        self._take(plugin_id, package)
        try:
            await service.uninstall(plugin_id, package)
        finally:
            self._busy.discard((plugin_id, package))

    async def _begin(
        self, word: str, plugin_id: str, package: str, work: Callable[[OperationProgress], Awaitable[None]]
    ) -> StoredOperation:
        self._take(plugin_id, package)

        async def whole(progress: OperationProgress) -> None:
            try:
                await work(progress)
            finally:
                self._busy.discard((plugin_id, package))

        try:
            return await self._operations.start(f"/pg_mgr/plugins/{plugin_id}/install/{word}", whole, "install_pkg")
        except BaseException:
            self._busy.discard((plugin_id, package))
            raise

    def _take(self, plugin_id: str, package: str) -> None:
        if (plugin_id, package) in self._busy:
            raise InProgress(f'package "{package}" is being installed, upgraded or removed already')
        self._busy.add((plugin_id, package))

    def _of(self, plugin_id: str) -> PackageService:
        self._check_loaded(plugin_id)
        if self._service is None:
            raise NotFound(f'packages of plugin "{plugin_id}"')
        return self._service

    def _check_loaded(self, plugin_id: str) -> None:
        if plugin_id not in self._host.loaded():
            raise NotFound(f'plugin "{plugin_id}"')

    async def _known(self, plugin_id: str, package: str) -> None:
        if package not in await self.installable(plugin_id):
            raise UnknownReference(f'package "{package}" is not offered by plugin "{plugin_id}"')

    async def _there(self, plugin_id: str, package: str) -> None:
        if package not in await self.installed(plugin_id):
            raise UnknownReference(f'package "{package}" of plugin "{plugin_id}" is not installed')

"""Packages of one plugin: firmware and languages (REST contract, section 5.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Protocol

from twisted.logger import Logger

from provisiond.errors import InProgress, NotFound, PackageProblem, ProvisiondError, UnknownReference
from provisiond.model.operation import OperationProgress, format_progress
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.plugin_use import PluginUse
from provisiond.provisioning.ports import PluginHost
from provisiond.store.operations import StoredOperation

log = Logger()
LABEL = "install_pkg"
Work = Callable[[OperationProgress], Awaitable[None]]
Prepare = Callable[[str, str], Awaitable[Work]]


class PackageService(Protocol):
    """The packages of the plugins (``packages.firmware.service``)."""

    async def has_packages(self, plugin_id: str) -> bool: ...
    async def faults(self, plugin_id: str) -> Sequence[str]: ...
    async def prepared(self, word: str, plugin_id: str, package: str) -> Work: ...
    async def installable(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]: ...
    async def installed(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]: ...
    async def install(self, plugin_id: str, package: str, progress: OperationProgress) -> None: ...
    async def uninstall(self, plugin_id: str, package: str) -> None: ...


class Packages:
    """What can be done with the packages of a loaded plugin.

    :param service: None while the server has none.
    :param use: keeps this apart from upgrades of the plugin itself.
    """

    def __init__(
        self,
        host: PluginHost,
        service: PackageService | None,
        operations: Operations,
        parameters: Parameters,
        use: PluginUse,
    ) -> None:
        self._host = host
        self._service = service
        self._operations = operations
        self._parameters = parameters
        self._use = use
        self._busy: set[tuple[str, str]] = set()

    async def offered(self, plugin_id: str) -> bool:
        """Tell whether a loaded plugin has packages at all.

        :raises NotFound: when the plugin is not loaded.
        """
        if plugin_id not in self._host.loaded():
            raise NotFound(f'plugin "{plugin_id}"')
        return self._service is not None and await self._service.has_packages(plugin_id)

    async def check_offered(self, plugin_id: str) -> None:
        """Return when a loaded plugin has packages.

        :raises NotFound: when it is not loaded, or has none.
        """
        await self._of(plugin_id)

    async def faults(self, plugin_id: str) -> Sequence[str]:
        """Return what is wrong with the definitions of a plugin's packages; nothing when it has none."""
        return () if self._service is None else await self._service.faults(plugin_id)

    async def installable(self, plugin_id: str) -> dict[str, dict[str, Any]]:
        """Return the packages that can be installed.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        """
        found = await (await self._of(plugin_id)).installable(plugin_id, self._parameters.locale)
        return {name: dict(members) for name, members in found.items()}

    async def installed(self, plugin_id: str) -> dict[str, dict[str, Any]]:
        """Return the packages that are installed.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        """
        found = await (await self._of(plugin_id)).installed(plugin_id, self._parameters.locale)
        return {name: dict(members) for name, members in found.items()}

    async def install(self, plugin_id: str, package: str) -> StoredOperation:
        """Install a package, also one that is installed, as an operation.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        :raises UnknownReference: when it has no such package.
        :raises PackageProblem: when the package is defined wrongly.
        :raises PluginProblem: when the plugin has a service of its own for this, and that refuses.
        :raises InProgress: while that package is being worked on, or the plugin is being replaced.
        """
        service = await self._of(plugin_id)
        return await self._begin("install", plugin_id, package, partial(service.prepared, "install"))

    async def upgrade(self, plugin_id: str, package: str) -> StoredOperation:
        """Install the present version of an installed package, as an operation; raises as :meth:`install`."""
        service = await self._of(plugin_id)
        await self._there(plugin_id, package)
        return await self._begin("upgrade", plugin_id, package, partial(service.prepared, "upgrade"))

    async def install_all(self, plugin_id: str) -> StoredOperation:
        """Install, one after another, every package that is not installed in its present version, as an operation.

        A package that fails does not stop the others; the operation then ends badly and tells which failed and why.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        :raises InProgress: while this is being done already, or the plugin is being replaced.
        """
        service = await self._of(plugin_id)
        return await self._begin("install_all", plugin_id, "", partial(self._all_of, service))

    async def uninstall(self, plugin_id: str, package: str) -> None:
        """Remove a package's files.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        :raises UnknownReference: when the package is not installed.
        :raises InProgress: while it is being worked on, or the plugin is being replaced.
        """
        service = await self._of(plugin_id)
        await self._there(plugin_id, package)
        with self._taken(plugin_id, package):
            await service.uninstall(plugin_id, package)
        log.info("package {package} of plugin {plugin} was removed", package=package, plugin=plugin_id)

    async def _all_of(self, service: PackageService, plugin_id: str, package: str) -> Work:
        return partial(self._install_all, service, plugin_id)

    async def _install_all(self, service: PackageService, plugin_id: str, progress: OperationProgress) -> None:
        offered, installed = await self.installable(plugin_id), await self.installed(plugin_id)
        failed: dict[str, str] = {}
        for package in sorted(offered):
            if installed.get(package, {}).get("version") == offered[package]["version"]:
                continue
            part = progress.part(LABEL)
            try:
                with self._taken(plugin_id, package):
                    await self._logged(plugin_id, package, partial(service.install, plugin_id, package), part)
                part.succeed()
            except ProvisiondError as problem:
                part.fail()
                failed[package] = problem.sentence
        if failed:
            reasons = "; ".join(f"{package}: {sentence}" for package, sentence in failed.items())
            raise PackageProblem(f"{len(failed)} of {len(offered)} packages could not be installed: {reasons}")

    async def _begin(self, word: str, plugin_id: str, package: str, prepare: Prepare) -> StoredOperation:
        taken = self._taken(plugin_id, package)
        try:
            work = await prepare(plugin_id, package)
        except BaseException:
            taken.close()
            raise

        async def whole(progress: OperationProgress) -> None:
            with taken:
                await (self._logged(plugin_id, package, work, progress) if package else work(progress))

        try:
            label = LABEL if package else word
            return await self._operations.start(f"/pg_mgr/plugins/{plugin_id}/install/{word}", whole, label)
        except BaseException:
            taken.close()
            raise

    async def _logged(self, plugin_id: str, package: str, work: Work, progress: OperationProgress) -> None:
        log.info("package {package} of plugin {plugin} is being installed", package=package, plugin=plugin_id)
        try:
            await work(progress)
        finally:
            text = format_progress(progress.snapshot())
            log.info("package {package} of plugin {plugin}: {text}", package=package, plugin=plugin_id, text=text)

    def _taken(self, plugin_id: str, package: str) -> ExitStack:
        """Return what lets go of a package again; the empty name stands for all of them."""
        key = (plugin_id, package)
        if key in self._busy:
            what = f'package "{package}" is' if package else f'all packages of plugin "{plugin_id}" are'
            raise InProgress(f"{what} being installed, upgraded or removed already")
        stack = ExitStack()
        stack.enter_context(self._use.inside(plugin_id))
        self._busy.add(key)
        stack.callback(self._busy.discard, key)
        return stack

    async def _of(self, plugin_id: str) -> PackageService:
        if not await self.offered(plugin_id) or self._service is None:
            raise NotFound(f'packages of plugin "{plugin_id}"')
        return self._service

    async def _there(self, plugin_id: str, package: str) -> None:
        if package not in await self.installed(plugin_id):
            raise UnknownReference(f'package "{package}" of plugin "{plugin_id}" is not installed')

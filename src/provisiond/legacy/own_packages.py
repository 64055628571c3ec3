"""Packages of all plugins: the server's own work, except where a plugin brings an installation service of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from provisiond.errors import PackageProblem, UnknownReference
from provisiond.model.operation import OperationProgress
from provisiond.plugins.values import LegacyFacts

LOOK_SECONDS: Final = 0.5
MAX_SECONDS: Final = 4 * 3600.0
MAX_SHOWN: Final = 2_000
Work = Callable[[OperationProgress], Awaitable[None]]
Rows = dict[str, dict[str, Any]]


class Host(Protocol):
    """The loaded plugins (``legacy.registry``)."""

    def legacy_of(self, plugin_id: str) -> LegacyFacts | None: ...
    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[Mapping[str, Any], bytes]: ...


class ServersPackages(Protocol):
    """What the server itself can do with packages (``packages.firmware.service``)."""

    async def has_packages(self, plugin_id: str) -> bool: ...
    async def faults(self, plugin_id: str) -> Sequence[str]: ...
    async def check_package(self, plugin_id: str, package_id: str) -> None: ...
    async def installable(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]: ...
    async def installed(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]: ...
    async def install(self, plugin_id: str, package_id: str, progress: OperationProgress) -> None: ...
    async def upgrade(self, plugin_id: str, package_id: str, progress: OperationProgress) -> None: ...
    async def uninstall(self, plugin_id: str, package_id: str) -> None: ...


class Clock(Protocol):
    """The part of the reactor that tells time."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any) -> Any: ...  # noqa: N802


class OwnPackages:
    """Does with a plugin's packages what its own service says, and for all other plugins what the server can.

    Every method raises ``PluginProblem`` with the plugin's own words when its service raises.
    """

    def __init__(self, host: Host, server: ServersPackages, clock: Clock) -> None:
        self._host = host
        self._server = server
        self._clock = clock

    async def has_packages(self, plugin_id: str) -> bool:
        """Tell whether a plugin has packages at all."""
        facts = self._host.legacy_of(plugin_id)
        if facts is not None and facts.installs != "server":
            return facts.installs == "plugin"
        return await self._server.has_packages(plugin_id)

    async def faults(self, plugin_id: str) -> Sequence[str]:
        """Return what is wrong with the definitions of a plugin's packages."""
        return () if self._is_own(plugin_id) else await self._server.faults(plugin_id)

    async def installable(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]:
        """Return package id -> ``version``, ``description`` and ``dsize`` in bytes."""
        if self._is_own(plugin_id):
            return await self._listed(plugin_id, "installable")
        return await self._server.installable(plugin_id, locale)

    async def installed(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]:
        """Return package id -> ``version`` and ``description``."""
        if self._is_own(plugin_id):
            return await self._listed(plugin_id, "installed")
        return await self._server.installed(plugin_id, locale)

    async def prepared(self, word: str, plugin_id: str, package: str) -> Work:
        """Return the rest of the work, after everything was done that may be refused at once.

        :param word: ``install`` or ``upgrade``.
        :raises UnknownReference: when the plugin has no such package.
        """
        if not self._is_own(plugin_id):
            await self._server.check_package(plugin_id, package)
            work = self._server.install if word == "install" else self._server.upgrade
            return partial(work, plugin_id, package)
        if package not in await self._listed(plugin_id, "installable"):
            raise UnknownReference(f'package "{package}" is not known to plugin "{plugin_id}"')
        header, _ = await self._host.ask("package_begin", plugin_id, word, package)
        return partial(self._followed, plugin_id, int(header["number"]))

    async def install(self, plugin_id: str, package: str, progress: OperationProgress) -> None:
        """Install a package."""
        await (await self.prepared("install", plugin_id, package))(progress)

    async def uninstall(self, plugin_id: str, package: str) -> None:
        """Remove a package's files."""
        if self._is_own(plugin_id):
            await self._host.ask("package_uninstall", plugin_id, package)
        else:
            await self._server.uninstall(plugin_id, package)

    def _is_own(self, plugin_id: str) -> bool:
        facts = self._host.legacy_of(plugin_id)
        return facts is not None and facts.installs == "plugin"

    async def _listed(self, plugin_id: str, which: str) -> Rows:
        header, _ = await self._host.ask("package_list", plugin_id, which)
        rows: Rows = header["packages"]
        return dict(list(rows.items())[:MAX_SHOWN])

    async def _followed(self, plugin_id: str, number: int, progress: OperationProgress) -> None:
        """Wait until the plugin has done it, and show meanwhile how far it is."""
        deadline = self._clock.seconds() + MAX_SECONDS
        while self._clock.seconds() < deadline:
            state, _ = await self._host.ask("package_state", plugin_id, number)
            if state["end"]:
                progress.set_end(state["end"])
            if state["current"] is not None:
                progress.reach(state["current"])
            if state["is_over"]:
                if state["failure"] is not None:
                    raise PackageProblem(state["failure"])
                return
            await self._pause()
        raise PackageProblem(f"the plugin did not end it within {MAX_SECONDS / 3600:g} hours")

    async def _pause(self) -> None:
        pause: Deferred[None] = Deferred()
        self._clock.callLater(LOOK_SECONDS, pause.callback, None)
        await pause

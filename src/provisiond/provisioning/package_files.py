"""The files that a plugin's packages are made from: what is wanted, what is there, which links still work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

from attrs import asdict, frozen

from provisiond.errors import InProgress, NotFound
from provisiond.model.operation import OperationProgress
from provisiond.packages.firmware.inspection import LinkState
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.packages import Packages
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.plugin_use import PluginUse
from provisiond.provisioning.ports import Clock
from provisiond.store.operations import StoredOperation

LABEL = "check"


class FileInspection(Protocol):
    """Looks at the files of plugins' packages (``packages.firmware.inspection``)."""

    async def details(self, plugin_id: str, locale: str | None) -> Mapping[str, Mapping[str, Any]]: ...
    async def take_manual_file(self, plugin_id: str, name: str, content: BinaryIO) -> None: ...
    async def check_links(
        self,
        plugin_id: str,
        *,
        whole: bool,
        begin: Callable[[int], None],
        tell: Callable[[LinkState], None],
    ) -> Sequence[LinkState]: ...


@frozen
class CheckResult:
    """What a check of a plugin's links found.

    :param ended: seconds since the epoch.
    :param whole: whether every file was downloaded and compared.
    """

    ended: float
    whole: bool
    states: tuple[LinkState, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each file."""
        return [asdict(state) for state in self.states]


class PackageFiles:
    """What an administrator can learn of the files of a plugin's packages, and bring himself.

    :param inspection: None while the server has none; every plugin is then without packages, too.
    """

    def __init__(
        self,
        packages: Packages,
        inspection: FileInspection | None,
        operations: Operations,
        parameters: Parameters,
        use: PluginUse,
        clock: Clock,
    ) -> None:
        self._packages = packages
        self._inspection = inspection
        self._operations = operations
        self._parameters = parameters
        self._use = use
        self._clock = clock
        self._checking: set[str] = set()
        self._results: dict[str, CheckResult] = {}

    async def details(self, plugin_id: str) -> dict[str, dict[str, Any]]:
        """Return package id -> version, description, files with their digests, and what is wrong.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        """
        inspection = await self._of(plugin_id)
        found = await inspection.details(plugin_id, self._parameters.locale)
        return {name: dict(members) for name, members in found.items()}

    async def take(self, plugin_id: str, name: str, content: BinaryIO) -> None:
        """Keep a file that nobody can download, for the packages that want it.

        :param name: its name, as :meth:`details` tells it.
        :param content: open for reading.
        :raises NotFound: when the plugin is not loaded, or has no packages.
        :raises PackageProblem: when no package wants a file of this name, or it is another file.
        :raises InProgress: while the plugin is being replaced.
        """
        inspection = await self._of(plugin_id)
        with self._use.inside(plugin_id):
            await inspection.take_manual_file(plugin_id, name, content)

    async def check(self, plugin_id: str, *, whole: bool = False) -> StoredOperation:
        """Ask every server of a plugin's files whether it still has them, as an operation; see :meth:`last_check`.

        :param whole: download every file and compare its digest.
        :raises NotFound: when the plugin is not loaded, or has no packages.
        :raises InProgress: while they are being asked.
        """
        inspection = await self._of(plugin_id)
        if plugin_id in self._checking:
            raise InProgress(f'the links of plugin "{plugin_id}" are being checked already')
        self._checking.add(plugin_id)

        async def work(progress: OperationProgress) -> None:
            try:
                await self._check(inspection, plugin_id, whole, progress)
            finally:
                self._checking.discard(plugin_id)

        try:
            return await self._operations.start(f"/pg_mgr/plugins/{plugin_id}/install/check", work, LABEL)
        except BaseException:
            self._checking.discard(plugin_id)
            raise

    async def last_check(self, plugin_id: str) -> CheckResult | None:
        """Return what the last check found; None when there was none since the server started.

        :raises NotFound: when the plugin is not loaded, or has no packages.
        """
        await self._of(plugin_id)
        return self._results.get(plugin_id)

    async def _check(
        self, inspection: FileInspection, plugin_id: str, whole: bool, progress: OperationProgress
    ) -> None:
        parts: list[OperationProgress] = []
        states = await inspection.check_links(
            plugin_id,
            whole=whole,
            begin=lambda count: parts.append(progress.part("files", end=count, current=0)),
            tell=lambda state: parts[0].advance(1),
        )
        self._results[plugin_id] = CheckResult(self._clock.seconds(), whole, tuple(states))

    async def _of(self, plugin_id: str) -> FileInspection:
        await self._packages.check_offered(plugin_id)
        if self._inspection is None:
            raise NotFound(f'files of the packages of plugin "{plugin_id}"')
        return self._inspection

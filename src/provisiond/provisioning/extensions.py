"""What can be done with host extensions (extension contract)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.errors import ProvisiondError
from provisiond.extensions.installing import Installer
from provisiond.extensions.problems import Disabled, ExtensionProblem, NotInstalled, StillNeeded
from provisiond.extensions.registry import InstalledExtension, Registry
from provisiond.extensions.sources import UPLOAD, Source, SourceRules
from provisiond.provisioning.extension_operations import ExtensionOperation, ExtensionOperations
from provisiond.provisioning.package_values import Begun, PreparePackage
from provisiond.provisioning.ports import Threads
from provisiond.provisioning.serial import Serial

log = Logger()
BASE: Final = "/api/plugind/0.2"
_QUEUE: Final = ("extensions", "")
_UNEXPECTED: Final = "a fault of the server, see its log"


@frozen(kw_only=True)
class ExtensionRules:
    """What the settings say of extensions.

    :param enabled: False: nothing is installed or removed.
    :param allow_root: whether commands may be run while the daemon's user is root.
    :param sources: where extensions may come from.
    """

    enabled: bool
    allow_root: bool
    sources: SourceRules
    user_id: Callable[[], int] = os.geteuid

    def check(self) -> None:
        """Refuse to run commands of extensions.

        :raises Disabled: when the settings do not allow it.
        """
        if not self.enabled:
            raise Disabled("extensions are disabled by the settings")
        if self.user_id() == 0 and not self.allow_root:
            raise Disabled(
                "extensions are disabled by the settings: the server runs as root, see extensions.allow_root"
            )


class Extensions:
    """The extensions of this host; one installation or uninstallation at a time, others wait in order."""

    def __init__(
        self,
        *,
        registry: Registry,
        installer: Installer,
        operations: ExtensionOperations,
        rules: ExtensionRules,
        threads: Threads,
        stop: Callable[[], None],
    ) -> None:
        self.operations = operations
        self._registry = registry
        self._installer = installer
        self._rules = rules
        self._threads = threads
        self._stop = stop
        self._serial = Serial()

    async def start(self) -> None:
        """Read what is installed, and undo what the end of the server has interrupted."""
        for sentence in await self._threads.run(self._registry.load):
            log.warn("{sentence}", sentence=sentence)
        await self._threads.run(self._installer.tidy)
        await self.operations.load()
        if not await self._threads.run(self._registry.unfinished):
            return
        try:
            self._rules.check()
        except Disabled as problem:
            log.warn("an interrupted installation of an extension stays: {problem}", problem=problem.sentence)
            return
        Deferred.fromCoroutine(self._recover())

    def stop(self) -> None:
        """End the command that is running."""
        self._stop()

    def installed(self) -> tuple[InstalledExtension, ...]:
        """Return every installed extension."""
        return self._registry.all()

    def get(self, namespace: str, name: str) -> InstalledExtension:
        """Return an installed extension.

        :raises NotInstalled: when there is none.
        """
        found = self._registry.get(namespace, name)
        if found is None:
            raise NotInstalled(f"{namespace[:64]}/{name[:64]} is not installed")
        return found

    async def install(self, method: object, options: object, *, reinstall: bool = False) -> ExtensionOperation:
        """Begin to install an extension, or another version of an installed one.

        :param method: ``git``, ``market``, ``tarball`` or ``directory``.
        :param options: where exactly, see the extension contract, section 4.
        :param reinstall: also when the same version is installed.
        :raises Disabled: when the settings do not allow extensions.
        :raises InvalidRequest: naming the member that is wrong.
        """
        self._rules.check()
        source = await self._threads.run(self._rules.sources.source, method, options)
        operation = await self.operations.begin("install", source)

        async def work() -> None:
            await self._install(source, operation, (), reinstall=reinstall)

        Deferred.fromCoroutine(self._queued(operation, work))
        return operation

    async def uninstall(self, namespace: str, name: str, *, force: bool = False) -> ExtensionOperation:
        """Begin to uninstall an extension.

        :param force: forget it even when one of its commands fails.
        :raises Disabled: when the settings do not allow extensions.
        :raises NotInstalled: when there is none.
        :raises StillNeeded: when another extension depends on it.
        """
        self._rules.check()
        extension = self.get(namespace, name)
        identity = extension.metadata.identity
        others = [
            each.metadata.identity
            for each in self._registry.all()
            if any(need.identity == identity for need in each.metadata.needs) and each is not extension
        ]
        if others:
            raise StillNeeded(f"{identity} is needed by {', '.join(others[:5])}")
        operation = await self.operations.begin("uninstall", None)
        operation.identify(extension.metadata)

        async def work() -> None:
            # what was installed when it is this one's turn counts
            await self._installer.uninstall(self.get(namespace, name), operation, force=force)

        Deferred.fromCoroutine(self._queued(operation, work))
        return operation

    # As packages

    def installed_packages(self) -> Sequence[InstalledExtension]:
        """Return every installed extension, as a package."""
        return self._registry.all()

    async def install_package(self, prepare: PreparePackage, seconds: float) -> Begun:
        """Install a package file, and wait a while for the end.

        :param prepare: brings the checked file within the operation.
        """
        self._rules.check()
        self._rules.sources.check(Source(UPLOAD, {}))
        operation = await self.operations.begin("install", Source(UPLOAD, {}))

        async def work() -> None:
            operation.step("downloading")
            package = await prepare(operation.progress)
            await self._install(Source(UPLOAD, {"path": str(package.path)}), operation, (), reinstall=True)

        Deferred.fromCoroutine(self._queued(operation, work))
        return await self._begun(operation, seconds)

    async def uninstall_package(self, package_id: str, seconds: float) -> Begun:
        """Uninstall an extension, and wait a while for the end."""
        namespace, _, name = package_id.partition("-")
        return await self._begun(await self.uninstall(namespace, name), seconds)

    # Inside

    async def _install(
        self, source: Source, operation: ExtensionOperation, way: tuple[str, ...], *, reinstall: bool = False
    ) -> None:
        async def inner(needed: Source, deeper: tuple[str, ...]) -> None:
            child = await self.operations.begin("install", needed, operation.uuid)
            problem = await self._ran(child, lambda: self._install(needed, child, deeper))
            if problem is not None:
                raise problem

        await self._installer.install(source, operation, inner, reinstall=reinstall, way=way)

    async def _queued(self, operation: ExtensionOperation, work: Callable[[], Any]) -> None:
        async with self._serial.holding(_QUEUE):
            await self._ran(operation, work)

    async def _ran(self, operation: ExtensionOperation, work: Callable[[], Any]) -> ExtensionProblem | None:
        problem: ExtensionProblem | None = None
        try:
            await work()
            operation.succeeded()
        except ExtensionProblem as known:
            problem = known
        except ProvisiondError as other:
            problem = ExtensionProblem(other.sentence)
        except Exception:
            log.failure("the extension operation {id} failed", id=operation.uuid)
            problem = ExtensionProblem(_UNEXPECTED)
        if problem is not None:
            operation.failed(problem)
        await self.operations.end(operation)
        return problem

    async def _recover(self) -> None:
        async with self._serial.holding(_QUEUE):
            try:
                done = await self._threads.run(
                    self._installer.recover, lambda line: log.info("recovering: {line}", line=line)
                )
            except Exception:
                log.failure("an interrupted installation of an extension could not be undone")
                return
            for sentence in done:
                log.warn("{sentence}", sentence=sentence)

    async def _begun(self, operation: ExtensionOperation, seconds: float) -> Begun:
        done = await self.operations.ended(operation, seconds)
        error = operation.errors["message"] if operation.errors else None
        return Begun(f"{BASE}/operations/{operation.uuid}", done, error)

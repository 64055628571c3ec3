"""Installing, upgrading and removing the firmware packages of plugins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from provisiond.model.operation import OperationProgress
from provisiond.model.versions import version_key
from provisiond.packages.archives import FIRMWARE_LIMITS, ArchiveLimits
from provisiond.packages.downloads import Downloads
from provisiond.packages.firmware.definitions import FirmwarePackage, read_definitions
from provisiond.packages.firmware.ordering import State, ordered
from provisiond.packages.firmware.placing import Place, build
from provisiond.packages.firmware.records import read_records
from provisiond.packages.firmware.work import MAX_SECONDS, Work
from provisiond.packages.partial import remove_partials
from provisiond.packages.problems import (
    AlreadyRunning,
    InstallationProblem,
    UnknownPackage,
    disk_sentence,
)
from provisiond.packages.running import ThreadRunner
from provisiond.packages.urls import Credentials

log = Logger()
CACHE_DIRECTORY = "var/cache"
ROOT_DIRECTORY = "var/tftpboot"


class FirmwarePackages:
    """The firmware packages of all plugins.

    :param plugins_dir: ``<plugins_dir>/<id>/`` are the installed plugins.
    :param downloads: how files are fetched.
    :param run: runs blocking work in a thread.
    :param limits: of what one package may unpack to, intermediate steps included.
    :param seconds: how long unpacking one package may take.
    :param root_of: plugin id -> the directory that phones read, asked at each use; by default ``var/tftpboot``.
    :param credentials: asked for plugin id and URL of files with the downloader ``auth``.
    """

    def __init__(
        self,
        *,
        plugins_dir: Path,
        downloads: Downloads,
        run: ThreadRunner,
        limits: ArchiveLimits = FIRMWARE_LIMITS,
        seconds: float = MAX_SECONDS,
        root_of: Callable[[str], Path] | None = None,
        credentials: Callable[[str, str], Credentials | None] = lambda plugin_id, url: None,
        find_program: Callable[[str], str | None] | None = None,
    ) -> None:
        self._plugins_dir = plugins_dir
        self._downloads = downloads
        self._run = run
        self._limits = limits
        self._seconds = seconds
        self._root_of = root_of or (lambda plugin_id: plugins_dir / plugin_id / ROOT_DIRECTORY)
        self._credentials = credentials
        self._programs = {"find_program": find_program} if find_program is not None else {}
        self._locks: dict[str, DeferredLock] = {}
        self._busy: set[tuple[str, str]] = set()
        self._stopping = False

    async def has_packages(self, plugin_id: str) -> bool:
        """Tell whether a plugin defines packages, rightly or wrongly, or has installed ones."""
        state = await self._run(self._state, plugin_id)
        return bool(state.definitions.packages or state.definitions.disabled or state.records.packages)

    async def check_package(self, plugin_id: str, package_id: str) -> None:
        """Return when a package can be installed, as far as its definition goes.

        :raises UnknownPackage: when the plugin does not define it.
        :raises DefinitionProblem: when it is defined wrongly.
        """
        ordered(await self._run(self._state, plugin_id), package_id)

    async def installable(self, plugin_id: str, locale: str | None = None) -> dict[str, dict[str, Any]]:
        """Return package id -> ``version``, ``description`` in a locale, and ``dsize`` in bytes."""
        definitions = await self._run(read_definitions, self._plugins_dir / plugin_id)
        return {
            package.id: {"version": package.version, "description": package.localized(locale), "dsize": package.size}
            for package in definitions.packages.values()
        }

    async def installed(self, plugin_id: str, locale: str | None = None) -> dict[str, dict[str, Any]]:
        """Return package id -> ``version`` and ``description`` in a locale."""
        records = await self._run(read_records, self._plugins_dir / plugin_id)
        return {
            package.id: {"version": package.version, "description": package.localized(locale)}
            for package in records.packages.values()
        }

    async def problems(self, plugin_id: str) -> tuple[str, ...]:
        """Return one sentence for each fault and warning of a plugin's definitions and records."""
        state = await self._run(self._state, plugin_id)
        definitions = state.definitions
        found = [str(fault) for fault in (*definitions.faults, *definitions.warnings)]
        found += [f"the record {name} of an installed package: {text}" for name, text in state.records.problems.items()]
        return tuple(found)

    async def faults(self, plugin_id: str) -> tuple[str, ...]:
        """Return one sentence, with file and section, for each fault that keeps packages from being installed.

        What is accepted but should be repaired is written to the log.
        """
        definitions = await self._run(read_definitions, self._plugins_dir / plugin_id)
        for warning in definitions.warnings:
            log.warn("{plugin}: {text}", plugin=plugin_id, text=str(warning))
        return tuple(str(fault) for fault in definitions.faults)

    async def upgrades(self, plugin_id: str) -> dict[str, str]:
        """Return package id -> ``upgrade`` or ``differs``, for what is installed in another version than is defined."""
        state = await self._run(self._state, plugin_id)
        offered: dict[str, str] = {}
        for package_id, record in state.records.packages.items():
            package = state.definitions.packages.get(package_id)
            if package is not None and package.version != record.version:
                greater = version_key(package.version) > version_key(record.version)
                offered[package_id] = "upgrade" if greater else "differs"
        return offered

    async def missing_files(self, plugin_id: str) -> dict[str, list[str]]:
        """Return package id -> names of its record that are not on the disk, for the packages that miss some."""
        records = await self._run(read_records, self._plugins_dir / plugin_id)
        place = self._place(plugin_id)
        found = {package.id: await self._run(place.missing, package) for package in records.packages.values()}
        return {package_id: names for package_id, names in found.items() if names}

    async def install(self, plugin_id: str, package_id: str, progress: OperationProgress) -> None:
        """Install a package, and before it those that it depends on; an installed one is installed again.

        Ending the progress is left to the caller.

        :raises UnknownPackage: when the plugin does not define it.
        :raises AlreadyRunning: when it is being installed, upgraded or removed.
        :raises DefinitionProblem: when it is defined wrongly.
        :raises PackageProblem: when it cannot be downloaded, unpacked or placed; everything is as before then.
        """
        await self._exclusively(plugin_id, package_id, lambda: self._install(plugin_id, package_id, progress))

    async def upgrade(self, plugin_id: str, package_id: str, progress: OperationProgress) -> None:
        """Install the defined version in place of the installed one; raises as :meth:`install` does.

        :raises UnknownPackage: also when it is not installed.
        """

        async def work() -> None:
            records = await self._run(read_records, self._plugins_dir / plugin_id)
            if package_id not in records.packages:
                raise UnknownPackage(f"the package {package_id[:100]} is not installed")
            await self._install(plugin_id, package_id, progress)

        await self._exclusively(plugin_id, package_id, work)

    async def uninstall(self, plugin_id: str, package_id: str) -> None:
        """Remove a package's files; its downloads stay in the cache.

        :raises UnknownPackage: when it is not installed.
        :raises AlreadyRunning: when it is being installed, upgraded or removed.
        :raises InstallationProblem: when another installed package depends on it, or a file cannot be removed.
        """

        async def work() -> None:
            installed = (await self._run(read_records, self._plugins_dir / plugin_id)).packages
            record = installed.get(package_id)
            if record is None:
                raise UnknownPackage(f"the package {package_id[:100]} is not installed")
            dependants = [other.id for other in installed.values() if package_id in other.depends]
            if dependants:
                raise InstallationProblem(f"{package_id} is needed by {', '.join(dependants)}")
            await self._run(self._place(plugin_id).uninstall, record, installed)

        await self._exclusively(plugin_id, package_id, work)

    def recover(self) -> list[str]:
        """Clean up after a crash, at the start; return one sentence for each thing that was done. Blocks."""
        done: list[str] = []
        for plugin in sorted(self._plugins_dir.iterdir()) if self._plugins_dir.is_dir() else ():
            if plugin.name.startswith(".") or not plugin.is_dir():
                continue
            done += [f"{plugin.name}: {sentence}" for sentence in self._place(plugin.name).recover()]
            cache = plugin / CACHE_DIRECTORY
            if cache.is_dir():
                done += [f"{plugin.name}: the incomplete {name} was removed" for name in remove_partials(cache)]
        return done

    def stop(self) -> None:
        """Make unpacking that is going on end soon, with a failure; to be called when the server ends."""
        self._stopping = True

    def _state(self, plugin_id: str) -> State:
        plugin = self._plugins_dir / plugin_id
        return State(read_definitions(plugin), read_records(plugin))

    def _place(self, plugin_id: str) -> Place:
        return Place(self._plugins_dir / plugin_id, self._root_of(plugin_id))

    async def _exclusively(self, plugin_id: str, package_id: str, work: Callable[[], Any]) -> None:
        """Refuse the same package twice at once, and let other packages of the plugin wait."""
        key = (plugin_id, package_id)
        if key in self._busy:
            raise AlreadyRunning(f"the package {package_id[:100]} is being worked on")
        self._busy.add(key)
        lock = self._locks.setdefault(plugin_id, DeferredLock())
        try:
            await lock.acquire()
            try:
                await work()
            finally:
                lock.release()
        finally:
            self._busy.discard(key)

    async def _install(self, plugin_id: str, package_id: str, progress: OperationProgress) -> None:
        state = await self._run(self._state, plugin_id)
        packages = ordered(state, package_id)
        downloading = progress.part("download")
        installing = progress.part("install", started=False)
        try:
            for package in packages:
                await self._download(plugin_id, package, downloading)
            downloading.succeed()
            installing.start()
            for package in packages:
                await self._build_and_place(plugin_id, package, package_id)
            installing.succeed()
        except BaseException:
            downloading.fail()
            installing.fail()
            raise

    async def _download(self, plugin_id: str, package: FirmwarePackage, progress: OperationProgress) -> None:
        cache = self._plugins_dir / plugin_id / CACHE_DIRECTORY
        for file in package.files:
            wanted = file.wanted
            wants_credentials = file.downloader == "auth"
            path = await self._downloads.fetch(
                wanted,
                cache,
                lambda wanted=wanted: progress.part(end=wanted.size, current=0),  # type: ignore[misc]
                credentials=lambda url, asked=wants_credentials: self._credentials(plugin_id, url) if asked else None,  # type: ignore[misc]
            )
            size = await self._run(lambda path=path: path.stat().st_size)  # type: ignore[misc]
            if size != wanted.size:
                text = f"{wanted.name} has {size:,} bytes instead of {wanted.size:,}, but the right digest"
                log.warn("{plugin}, package {package}: {text}", plugin=plugin_id, package=package.id, text=text)

    async def _build_and_place(self, plugin_id: str, package: FirmwarePackage, wanted_id: str) -> None:
        place = self._place(plugin_id)
        try:
            warnings = await self._run(self._built_and_placed, place, plugin_id, package, wanted_id)
        finally:
            await self._run(place.clear, package.id)
        for warning in warnings:
            log.warn("{plugin}, package {package}: {text}", plugin=plugin_id, package=package.id, text=warning)

    def _built_and_placed(
        self, place: Place, plugin_id: str, package: FirmwarePackage, wanted_id: str
    ) -> Sequence[str]:
        work = Work(self._limits, seconds=self._seconds, cancelled=lambda: self._stopping, **self._programs)
        cache = self._plugins_dir / plugin_id / CACHE_DIRECTORY
        try:
            built = build(package, cache, place.staging(package.id), work)
        except InstallationProblem as problem:
            raise InstallationProblem(f"package {package.id}: {problem.sentence}") from problem
        except OSError as error:
            raise InstallationProblem(f"package {package.id} cannot be unpacked: {disk_sentence(error)}") from error
        installed = read_records(place.plugin).packages
        former = installed.get(package.id)
        is_explicit = package.id == wanted_id or (former is not None and former.is_explicit)
        return [*built.notes, *place.install(package, built, installed, is_explicit=is_explicit)]

"""Installing, upgrading and removing plugins while phones are being served."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from attrs import evolve

from provisiond.model.operation import OperationProgress
from provisiond.model.versions import version_key
from provisiond.packages.downloads import Downloads
from provisiond.packages.index_file import IndexEntry
from provisiond.packages.kept_archives import KeptArchives
from provisiond.packages.partial import remove_partials
from provisiond.packages.plugin_trees import PluginTrees
from provisiond.packages.problems import (
    AlreadyInstalled,
    AlreadyRunning,
    DownloadProblem,
    InstallationProblem,
    UnknownPackage,
    disk_sentence,
)
from provisiond.packages.repositories import Repositories, RepositoryState
from provisiond.packages.running import ThreadRunner

CheckTree = Callable[[Path, str], Awaitable[object]]
LoadPlugin = Callable[[str], Awaitable[object]]


class PluginPackages:
    """The plugins of this server as packages.

    Ending the progress is left to the caller, who knows when the plugin is loaded and its devices are configured.

    :param plugins_dir: ``<plugins_dir>/<id>/`` are the installed plugins.
    :param cache_dir: where archives are kept.
    :param kept: which versions were installed before.
    :param repositories: what can be installed.
    :param downloads: how archives are fetched.
    :param check: loads a tree aside and raises PluginProblem when that fails.
    :param load: loads the installed plugin of an id; a failure puts the former tree back.
    :param run: runs blocking work in a thread.
    :param now: seconds since 1970.
    :param cache_plugin: asked after each installation; False removes the archive from the cache.
    """

    def __init__(
        self,
        *,
        plugins_dir: Path,
        cache_dir: Path,
        repositories: Repositories,
        kept: KeptArchives,
        downloads: Downloads,
        check: CheckTree,
        load: LoadPlugin,
        run: ThreadRunner,
        now: Callable[[], float],
        cache_plugin: Callable[[], bool] = lambda: True,
    ) -> None:
        self._cache_dir = cache_dir
        self._repositories = repositories
        self._kept = kept
        self._downloads = downloads
        self._check = check
        self._load = load
        self._run = run
        self._cache_plugin = cache_plugin
        self._trees = PluginTrees(plugins_dir, now)
        self._busy: dict[str, str] = {}

    async def load(self) -> None:
        """Read what earlier updates and installations have left, at the start; nothing is fetched."""
        await self._repositories.load()
        await self._run(self._kept.load)

    def repositories(self) -> tuple[RepositoryState, ...]:
        """Return how each repository is doing, the one that counts most first."""
        return self._repositories.states()

    def versions(self) -> Mapping[str, tuple[IndexEntry, ...]]:
        """Return plugin id -> every version that can be installed: what counts first, what only the cache has last."""
        plugin_ids = sorted({*self.installable(), *self._kept.plugins()})
        found = {plugin_id: self._versions(plugin_id) for plugin_id in plugin_ids}
        return {plugin_id: entries for plugin_id, entries in found.items() if entries}

    def offers(self, plugin_id: str, version: str | None = None, repository: str | None = None) -> bool:
        """Tell whether a plugin, or this version of it, or that of this repository, can be installed."""
        return self._found(plugin_id, version, repository) is not None

    def check_offered(self, plugin_id: str, version: str | None = None, repository: str | None = None) -> None:
        """Return when a plugin, or this version of it, or that of this repository, can be installed.

        :raises UnknownPackage: when no repository offers it.
        :raises InstallationProblem: when no plugin server is set, and the cache does not have it.
        """
        entry = self._entry(plugin_id, version, repository)
        if self._repositories.base_url(entry) is None and not (self._cache_dir / entry.filename).is_file():
            raise _without_server(entry)

    def installable(self) -> Mapping[str, IndexEntry]:
        """Return plugin id -> what would be installed."""
        return self._repositories.installable()

    def is_installed(self, plugin_id: str) -> bool:
        """Tell whether a plugin is on the disk, loadable or not."""
        return self._trees.is_installed(plugin_id)

    def recover(self) -> list[str]:
        """Clean up after a crash, at the start; return one sentence for each thing that was done.

        Blocks. An unconfirmed upgrade is undone; pieces of downloads that can be resumed stay.
        """
        done = self._trees.recover()
        if self._cache_dir.is_dir():
            done += [f"the incomplete download {name} was removed" for name in remove_partials(self._cache_dir)]
        done += [f"the incomplete index {name} was removed" for name in self._repositories.recover()]
        done += [f"the incomplete note {name} was removed" for name in self._kept.recover()]
        return done

    async def update(self, progress: OperationProgress) -> None:
        """Fetch the indexes of all repositories; see :meth:`Repositories.update` for what it raises."""
        await self._repositories.update(progress)

    def check_update(self) -> None:
        """Refuse an update of the list that cannot begin now; see :meth:`Repositories.check_update`."""
        self._repositories.check_update()

    def check_install(
        self,
        plugin_id: str,
        version: str | None = None,
        repository: str | None = None,
        given: IndexEntry | None = None,
    ) -> IndexEntry:
        """Return what :meth:`install` would install.

        :param given: what to install when it is not to be looked for in the repositories.
        :raises UnknownPackage: when no repository offers it.
        :raises AlreadyInstalled: when it is there.
        :raises AlreadyRunning: when something else is being done with it.
        """
        self._check_idle(plugin_id)
        if self.is_installed(plugin_id):
            raise AlreadyInstalled(f"the plugin {plugin_id} is already installed")
        return given or self._entry(plugin_id, version, repository)

    def check_upgrade(
        self,
        plugin_id: str,
        version: str | None = None,
        repository: str | None = None,
        given: IndexEntry | None = None,
    ) -> IndexEntry:
        """Return what :meth:`upgrade` would install.

        :param given: as in :meth:`check_install`.
        :raises UnknownPackage: when it is not installed, or no repository offers it.
        :raises AlreadyRunning: when something else is being done with it.
        """
        self._check_idle(plugin_id)
        if not self.is_installed(plugin_id):
            raise UnknownPackage(f"the plugin {plugin_id[:128]} is not installed")
        return given or self._entry(plugin_id, version, repository)

    def check_uninstall(self, plugin_id: str) -> None:
        """Refuse to uninstall.

        :raises UnknownPackage: when it is not installed.
        :raises AlreadyRunning: when something else is being done with it.
        """
        self._check_idle(plugin_id)
        if not self.is_installed(plugin_id):
            raise UnknownPackage(f"the plugin {plugin_id[:128]} is not installed")

    async def install(
        self,
        plugin_id: str,
        progress: OperationProgress,
        version: str | None = None,
        repository: str | None = None,
        given: IndexEntry | None = None,
    ) -> None:
        """Put a plugin in place; loading it is left to the caller. On failure nothing is there.

        :param version: None for the one that counts.
        :param repository: name of the only repository that it may come from; None for any.
        :param given: what to install when it is not to be looked for; its archive is in the cache then.
        :raises PackageProblem: as :meth:`check_install` says, and when the archive cannot be fetched or is refused.
        """
        entry = self.check_install(plugin_id, version, repository, given)
        self._busy[plugin_id] = "installed"
        try:
            tree = await self._unpacked(entry, progress)
            try:
                await self._run(self._trees.place, plugin_id, tree)
            except OSError as error:
                await self._run(self._trees.discard, tree)
                raise InstallationProblem(f"{plugin_id} cannot be put in place: {disk_sentence(error)}") from error
            await self._keep_or_drop(entry)
        finally:
            self._idle(plugin_id)

    async def upgrade(
        self,
        plugin_id: str,
        progress: OperationProgress,
        version: str | None = None,
        repository: str | None = None,
        given: IndexEntry | None = None,
    ) -> None:
        """Put another version of an installed plugin in its place, a greater, lower or the same one, and load it.

        The new tree is loaded aside before. On failure the old one is untouched, or put back and loaded again.

        :param version: None for the one that counts.
        :param repository: name of the only repository that it may come from; None for any.
        :param given: what to install when it is not to be looked for; its archive is in the cache then.
        :raises PackageProblem: as :meth:`check_upgrade` says, and when the archive cannot be fetched or is refused.
        :raises PluginProblem: when the new version does not load.
        """
        entry = self.check_upgrade(plugin_id, version, repository, given)
        self._busy[plugin_id] = "upgraded"
        try:
            tree = await self._unpacked(entry, progress)
            try:
                await self._run(self._trees.carry, plugin_id, tree)
                await self._check(tree, plugin_id)
                await self._run(self._trees.swap, plugin_id, tree)
            except BaseException as error:
                await self._run(self._abandon, plugin_id, tree)
                if isinstance(error, OSError):
                    raise InstallationProblem(f"{plugin_id} cannot be replaced: {disk_sentence(error)}") from error
                raise
            await self._load_or_roll_back(plugin_id)
            await self._keep_or_drop(entry)
        finally:
            self._idle(plugin_id)

    async def _load_or_roll_back(self, plugin_id: str) -> None:
        try:
            await self._load(plugin_id)
        except BaseException:
            await self._run(self._trees.roll_back, plugin_id)
            await self._load(plugin_id)
            raise
        await self._run(self._trees.confirm, plugin_id)

    async def uninstall(self, plugin_id: str) -> None:
        """Remove a plugin; its own templates and downloaded firmware stay in the trash for two weeks.

        :raises PackageProblem: as :meth:`check_uninstall` says, and when the file system refuses.
        """
        self.check_uninstall(plugin_id)
        self._busy[plugin_id] = "removed"
        try:
            await self._run(self._trees.uninstall, plugin_id)
        finally:
            self._idle(plugin_id)

    def _check_idle(self, plugin_id: str) -> None:
        if plugin_id in self._busy:
            raise AlreadyRunning(f"the plugin {plugin_id} is being {self._busy[plugin_id]}")

    def _idle(self, plugin_id: str) -> None:
        self._busy.pop(plugin_id, None)

    def _entry(self, plugin_id: str, version: str | None, repository: str | None) -> IndexEntry:
        entry = self._found(plugin_id, version, repository)
        if entry is None:
            which = "" if version is None else f" in version {version[:64]}"
            who = "no repository offers" if repository is None else f"the repository {repository[:64]} does not offer"
            raise UnknownPackage(f"{who} the plugin {plugin_id[:128]}{which}")
        return entry

    def _found(self, plugin_id: str, version: str | None, repository: str | None) -> IndexEntry | None:
        if version is None and repository is None:
            return self.installable().get(plugin_id)
        fitting = (
            entry
            for entry in self._versions(plugin_id)
            if version in (None, entry.version) and repository in (None, entry.repository)
        )
        return next(fitting, None)

    def _versions(self, plugin_id: str) -> tuple[IndexEntry, ...]:
        offered = self._repositories.versions(plugin_id)
        known = {entry.version for entry in offered}
        former = [evolve(each, kept=True) for each in self._kept.entries(plugin_id) if each.version not in known]
        allowed = sorted(
            filter(self._repositories.allows, former), key=lambda entry: version_key(entry.version), reverse=True
        )
        return (*offered, *allowed)

    def _abandon(self, plugin_id: str, tree: Path) -> None:
        self._trees.roll_back(plugin_id)
        self._trees.discard(tree)

    async def _unpacked(self, entry: IndexEntry, progress: OperationProgress) -> Path:
        base_url = self._repositories.base_url(entry)
        wanted = entry.wanted(base_url)
        try:
            archive = await self._downloads.fetch(
                wanted,
                self._cache_dir,
                lambda: progress.part("download", end=wanted.size, current=0),
                mirrored=False,
                remember=False,
            )
        except DownloadProblem:
            if base_url is None:
                raise _without_server(entry) from None
            raise
        return await self._run(self._trees.unpack, archive, entry.plugin_id, entry.version)

    async def _keep_or_drop(self, entry: IndexEntry) -> None:
        """Leave the archive in the cache, noted as the way back to this version, or remove it."""
        if self._cache_plugin():
            # the plugin is in place already: a full disk only costs the note
            with contextlib.suppress(InstallationProblem):
                await self._run(self._kept.note, entry)
        else:
            with contextlib.suppress(OSError):
                await self._run((self._cache_dir / entry.filename).unlink, missing_ok=True)


def _without_server(entry: IndexEntry) -> InstallationProblem:
    return InstallationProblem(f"no plugin server is set, and {entry.filename} is not in the cache")

"""What can be done with plugins (REST contract, section 5.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from twisted.logger import Logger

from provisiond.errors import AlreadyExists, InProgress, NotFound, PluginProblem, UnknownReference
from provisiond.identification.associate import best_plugin, fits
from provisiond.identification.support import Support
from provisiond.identification.values import DeviceInfo
from provisiond.model.operation import OperationProgress
from provisiond.plugins.problems import Problem
from provisiond.plugins.values import LoadedPlugin, PluginInfo
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import Events, PluginChanged
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.packages import Packages
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.plugin_ports import Hosting, PluginArchives, PluginRules, Text
from provisiond.provisioning.plugin_use import PluginUse
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.tenants import Scope
from provisiond.store.operations import StoredOperation

log = Logger()
RESOURCE = "/pg_mgr/install"
Prepare = Callable[[OperationProgress], Awaitable[Any]]


class Plugins:
    """Plugins: offered, installed, loaded; and their devices, that follow every change."""

    def __init__(
        self,
        *,
        host: Hosting,
        archives: PluginArchives,
        rules: PluginRules,
        directory: Directory,
        devices: Devices,
        rendering: Rendering,
        operations: Operations,
        parameters: Parameters,
        events: Events,
        use: PluginUse,
        packages: Packages,
    ) -> None:
        self._host = host
        self._archives = archives
        self._rules = rules
        self._directory = directory
        self._devices = devices
        self._rendering = rendering
        self._operations = operations
        self._parameters = parameters
        self._events = events
        self._use = use
        self._packages = packages
        self._updating = False

    # What there is

    def loaded(self) -> Mapping[str, LoadedPlugin]:
        """Return the plugins that work, by id."""
        return self._host.loaded()

    def on_disk(self) -> Mapping[str, PluginInfo | None]:
        """Return every installed plugin, loaded or not; None where ``plugin-info`` cannot be read."""
        return self._host.installed()

    def get(self, plugin_id: str) -> LoadedPlugin:
        """Return a loaded plugin.

        :raises NotFound: when it is not loaded.
        """
        plugin = self._host.loaded().get(plugin_id)
        if plugin is None:
            raise NotFound(f'plugin "{plugin_id}"')
        return plugin

    def info(self, plugin_id: str) -> dict[str, Any]:
        """Return what a loaded plugin's ``plugin-info`` says, in the language of the parameter ``locale``.

        :raises NotFound: when it is not loaded.
        """
        return self.get(plugin_id).info.localized(self._parameters.locale)

    def installed(self, scope: Scope | None = None) -> dict[str, dict[str, Any]]:
        """Return every plugin on disk, with the member ``problem`` where it does not work, or only in part.

        :param scope: what concerns a device outside its tree is not told; None tells everything.
        """
        problems = {each.plugin: each.sentence for each in self.problems(scope)}
        shown: dict[str, dict[str, Any]] = {}
        for plugin_id, info in sorted(self._host.installed().items()):
            document = info.localized(self._parameters.locale) if isinstance(info, PluginInfo) else _UNREADABLE
            problem = problems.get(plugin_id)
            shown[plugin_id] = {**document, **({"problem": problem} if problem else {})}
        return shown

    def installable(self) -> dict[str, dict[str, Any]]:
        """Return every plugin that the repositories offer; empty when they were never asked."""
        locale = self._parameters.locale
        return {plugin_id: offer.localized(locale) for plugin_id, offer in sorted(self._archives.installable().items())}

    def fitting_installable(self, info: DeviceInfo) -> tuple[str, ...]:
        """Return the ids of offered plugins that are not installed and fit a phone, the best first."""
        installed = self._host.installed()
        scores = {
            plugin_id: fits(offer.capabilities, info)
            for plugin_id, offer in self._archives.installable().items()
            if plugin_id not in installed
        }
        fitting: list[str] = []
        while (best := best_plugin({key: scores[key] for key in scores if key not in fitting})) is not None:
            if scores[best] < Support.PROBABLE:
                break
            fitting.append(best)
        return tuple(fitting)

    def problems(self, scope: Scope | None = None) -> tuple[Problem, ...]:
        """Return what is wrong with plugins; what concerns a device only when it is inside the scope's tree."""
        return tuple(each for each in self._host.problems() if each.device is None or self._sees(scope, each.device))

    def _sees(self, scope: Scope | None, device_id: str) -> bool:
        if scope is None:
            return True
        device = self._directory.get(device_id)
        return scope.tenant_uuid == scope.master if device is None else scope.sees(device)

    # What can be done

    async def update(self) -> StoredOperation:
        """Ask the repositories what they offer, as an operation.

        :raises InProgress: while an update is running.
        :raises InvalidInput: when no repository is known.
        """
        self._archives.check_update()
        return await self._begin("update", "", "update", self._update)

    async def install(
        self, plugin_id: str, version: str | None = None, repository: str | None = None
    ) -> StoredOperation:
        """Install and load a plugin and make its devices' files, as an operation.

        :param version: None for the one that counts.
        :param repository: name of the only repository that it may come from; None for any.
        :raises UnknownReference: when no repository offers it.
        :raises InProgress: while it is being installed or upgraded.
        :raises AlreadyExists: when it is installed already.
        """
        self._archives.check_offered(plugin_id, version, repository)
        if plugin_id in self._host.installed():
            raise AlreadyExists(f'plugin "{plugin_id}" is already installed')
        work = partial(self._install, plugin_id, version, repository)
        return await self._begin("install", plugin_id, "install", work)

    async def put(self, plugin_id: str, prepare: Prepare) -> StoredOperation:
        """Install a plugin that comes from elsewhere, in place of its installed version if there is one.

        :param prepare: fetches the archive within the operation, and returns what it found in it.
        :raises InProgress: while it is being installed or upgraded.
        """
        installed = plugin_id in self._host.installed()

        async def work(progress: OperationProgress) -> None:
            given = await prepare(progress)
            await (self._upgrade if installed else self._install)(plugin_id, None, None, progress, given)

        return await self._begin("upgrade" if installed else "install", plugin_id, "install", work)

    async def upgrade(
        self, plugin_id: str, version: str | None = None, repository: str | None = None, *, word: str = "upgrade"
    ) -> StoredOperation:
        """Install the offered version over the installed one and load it, as an operation.

        :param version: None for the one that counts; it may be greater than the installed one, lower, or the same.
        :param repository: name of the only repository that it may come from; None for any.
        :param word: last word of the operation's resource.
        :raises UnknownReference: when no repository offers it, or it is not installed.
        :raises InProgress: while it is being installed or upgraded.
        """
        self._archives.check_offered(plugin_id, version, repository)
        self._installed(plugin_id)
        work = partial(self._upgrade, plugin_id, version, repository)
        return await self._begin(word, plugin_id, "install", work)

    async def uninstall(self, plugin_id: str) -> None:
        """Remove a plugin; its devices keep its name and are no longer configured.

        :raises UnknownReference: when it is not installed.
        :raises InProgress: while it is being installed or upgraded.
        """
        self._installed(plugin_id)
        with self._use.alone(plugin_id):
            await self._archives.uninstall(plugin_id)
            await self._host.unload(plugin_id)
            await self._parameters.forget_plugin(plugin_id)
        log.info("plugin {plugin} was removed", plugin=plugin_id)
        self.changed([plugin_id], "uninstalled")

    async def reload(self, plugin_id: str) -> None:
        """Load a plugin again, or for the first time; its devices follow in the background.

        :raises UnknownReference: when it is not installed.
        :raises InProgress: while it is being installed or upgraded.
        :raises PluginProblem: when it does not load.
        """
        self._installed(plugin_id)
        with self._use.alone(plugin_id):
            await self._rendering.begin_anew(plugin_id, undo=True)
            await self._load(plugin_id, "reloaded")

    async def follow_source(self, plugin_id: str, *, there: bool) -> None:
        """Let a plugin follow its directory, which somebody has edited: load it, load it again, or forget it.

        :param there: whether the directory exists.
        :raises InProgress: while it is being installed or upgraded.
        :raises PluginProblem: when it does not load.
        """
        with self._use.alone(plugin_id):
            if there:
                await self._rendering.begin_anew(plugin_id, undo=True)
                await self._load(plugin_id, "reloaded" if plugin_id in self._host.installed() else "installed")
                return
            await self._host.unload(plugin_id)
        self.changed([plugin_id], "uninstalled")

    def follow_templates(self, plugin_id: str) -> None:
        """Have the files of a plugin's devices made anew, if it takes changed templates without being loaded again."""
        if self._host.templates_changed(plugin_id):
            self.changed([plugin_id], "reloaded")

    async def load_again(self, plugin_id: str, action: str) -> None:
        """Load a plugin that the caller has for itself; its devices follow in the background.

        :raises PluginProblem: when it does not load.
        """
        await self._load(plugin_id, action)

    def changed(self, plugin_ids: Iterable[str], action: str) -> None:
        """Let rules, files and listeners follow a change of the loaded plugins."""
        self._rules.use_plugin_rules({plugin.id: plugin.rules for plugin in self._host.loaded().values()})
        for problem in self._rules.problems:
            self._host.note_problem(problem.plugin, "rule", problem.sentence)
        chosen = tuple(plugin_ids)
        self._rendering.mark(plugins=chosen)
        for plugin_id in chosen:
            self._events.publish(PluginChanged(plugin_id, action))

    async def note_faults(self, plugin_ids: Iterable[str]) -> None:
        """Tell, as problems of loaded plugins, why some of their packages cannot be installed."""
        for plugin_id in plugin_ids:
            if plugin_id in self._host.loaded():
                for sentence in await self._packages.faults(plugin_id):
                    self._host.note_problem(plugin_id, "package", sentence)

    async def serve_unserved(self) -> int:
        """Give a plugin to each device that has none and that a loaded plugin fits; return how many got one."""
        served = 0
        for device_id in self._directory.using_plugin(""):
            device = self._directory.get(device_id)
            if device is None or device.vendor is None:
                continue
            info = DeviceInfo(vendor=device.vendor, model=device.model, version=device.version, mac=device.mac)
            plugin_id = best_plugin(await self._host.associate(info))
            if plugin_id is not None and await self._devices.assign_plugin(device_id, plugin_id):
                served += 1
            await self._rendering.breathe()
        return served

    # Inside

    async def _update(self, progress: OperationProgress) -> None:
        progress.reach(0)
        await self._archives.update(progress)

    async def _install(
        self, plugin_id: str, version: Text, repository: Text, progress: OperationProgress, given: Any = None
    ) -> None:
        await self._archives.install(plugin_id, progress, version, repository, given)
        await self._load(plugin_id, "installed")
        await self._follow(plugin_id)

    async def _upgrade(
        self, plugin_id: str, version: Text, repository: Text, progress: OperationProgress, given: Any = None
    ) -> None:
        try:
            await self._archives.upgrade(plugin_id, progress, version, repository, given)
            await self._rendering.begin_anew(plugin_id, undo=False)
        finally:
            # Also when the old version was put back and loaded again.
            self.changed([plugin_id], "upgraded")
            await self.note_faults([plugin_id])
        await self._follow(plugin_id)

    async def _load(self, plugin_id: str, action: str) -> None:
        try:
            await self._host.load(plugin_id)
        except PluginProblem:
            self.changed([plugin_id], "failed")
            raise
        self.changed([plugin_id], action)
        await self.note_faults([plugin_id])

    async def _follow(self, plugin_id: str) -> None:
        """Make the files of the plugin's devices, and of those that it serves from now on."""
        await self.serve_unserved()
        await self._rendering.refreshed(self._directory.using_plugin(plugin_id))

    async def _begin(
        self, word: str, plugin_id: str, label: str, work: Callable[[OperationProgress], Any]
    ) -> StoredOperation:
        held = ExitStack()
        held.enter_context(self._use.alone(plugin_id) if plugin_id else self._update_alone())

        async def whole(progress: OperationProgress) -> None:
            with held:
                await work(progress)

        if plugin_id:
            log.info("plugin {plugin}: {word} begins", plugin=plugin_id, word=word)
        try:
            return await self._operations.start(f"{RESOURCE}/{word}", whole, label)
        except BaseException:
            held.close()
            raise

    @contextmanager
    def _update_alone(self) -> Iterator[None]:
        if self._updating:
            raise InProgress("an update is running already")
        self._updating = True
        try:
            yield
        finally:
            self._updating = False

    def _installed(self, plugin_id: str) -> None:
        if plugin_id not in self._host.installed():
            raise UnknownReference(f'plugin "{plugin_id}" is not installed')


_UNREADABLE: dict[str, Any] = {"version": "", "description": "", "capabilities": {}}

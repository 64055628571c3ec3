"""Taking over the state of another server that was sent here, while this one serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.logger import Logger

from provisiond.errors import InProgress, InvalidInput, ProvisiondError
from provisiond.model.operation import OperationProgress
from provisiond.packages.archives import Usage, remove_tree, unpack_tar
from provisiond.packages.state_archive import LIMITS
from provisiond.provisioning.foreign_state import read_state
from provisiond.provisioning.migration import Migration, Report
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.ports import Threads
from provisiond.provisioning.received import ReceivedFiles
from provisiond.store.database import Database
from provisiond.store.operations import StoredOperation

log = Logger()
MIGRATE: Final = "/migrate"
WORK: Final = "migrating"
_PLUGINS: Final = "plugins"


@frozen(kw_only=True)
class TakeOverRules:
    """Where a foreign state comes to.

    :param open_database: opens the server's database once more, for a thread of its own; the server follows what is
        written there within a second.
    """

    state_dir: Path
    open_database: Callable[[], Database]


class TakingOver:
    """Takes over the state directory of another server of the provd family; what is here already stays."""

    def __init__(
        self, received: ReceivedFiles, operations: Operations, plugins: Plugins, threads: Threads, rules: TakeOverRules
    ) -> None:
        self._received = received
        self._operations = operations
        self._plugins = plugins
        self._threads = threads
        self._rules = rules
        self._busy = False
        self.last: dict[str, Any] | None = None

    async def take(self, file_id: str, *, dry_run: bool = False) -> StoredOperation:
        """Begin to take over a received archive of ``jsondb/``, ``app.json`` and ``plugins/``; see :attr:`last`.

        :param dry_run: only tell what would be taken.
        :raises NotFound: when no such file was received.
        :raises InProgress: while another one is being taken over.
        """
        if self._busy:
            raise InProgress("the state of another server is being taken over")
        archive = self._received.take(file_id)
        self._busy = True

        async def work(progress: OperationProgress) -> None:
            try:
                report = await self._threads.run(self._taken, archive, dry_run)
                for plugin_id in () if dry_run else report.taken.get(_PLUGINS, ()):
                    await self._load(plugin_id, report)
                self.last = {**report.row(), "dry_run": dry_run}
            finally:
                self._busy = False
                await self._received.forget(file_id)

        try:
            return await self._operations.start(MIGRATE, work, "migrate")
        except BaseException:
            self._busy = False
            self._received.give_back(file_id)
            raise

    def _taken(self, archive: Path, dry_run: bool) -> Report:
        work = self._rules.state_dir / WORK
        remove_tree(work)
        work.mkdir(mode=0o700)
        try:
            unpack_tar(archive, work, Usage(LIMITS), drop_dangling_links=True)
            database = self._rules.open_database()
            try:
                return Migration(database, self._rules.state_dir / _PLUGINS, _state(work), dry=dry_run).run()
            finally:
                database.close()
        finally:
            remove_tree(work)

    async def _load(self, plugin_id: str, report: Report) -> None:
        try:
            await self._plugins.follow_source(plugin_id, there=True)
        except ProvisiondError as problem:
            report.refused[f"plugin {plugin_id}"] = f"it was taken, but does not load: {problem.sentence}"


def _state(directory: Path) -> Any:
    try:
        return read_state(directory)
    except ProvisiondError:
        raise InvalidInput("the archive holds neither jsondb nor app.json nor plugins") from None

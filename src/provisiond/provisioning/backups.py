"""Backup and restore of everything that the server keeps."""

from __future__ import annotations

import datetime
import shutil
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import frozen
from twisted.logger import Logger

from provisiond import __version__
from provisiond.errors import InProgress, InvalidInput, PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.packages.archives import remove_tree
from provisiond.packages.problems import disk_sentence
from provisiond.packages.state_archive import (
    PHONE_FILES,
    PLUGINS,
    TABLES,
    TOKEN,
    described,
    firmware_files,
    installed_plugins,
    unpack_backup,
    write_archive,
)
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.ports import Clock, Threads
from provisiond.provisioning.received import ReceivedFiles
from provisiond.provisioning.restoring import DATABASE, PREPARED, decide, is_decided, keep_firmware
from provisiond.store.contents import knows_revision, newest_revision, stage, staged_fact
from provisiond.store.operations import StoredOperation

log = Logger()
RESTORE: Final = "/restore"
WORK: Final = "backups"


class StoredContents(Protocol):
    """Everything that the database holds (``store.contents``)."""

    async def write(self, directory: Path) -> dict[str, int]: ...
    async def rehearse(self, staged: Path) -> None: ...
    async def restored(self) -> dict[str, Any] | None: ...


@frozen(kw_only=True)
class BackupRules:
    """What a server says of its backups.

    :param state_dir: holds the plugins, the administrator's token, and while they are made the backups.
    :param extensions: returns id -> version of the host extensions that are installed.
    :param root_of: plugin id -> the directory that its firmware packages are placed in.
    :param master_tenant: the only master tenant that the settings allow; None for any.
    """

    state_dir: Path
    root_of: Callable[[str], Path]
    extensions: Callable[[], Mapping[str, str]] = dict
    master_tenant: str | None = None


class Backups:
    """Makes backups of a server that goes on serving, and restores them."""

    def __init__(
        self,
        *,
        contents: StoredContents,
        received: ReceivedFiles,
        operations: Operations,
        rules: BackupRules,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._contents = contents
        self._received = received
        self._operations = operations
        self._rules = rules
        self._threads = threads
        self._clock = clock
        self._begin_anew: Callable[[], None] = lambda: None
        self._write_pending: Callable[[], Awaitable[None]] | None = None
        self._restoring = False

    def on_restored(self, begin_anew: Callable[[], None]) -> None:
        """Have the server begun anew when a restore is ready."""
        self._begin_anew = begin_anew

    def on_making(self, write_pending: Callable[[], Awaitable[None]]) -> None:
        """Have what waits to be written put into the database before a backup is made of it."""
        self._write_pending = write_pending

    async def make(self, *, firmware: bool = False, phone_files: bool = False) -> Path:
        """Return a new backup, as of one moment; whoever asked removes it.

        :param firmware: whether installed firmware goes in.
        :param phone_files: whether files that phones have sent go in.
        :raises PackageProblem: when the disk refuses.
        :raises StoreProblem: when the database does.
        """
        work = await self._threads.run(_work_directory, self._rules.state_dir / WORK)
        try:
            if self._write_pending is not None:
                await self._write_pending()
            (work / TABLES).mkdir()
            counts = await self._contents.write(work / TABLES)
            more = {"firmware": firmware, "phone_files": phone_files, "rows": dict(counts)}
            # they are not in it: whoever restores has to know which there were
            more["extensions"] = dict(self._rules.extensions())
            return await self._threads.run(self._write, work, more)
        except BaseException:
            await self._threads.run(remove_tree, work)
            raise

    def _write(self, work: Path, more: Mapping[str, Any]) -> Path:
        now = self._clock.seconds()
        plugins = installed_plugins(self._rules.state_dir / PLUGINS)
        description = {
            "provisiond": __version__,
            "schema": newest_revision(),
            "made": datetime.datetime.fromtimestamp(now, datetime.UTC).isoformat(timespec="seconds"),
            "time": int(now),
            **more,
            "plugins": {path.name: described(path) for path in plugins},
        }
        archive = work / "backup.tar.gz"
        write_archive(
            archive,
            description,
            work / TABLES,
            self._rules.state_dir / TOKEN,
            plugins,
            lambda plugin: () if more["firmware"] else firmware_files(plugin, self._rules.root_of(plugin.name)),
            self._rules.state_dir / PHONE_FILES if more["phone_files"] else None,
        )
        remove_tree(work / TABLES)
        return archive

    async def discard(self, archive: Path) -> None:
        """Remove a backup that was made."""
        await self._threads.run(remove_tree, archive.parent)

    async def restored(self) -> dict[str, Any] | None:
        """Return what was restored last: ``id``, ``made``, ``provisiond``; None for nothing."""
        return await self._contents.restored()

    async def restore(self, file_id: str, *, dry_run: bool = False) -> StoredOperation:
        """Begin to check a received backup and to put it in the place of everything that the server keeps.

        Nothing is changed before all of it is checked; then the server begins anew, with the state of the backup.

        :param dry_run: only check it.
        :raises NotFound: when no such file was received.
        :raises InProgress: while another one is being restored.
        """
        if self._restoring:
            raise InProgress("a backup is being restored")
        archive = self._received.take(file_id)
        self._restoring = True

        async def work(progress: OperationProgress) -> None:
            ready = False
            try:
                ready = await self._prepare(archive, progress, dry_run=dry_run)
            finally:
                self._restoring = ready
                await self._received.forget(file_id)
            if ready:
                log.warn("a backup is restored: the server begins anew")
                self._begin_anew()

        try:
            return await self._operations.start(RESTORE, work, "restore")
        except BaseException:
            self._restoring = False
            self._received.give_back(file_id)
            raise

    async def _prepare(self, archive: Path, progress: OperationProgress, *, dry_run: bool) -> bool:
        """Check a backup; return True when the next start puts it in place."""
        state = self._rules.state_dir
        prepared = state / PREPARED
        try:
            unpacked = progress.part("unpack")
            description = await self._threads.run(_unpacked, archive, state)
            unpacked.succeed()
            checked = progress.part("check")
            await self._threads.run(self._staged, description)
            await self._contents.rehearse(prepared / DATABASE)
            checked.succeed()
            if dry_run:
                await self._threads.run(remove_tree, prepared)
                return False
            await self._threads.run(self._decided, description)
            return True
        except BaseException:
            await self._threads.run(remove_tree, prepared)
            raise

    def _staged(self, description: Mapping[str, Any]) -> None:
        prepared, schema = self._rules.state_dir / PREPARED, str(description["schema"])
        if not knows_revision(schema):
            raise InvalidInput(
                f"the backup was made by provisiond {str(description['provisiond'])[:40]}, with the newer schema "
                f"{schema[:40]}: install that version first"
            )
        stage(prepared / TABLES, prepared / DATABASE, schema)
        remove_tree(prepared / TABLES)
        master = staged_fact(prepared / DATABASE, "master_tenant")
        wanted = self._rules.master_tenant
        if wanted not in (None, master):
            raise InvalidInput(f"rest_api.auth.master_tenant of the settings is {wanted}, but the backup has {master}")

    def _decided(self, description: Mapping[str, Any]) -> None:
        state = self._rules.state_dir
        try:
            if not description.get("firmware"):
                keep_firmware(state)
            made = {name: str(description[name])[:40] for name in ("made", "provisiond")}
            decide(state, {"id": uuid.uuid4().hex, **made})
        except OSError as error:
            raise PackageProblem(f"the backup cannot be restored: {disk_sentence(error)}") from error


def _unpacked(archive: Path, state: Path) -> dict[str, Any]:
    if is_decided(state):
        raise InProgress("a backup is restored already: the server begins anew")
    prepared = state / PREPARED
    remove_tree(prepared)
    prepared.mkdir(mode=0o700)
    description = unpack_backup(archive, prepared)
    if (prepared / TOKEN).exists():
        (prepared / TOKEN).chmod(0o600)
    return description


def _work_directory(place: Path) -> Path:
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=place))
    except OSError as error:
        raise PackageProblem(f"the backup cannot be written: {disk_sentence(error)}") from error


def tidy(state: Path) -> None:
    """Remove what requests of a former run have left. Blocks."""
    for name in (WORK, "received", "migrating"):
        shutil.rmtree(state / name, ignore_errors=True)

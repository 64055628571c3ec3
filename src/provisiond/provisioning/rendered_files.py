"""Rendered files in memory and on disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.provisioning.file_sets import FileSet, hashed_name, read_set, remove_set, write_set
from provisiond.provisioning.ports import Threads

log = Logger()
DEFAULT_LIMIT = 128 * 1024 * 1024
WRITTEN_AT_ONCE = 32


class RenderedFiles:
    """Keeps sets of files by key: the ones used last in memory, all of them on disk.

    What :meth:`put` was given is returned by :meth:`load` at once; the disk follows. Nothing is lost that could not be
    rendered again, so a disk that refuses only costs time after a restart.

    :param directory: where the sets lie; made when needed.
    :param threads: for everything that touches the disk.
    :param limit: bytes kept in memory, 0 or more.
    """

    def __init__(self, directory: Path, threads: Threads, limit: int = DEFAULT_LIMIT) -> None:
        self._directory = directory
        self._threads = threads
        self._limit = limit
        self._memory: OrderedDict[str, FileSet] = OrderedDict()
        self._unwritten: dict[str, FileSet | None] = {}
        self._writing = False
        self._idle: list[Deferred[None]] = []
        self.size = 0

    def at_hand(self, key: str) -> FileSet | None:
        """Return the set if it is in memory."""
        found = self._memory.get(key)
        if found is not None:
            self._memory.move_to_end(key)
            return found
        return self._unwritten.get(key)

    async def load(self, key: str) -> FileSet | None:
        """Return the set from memory or disk; None when there is none."""
        found = self.at_hand(key)
        if found is not None or key in self._unwritten:
            return found
        read = await self._threads.run(read_set, self._path(key))
        newer = self.at_hand(key)
        if newer is not None or key in self._unwritten:
            return newer
        if read is not None:
            self._remember(key, read)
        return read

    def put(self, key: str, files: FileSet) -> None:
        """Keep this set in place of the former one."""
        self._remember(key, files)
        self._write_later(key, files)

    def drop(self, key: str) -> None:
        """Remove the set, from memory at once, from disk soon."""
        self._forget(key)
        self._write_later(key, None)

    async def written(self) -> None:
        """Wait until the disk holds what memory holds."""
        if self._writing:
            waiter: Deferred[None] = Deferred()
            self._idle.append(waiter)
            await waiter

    def _path(self, key: str) -> Path:
        return self._directory / hashed_name(key)

    def _remember(self, key: str, files: FileSet) -> None:
        self._forget(key)
        self._memory[key] = files
        self.size += files.size
        while self.size > self._limit and self._memory:
            _, oldest = self._memory.popitem(last=False)
            self.size -= oldest.size

    def _forget(self, key: str) -> None:
        known = self._memory.pop(key, None)
        if known is not None:
            self.size -= known.size

    def _write_later(self, key: str, files: FileSet | None) -> None:
        self._unwritten[key] = files
        if not self._writing:
            self._writing = True
            Deferred.fromCoroutine(self._write_all())

    async def _write_all(self) -> None:
        while self._unwritten:
            batch = dict(islice(self._unwritten.items(), WRITTEN_AT_ONCE))
            rows = [(self._path(key), files) for key, files in batch.items()]
            try:
                errors = await self._threads.run(_write_sets, rows)
            except Exception as error:
                errors = [type(error).__name__]
            for kind in errors:
                log.warn("a rendered file could not be kept on disk: {kind}", kind=kind)
            for key, files in batch.items():
                if self._unwritten.get(key) is files:
                    del self._unwritten[key]
        self._writing = False
        idle, self._idle = self._idle, []
        for waiter in idle:
            waiter.callback(None)


def _write_sets(rows: Iterable[tuple[Path, FileSet | None]]) -> list[str]:
    """Write these sets, or remove those that are None; return the names of the errors that came of it. Blocks."""
    errors: list[str] = []
    for path, files in rows:
        try:
            if files is None:
                remove_set(path)
            else:
                write_set(path, files)
        except Exception as error:
            errors.append(type(error).__name__)
    return errors

"""Large files that programs send in pieces, kept until they are used: backups, and the state of other servers."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import IO, Final

from attrs import define

from provisiond.errors import InvalidInput, NotFound, Unavailable
from provisiond.provisioning.ports import Clock, Threads

AT_ONCE: Final = 4
KEPT_SECONDS: Final = 3600.0
PIECE: Final = 16 << 20
_COPIED: Final = 1 << 18


@define
class _File:
    path: Path
    touched: float
    size: int = 0
    busy: bool = False


class ReceivedFiles:
    """Files that come in pieces; one that nobody goes on with for an hour is forgotten, and all at a restart.

    :param directory: made when it is needed; of this object alone.
    """

    def __init__(self, directory: Path, threads: Threads, clock: Clock) -> None:
        self._directory = directory
        self._threads = threads
        self._clock = clock
        self._files: dict[str, _File] = {}

    async def begin(self) -> str:
        """Return the id of a new, empty file; one of which nothing has come makes room when there are many.

        :raises Unavailable: when too many are coming in.
        """
        oldest = self._clock.seconds() - KEPT_SECONDS
        for file_id in [each for each, file in self._files.items() if file.touched < oldest and not file.busy]:
            await self.forget(file_id)
        if len(self._files) >= AT_ONCE:
            await self._make_room()
        file_id = uuid.uuid4().hex
        self._files[file_id] = _File(self._directory / file_id, self._clock.seconds())
        await self._threads.run(_begin, self._directory, self._files[file_id].path)
        return file_id

    async def _make_room(self) -> None:
        empty = [file_id for file_id, file in self._files.items() if not file.busy and not file.size]
        if not empty:
            raise Unavailable("too many files are being received, try again later")
        await self.forget(empty[0])

    def size(self, file_id: str) -> int:
        """Return how many bytes of a file have come.

        :raises NotFound: when there is none, or it was forgotten.
        """
        return self._file(file_id).size

    async def add(self, file_id: str, offset: int, piece: IO[bytes]) -> int:
        """Add the next piece and return how many bytes there are now; a piece that has come already is no error.

        :param offset: where in the file it begins.
        :raises InvalidInput: when it is not the next one.
        :raises NotFound: as :meth:`size`.
        """
        file = self._held(file_id)
        try:
            if offset > file.size:
                raise InvalidInput(f"the next piece begins at {file.size}, not at {offset}")
            file.size = await self._threads.run(_add, file.path, offset, piece)
            return file.size
        finally:
            file.busy, file.touched = False, self._clock.seconds()

    def take(self, file_id: str) -> Path:
        """Return the path of a file that has come as a whole; no more pieces come.

        :raises NotFound: as :meth:`size`.
        """
        return self._held(file_id).path

    def give_back(self, file_id: str) -> None:
        """Let more pieces come again."""
        if file_id in self._files:
            self._files[file_id].busy = False

    async def forget(self, file_id: str) -> None:
        """Remove a file.

        :raises NotFound: as :meth:`size`.
        """
        path = self._file(file_id).path
        del self._files[file_id]
        await self._threads.run(_remove, path)

    def _file(self, file_id: str) -> _File:
        if file_id not in self._files:
            raise NotFound(f"upload {file_id[:64]}")
        return self._files[file_id]

    def _held(self, file_id: str) -> _File:
        file = self._file(file_id)
        if file.busy:
            raise InvalidInput("this file is being worked on")
        file.busy = True
        return file


def _begin(directory: Path, path: Path) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)


def _add(path: Path, offset: int, piece: IO[bytes]) -> int:
    with path.open("r+b") as file:
        file.truncate(offset)
        file.seek(0, os.SEEK_END)
        shutil.copyfileobj(piece, file, _COPIED)
        return file.tell()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)

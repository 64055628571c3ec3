"""Large files that are being sent: each is open once, however many phones it goes to."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import define

from provisiond.phones.content import Content
from provisiond.provisioning.ports import Threads

AHEAD: Final = 8 * 1024 * 1024
STEP: Final = 1024 * 1024


@define(eq=False)
class _Open:
    fd: int
    users: int = 0


class OpenFiles:
    """Opens files, reads ahead in threads, and gives out again what is open.

    :param threads: for what may wait for the disk.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._open: dict[tuple[Path, str], _Open] = {}

    def __len__(self) -> int:
        """Return how many files are open."""
        return len(self._open)

    @asynccontextmanager
    async def opened(self, content: Content, start: int, length: int) -> AsyncIterator[int]:
        """Give the descriptor of a file on disk; its position is nobody's.

        :param start: first byte that is wanted, and ``length`` bytes from there; some are read ahead.
        :raises OSError: when the file cannot be opened.
        """
        assert content.path is not None
        key = (content.path, content.etag)
        found = self._open.get(key)
        is_new = found is None
        if found is None:
            # It was looked at just now: what opening needs of the disk is in memory.
            found = self._open[key] = _Open(os.open(content.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
        found.users += 1
        try:
            if is_new and not _is_at_hand(found.fd, start, length):
                await self._threads.run(_read_ahead, found.fd, start, length)
            yield found.fd
        finally:
            found.users -= 1
            if not found.users:
                del self._open[key]
                os.close(found.fd)


def _is_at_hand(fd: int, start: int, length: int) -> bool:
    """Tell whether the beginning of what is wanted can be read without waiting, as far as samples tell."""
    try:
        for at in range(start, start + min(length, AHEAD), STEP):
            os.preadv(fd, [bytearray(1)], at, os.RWF_NOWAIT)
    except OSError:
        return False
    return True


def _read_ahead(fd: int, start: int, length: int) -> None:
    os.posix_fadvise(fd, start, length, os.POSIX_FADV_SEQUENTIAL)
    os.posix_fadvise(fd, start, min(length, AHEAD), os.POSIX_FADV_WILLNEED)

"""Small files of plugins, kept in memory."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

from provisiond.phones.content import Content
from provisiond.phones.remembered import static_etag
from provisiond.provisioning.ports import Threads

SMALL: Final = 256 * 1024
MEMORY: Final = 32 * 1024 * 1024


class SmallFiles:
    """Reads small files once for as long as they stay as they are; the ones used last are kept.

    :param memory: bytes kept.
    """

    def __init__(self, threads: Threads, memory: int = MEMORY) -> None:
        self._threads = threads
        self._memory = memory
        self._kept: OrderedDict[tuple[Path, str], bytes] = OrderedDict()
        self.used = 0

    async def data_of(self, content: Content) -> bytes | None:
        """Return the bytes of a content, or None when it is to be sent from its file.

        :raises OSError: when the file cannot be read, or is no longer the one that was looked at.
        """
        if content.data is not None:
            return content.data
        if content.size > SMALL or content.path is None:
            return None
        key = (content.path, content.etag)
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        data: bytes = await self._threads.run(_read, content.path, content.etag)
        self._keep(key, data)
        return data

    def _keep(self, key: tuple[Path, str], data: bytes) -> None:
        if self._kept.pop(key, None) is None:
            self.used += len(data)
        self._kept[key] = data
        while self.used > self._memory:
            _, oldest = self._kept.popitem(last=False)
            self.used -= len(oldest)


def _read(path: Path, etag: str) -> bytes:
    with path.open("rb") as file:
        data = file.read()
        if static_etag(os.fstat(file.fileno())) != etag:
            raise OSError("the file has changed while it was read")
    return data

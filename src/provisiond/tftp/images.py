"""Prepared images of the contents that phones ask for now, kept up to a number of bytes."""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from provisiond.tftp.image import HEAD, Image, PreparedImage, opened, prepared
from provisiond.tftp.netascii import to_netascii
from provisiond.tftp.packets import ErrorCode
from provisiond.tftp.source import Refusal

DEFAULT_MEMORY: Final = 128 * 1024 * 1024
SMALL: Final = 64 * 1024
MAX_NETASCII: Final = 16 * 1024 * 1024

Key = tuple[object, ...]


class Threads(Protocol):
    """Runs blocking work elsewhere."""

    def run(self, function: Callable[..., Any], /, *args: Any) -> Any: ...


class Images:
    """Makes images of contents, and keeps those of files and of rendered files for the next client.

    :param threads: where large contents are read and prepared.
    :param memory: bytes of prepared images, those that are being sent included. A file of more than a quarter of it is
        read window by window, and so is one that finds no room beside those that are being sent.
    """

    def __init__(self, threads: Threads, memory: int = DEFAULT_MEMORY) -> None:
        self._threads = threads
        self._memory = memory
        self._kept: OrderedDict[Key, tuple[PreparedImage, bytes | None]] = OrderedDict()
        self._being_made: dict[Key, list[Deferred[PreparedImage]]] = {}
        self._promised = 0
        self.used = 0

    def ready(self, content: bytes | Path, block_size: int, netascii: bool) -> Image | None:
        """Return an image that is there or quickly made, or None when :meth:`made` must be awaited.

        :raises OSError: when a file cannot be looked at.
        """
        key = _key(content, block_size, netascii)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept[0]
        if isinstance(content, bytes) and len(content) <= SMALL:
            image = prepared(to_netascii(content) if netascii else content, block_size)
            self._keep(key, image, content)
            return image
        return None

    async def made(self, content: bytes | Path, block_size: int, netascii: bool) -> Image:
        """Return an image of a large content; clients who ask at the same time wait for the same work.

        :raises OSError: when a file cannot be read.
        :raises Refusal: when a file is too large for netascii.
        """
        key = _key(content, block_size, netascii)
        waiting = self._being_made.get(key)
        if waiting is not None:
            joined: Deferred[PreparedImage] = Deferred()
            waiting.append(joined)
            return await joined
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        if netascii and size > MAX_NETASCII:
            raise Refusal(ErrorCode.UNDEFINED, "the file is too large for netascii, use octet")
        needed = (size // block_size + 1) * (block_size + HEAD)
        if isinstance(content, Path) and (size > self._memory // 4 or not self._has_room(needed)):
            if netascii:
                raise Refusal(ErrorCode.UNDEFINED, "the server is busy, use octet")
            return opened(content, block_size)
        self._promised += needed
        try:
            return await self._make(key, content, block_size, netascii)
        finally:
            self._promised -= needed

    async def _make(self, key: Key, content: bytes | Path, block_size: int, netascii: bool) -> PreparedImage:
        waiting = self._being_made[key] = []
        try:
            image: PreparedImage = await self._threads.run(_read_and_prepared, key, content, block_size, netascii)
        except BaseException as error:
            del self._being_made[key]
            for each in waiting:
                each.errback(error)
            raise
        del self._being_made[key]
        self._keep(key, image, content if isinstance(content, bytes) else None)
        for each in waiting:
            each.callback(image)
        return image

    def _keep(self, key: Key, image: PreparedImage, source: bytes | None) -> None:
        # The content is kept beside its image: its identity is the key.
        self._kept[key] = (image, source)
        self.used += _cost(image, source)
        if self.used > self._memory:
            self._has_room(0)

    def _has_room(self, needed: int) -> bool:
        """Drop what was used longest ago, but no large image that is being sent: its memory would not come back."""
        for _ in range(len(self._kept)):
            if self.used + self._promised + needed <= self._memory:
                break
            key, (image, source) = self._kept.popitem(last=False)
            cost, sent = _cost(image, source), weakref.ref(image)
            is_large = image.size > SMALL
            del image
            still = sent() if is_large else None
            if still is None:
                self.used -= cost
            else:
                self._kept[key] = (still, source)
        return self.used + self._promised + needed <= self._memory


def _cost(image: PreparedImage, source: bytes | None) -> int:
    return len(image.content) + (len(source) if source is not None else 0)


def _key(content: bytes | Path, block_size: int, netascii: bool) -> Key:
    if isinstance(content, bytes):
        return (id(content), block_size, netascii)
    status = content.stat()
    return (str(content), status.st_mtime_ns, status.st_size, status.st_ino, block_size, netascii)


def _read_and_prepared(key: Key, content: bytes | Path, block_size: int, netascii: bool) -> PreparedImage:
    data = content if isinstance(content, bytes) else _read(content, key)
    return prepared(to_netascii(data) if netascii else data, block_size)


def _read(path: Path, key: Key) -> bytes:
    with path.open("rb") as file:
        data = file.read()
        status = os.fstat(file.fileno())
    if len(data) != status.st_size or (status.st_mtime_ns, status.st_size, status.st_ino) != key[1:4]:
        raise OSError("the file was changed while it was read")
    return data

"""Content cut into DATA packets: prepared in memory, or read block by block from a large file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol, final

from attrs import define, field, frozen

from provisiond.tftp import packets

HEAD: Final = 4


@final
@define(eq=False)
class Run:
    """Consecutive packets that lie one behind the other; not frozen, since one is made for each window.

    :param view: their bytes.
    :param stride: bytes of each packet; the last one may be shorter.
    """

    view: memoryview
    stride: int

    def split(self) -> list[bytes]:
        """Return the packets one by one."""
        return [bytes(self.view[start : start + self.stride]) for start in range(0, len(self.view), self.stride)]


Outgoing = bytes | memoryview | Run


def datagrams(sent: list[Outgoing]) -> list[bytes]:
    """Return what is to be sent as single datagrams, for senders and tests that know of no runs."""
    found: list[bytes] = []
    for each in sent:
        found.extend(each.split() if isinstance(each, Run) else [bytes(each)])
    return found


class Image(Protocol):
    """Content as packets; blocks are counted from 1, the last one is shorter than the others.

    ``size`` is in bytes without the packets' heads.
    """

    @property
    def size(self) -> int: ...
    @property
    def blocks(self) -> int: ...
    @property
    def block_size(self) -> int: ...

    def packet(self, block: int) -> bytes | memoryview:
        """Return the packet of one block.

        :raises OSError: when the content can no longer be read.
        """

    def packets(self, first: int, last: int) -> Outgoing:
        """Return the packets of these blocks: one, or a run of them.

        :raises OSError: when the content can no longer be read.
        """

    def close(self) -> None:
        """Give back what the image holds; it is not used any more."""


@frozen(slots=True)
class PreparedImage:
    """All packets of one content in memory, made once for every client that uses this block size."""

    size: int
    block_size: int
    blocks: int
    content: memoryview
    _stride: int = field(alias="stride")

    def packet(self, block: int) -> memoryview:
        """Return the packet of one block: a slice, nothing is copied."""
        end = block * self._stride
        return self.content[end - self._stride : end]

    def packets(self, first: int, last: int) -> Outgoing:
        """Return the packets of these blocks: slices, nothing is copied."""
        if first == last:
            return self.packet(first)
        stride = self._stride
        return Run(self.content[(first - 1) * stride : last * stride], stride)

    def close(self) -> None:
        """Do nothing: the memory goes with the last user."""


def prepared(content: bytes | memoryview, block_size: int) -> PreparedImage:
    """Return the packets of ``content``.

    :param block_size: bytes of a block, 8–65464.
    """
    size = len(content)
    blocks = size // block_size + 1
    view = memoryview(content)
    pieces: list[bytes | memoryview] = []
    for block in range(1, blocks + 1):
        start = (block - 1) * block_size
        pieces.append(packets.data_head(block))
        pieces.append(view[start : start + block_size])
    return PreparedImage(size, block_size, blocks, memoryview(b"".join(pieces)), block_size + HEAD)


@frozen(slots=True)
class FileImage:
    """A file too large to be prepared: each window is read when it is sent.

    It is read, not mapped: a mapped file that somebody truncates ends the whole process. A file that takes another's
    place does no harm, since this one stays open; one that is written over ends the transfer, before the client gets
    a mixture of both.
    """

    size: int
    block_size: int
    blocks: int
    _fd: int = field(alias="fd")
    _written: int = field(alias="written")

    def packet(self, block: int) -> bytes:
        """Return the packet of one block."""
        return packets.data_head(block) + self._read(block, block)

    def packets(self, first: int, last: int) -> Outgoing:
        """Return the packets of these blocks."""
        if first == last:
            return self.packet(first)
        data = self._read(first, last)
        pieces: list[bytes] = []
        for block in range(first, last + 1):
            offset = (block - first) * self.block_size
            pieces.append(packets.data_head(block))
            pieces.append(data[offset : offset + self.block_size])
        return Run(memoryview(b"".join(pieces)), self.block_size + HEAD)

    def _read(self, first: int, last: int) -> bytes:
        start = (first - 1) * self.block_size
        wanted = min(last * self.block_size, self.size) - start
        data = os.pread(self._fd, wanted, start) if wanted else b""
        if len(data) != wanted:
            raise OSError("the file has become shorter while it was sent")
        if os.fstat(self._fd).st_mtime_ns != self._written:
            raise OSError("the file was changed while it was sent")
        return data

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def opened(path: Path, block_size: int) -> FileImage:
    """Return an image of a file that stays open until it is closed.

    :raises OSError: when it cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    except OSError:
        os.close(fd)
        raise
    return FileImage(status.st_size, block_size, status.st_size // block_size + 1, fd, status.st_mtime_ns)

"""Streams for hostile archives: what they unpack to is bounded before anything believes their headers."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
from typing import IO, Any, Protocol, cast

from provisiond.packages.problems import ArchiveProblem

_LARGEST_EXTENSION = 1 << 20
_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class StreamLimits(Protocol):
    """The limits that a stream needs to know, see ``archives.ArchiveLimits``."""

    @property
    def members(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def ratio(self) -> int: ...
    @property
    def ratio_floor(self) -> int: ...


def decompressed(raw: IO[bytes]) -> IO[bytes]:
    """Return a reader of what a gzip, bzip2 or xz file holds; any other content is returned as it is."""
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb"))
    if magic.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(raw))
    if magic.startswith(b"\xfd7zXZ\x00"):
        return cast(IO[bytes], lzma.LZMAFile(raw, format=lzma.FORMAT_XZ))
    return raw


class BoundedReader:
    """Reads ``stream`` until it has given more than the limits allow.

    :param stream: what is read, usually a decompressor.
    :param raw: the file below it; its size is what the ratio is measured against.
    """

    def __init__(self, stream: IO[bytes], raw: IO[bytes], limits: StreamLimits) -> None:
        packed = os.fstat(raw.fileno()).st_size
        # every member costs a header and padding besides its content
        ceiling = limits.size + 2048 * limits.members
        self._left = min(ceiling, max(limits.ratio_floor, packed * limits.ratio))
        self._stream = stream
        self._started = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes.

        :raises ArchiveProblem: when the archive unpacks to more than it may.
        """
        try:
            data = self._stream.read(size)
        except gzip.BadGzipFile as error:
            # signed firmware carries bytes behind the gzip stream; a damaged stream says "CRC check failed" instead
            if not (self._started and str(error).startswith("Not a gzipped file")):
                raise
            return b""
        self._started = self._started or bool(data)
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveProblem("the archive unpacks to more than it may: it looks like an archive bomb")
        return data


class _StrictTarInfo(tarfile.TarInfo):
    """A member whose header must be whole: the standard library takes a broken one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _StrictTarInfo:
        try:
            info = super().frombuf(buf, encoding, errors)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            raise ArchiveProblem("this is not a tar archive, or it is broken or cut off") from None
        if info.type in _EXTENSIONS and info.size > _LARGEST_EXTENSION:
            raise ArchiveProblem("the archive holds a header of more than 1 MiB")
        return info


def strict_tar_info() -> Any:
    """Return the class of members to open hostile tar archives with."""
    return _StrictTarInfo

"""Unpacking foreign archives safely, and packing our own so that the same tree gives the same bytes."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from attrs import frozen

from provisiond.errors import PackageProblem
from provisiond.packages.problems import ArchiveProblem, disk_sentence
from provisiond.packages.streams import BoundedReader, decompressed, strict_tar_info

MEBIBYTE = 1 << 20
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
)
_COPY_SIZE = 1 << 18
_LARGEST_TIME = 1 << 33


@frozen(kw_only=True)
class ArchiveLimits:
    """How much an archive may hold.

    :param members: number of entries.
    :param size: bytes of all files together.
    :param ratio: unpacked bytes for each packed byte, counted above ``ratio_floor`` bytes.
    :param ratio_floor: bytes that any archive may unpack to, whatever its ratio.
    """

    members: int
    size: int
    ratio: int = 1000
    ratio_floor: int = 256 * MEBIBYTE


PLUGIN_LIMITS = ArchiveLimits(members=20_000, size=1024 * MEBIBYTE, ratio=200, ratio_floor=32 * MEBIBYTE)
FIRMWARE_LIMITS = ArchiveLimits(members=100_000, size=8192 * MEBIBYTE)


class Budget(Protocol):
    """Counts what is unpacked; raises when a limit is reached."""

    def member(self) -> None:
        """Count an entry."""

    def written(self, size: int) -> None:
        """Count bytes that were written."""


class Usage:
    """A :class:`Budget` for one archive, or for several that share their limits.

    :param limits: what all of them together may hold.
    :param cancelled: asked often; True stops the work.
    """

    def __init__(self, limits: ArchiveLimits, cancelled: Callable[[], bool] = lambda: False) -> None:
        self.limits = limits
        self._cancelled = cancelled
        self._members = 0
        self._size = 0

    def member(self) -> None:
        """Count an entry.

        :raises ArchiveProblem: when there are too many.
        """
        self._members += 1
        if self._members > self.limits.members:
            raise ArchiveProblem(f"the archive holds more than {self.limits.members:,} entries")
        self._check_cancelled()

    def written(self, size: int) -> None:
        """Count bytes that were written.

        :raises ArchiveProblem: when there are too many.
        """
        self._size += size
        if self._size > self.limits.size:
            raise ArchiveProblem(f"the archive unpacks to more than {self.limits.size:,} bytes")
        self._check_cancelled()

    def _check_cancelled(self) -> None:
        if self._cancelled():
            raise ArchiveProblem("unpacking was stopped")


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the components of a member's name.

    :raises ArchiveProblem: for an absolute name, ``..``, a control character, an overlong name, or no name at all.
    """
    if name.startswith("/"):
        raise ArchiveProblem(f"the archive holds the absolute name {shown(name)}")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ArchiveProblem(f"the archive holds {shown(name)}, which leads out of it")
    check_characters(name)
    if any(len(os.fsencode(part)) > 255 for part in parts) or len(name) > 2048:
        raise ArchiveProblem(f"the archive holds a name that is too long: {shown(name)}")
    return parts


def check_characters(name: str) -> None:
    """Refuse a name with control characters.

    :raises ArchiveProblem: naming it.
    """
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name):
        raise ArchiveProblem(f"the archive holds a name with a control character: {shown(name)}")


def shown(name: str) -> str:
    """Return a foreign name as it can stand in a sentence: quoted, escaped, at most 80 characters."""
    return ascii(name if len(name) <= 80 else name[:77] + "...")


def place_directory(root: Path, parts: tuple[str, ...]) -> Path:
    """Make a directory below ``root`` and return its path; no part of the way may be a link or a file.

    :raises ArchiveProblem: when one is.
    """
    path = root
    for part in parts:
        path = path / part
        try:
            path.mkdir(mode=0o755)
        except FileExistsError:
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise ArchiveProblem(f"the archive uses {shown(part)} both as a directory and as a file") from None
    return path


def place_file(
    root: Path, parts: tuple[str, ...], source: IO[bytes], budget: Budget, modified: float | None = None
) -> None:
    """Write a file below ``root``, replacing a file or link of the same name.

    :raises ArchiveProblem: when a directory has that name, or the budget is used up.
    """
    path = _vacant(root, parts)
    with path.open("xb") as target:
        while chunk := source.read(_COPY_SIZE):
            budget.written(len(chunk))
            target.write(chunk)
        os.fchmod(target.fileno(), 0o644)
    if modified is not None and 0 <= modified < _LARGEST_TIME:
        os.utime(path, (modified, modified))


def _vacant(root: Path, parts: tuple[str, ...]) -> Path:
    path = place_directory(root, parts[:-1]) / parts[-1]
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        raise ArchiveProblem(f"the archive uses {shown(parts[-1])} both as a directory and as a file")
    return path


def unpack_tar(
    archive: Path,
    destination: Path,
    usage: Usage,
    *,
    drop_dangling_links: bool = False,
    keep_executable: bool = False,
) -> tuple[str, ...]:
    """Unpack a tar archive (plain, gzip, bzip2 or xz, told by its content) into an existing directory.

    Owners, modes and special bits of the archive are ignored. On failure the directory holds what was unpacked so far.

    :param drop_dangling_links: remove links to nothing instead of refusing the archive.
    :param keep_executable: let files be executable that are so for their owner in the archive.
    :return: the distinct first components of the members' names, sorted.
    :raises ArchiveProblem: for anything but files, directories and links that stay inside; for names that lead out;
        above a limit; for a broken archive.
    """
    tops: set[str] = set()
    with problems_told(), tar_members(archive, usage) as tar:
        for member in tar:
            parts = safe_parts(member.name)
            if parts:
                tops.add(parts[0])
                _place_member(tar, member, parts, destination, usage)
                if keep_executable and member.isreg() and member.mode & 0o100:
                    destination.joinpath(*parts).chmod(0o755)
    _check_links(destination, drop_dangling_links)
    return tuple(sorted(tops))


class TarMembers:
    """The members of a tar archive, in order, counted; see :func:`tar_members`."""

    def __init__(self, archive: Path, usage: Usage) -> None:
        self._archive = archive
        self._usage = usage

    def __enter__(self) -> TarMembers:
        self._raw = self._archive.open("rb")
        try:
            bounded = BoundedReader(decompressed(self._raw), self._raw, self._usage.limits)
            self._tar = tarfile.open(
                fileobj=cast(IO[bytes], bounded), mode="r|", tarinfo=strict_tar_info(), errors="surrogateescape"
            )
        except BaseException:
            self._raw.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()
        self._raw.close()

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        while (member := self._tar.next()) is not None:
            self._usage.member()
            if member.size < 0 or member.issparse():
                raise ArchiveProblem(
                    f"{shown(member.name)} is a sparse file, which archives for this server may not hold"
                )
            yield member
            # tarfile keeps every member that it has seen; they are not needed again
            self._tar.members.clear()  # type: ignore[attr-defined]

    def content(self, member: tarfile.TarInfo) -> IO[bytes]:
        """Return the content of the member that iteration stands at."""
        stream = self._tar.extractfile(member)
        if stream is None:
            raise ArchiveProblem(f"{shown(member.name)} is not a file")
        return stream


def tar_members(archive: Path, usage: Usage) -> TarMembers:
    """Return a context manager that iterates over a tar archive's members while counting them."""
    return TarMembers(archive, usage)


def _place_member(
    tar: TarMembers, member: tarfile.TarInfo, parts: tuple[str, ...], destination: Path, usage: Usage
) -> None:
    if member.isdir():
        place_directory(destination, parts)
    elif member.isreg():
        place_file(destination, parts, tar.content(member), usage, member.mtime)
    elif member.issym():
        if member.linkname.startswith("/") or not member.linkname:
            raise ArchiveProblem(f"the archive holds a link to {shown(member.linkname)}, which leads out of it")
        _vacant(destination, parts).symlink_to(member.linkname)
    elif member.islnk():
        _place_hard_link(destination, parts, safe_parts(member.linkname))
    else:
        raise ArchiveProblem(f"{shown(member.name)} is neither a file, nor a directory, nor a link")


def _place_hard_link(destination: Path, parts: tuple[str, ...], target_parts: tuple[str, ...]) -> None:
    target = destination
    for part in target_parts:
        target = target / part
        if target.is_symlink():
            raise ArchiveProblem(f"the archive holds a hard link through the link {shown(part)}")
    if not target.is_file():
        raise ArchiveProblem(
            f"the archive holds a hard link to {shown('/'.join(target_parts))}, which it does not hold"
        )
    if target_parts != parts:
        os.link(target, _vacant(destination, parts), follow_symlinks=False)


def _check_links(root: Path, drop_dangling: bool) -> None:
    top = root.resolve()
    for directory, directories, files in os.walk(root):
        for name in [*directories, *files]:
            path = Path(directory, name)
            if not path.is_symlink():
                continue
            if not _leads_inside(path, top):
                raise ArchiveProblem(f"the archive holds the link {shown(name)}, which leads out of it")
            if os.path.exists(path):
                continue
            if not drop_dangling:
                raise ArchiveProblem(f"the archive holds the link {shown(name)} to nothing")
            path.unlink()


def _leads_inside(link: Path, top: Path) -> bool:
    """Tell whether a link leads to something below a directory, there or not."""
    try:
        return top in link.resolve().parents
    except (OSError, RuntimeError):
        # it goes round in a circle
        return True


@contextmanager
def problems_told() -> Iterator[None]:
    """Turn what the archive modules raise into :class:`ArchiveProblem`."""
    try:
        yield
    except PackageProblem:
        raise
    except OSError as error:
        # a broken gzip file is an OSError without a number
        broken = error.errno is None
        raise ArchiveProblem("the archive is broken or cut off" if broken else disk_sentence(error)) from error
    except BROKEN as error:
        raise ArchiveProblem("the archive is broken or cut off") from error


def remove_tree(path: Path) -> None:
    """Remove a directory or file, whatever it holds; nothing happens when it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

"""Packing a plugin's directory: the same tree gives the same bytes."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from provisiond.errors import PackageProblem
from provisiond.packages.archives import shown

_LEFT_OUT_DIRECTORIES = frozenset({"__pycache__", "tests"})


def is_left_out(name: str, *, is_directory: bool) -> bool:
    """Tell whether a file or directory of this base name never goes into a plugin's archive."""
    return name.startswith(".") or name.endswith(".pyc") or (is_directory and name in _LEFT_OUT_DIRECTORIES)


def tree_members(root: Path) -> tuple[Path, ...]:
    """Return what a plugin's archive holds, relative to ``root`` and in text order, without ``root`` itself."""
    return tuple(sorted(_walk(root, Path()), key=lambda path: path.as_posix()))


def _walk(root: Path, relative: Path) -> Iterator[Path]:
    for entry in os.scandir(root / relative):
        is_directory = entry.is_dir(follow_symlinks=False)
        if is_left_out(entry.name, is_directory=is_directory):
            continue
        yield relative / entry.name
        if is_directory:
            yield from _walk(root, relative / entry.name)


def newest_time(root: Path) -> int:
    """Return the time, in whole seconds, of the newest plain file that an archive of ``root`` would hold, else 0."""
    paths = (root / relative for relative in tree_members(root))
    return max((int(path.lstat().st_mtime) for path in paths if path.is_file() and not path.is_symlink()), default=0)


def source_time(root: Path) -> int:
    """Return the time that files made from ``root`` get: ``SOURCE_DATE_EPOCH``, else that of its newest file.

    :raises PackageProblem: when the variable is not a number.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return newest_time(root)
    if not (text.isascii() and text.isdigit()):
        raise PackageProblem("SOURCE_DATE_EPOCH must be a number of seconds")
    return int(text)


def pack_directory(directory: Path, archive: Path, *, time: int) -> None:
    """Write a plugin's directory as a ``.tar.bz2`` whose bytes depend on nothing but its content and ``time``.

    The archive appears under its name when it is complete.

    :param directory: its name becomes the archive's only top directory.
    :param time: seconds since 1970, given to every member.
    :raises PackageProblem: for anything but files, directories and relative links that stay inside.
    """
    partial = archive.with_name(f".{archive.name}.part")
    try:
        with tarfile.open(partial, "w:bz2", format=tarfile.PAX_FORMAT, compresslevel=9) as tar:
            tar.addfile(_member(directory.name, tarfile.DIRTYPE, time))
            for relative in tree_members(directory):
                _add(tar, directory, relative, time)
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, directory: Path, relative: Path, time: int) -> None:
    path = directory / relative
    name = f"{directory.name}/{relative.as_posix()}"
    if path.is_symlink():
        member = _member(name, tarfile.SYMTYPE, time)
        member.linkname = _link_target(directory, path)
        tar.addfile(member)
    elif path.is_dir():
        tar.addfile(_member(name, tarfile.DIRTYPE, time))
    elif path.is_file():
        member = _member(name, tarfile.REGTYPE, time)
        with path.open("rb") as stream:
            member.size = os.fstat(stream.fileno()).st_size
            tar.addfile(member, stream)
    else:
        raise PackageProblem(f"{shown(name)} is neither a file, nor a directory, nor a link")


def _member(name: str, kind: bytes, time: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mtime = time
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return member


def _link_target(directory: Path, path: Path) -> str:
    target = os.readlink(path)
    resolved = path.resolve()
    if os.path.isabs(target) or directory.resolve() not in resolved.parents or not resolved.exists():
        raise PackageProblem(f"the link {shown(path.name)} does not lead to a file inside the plugin")
    return target

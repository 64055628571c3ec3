"""Whether a directory can be written, and how much room is left in it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from provisiond.model.trouble import Trouble
from provisiond.provisioning.health import Check
from provisiond.provisioning.ports import Threads

MEBIBYTE: Final = 1024 * 1024
LOW_SHARE: Final = 0.05
LOW_BYTES: Final = 1024 * MEBIBYTE
PROBE: Final = b"\0" * 4_096
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_OF_THE_PROCESS: Final = frozenset({errno.EMFILE, errno.ENFILE})


def disk_check(name: str, directory: Path, threads: Threads) -> Check:
    """Return a check of a directory.

    :param name: what settings call it, e.g. ``general.state_dir``: answers name no paths.
    """

    async def checked() -> Sequence[Trouble]:
        trouble = await threads.run(directory_trouble, name, directory)
        return () if trouble is None else (trouble,)

    return checked


def directory_trouble(name: str, directory: Path) -> Trouble | None:
    """Return what is wrong with a directory, or None. Blocks: it writes a small file and removes it.

    Room is low below a twentieth of the file system, or a gibibyte if that is less.
    """
    probe = directory / f".room-{os.getpid()}"
    try:
        try:
            probe.write_bytes(PROBE)
        finally:
            probe.unlink(missing_ok=True)
        room = os.statvfs(directory)
    except OSError as error:
        return _refused(name, error)
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    if free < min(LOW_BYTES, total * LOW_SHARE):
        return Trouble(
            code="disk-low", about=name, sentence=f"{name}: {free // MEBIBYTE} MiB of {total // MEBIBYTE} MiB are left"
        )
    if room.f_files and room.f_favail < room.f_files * LOW_SHARE:
        return Trouble(
            code="disk-low", about=name, sentence=f"{name}: room for {room.f_favail} more files only is left"
        )
    return None


def _refused(name: str, error: OSError) -> Trouble | None:
    if error.errno in _OF_THE_PROCESS:
        return None
    if error.errno in _FULL:
        return Trouble(code="disk-full", about=name, sentence=f"{name}: nothing more can be written, the disk is full")
    if error.errno == errno.EROFS:
        return Trouble(code="disk-read-only", about=name, sentence=f"{name}: the file system is read-only")
    return Trouble(code="directory-unwritable", about=name, sentence=f"{name} cannot be written: {error.strerror}")

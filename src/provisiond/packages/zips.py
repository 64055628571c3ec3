"""Unpacking foreign zip archives safely."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

from provisiond.packages.archives import Usage, check_characters, place_directory, place_file, problems_told, shown
from provisiond.packages.problems import ArchiveProblem

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_ENTRY = b"PK\x01\x02"
_LARGEST_DIRECTORY = 64 << 20
_ENCRYPTED = 0x1


def unpack_zip(archive: Path, destination: Path, usage: Usage) -> None:
    """Unpack a zip archive into an existing directory; modes and links of the archive are ignored.

    Leading slashes, drives and ``..`` parts of names are dropped, as is usual for zip archives.

    :raises ArchiveProblem: for control characters in a name, encryption, a broken archive, and above a limit.
    """
    with problems_told():
        _check_directory(archive, usage.limits.members)
        with zipfile.ZipFile(archive) as file:
            entries = file.infolist()
            packed = archive.stat().st_size
            declared = sum(entry.file_size for entry in entries)
            ceiling = min(usage.limits.size, max(usage.limits.ratio_floor, packed * usage.limits.ratio))
            if declared > ceiling:
                raise ArchiveProblem("the archive unpacks to more than it may: it looks like an archive bomb")
            for entry in entries:
                usage.member()
                _place(file, entry, destination, usage)


def _check_directory(archive: Path, members: int) -> None:
    """Count the entries before the standard library makes an object of each."""
    size = archive.stat().st_size
    with archive.open("rb") as stream:
        stream.seek(max(0, size - 66_000))
        tail = stream.read()
        end = tail.rfind(_END)
        if end < 0:
            raise ArchiveProblem("this is not a zip archive, or it is cut off")
        length = int.from_bytes(tail[end + 12 : end + 16], "little")
        large = tail.rfind(_END64, 0, end)
        if length == 0xFFFFFFFF and large >= 0:
            length = int.from_bytes(tail[large + 40 : large + 48], "little")
        if length > min(size, _LARGEST_DIRECTORY):
            raise ArchiveProblem("the zip archive's directory is broken or too large")
        stream.seek(max(0, size - len(tail) + end - length - 256))
        if stream.read(length + 256).count(_ENTRY) > members:
            raise ArchiveProblem(f"the archive holds more than {members:,} entries")


def _place(file: zipfile.ZipFile, entry: zipfile.ZipInfo, destination: Path, usage: Usage) -> None:
    check_characters(entry.filename)
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveProblem(f"{shown(entry.filename)} is encrypted, and archives with a password cannot be unpacked")
    name = entry.filename[2:] if entry.filename[1:2] == ":" and entry.filename[:1].isalpha() else entry.filename
    parts = tuple(part for part in name.split("/") if part not in ("", ".", ".."))
    if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts) or len(name) > 2048:
        raise ArchiveProblem(f"the archive holds a name that is too long: {shown(entry.filename)}")
    if not parts:
        return
    if entry.is_dir():
        place_directory(destination, parts)
        return
    with file.open(entry) as stream:
        place_file(destination, parts, stream, usage, _modified(entry))


def _modified(entry: zipfile.ZipInfo) -> float | None:
    try:
        return time.mktime((*entry.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return None

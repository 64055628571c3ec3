"""Backups as archives: what the server keeps, in one gzip tar."""

from __future__ import annotations

import json
import os
import stat
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from provisiond.errors import PackageProblem
from provisiond.packages.archives import ArchiveLimits, Usage, shown, unpack_tar
from provisiond.packages.firmware.records import INSTALLED_DIRECTORY, read_records
from provisiond.packages.plugin_archive import INFO_NAME, is_plugin_id
from provisiond.packages.problems import ArchiveProblem, disk_sentence

DESCRIPTION: Final = "backup.json"
TABLES: Final = "tables"
PLUGINS: Final = "plugins"
PHONE_FILES: Final = "uploads"
TOKEN: Final = "admin-token"  # noqa: S105  (the name of a file)
CACHE_DIRECTORY: Final = "var/cache"
LIMITS: Final = ArchiveLimits(members=2_000_000, size=1 << 40)
LARGEST_DESCRIPTION: Final = 1 << 20
LEFT_OUT: Final = ("__pycache__",)


def installed_plugins(plugins_dir: Path) -> list[Path]:
    """Return the directories of installed plugins, in order of their ids. Blocks."""
    found = sorted(plugins_dir.iterdir()) if plugins_dir.is_dir() else []
    return [path for path in found if is_plugin_id(path.name) and (path / INFO_NAME).is_file()]


def described(plugin: Path) -> dict[str, Any]:
    """Return version and firmware packages of an installed plugin, for the description of a backup. Blocks."""
    try:
        version = json.loads((plugin / INFO_NAME).read_bytes()).get("version")
    except (OSError, ValueError, AttributeError):
        version = None
    return {"version": version, "firmware": {each.id: each.version for each in read_records(plugin).packages.values()}}


def write_archive(
    target: Path,
    description: Mapping[str, Any],
    tables: Path,
    token: Path,
    plugins: Collection[Path],
    left_out: Callable[[Path], Collection[Path]],
    phone_files: Path | None = None,
) -> None:
    """Write a backup. Blocks.

    :param tables: directory of the tables' files.
    :param token: file of the administrator's token, which may be missing.
    :param left_out: returns the paths inside a plugin's directory that do not go in.
    :param phone_files: the directory of what phones have sent, which may be missing; None when it does not go in.
    :raises PackageProblem: when the disk refuses, or something changes meanwhile.
    """
    try:
        with tarfile.open(target, "w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar:
            content = json.dumps(description, indent=1).encode()
            tar.addfile(_member(DESCRIPTION, len(content), description["time"]), BytesIO(content))
            for path in sorted(tables.iterdir()):
                _add(tar, f"{TABLES}/{path.name}", path)
            if token.is_file():
                _add(tar, TOKEN, token)
            for plugin in plugins:
                for path in (plugin, *_tree(plugin, plugin, frozenset(left_out(plugin)))):
                    _add(tar, f"{PLUGINS}/{path.relative_to(plugin.parent).as_posix()}", path)
            for path in () if phone_files is None else _sent_files(phone_files):
                # phones go on sending: the oldest of a phone may be gone meanwhile
                with suppress(FileNotFoundError):
                    _add(tar, f"{PHONE_FILES}/{path.parent.name}/{path.name}", path)
    except OSError as error:
        raise PackageProblem(f"the backup cannot be written: {disk_sentence(error)}") from error


def firmware_files(plugin: Path, root: Path) -> set[Path]:
    """Return what the firmware packages of a plugin have put into its directory, with their records. Blocks.

    :param root: the directory that the names in the records begin at.
    """
    files = {root / name.rstrip("/") for each in read_records(plugin).packages.values() for name in each.files}
    return {path for path in files if not path.is_dir()} | {plugin / INSTALLED_DIRECTORY, plugin / CACHE_DIRECTORY}


def _tree(top: Path, directory: Path, left_out: frozenset[Path]) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path in left_out or path.name in LEFT_OUT or path.name.endswith(".pyc"):
            continue
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield path
            yield from _tree(top, path, left_out)
        elif stat.S_ISREG(mode) or (stat.S_ISLNK(mode) and _stays_inside(top, path)):
            yield path


def _sent_files(directory: Path) -> Iterator[Path]:
    for device in sorted(directory.iterdir()) if directory.is_dir() else ():
        for path in sorted(device.iterdir()) if _is_directory(device) else ():
            if _is_file(path) and not path.name.startswith("."):
                yield path


def _stays_inside(top: Path, link: Path) -> bool:
    return link.exists() and not os.readlink(link).startswith("/") and top.resolve() in link.resolve().parents


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    found = path.lstat()
    if stat.S_ISREG(found.st_mode):
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            tar.addfile(_member(name, size, found.st_mtime, executable=bool(found.st_mode & 0o100)), file)
        return
    member = _member(name, 0, found.st_mtime)
    member.type, member.mode = tarfile.DIRTYPE, 0o755
    if stat.S_ISLNK(found.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
    tar.addfile(member)


def _member(name: str, size: int, modified: float, *, executable: bool = False) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(modified), 0o755 if executable else 0o644
    return member


def unpack_backup(archive: Path, into: Path, cancelled: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Unpack a backup into an existing directory, check that it is one, and return its description. Blocks.

    :raises ArchiveProblem: when it is none, is broken, or holds anything that may not be in it.
    """
    unpack_tar(archive, into, Usage(LIMITS, cancelled), keep_executable=True)
    found = {path.name for path in into.iterdir()}
    strange = sorted(found - {DESCRIPTION, TABLES, PLUGINS, TOKEN, PHONE_FILES})
    if strange:
        raise ArchiveProblem(f"the archive is no backup of this server: it holds {shown(strange[0])}")
    (into / PLUGINS).mkdir(exist_ok=True)
    if not _is_file(into / DESCRIPTION) or not _is_directory(into / TABLES) or not _is_directory(into / PLUGINS):
        raise ArchiveProblem("the archive is no backup of this server")
    if any(not _is_file(path) for path in (into / TABLES).iterdir()):
        raise ArchiveProblem("the backup holds a table that is no file")
    if (into / TOKEN).is_symlink() or (TOKEN in found and not _is_file(into / TOKEN)):
        raise ArchiveProblem("the backup holds an administrator's token that is no file")
    if PHONE_FILES in found:
        _check_phone_files(into / PHONE_FILES)
    for path in (into / PLUGINS).iterdir():
        if not is_plugin_id(path.name) or not _is_directory(path) or not _is_file(path / INFO_NAME):
            raise ArchiveProblem(f"the backup holds {shown(path.name)} among the plugins, which is none")
    return _description(into / DESCRIPTION)


def _check_phone_files(directory: Path) -> None:
    devices = list(directory.iterdir()) if _is_directory(directory) else [directory]
    if not all(_is_directory(device) and all(_is_file(path) for path in device.iterdir()) for device in devices):
        raise ArchiveProblem("the backup holds something among the files of phones that is no file of a phone")


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _description(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_DESCRIPTION:
            raise ValueError
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        document = None
    texts = ("provisiond", "schema", "made")
    if not isinstance(document, dict) or not all(isinstance(document.get(name), str) for name in texts):
        raise ArchiveProblem("the archive is no backup of this server: its description cannot be read")
    return document

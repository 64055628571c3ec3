"""Copying staged files to the host, and taking them away again (extension contract, section 2.2)."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Collection, Iterable
from pathlib import Path

from attrs import frozen

from provisiond.extensions.problems import ExtensionProblem, FileConflict


@frozen
class Placed:
    """What was copied to the host, relative to its root."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def planned(stage: Path, root: Path, owned: Collection[str]) -> Placed:
    """Return what copying a stage would add to the host. Blocks.

    :param root: of the host's files.
    :param owned: files that the installed version of the same extension has copied.
    :raises FileConflict: when other files are in the way.
    """
    files, folders, conflicts = [], [], []
    for directory, directories, names in os.walk(stage):
        relative = Path(directory).relative_to(stage)
        links = [name for name in directories if Path(directory, name).is_symlink()]
        for name in sorted([*names, *links]):
            path = (relative / name).as_posix()
            files.append(path)
            if os.path.lexists(root / path) and path not in owned:
                conflicts.append(f"/{path}")
        for name in sorted(set(directories) - set(links)):
            path = (relative / name).as_posix()
            if os.path.lexists(root / path) and not (root / path).is_dir():
                conflicts.append(f"/{path}")
            elif not (root / path).is_dir():
                folders.append(path)
    if conflicts:
        raise FileConflict(sorted(conflicts))
    return Placed(tuple(sorted(files)), tuple(sorted(folders)))


def place(stage: Path, root: Path, plan: Placed) -> None:
    """Copy staged files to the host, each by one rename. Blocks.

    :raises ExtensionProblem: when the daemon's user may not write there; the caller takes away what was copied.
    """
    name = ""
    try:
        for name in plan.folders:
            (root / name).mkdir(parents=True, exist_ok=True)
            (root / name).chmod((stage / name).stat().st_mode & 0o777)
        for name in plan.files:
            _copy(stage / name, root / name)
    except OSError as error:
        raise ExtensionProblem(f"/{name} cannot be written: {error.strerror}") from error


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}")
    try:
        shutil.copy2(source, partial, follow_symlinks=False)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def take_away(root: Path, files: Iterable[str], folders: Iterable[str]) -> list[str]:
    """Remove files, then folders when they are empty; return a sentence for each that could not be removed. Blocks."""
    failed = []
    for name in files:
        try:
            (root / name).unlink(missing_ok=True)
        except OSError as error:
            failed.append(f"/{name} cannot be removed: {error.strerror}")
    for name in sorted(folders, reverse=True):
        path = root / name
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            try:
                path.rmdir()
            except OSError as error:
                failed.append(f"/{name} cannot be removed: {error.strerror}")
    return failed

"""Changing many files as if at once: a journal holds what is replaced until everything is done.

A journal is a directory with ``journal.json``, which names every change before the first is made, ``new/<n>`` with what
will be placed and ``old/<n>`` with what was there. :func:`roll_back` undoes whatever part was done, in any state, also
when it was itself interrupted; once ``journal.json`` is gone there is nothing to undo.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from provisiond.packages.archives import remove_tree
from provisiond.whole_files import write_json

_PLAN = "journal.json"


@frozen(kw_only=True)
class Change:
    """One file that is placed, replaced or removed.

    :param target: its absolute path.
    :param source: the file that takes its place, on the same file system, or None to remove it.
    """

    target: Path
    source: Path | None = None


@frozen(kw_only=True)
class Changes:
    """Everything that is to change.

    :param directories: absolute paths to make where they are missing, parents first.
    :param files: in the order they are changed; what says that the rest is there comes last.
    """

    directories: Sequence[Path] = ()
    files: Sequence[Change] = field(factory=tuple)


def apply(changes: Changes, directory: Path) -> None:
    """Make all changes, or none; blocks.

    :param directory: the journal's, which must not exist, on the same file system.
    :raises OSError: when a change cannot be made; everything is as before then.
    """
    try:
        plan = _planned(changes, directory)
        for path in plan["directories"]:
            Path(path).mkdir(mode=0o755)
        for number, entry in enumerate(plan["files"]):
            _change(directory, number, entry)
        _sync(Path(entry["target"]).parent for entry in plan["files"])
    except BaseException:
        roll_back(directory)
        raise
    (directory / _PLAN).unlink()
    remove_tree(directory)


def _planned(changes: Changes, directory: Path) -> dict[str, Any]:
    (directory / "new").mkdir(parents=True)
    (directory / "old").mkdir()
    for number, change in enumerate(changes.files):
        if change.source is not None:
            _sync_file(change.source)
            change.source.rename(directory / "new" / str(number))
    plan = {
        "directories": [str(path) for path in changes.directories if not path.is_dir()],
        "files": [_entry(change) for change in changes.files],
    }
    write_json(directory / _PLAN, plan)
    _sync([directory])
    return plan


def _entry(change: Change) -> dict[str, Any]:
    existed = os.path.lexists(change.target)
    return {"target": str(change.target), "existed": existed, "placed": change.source is not None}


def _change(directory: Path, number: int, entry: dict[str, Any]) -> None:
    target, new, old = Path(entry["target"]), directory / "new" / str(number), directory / "old" / str(number)
    if entry["existed"] and not entry["placed"]:
        target.rename(old)
        return
    if entry["existed"]:
        # a second name, so that there is no moment at which a phone finds no file
        _duplicate(target, old)
    if entry["placed"]:
        new.rename(target)


def _duplicate(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def roll_back(directory: Path) -> bool:
    """Undo what a journal began; tell whether there was anything to undo. Blocks."""
    try:
        plan = json.loads((directory / _PLAN).read_bytes())
    except FileNotFoundError:
        remove_tree(directory)
        return False
    for number, entry in reversed(list(enumerate(plan["files"]))):
        _restore(directory, number, entry)
    for path in reversed(plan["directories"]):
        _remove_empty(Path(path))
    (directory / _PLAN).unlink()
    remove_tree(directory)
    return True


def _restore(directory: Path, number: int, entry: dict[str, Any]) -> None:
    target, new, old = Path(entry["target"]), directory / "new" / str(number), directory / "old" / str(number)
    if os.path.lexists(old):
        if entry["placed"] and new.exists():
            # nothing was placed yet: what is there is still the former file
            old.unlink()
        else:
            old.rename(target)
    elif not entry["existed"] and entry["placed"] and not new.exists():
        target.unlink(missing_ok=True)


def _remove_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        # it is missing, or somebody else has put something into it
        return


def _sync(directories: Iterable[Path]) -> None:
    for directory in set(directories):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sync_file(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())

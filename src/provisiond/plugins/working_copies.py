"""Copies of plugins that run while their sources are being edited."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from provisiond.plugins.revisions import NOT_CODE, revision_of

_TEMPLATES: Final = Path("var", "templates")


class WorkingCopies:
    """Keeps what a plugin's code and templates were when it was loaded, so that a broken edit stops nobody.

    All methods block.

    :param directory: for the copies alone; it is made when needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def take(self, source: Path, year: int) -> tuple[Path, str]:
        """Return a copy of a plugin's directory as it is now, and the copy's revision.

        :param source: its name is the plugin's id.
        :param year: see :func:`provisiond.plugins.revisions.revision_of`.
        :raises OSError: when it cannot be read or copied.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".taking-", dir=self._directory) as work:
            fresh = Path(work, source.name)
            fresh.mkdir()
            for child in source.iterdir():
                if child.name not in NOT_CODE and not child.name.startswith("."):
                    _copy(child, fresh / child.name)
            if (source / _TEMPLATES).is_dir():
                _copy(source / _TEMPLATES, fresh / _TEMPLATES)
            revision = revision_of(fresh, year)
            kept = self._directory / f"{source.name}@{revision}" / source.name
            if not kept.is_dir():
                kept.parent.mkdir(exist_ok=True)
                fresh.rename(kept)
        return kept, revision

    def keep_only(self, plugin_id: str, copy: Path | None) -> None:
        """Remove a plugin's copies, all but one that :meth:`take` returned."""
        for path in self._directory.glob(f"{plugin_id}@*"):
            if copy is None or path.name != copy.parent.name:
                shutil.rmtree(path, ignore_errors=True)

    def clear(self) -> None:
        """Remove every copy."""
        shutil.rmtree(self._directory, ignore_errors=True)


def signature_of(source: Path) -> int | None:
    """Return a number that changes when anything of a plugin's code or templates does; None when it is not there.

    Blocks. Only names, sizes and times are looked at, so that this can be asked twice a second.
    """
    if not source.is_dir():
        return None
    return hash(tuple(sorted(_signs(source))))


def templates_signature_of(source: Path) -> int | None:
    """Return a number that changes when the administrator's templates of a plugin do; None when there are none.

    Blocks.
    """
    signs = sorted(_signs(source / _TEMPLATES)) if (source / _TEMPLATES).is_dir() else []
    return hash(tuple(signs)) if signs else None


def _signs(source: Path) -> Iterator[tuple[str, int, int]]:
    for directory, directories, files in os.walk(source):
        inside = Path(directory).relative_to(source)
        if inside == Path("."):
            directories[:] = [name for name in directories if name == "var" or name not in NOT_CODE]
        elif inside == Path("var"):
            directories[:], files = [name for name in directories if name == "templates"], []
        directories[:] = [name for name in directories if name != "__pycache__" and not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            try:
                status = os.stat(Path(directory, name), follow_symlinks=False)
            except OSError:
                continue
            yield f"{inside}/{name}", status.st_size, status.st_ctime_ns


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    else:
        shutil.copy2(source, target, follow_symlinks=False)

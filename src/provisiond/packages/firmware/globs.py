"""Patterns of names below a directory (firmware contract, section 2.3)."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from provisiond.packages.problems import DefinitionProblem

_MAGIC = re.compile(r"[*?\[]")


def escaped(text: str) -> str:
    """Return a pattern that matches ``text`` and nothing else."""
    return _MAGIC.sub(lambda match: f"[{match[0]}]", text)


def checked_name(text: str) -> str:
    """Return a relative name, normalised.

    :raises DefinitionProblem: when it is absolute or leads out.
    """
    name = posixpath.normpath(text)
    if not text or name == ".." or name.startswith(("/", "../")):
        raise DefinitionProblem(f"{text[:60]!r} must be relative and stay inside")
    return name


def matches(root: Path, pattern: str) -> list[Path]:
    """Return the files and directories below ``root`` that a pattern means, sorted.

    :raises DefinitionProblem: when the pattern is absolute or leads out.
    """
    found = [root]
    for part in checked_name(pattern).split("/"):
        found = [path for directory in found for path in _children(directory, part)]
    return sorted(found, key=lambda path: path.as_posix())


def _children(directory: Path, part: str) -> Iterator[Path]:
    if part == ".":
        yield directory
        return
    if not _MAGIC.search(part):
        if (directory / part).exists():
            yield directory / part
        return
    if not directory.is_dir():
        return
    for name in sorted(os.listdir(directory)):
        if name.startswith(".") and not part.startswith((".", "[.]")):
            continue
        if fnmatch.fnmatchcase(name, part) and (directory / name).exists():
            yield directory / name


def fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a relative name fits one of the patterns of ``include`` and ``exclude``; ``*`` matches ``/`` too."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

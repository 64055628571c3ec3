"""Plugin sources: families, their versions, and versions in texts."""

from __future__ import annotations

import re
from pathlib import Path

from provisiond.errors import PackageProblem
from provisiond.packages.archives import shown
from provisiond.packages.authoring.build import families
from provisiond.packages.plugin_archive import INFO_NAME


def family_directory(source: Path, family: str) -> Path:
    """Return the directory of a family.

    :raises PackageProblem: when there is none of this name.
    """
    name = family.rstrip("/")
    if name not in families(source):
        raise PackageProblem(f"there is no plugin family {shown(name)} in {source}")
    return source / name


def version_directories(family: Path) -> list[Path]:
    """Return the directories of a family that hold a ``plugin-info``, except ``common``, sorted."""
    found = (path.parent for path in family.glob(f"[!.]*/{INFO_NAME}"))
    return sorted(path for path in found if path.name != "common")


def with_version(text: str, old: str, new: str) -> str:
    """Return a text in which one version is replaced by another, also where ``_`` or ``-`` stand for its dots.

    Longer versions that only begin or end like the old one stay.
    """
    for separator in dict.fromkeys((".", "_", "-")):
        before, after = old.replace(".", separator), new.replace(".", separator)
        follow = re.escape(separator)
        pattern = rf"(?<![0-9A-Za-z])(?<![0-9]{follow}){re.escape(before)}(?![0-9A-Za-z])(?!{follow}[0-9])"
        text = re.sub(pattern, lambda _, after=after: after, text)  # type: ignore[misc]
    return text

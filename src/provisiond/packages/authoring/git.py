"""Asking git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provisiond.errors import PackageProblem


def git(directory: Path, *arguments: str) -> str:
    """Return what git prints when it is called in a directory.

    :raises PackageProblem: when git is missing, or fails; with the first line of what it says.
    """
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(directory), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise PackageProblem("git is needed to compare with an earlier revision") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise PackageProblem(f"git {arguments[0]} fails: {said[0] if said else 'no such revision'}")
    return done.stdout


def committed_time(directory: Path) -> int | None:
    """Return when a directory was last changed by a commit, in seconds since 1970.

    :return: None when something below it is not committed, or it is in no work tree, or there is no git.
    """
    try:
        if git(directory, "status", "--porcelain", "--", "."):
            return None
        text = git(directory, "log", "-1", "--format=%ct", "--", ".").strip()
    except (PackageProblem, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() else None

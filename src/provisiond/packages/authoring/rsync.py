"""Calling rsync: between a local directory and a directory, an rsync server, or an ssh host."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from attrs import frozen

from provisiond.errors import PackageProblem

_LISTED = re.compile(r"([bcdlps-])\S{9}\s+([\d,.]+)\s+(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\s(.+)")
_SENT = re.compile(r"[<>]f\S* (.+)")
_NOTHING_THERE = (3, 23)
# an index may change without changing its size, twice within a second: only its content tells
_COPY = ("--recursive", "--times", "--checksum")


@frozen
class Listed:
    """A file at a destination.

    :param modified: seconds since 1970, to the second.
    """

    name: str
    size: int
    modified: float


class Rsync:
    """One destination.

    :param destination: a directory, ``host:path``, ``user@host:path``, ``rsync://host/module/path`` or
        ``host::module/path``.
    :raises PackageProblem: when it is empty or looks like an option.
    """

    def __init__(self, destination: str) -> None:
        if not destination.strip() or destination.startswith("-"):
            raise PackageProblem("name a destination: a directory, an rsync address or host:path")
        self.destination = destination.rstrip("/") + "/"

    def pull(self, local: Path, *, filters: Sequence[str] = (), delete: bool = False) -> bool:
        """Copy what is at the destination into a local directory; False when there is nothing at all.

        :param filters: rsync's include and exclude rules, in order.
        :param delete: remove from ``local`` what the destination does not have.
        :raises PackageProblem: with what rsync says, when it fails.
        """
        local.mkdir(parents=True, exist_ok=True)
        options = [*filters, *(["--delete"] if delete else [])]
        status, said = _run([*_COPY, *options, self.destination, f"{local}/"])
        if status in _NOTHING_THERE and _says_missing(said):
            return False
        _check(status, said)
        return True

    def push(self, local: Path, *, filters: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        """Copy a local directory to the destination, which is made if missing.

        :raises PackageProblem: with what rsync says, when it fails.
        """
        _check(*_run([*_COPY, "--mkpath", *options, *filters, f"{local}/", self.destination]))

    def would_send(self, local: Path, *, filters: Sequence[str] = ()) -> list[str]:
        """Return the relative names of the files that differ from the destination, which exists; sends nothing.

        :raises PackageProblem: with what rsync says, when it fails.
        """
        options = [*_COPY, "--dry-run", "--out-format=%i %n"]
        status, said = _run([*options, *filters, f"{local}/", self.destination])
        _check(status, said)
        return sorted(match[1] for line in said.splitlines() if (match := _SENT.fullmatch(line)))

    def remove(self, names: Sequence[str]) -> None:
        """Remove files directly at the destination; names that are not there are fine."""
        if not names:
            return
        rules = [f"--include=/{_literal(name)}" for name in names]
        with tempfile.TemporaryDirectory() as empty:
            self.push(Path(empty), filters=[*rules, "--exclude=*"], options=["--delete"])

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file at the destination, or None when it is not there."""
        with tempfile.TemporaryDirectory() as directory:
            rules = [f"--include=/{_literal(name)}", "--exclude=*"]
            self.pull(Path(directory), filters=rules)
            path = Path(directory, name)
            return path.read_bytes() if path.is_file() else None

    def exists(self) -> bool:
        """Tell whether there is a directory at the destination."""
        return self._listed() is not None

    def listing(self) -> list[Listed]:
        """Return the plain files directly at the destination."""
        said = self._listed() or ""
        found = []
        for line in said.splitlines():
            match = _LISTED.fullmatch(line)
            if match is not None and match[1] == "-":
                # rsync prints local time
                when = datetime.strptime(match[3], "%Y/%m/%d %H:%M:%S").timestamp()
                found.append(Listed(match[4], int(re.sub(r"\D", "", match[2])), when))
        return found

    def _listed(self) -> str | None:
        status, said = _run(["--list-only", "--no-h", "--include=/*", "--exclude=*", "--recursive", self.destination])
        if status in _NOTHING_THERE and _says_missing(said):
            return None
        _check(status, said)
        return said


def _literal(name: str) -> str:
    return re.sub(r"([*?\[\]\\])", r"\\\1", name)


def _says_missing(said: str) -> bool:
    return "No such file or directory" in said or "does not exist" in said


def _check(status: int, said: str) -> None:
    if status != 0:
        lines = [line for line in said.strip().splitlines() if line.strip()]
        raise PackageProblem(f"rsync fails with status {status}: {lines[0][:200] if lines else 'it says nothing'}")


def _run(arguments: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603
            ["rsync", *arguments],  # noqa: S607
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise PackageProblem("the program rsync is needed (on Debian, the package rsync)") from None
    return done.returncode, done.stdout

"""One run of an install section: its limits, its deadline, and the programs it may call."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from provisiond.packages.archives import FIRMWARE_LIMITS, ArchiveLimits, Usage
from provisiond.packages.problems import InstallationProblem

MAX_SECONDS = 3600.0
_POLL_SECONDS = 0.05
_LONGEST_POLL = 0.5


class Work:
    """Counts what a run writes, and stops it when it takes too much or too long.

    :param limits: for everything that the run writes, intermediate directories included.
    :param seconds: how long it may take.
    :param cancelled: asked often; True stops the work.
    :param find_program: name -> path or None.
    """

    def __init__(
        self,
        limits: ArchiveLimits = FIRMWARE_LIMITS,
        *,
        seconds: float = MAX_SECONDS,
        cancelled: Callable[[], bool] = lambda: False,
        find_program: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self._deadline = time.monotonic() + seconds
        self._cancelled = cancelled
        self._find = find_program
        self.limits = limits
        self.usage = Usage(limits, self._must_stop)

    def member(self) -> None:
        """Count an entry; see :class:`provisiond.packages.archives.Usage`."""
        self.usage.member()

    def written(self, size: int) -> None:
        """Count bytes; see :class:`provisiond.packages.archives.Usage`."""
        self.usage.written(size)

    def check(self) -> None:
        """Go on, or not.

        :raises InstallationProblem: when the time is over or the work was cancelled.
        """
        if self._must_stop():
            raise InstallationProblem("unpacking took too long or was stopped")

    def unpack_with(self, programs: Sequence[str], bringer: str, arguments: Sequence[str], destination: Path) -> None:
        """Run the first of several programs that exists, without a shell, and count what it writes.

        :param bringer: the Debian package that brings it.
        :param destination: the directory that it writes into.
        :raises InstallationProblem: when none exists, when it fails or writes too much, and for what is not a file.
        """
        path = next((path for name in programs if (path := self._find(name))), None)
        if path is None:
            raise InstallationProblem(
                f"the program {' or '.join(programs)} is needed; install it (on Debian, the package {bringer})"
            )
        before = _contents(destination)
        status = self._wait(_started([path, *arguments]), destination, before)
        if status != 0:
            raise InstallationProblem(f"{programs[0]} ended with status {status}: the archive is broken or encrypted")
        for name, size in _contents(destination).items():
            if name not in before:
                self.member()
                self.written(size)
                (destination / name).chmod(0o644 if (destination / name).is_file() else 0o755)

    def _wait(self, process: subprocess.Popen[bytes], destination: Path, before: Mapping[str, int]) -> int:
        pause = _POLL_SECONDS
        try:
            while True:
                try:
                    return process.wait(pause)
                except subprocess.TimeoutExpired:
                    pause = min(2 * pause, _LONGEST_POLL)
                self.check()
                now = _contents(destination)
                if len(now) - len(before) > self.limits.members or sum(now.values()) > self.limits.size:
                    raise InstallationProblem("the archive unpacks to more than it may")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _must_stop(self) -> bool:
        return time.monotonic() > self._deadline or self._cancelled()


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, with nothing to read and nobody listening."""
    nothing = subprocess.DEVNULL
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(  # noqa: S603
        command, stdin=nothing, stdout=nothing, stderr=nothing, env=environment, cwd="/", start_new_session=True
    )


def _contents(directory: Path) -> dict[str, int]:
    """Return name -> size of a flat directory.

    :raises InstallationProblem: when it holds anything but files and directories.
    """
    found: dict[str, int] = {}
    for name in os.listdir(directory):
        try:
            status = os.lstat(directory / name)
        except FileNotFoundError:
            continue
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise InstallationProblem("the archive holds a link or a device")
        found[name] = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return found

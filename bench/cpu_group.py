"""The processor time of all processes that a server starts, whether or not anybody waits for them."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import time
from pathlib import Path

PATIENCE = 5.0


def own_group() -> Path | None:
    """Return the directory of the control group that this process is in, or None where version 2 is not mounted."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = next((line[3:] for line in lines if line.startswith("0::")), None)
        for mount in Path("/proc/self/mounts").read_text().splitlines():
            _, where, kind, *_ = mount.split()
            if kind == "cgroup2" and own is not None:
                return Path(where) / own.lstrip("/")
    return None


class CpuGroup:
    """A control group for one server: the kernel adds up what its processes use, those that have ended included."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @classmethod
    def made(cls, parent: Path | None = None) -> CpuGroup | None:
        """Return a new group, or None where this process may not have one.

        :param parent: the directory of the group that it is made in; that of this process when it is not given.
        """
        parent = parent or own_group()
        if parent is None:
            return None
        try:
            directory = Path(tempfile.mkdtemp(prefix="provisiond-bench-", dir=parent))
        except OSError:
            return None
        group = cls(directory)
        if group.seconds() is None or not os.access(directory / "cgroup.procs", os.W_OK):
            group.remove()
            return None
        return group

    def enter(self) -> None:
        """Put the calling process into it; what that starts is in it as well."""
        (self._directory / "cgroup.procs").write_text("0")

    def seconds(self) -> float | None:
        """Return the processor time used in it so far."""
        with contextlib.suppress(OSError, ValueError):
            for line in (self._directory / "cpu.stat").read_text().splitlines():
                name, _, value = line.partition(" ")
                if name == "usage_usec":
                    return int(value) / 1e6
        return None

    def remove(self) -> None:
        """Remove it, when its processes have ended or a few seconds later at the latest."""
        deadline = time.monotonic() + PATIENCE
        for _ in itertools.count():
            try:
                self._directory.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.02)
            else:
                return

"""Programs that the bench needs: load generators, and the peers that are installed here."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.cpu_group import CpuGroup
from bench.server import ROOT, free_port

BUILD = ROOT / "build" / "bench"
SERVER_CPU, LOAD_CPU = 0, 1


class Missing(Exception):
    """A program is not installed; what needs it is left out."""


def program(name: str) -> str:
    """Return the path of an installed program.

    :raises Missing: when it is not installed.
    """
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def tftp_load_generator() -> str:
    """Return the compiled load generator.

    :raises Missing: when there is no C compiler.
    """
    target, source = BUILD / "tftpload", Path(__file__).with_name("tftpload.c")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        subprocess.run([program("cc"), "-O2", "-o", str(target), str(source)], check=True)
    return str(target)


def on_cpu(cpu: int) -> Callable[[], None] | None:
    """Return what pins a child process to one processor, or None when there are not two."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return None
    return lambda: os.sched_setaffinity(0, {cpus[cpu]})


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have used so far.

    Children that have ended count when it has waited for them, as ours does, but not all servers do.
    """
    ticks, waiting = 0, [pid]
    while waiting:
        each = waiting.pop()
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(value) for value in fields[11:15])
            for task in Path(f"/proc/{each}/task").iterdir():
                # A thread may end before it is looked at, which says nothing of the others.
                with contextlib.suppress(OSError):
                    waiting.extend(int(child) for child in (task / "children").read_text().split())
    return ticks / os.sysconf("SC_CLK_TCK")


def own_cpu_seconds(pid: int) -> float:
    """Return the processor time that a process alone has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:13]) / os.sysconf("SC_CLK_TCK")


class Peer:
    """A server of somebody else, on loopback, that gives the files of a directory.

    :param command: makes its command line from a directory and a port.
    :param port: the one it insists on, or 0 for any.
    :param windows: whether it speaks windows (RFC 7440).
    :param crowds: whether thousands of clients at once say anything about it.
    :param forks: whether it gives clients to processes that nobody waits for.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        command: Callable[[Path, int], Sequence[str]],
        *,
        port: int = 0,
        windows: bool = True,
        crowds: bool = True,
        forks: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.windows = windows
        self.crowds = crowds
        self._command = command
        self._wanted = port
        self._forks = forks
        self._process: subprocess.Popen[bytes] | None = None
        self._group: CpuGroup | None = None
        self.port = 0

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    def cpu(self) -> float | None:
        """Return the processor time used so far, children included; None where nobody can tell."""
        if self._group is not None:
            return self._group.seconds()
        return None if self._forks else cpu_seconds(self.pid)

    def start(self, files: Path) -> None:
        """Start it.

        :raises Missing: when it is not installed, or does not start here.
        """
        kind = socket.SOCK_STREAM if self.kind == "http" else socket.SOCK_DGRAM
        self.port = self._wanted or free_port(kind)
        if self._is_listening(kind):
            raise Missing(f"{self.name}: port {self.port} is taken by somebody else")
        command = self._command(files, self.port)
        self._group = CpuGroup.made()
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=self._enter,
        )
        deadline = time.monotonic() + 15
        while not self._is_listening(kind):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Missing(f"{self.name} does not start here") from None
            time.sleep(0.05)

    def _enter(self) -> None:
        if self._group is not None:
            self._group.enter()
        pin = on_cpu(SERVER_CPU)
        if pin is not None:
            pin()

    def stop(self) -> None:
        """End it and its children."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._group is not None:
            self._group.remove()
            self._group = None

    def _is_listening(self, kind: int) -> bool:
        table = Path("/proc/net/tcp" if kind == socket.SOCK_STREAM else "/proc/net/udp").read_text()
        return any(line.split()[1].endswith(f":{self.port:04X}") for line in table.splitlines()[1:])

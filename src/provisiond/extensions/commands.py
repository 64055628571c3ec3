"""Running commands of extensions: their own process group, no input, bounded in time and output."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from attrs import field, frozen

from provisiond.extensions.problems import CommandFailed

_NOTE: Final = "running"
_HOME: Final = "home-"
_PIECE: Final = 1 << 16
_LONGEST_LINE: Final = 4096
_DRAIN_SECONDS: Final = 1.0
_TICK: Final = 0.05


@frozen(kw_only=True)
class Command:
    """A program and how it is run.

    :param shown: how it is logged; by default its arguments.
    :param environment: besides PATH, HOME and LANG.
    :param seconds: longest time that it may take.
    """

    arguments: Sequence[str]
    directory: Path
    path: str
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    seconds: float = 600.0
    shown: str = ""

    @property
    def text(self) -> str:
        """The command line as it is logged."""
        return self.shown or shlex.join(self.arguments)


class Commands:
    """Runs one command after the other; its methods may be called from threads.

    :param work: private directory for homes of commands.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the server stops, so that nothing is run any more."""
        return self._stopped

    def run(self, command: Command, write: Callable[[str], None]) -> None:
        """Run a command to its end; what it has started and left in its process group is ended with it. Blocks.

        :param write: takes each line of its output, and what is said about it.
        :raises CommandFailed: when it cannot be started, ends with another code than 0, or runs out of time.
        """
        self._work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._work, prefix=_HOME, ignore_cleanup_errors=True) as home:
            self._run(command, home, write)

    def stop(self) -> None:
        """End what is running, and start nothing any more: the server stops."""
        with self._lock:
            self._stopped = True
            if self._running is not None:
                _kill(self._running)

    def end_leftover(self) -> None:
        """End the command that ran when the server was killed, if it still runs, and remove its home. Blocks."""
        note = self._work / _NOTE
        try:
            number, began = note.read_text().split()
            if _began(int(number)) == began:
                os.killpg(int(number), signal.SIGKILL)
        except (OSError, ValueError):
            pass
        note.unlink(missing_ok=True)
        for home in self._work.glob(f"{_HOME}*"):
            shutil.rmtree(home, ignore_errors=True)

    def _run(self, command: Command, home: str, write: Callable[[str], None]) -> None:
        write(f"$ {command.text}")
        began = time.monotonic()
        process = self._started(command, home, write)
        assert process.stdout is not None
        note = self._work / _NOTE
        try:
            _noted(process, note, command.text)
            in_time = _followed(process, process.stdout, write, began + command.seconds)
        finally:
            # as long as nobody has waited for it, its number belongs to no other group
            _kill(process)
            with self._lock:
                self._running = None
            code = process.wait()
            process.stdout.close()
            note.unlink(missing_ok=True)
        outcome: int | str = code if in_time else "timeout"
        write(f"exit {outcome} after {time.monotonic() - began:.1f} s")
        if outcome == "timeout":
            raise CommandFailed(f"{command.text} took longer than {command.seconds:g} seconds", outcome)
        if outcome != 0:
            raise CommandFailed(f"{command.text} ended with {outcome}", outcome)

    def _started(self, command: Command, home: str, write: Callable[[str], None]) -> subprocess.Popen[bytes]:
        environment = {"LANG": "C.UTF-8", **command.environment, "PATH": command.path, "HOME": home}
        with self._lock:
            if self._stopped:
                raise CommandFailed("the server stops", "stopped")
            try:
                self._running = subprocess.Popen(  # noqa: S603
                    list(command.arguments),
                    cwd=command.directory,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    # what an extension puts on the host is for other users, too
                    umask=0o022,
                )
            except OSError as error:
                program = Path(command.arguments[0]).name
                write(f"{program} cannot be started: {error.strerror}")
                raise CommandFailed(f"{program} cannot be started: {error.strerror}", 127) from None
            return self._running


def _noted(process: subprocess.Popen[bytes], note: Path, text: str) -> None:
    """Keep which program runs, for the case that the server is killed.

    :raises CommandFailed: when the disk refuses it: nothing is run that a killed server would leave for ever.
    """
    try:
        note.write_text(f"{process.pid} {_began(process.pid)}")
    except OSError as error:
        raise CommandFailed(f"{text} was ended, its number cannot be kept: {error.strerror}", 127) from None


def _followed(
    process: subprocess.Popen[bytes], output: IO[bytes], write: Callable[[str], None], deadline: float
) -> bool:
    """Tell whether the program ended in time; its output is read until then, and it is not waited for."""
    lines = _Lines(write)
    os.set_blocking(output.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        is_open = True
        while not _has_ended(process):
            if time.monotonic() > deadline:
                lines.end()
                return False
            if not is_open:
                time.sleep(_TICK)
            elif selector.select(_TICK):
                is_open = _read(output, lines)
        # what it has left behind may hold the pipe open for ever
        _kill(process)
        ending = time.monotonic() + _DRAIN_SECONDS
        while is_open and time.monotonic() < ending and selector.select(_TICK):
            is_open = _read(output, lines)
    lines.end()
    return True


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read(stream: IO[bytes], lines: _Lines) -> bool:
    try:
        data = os.read(stream.fileno(), _PIECE)
    except BlockingIOError:
        return True
    lines.take(data)
    return bool(data)


class _Lines:
    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rest = b""

    def take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._write(line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r"))
        while len(self._rest) > _LONGEST_LINE:
            self._write(self._rest[:_LONGEST_LINE].decode("utf-8", "replace"))
            self._rest = self._rest[_LONGEST_LINE:]

    def end(self) -> None:
        if self._rest:
            self._write(self._rest.decode("utf-8", "replace"))
        self._rest = b""


def _began(number: int) -> str:
    """Return when a process began, in ticks since the start of the host; empty when there is none of this number."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group of a program; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)

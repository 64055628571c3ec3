"""What every child process that runs plugins has: bounded output, answers in frames, an end with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from os import environ
from signal import SIGKILL, SIGTERM
from typing import Any, Final, Protocol

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.plugins.messages import Frames, framed
from provisiond.plugins.worker import ANSWERS

log = Logger()
MAX_OUTPUT: Final = 4_096
# However busy the machine is, a process is ready by then.
START_SECONDS: Final = 60.0
# A pipe holds 64 KiB, of which the reactor takes 8 at a time.
LAST_READS: Final = 10
KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TZDIR", "PYTHONPATH", "HOME")
# What plugins print comes by 1 and 2.
CALLS: Final = 0
DESCRIPTORS: Final[Mapping[int, str]] = {CALLS: "w", 1: "r", 2: "r", ANSWERS: "r"}


class Reactor(Protocol):
    """The parts of the reactor that child processes need."""

    def callLater(self, delay: float, callable: Any, *args: object, **kw: object) -> Any: ...  # noqa: N802
    def spawnProcess(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: N802


def kept_environment() -> dict[str, str]:
    """Return what a child process gets of this one's environment."""
    return {name: environ[name] for name in KEPT_VARIABLES if name in environ}


class PluginProcess(ProcessProtocol):
    """The server's end of one child process; whoever inherits says what an answer means.

    ``hears`` tells whether calls still reach it.
    """

    def __init__(self) -> None:
        self._frames = Frames()
        self._output = 0
        self._reason: str | None = None
        self.hears = True

    def childConnectionLost(self, childFD: int) -> None:  # noqa: N802, N803
        """Note that calls do not come through any more: the process is ending, and it may take a while to be told."""
        if childFD == CALLS:
            self.hears = False

    def processExited(self, reason: Failure) -> None:  # noqa: N802
        """Take what it said last and let go of its pipes: what it has started may hold them for ever."""
        self.hears = False
        pipes: dict[int, Any] = self.transport.pipes  # type: ignore[union-attr]
        for descriptor, pipe in tuple(pipes.items()):
            if descriptor == CALLS:
                pipe.connectionLost(Failure(ConnectionDone()))
                continue
            for _ in range(LAST_READS):
                if pipe.doRead() is not None:
                    break
            pipe.loseConnection()

    def answered(self, payload: bytes) -> None:
        """Take one answer.

        :raises ValueError: when the process answers what it must not; it is ended then.
        """
        raise NotImplementedError

    def send(self, payload: bytes) -> None:
        """Send a message, unless the process has not begun or is ending."""
        if self.transport is not None and self.hears:
            self.transport.writeToChild(CALLS, framed(payload))

    def kill(self, reason: str) -> None:
        """End the process for this reason, or the one that was given first; no more calls reach it."""
        self._reason = self._reason or reason
        self.hears = False
        if self.transport is not None and self.transport.pid is not None:
            self.transport.signalProcess("KILL")

    def kill_slow(self, seconds: float) -> None:
        """End the process because a call took longer than it may."""
        self.kill(f"it took longer than {seconds:g} seconds and was ended")

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N802, N803
        """Take answers, and log a little of what plugins print."""
        if childFD != ANSWERS:
            room = MAX_OUTPUT - self._output
            self._output += len(data)
            if room > 0:
                log.info("a plugin printed: {text}", text=data[:room].decode("utf-8", "replace").rstrip())
            return
        try:
            for payload in self._frames.feed(data):
                self.answered(payload)
        except ValueError:
            self.kill("it answered with more than the server takes")

    @staticmethod
    def end_timer(timer: Any) -> None:
        """Let the time of a call count no more; it may be over, when its answer comes with the process's end."""
        if timer.active():
            timer.cancel()

    def let_print(self) -> None:
        """Let what plugins print from now on be logged again: a call has ended."""
        self._output = 0

    def was_killed_by_others(self, reason: Failure) -> bool:
        """Tell whether somebody else ended the process, an administrator or the kernel, and nothing that it ran."""
        value: Any = reason.value
        return self._reason is None and value.signal in (SIGKILL, SIGTERM)

    def end_of(self, reason: Failure) -> str:
        """Return why the process has ended, one sentence."""
        value: Any = reason.value
        how = f"signal {value.signal}" if value.signal else f"status {value.exitCode}"
        return self._reason or f"its process ended with {how}"

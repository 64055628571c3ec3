"""The owner's fronts: their sockets, their processes, and their restarts."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.logger import Logger

from provisiond.logs import Levels
from provisiond.phones.sharing.owner import OwnerEnd
from provisiond.phones.sharing.stamps import SharedStamp
from provisiond.settings import LogSettings, Settings

log = Logger()
LINK_FD, STAMP_FD, HTTP_FD, FIRST_TFTP_FD = 3, 4, 5, 6
LONG_LIFE: Final = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
LISTEN_SECONDS: Final = 5.0
SILENCES: Final = 6
SILENCES_AT_START: Final = 24


def front_command(settings: Settings) -> tuple[str, ...]:
    """Return what begins a process that serves phones for this one."""
    style = ("--log-level", settings.log.level, "--log-format", settings.log.format)
    return (sys.executable, "-m", "provisiond.daemon", *style, "--front")


def first_message(settings: Settings, log: LogSettings | Levels, number: int) -> dict[str, Any]:
    """Return what tells a front what to serve, and which log lines to write."""
    return {
        "settings": settings.model_dump(mode="json"),
        "number": number,
        "levels": (log.level, dict(log.levels)),
    }


def tell_levels(ends: Iterable[OwnerEnd], level: str, levels: Mapping[str, str]) -> None:
    """Let the fronts at these ends write log lines of other levels."""
    for end in tuple(ends):
        end.tell({"kind": "levels", "level": level, "levels": dict(levels)})


class Spawner(Protocol):
    """The parts of the reactor that start processes and take their links."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> Any: ...  # noqa: N802
    def adoptStreamConnection(self, fd: int, family: int, factory: Any) -> Any: ...  # noqa: N802
    def spawnProcess(self, protocol: Any, executable: str, args: Sequence[str], **more: Any) -> Any: ...  # noqa: N802


class StandIn(Protocol):
    """Answers TFTP requests on sockets of others for a while (``tftp.service.TftpService``)."""

    def attend(self, listening: Sequence[socket.socket]) -> None: ...
    def leave(self, listening: Sequence[socket.socket]) -> None: ...


class OneFront(ProcessProtocol):
    """One front and its successors.

    A front tells its figures every two seconds. One that is not heard of for half a minute hangs, and is ended by
    force; what counts is how often we listened in vain, since we may have been asleep ourselves.

    :param command: begins it; descriptors are told behind.
    :param end: makes our end of the link, given what is to be called when the front serves.
    :param tftp: its own UDP sockets; they stay open here, so that nothing that waits in them is lost when it dies.
    :param stand_in: answers on these sockets as long as the front does not.
    """

    def __init__(
        self,
        spawner: Spawner,
        command: Sequence[str],
        end: Callable[[Callable[[], None]], OwnerEnd],
        stamp: SharedStamp,
        http: tuple[int, int] | None,
        tftp: Sequence[socket.socket],
        stand_in: StandIn,
    ) -> None:
        self._spawner = spawner
        self._command = tuple(command)
        self._end = end
        self._stamp = stamp
        self._http = http
        self._tftp = tuple(tftp)
        self._stand_in = stand_in
        self._process: Any = None
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._planned: Any = None
        self._listening: Any = None
        self._link: OwnerEnd | None = None
        self._heard, self._silences, self._serves = 0, 0, False
        self._stopped: Deferred[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, or None while there is none."""
        return None if self._process is None else self._process.pid

    def begin(self) -> None:
        """Answer in its place, and start it."""
        self._stand_in.attend(self._tftp)
        self.start()

    def start(self) -> None:
        """Start it; when that cannot be done now, later."""
        self._planned = None
        self._started = self._spawner.seconds()
        try:
            self._spawn()
        except OSError as error:
            log.error("a process that serves phones cannot be started now: {error}", error=error.strerror or str(error))
            self._start_later()
            return
        self._heard, self._silences, self._serves = 0, 0, False
        self._listening = self._spawner.callLater(LISTEN_SECONDS, self._listen)

    def _spawn(self) -> None:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        mine.setblocking(False)
        fds = {0: 0, 1: 1, 2: 2, LINK_FD: its.fileno(), STAMP_FD: self._stamp.fd}
        if self._http is not None:
            fds[HTTP_FD] = self._http[0]
        fds.update({FIRST_TFTP_FD + place: sock.fileno() for place, sock in enumerate(self._tftp)})
        family = "-" if self._http is None else str(int(self._http[1]))
        arguments = [*self._command, f"{family},{len(self._tftp)}"]
        try:
            self._spawner.adoptStreamConnection(mine.fileno(), socket.AF_UNIX, Factory.forProtocol(self._made_end))
            self._process = self._spawner.spawnProcess(self, arguments[0], arguments, env=None, childFDs=fds)
        finally:
            mine.close()
            its.close()

    def _made_end(self) -> OwnerEnd:
        self._link = self._end(self._serving)
        return self._link

    def _serving(self) -> None:
        if self._process is None:
            # It has ended since it said so.
            return
        self._serves = True
        self._stand_in.leave(self._tftp)

    def _listen(self) -> None:
        heard = 0 if self._link is None else self._link.heard
        self._silences = self._silences + 1 if heard == self._heard else 0
        self._heard = heard
        if self._silences < (SILENCES if self._serves else SILENCES_AT_START):
            self._listening = self._spawner.callLater(LISTEN_SECONDS, self._listen)
            return
        self._listening = None
        log.error("a process that serves phones hangs; it is ended by force")
        self._process.signalProcess("KILL")

    def _listen_no_more(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    def processEnded(self, reason: Any) -> None:  # noqa: N802
        """Start it again, later and later when it does not live long."""
        self._process = None
        self._listen_no_more()
        if self._stopped is not None:
            self._stopped.callback(None)
            return
        self._stand_in.attend(self._tftp)
        log.warn("a process that serves phones has ended ({reason}); it is started again", reason=reason.value)
        self._start_later()

    def _start_later(self) -> None:
        lived = self._spawner.seconds() - self._started
        self._pause = FIRST_PAUSE if lived > LONG_LIFE else min(self._pause * 2, LONGEST_PAUSE)
        self._planned = self._spawner.callLater(self._pause, self.start)

    def renew(self) -> None:
        """Let a new one take its place, which is told anew what to serve."""
        if self._process is not None:
            self._process.signalProcess("TERM")

    async def stop(self, seconds: float) -> None:
        """End it, after at most so many seconds by force."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        self._listen_no_more()
        if self._process is not None:
            self._stopped = Deferred()
            self._process.signalProcess("TERM")
            timer = self._spawner.callLater(seconds, self._process.signalProcess, "KILL")
            await self._stopped
            if timer.active():
                timer.cancel()
        self._stand_in.leave(self._tftp)
        for sock in self._tftp:
            sock.close()


class Fronts:
    """All fronts of a server."""

    def __init__(self, fronts: Sequence[OneFront], stamp: SharedStamp) -> None:
        self._fronts = tuple(fronts)
        self._stamp = stamp

    @property
    def pids(self) -> list[int]:
        """Process ids of those that run."""
        return [front.pid for front in self._fronts if front.pid is not None]

    @property
    def down(self) -> int:
        """How many do not run now."""
        return sum(front.pid is None for front in self._fronts)

    def start(self) -> None:
        """Start all."""
        for front in self._fronts:
            front.begin()

    def renew(self) -> None:
        """Replace all."""
        for front in self._fronts:
            front.renew()

    async def stop(self, seconds: float) -> None:
        """End all, at the same time."""
        stopping = [Deferred.fromCoroutine(front.stop(seconds)) for front in self._fronts]
        for each in stopping:
            await each
        self._stamp.close()

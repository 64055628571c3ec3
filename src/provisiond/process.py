"""The life of the server's process: from its start over reloads to the signal that ends it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.certificates import ServerCertificate
from provisiond.clock_watch import ClockWatch
from provisiond.collecting import keep
from provisiond.ending import end, end_at_signals
from provisiond.errors import ProvisiondError
from provisiond.logs import Levels
from provisiond.provisioning.threads import ThreadRunner
from provisiond.reloading import Reloading
from provisiond.restarting import begin_anew
from provisiond.settings import Settings
from provisiond.supervision import Supervisor

log = Logger()


class Daemon(Protocol):
    """What runs in the process (:class:`provisiond.daemon.Daemon`)."""

    status: str
    begins_anew: bool

    @property
    def certificates(self) -> Sequence[ServerCertificate]: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def follow(self, settings: Settings) -> None: ...
    def note_problems(self, sentences: Sequence[str]) -> None: ...


class Process:
    """Runs a daemon in this process until a signal ends it."""

    def __init__(
        self,
        daemon: Daemon,
        settings: Settings,
        reactor: Any,
        load: Callable[[], Settings],
        levels: Levels,
        supervisor: Supervisor,
    ) -> None:
        self._reactor = reactor
        self._levels = levels
        self._supervisor = supervisor
        self._daemon = daemon
        self._reloading = Reloading(
            settings,
            load,
            lambda: self._daemon.certificates,
            ThreadRunner(reactor, reactor.getThreadPool()),
            self._follow,
            self._note_problems,
        )
        self._problems: Sequence[str] = ()
        self._ready = False
        self._hung_up = False
        self.status = 0

    def run(self) -> int:
        """Return the exit status when the daemon has ended."""
        self._reactor.callWhenRunning(self._start)
        ClockWatch(self._reactor).start()
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._hangup))
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        self._reactor.run()
        if self._daemon.begins_anew and self.status == 0:
            self._levels.finish()
            begin_anew(supervised=self._supervisor.exists)
        return self.status

    def _start(self) -> None:
        end_at_signals(self._reactor)
        Deferred.fromCoroutine(self._daemon.start()).addCallbacks(self._started, self._failed)

    def _started(self, _: None) -> None:
        self._ready = True
        keep()
        self._tell_ready()
        if self._hung_up:
            self._hangup()

    def _hangup(self) -> None:
        self._hung_up = True
        if self._ready:
            self._supervisor.reloading()
            again = Deferred.fromCoroutine(self._reloading.again())
            again.addErrback(lambda failure: log.failure("the settings could not be read again", failure=failure))
            again.addBoth(lambda _: self._tell_ready())

    def _tell_ready(self) -> None:
        if not self._reloading.busy:
            wrong = f"; the settings stay as they were: {self._problems[0]}" if self._problems else ""
            self._supervisor.ready(self._daemon.status + wrong, self._reactor)

    def _note_problems(self, sentences: Sequence[str]) -> None:
        self._problems = sentences
        self._daemon.note_problems(sentences)

    def _follow(self, settings: Settings) -> None:
        self._levels.use(settings.log.level, settings.log.levels)
        self._daemon.follow(settings)

    def _failed(self, failure: Failure) -> None:
        self.status = 1
        if isinstance(failure.value, ProvisiondError):
            print(f"provisiond: {failure.value.sentence}", file=sys.stderr, flush=True)
            self._supervisor.status(failure.value.sentence)
        else:
            log.failure("provisiond cannot start", failure=failure)
        end(self._reactor)

    def _stop(self) -> Deferred[None]:
        self._supervisor.stopping()
        stopping: Deferred[None] = Deferred.fromCoroutine(self._daemon.stop())
        return stopping.addErrback(lambda failure: log.failure("provisiond did not stop in order", failure=failure))

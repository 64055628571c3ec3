"""The server's side of its worker processes: calls with time limits, workers that are replaced when they fail."""

from __future__ import annotations

import os
import pickle
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.errors import PluginProblem, Unavailable
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.messages import Frames, framed
from provisiond.plugins.worker import ANSWERS

log = Logger()
MAX_OUTPUT: Final = 4_096
KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TZDIR", "PYTHONPATH", "HOME")


class Reactor(Protocol):
    """The parts of the reactor that the pool uses."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> Any: ...  # noqa: N802
    def spawnProcess(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: N802


@define(eq=False)
class _Job:
    """One call."""

    payload: bytes
    seconds: float
    result: Deferred[bytes]


class _Worker(ProcessProtocol):
    """One worker process; does one job at a time."""

    def __init__(self, ended: Callable[[_Worker], None], free: Callable[[_Worker], None]) -> None:
        self._ended = ended
        self._free = free
        self._frames = Frames()
        self._output = 0
        self._timer: Any = None
        self._reason: str | None = None
        self.job: _Job | None = None

    def take(self, job: _Job, reactor: Reactor) -> None:
        """Begin a job."""
        self.job = job
        self._timer = reactor.callLater(job.seconds, self._too_long)
        assert self.transport is not None
        self.transport.writeToChild(0, framed(job.payload))

    def _too_long(self) -> None:
        seconds = self.job.seconds if self.job is not None else 0
        self.kill(f"it took longer than {seconds:g} seconds and was ended")

    def kill(self, reason: str) -> None:
        """End the process; its job fails for this reason."""
        self._reason = reason
        if self.transport is not None and self.transport.pid is not None:
            self.transport.signalProcess("KILL")

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
                self._answered(payload)
        except ValueError:
            self.kill("it answered with more than the server takes")

    def _answered(self, payload: bytes) -> None:
        job, self.job = self.job, None
        if job is None:
            self.kill("it answered without being asked")
            return
        self._timer.cancel()
        self._output = 0
        self._free(self)
        job.result.callback(payload)

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Fail the job that was running, if there was one."""
        self._ended(self)
        job, self.job = self.job, None
        if job is None:
            return
        if self._timer.active():
            self._timer.cancel()
        value: Any = reason.value
        how = f"signal {value.signal}" if value.signal else f"status {value.exitCode}"
        sentence = self._reason or f"its process ended with {how}"
        job.result.errback(PluginProblem(sentence))


class WorkerPool:
    """Runs calls of plugins in worker processes.

    :param workers: how many processes at most; each is started when it is first needed.
    """

    def __init__(self, reactor: Reactor, *, workers: int = 2) -> None:
        self._reactor = reactor
        self._limit = workers
        self._all: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._queue: deque[_Job] = deque()
        self._stopped: Deferred[None] | None = None

    @property
    def waiting(self) -> int:
        """Calls that no worker has begun."""
        return len(self._queue)

    async def call(self, kind: str, place: PluginPlace, *arguments: Any, seconds: float) -> bytes:
        """Return the payload that a worker answers.

        :param seconds: time limit, from the moment a worker begins.
        :raises PluginProblem: when the call takes longer, or the worker dies over it.
        """
        if self._stopped is not None:
            raise Unavailable("the server is stopping")
        job = _Job(pickle.dumps((kind, place, arguments)), seconds, Deferred())
        self._queue.append(job)
        self._next()
        return await job.result

    async def stop(self) -> None:
        """End all workers; calls that wait fail."""
        if self._stopped is None:
            self._stopped = Deferred()
        while self._queue:
            self._queue.popleft().result.errback(Unavailable("the server is stopping"))
        for worker in tuple(self._all):
            worker.kill("the server is stopping")
        if self._all:
            await self._stopped

    def _next(self) -> None:
        while self._queue and (self._idle or len(self._all) < self._limit):
            worker = self._idle.pop() if self._idle else self._spawned()
            worker.take(self._queue.popleft(), self._reactor)

    def _spawned(self) -> _Worker:
        worker = _Worker(self._worker_ended, self._worker_free)
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        self._reactor.spawnProcess(
            worker,
            sys.executable,
            [sys.executable, "-B", "-m", "provisiond.plugins.worker"],
            env={**environment, "PYTHONUNBUFFERED": "1"},
            childFDs={0: "w", 1: "r", 2: "r", ANSWERS: "r"},
        )
        self._all.add(worker)
        return worker

    def _worker_free(self, worker: _Worker) -> None:
        self._idle.append(worker)
        self._reactor.callLater(0, self._next)

    def _worker_ended(self, worker: _Worker) -> None:
        self._all.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if self._stopped is not None:
            if not self._all and not self._stopped.called:
                self._stopped.callback(None)
        else:
            self._reactor.callLater(0, self._next)

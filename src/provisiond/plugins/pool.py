"""The server's side of its worker processes: calls with time limits, workers that are replaced when they fail."""

from __future__ import annotations

import pickle
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.errors import PluginProblem, Unavailable
from provisiond.plugins.child_process import DESCRIPTORS, START_SECONDS, PluginProcess, Reactor, kept_environment
from provisiond.plugins.hosting import PluginPlace

log = Logger()


@define(eq=False)
class _Job:
    """One call.

    :ivar losses: how many processes were killed by others while they had it.
    """

    place: PluginPlace
    payload: bytes
    seconds: float
    result: Deferred[bytes]
    losses: int = 0


class _Worker(PluginProcess):
    """One worker process; does one job at a time."""

    def __init__(
        self,
        ended: Callable[[_Worker], None],
        free: Callable[[_Worker], None],
        lost: Callable[[_Job], bool],
    ) -> None:
        super().__init__()
        self._ended = ended
        self._free = free
        self._lost = lost
        self._timer: Any = None
        self._is_ready = False
        self.job: _Job | None = None

    def take(self, job: _Job, reactor: Reactor) -> None:
        """Begin a job."""
        self.job = job
        seconds = job.seconds if self._is_ready else max(job.seconds, START_SECONDS)
        self._timer = reactor.callLater(seconds, self.kill_slow, job.seconds)
        self.send(job.payload)

    def answered(self, payload: bytes) -> None:
        """Take the answer to the job; what a process says first is that it is ready."""
        if not self._is_ready:
            self._ready()
            return
        job, self.job = self.job, None
        if job is None:
            self.kill("it answered without being asked")
            return
        self.end_timer(self._timer)
        self.let_print()
        self._free(self)
        job.result.callback(payload)

    def _ready(self) -> None:
        """Count the time of the job that waited for the process from now on."""
        self._is_ready = True
        if self.job is not None and self._timer.active():
            self._timer.reset(self.job.seconds)

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Fail the job that was running, if there was one."""
        self._ended(self)
        job, self.job = self.job, None
        if job is None:
            return
        self.end_timer(self._timer)
        if self.was_killed_by_others(reason) and self._lost(job):
            return
        job.result.errback(PluginProblem(self.end_of(reason)))


class WorkerPool:
    """Runs calls of plugins in worker processes.

    No call waits for a process to start while another may be free sooner: one that is started beside others loads
    the plugin that is wanted, and only then takes calls.

    :param workers: how many processes at most; each is started when it is first needed.
    :param compiled: directory for compiled templates; None to keep none.
    """

    def __init__(self, reactor: Reactor, *, workers: int = 2, compiled: Path | None = None) -> None:
        self._compiled = compiled
        self._reactor = reactor
        self._limit = workers
        self._all: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._queue: deque[_Job] = deque()
        self._is_starting = self._start_failed = False
        self._stopped: Deferred[None] | None = None

    @property
    def waiting(self) -> int:
        """Calls that no worker has begun."""
        return len(self._queue)

    async def call(self, kind: str, place: PluginPlace, *arguments: Any, seconds: float) -> bytes:
        """Return the payload that a worker answers.

        :param seconds: time limit, from the moment a worker that is ready begins.
        :raises PluginProblem: when the call takes longer, or the worker dies over it.
        :raises Unavailable: when there is no worker and none can be started, or the server is stopping.
        """
        if self._stopped is not None:
            raise Unavailable("the server is stopping")
        job = _job(kind, place, arguments, seconds)
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
        while self._queue and self._idle:
            worker = self._idle.pop()
            if worker.hears:
                worker.take(self._queue.popleft(), self._reactor)
        if not self._queue or self._is_starting or len(self._all) >= self._limit:
            return
        is_beside = bool(self._all) and not self._start_failed
        try:
            spawned = self._spawned()
        except OSError as error:
            self._cannot_start(error)
            return
        if is_beside:
            self._start_beside(spawned, self._queue[0])
        else:
            # Whatever is wrong with the process is told to who calls.
            self._start_failed = False
            spawned.take(self._queue.popleft(), self._reactor)
            self._next()

    def _cannot_start(self, error: OSError) -> None:
        """Let calls wait for the processes that there are; without any, they fail."""
        sentence = f"no process can be started for plugins now: {error.strerror or error}"
        log.warn("{sentence}", sentence=sentence)
        while self._queue and not self._all:
            self._queue.popleft().result.errback(Unavailable(sentence))

    def _start_beside(self, worker: _Worker, wanted: _Job) -> None:
        loading = _job("load", wanted.place, (), wanted.seconds)
        # It is this process that is tried, no other.
        loading.losses = self._limit
        loading.result.addCallbacks(lambda _: self._started(False), lambda _: self._started(True))
        self._is_starting = True
        worker.take(loading, self._reactor)

    def _started(self, failed: bool) -> None:
        self._is_starting, self._start_failed = False, failed

    def _spawned(self) -> _Worker:
        worker = _Worker(self._worker_ended, self._worker_free, self._lost)
        self._reactor.spawnProcess(
            worker,
            sys.executable,
            [sys.executable, "-B", "-m", "provisiond.plugins.worker", *filter(None, [self._compiled])],
            env={**kept_environment(), "PYTHONUNBUFFERED": "1"},
            childFDs=DESCRIPTORS,
        )
        self._all.add(worker)
        return worker

    def _lost(self, job: _Job) -> bool:
        """Give a call to another process, as often as there may be others that were killed together with its own."""
        job.losses += 1
        if self._stopped is not None or job.losses > self._limit:
            return False
        self._queue.appendleft(job)
        return True

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


def _job(kind: str, place: PluginPlace, arguments: tuple[Any, ...], seconds: float) -> _Job:
    return _Job(place, pickle.dumps((kind, place, arguments)), seconds, Deferred())

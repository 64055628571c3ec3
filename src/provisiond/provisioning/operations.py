"""Long work: started here, watched by whoever asks, never lost without a trace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.errors import NotFound, ProvisiondError, Unavailable
from provisiond.model.operation import FAIL, PROGRESS, SUCCESS, OperationProgress, format_progress
from provisiond.provisioning.events import Events, OperationChanged
from provisiond.provisioning.ports import Clock
from provisiond.provisioning.tenants import Scope
from provisiond.store.operations import KEPT_SECONDS, StoredOperation

log = Logger()
MAX_RUNNING = 1_000
TOLD_SECONDS = 1.0
LOGGED_SECONDS = 10.0
_UNEXPECTED = "the work failed because of a fault of the server, see the log"
Work = Callable[[OperationProgress], Awaitable[None]]


class StoredOperations(Protocol):
    """The stored operations."""

    async def interrupt_running(self, now: float) -> int: ...
    async def insert(self, resource: str, progress: str, now: float, tenant_uuid: str | None = None) -> int: ...
    async def end(self, operation_id: int, progress: str, error: str | None, now: float) -> None: ...
    async def get(self, resource: str, operation_id: int) -> StoredOperation | None: ...
    async def delete(self, operation_id: int) -> None: ...
    async def recent(self) -> list[StoredOperation]: ...


@define
class _Running:
    resource: str
    progress: OperationProgress
    created: float
    tenant_uuid: str | None = None
    error: str | None = None
    ended: float | None = None
    waiters: list[Deferred[None]] = field(factory=list)

    def as_stored(self, operation_id: int) -> StoredOperation:
        # Work may call its progress ended before it returns; nobody reads that before the reason is known.
        shown = self.progress.snapshot()
        if self.ended is None and shown.state in (SUCCESS, FAIL):
            shown = evolve(shown, state=PROGRESS)
        return StoredOperation(
            id=operation_id,
            resource=self.resource,
            progress=format_progress(shown),
            error=self.error,
            created=self.created,
            ended=self.ended,
            tenant_uuid=self.tenant_uuid,
        )


class Operations:
    """Runs work that takes longer than a request, and tells how far it is (REST contract, section 7)."""

    def __init__(self, store: StoredOperations, clock: Clock, events: Events, max_running: int = MAX_RUNNING) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._max_running = max_running
        self._running: dict[int, _Running] = {}
        self._active = 0
        self._idle: list[Deferred[None]] = []
        self._tally: dict[tuple[str, ...], int] = {}

    @property
    def running(self) -> int:
        """How many run now."""
        return self._active

    @property
    def tally(self) -> Mapping[tuple[str, ...], int]:
        """How many have ended, by the last word of their resource's path and by ``success`` or ``fail``."""
        return self._tally

    async def load(self) -> None:
        """Mark what was running when the server last ended as failed."""
        await self._store.interrupt_running(self._clock.seconds())

    async def start(
        self, resource_path: str, work: Work, label: str | None = None, tenant_uuid: str | None = None
    ) -> StoredOperation:
        """Begin work and return its operation.

        ``work`` gets the progress to report on. When it returns the operation has succeeded (unless the progress says
        that it failed); when it raises, it has failed, with the sentence of a :class:`ProvisiondError`.

        :param resource_path: path of the POST resource below the prefix, e.g. ``/pg_mgr/install/update``.
        :param tenant_uuid: tenant whose devices it is about: nobody else sees it; None when it concerns everybody.
        :raises Unavailable: when too many operations are running.
        """
        if self._active >= self._max_running:
            raise Unavailable("too many operations are running, try again later")
        told = _Paced(self._clock, TOLD_SECONDS, lambda: self._publish(operation_id, running))
        logged = _Paced(self._clock, LOGGED_SECONDS, lambda: _log(operation_id, running))

        def changed() -> None:
            told.changed()
            logged.changed()

        progress = OperationProgress(label, changed)
        created = self._clock.seconds()
        self._active += 1
        try:
            operation_id = await self._store.insert(
                resource_path, format_progress(progress.snapshot()), created, tenant_uuid
            )
        except BaseException:
            self._active -= 1
            raise
        for former_id, former in tuple(self._running.items()):
            if former.ended is not None:
                await self._store_end(former_id, former)
        running = _Running(resource_path, progress, created, tenant_uuid)
        self._running[operation_id] = running
        self._publish(operation_id, running)
        told.begin()
        logged.begin()
        Deferred.fromCoroutine(self._run(operation_id, running, work))
        return await self.get(resource_path, operation_id)

    async def get(self, resource_path: str, operation_id: int, scope: Scope | None = None) -> StoredOperation:
        """Return an operation as it is now.

        :param scope: of the caller; None sees every operation.
        :raises NotFound: when it is unknown under this resource, was deleted, ended more than an hour ago, or is
            about a device outside the scope's tree.
        """
        found = await self._found(resource_path, operation_id)
        if scope is not None and found.tenant_uuid is not None and found.tenant_uuid not in scope.tree:
            raise NotFound(f"operation {operation_id}")
        return found

    async def _found(self, resource_path: str, operation_id: int) -> StoredOperation:
        running = self._running.get(operation_id)
        if running is not None and running.resource == resource_path:
            return running.as_stored(operation_id)
        stored = await self._store.get(resource_path, operation_id)
        if stored is None or (stored.ended is not None and stored.ended < self._clock.seconds() - KEPT_SECONDS):
            raise NotFound(f"operation {operation_id}")
        return stored

    async def recent(self, scope: Scope) -> list[StoredOperation]:
        """Return every operation that :meth:`get` finds, newest first.

        :param scope: of the caller.
        """
        stored = {each.id: each for each in await self._store.recent()}
        stored.update({number: each.as_stored(number) for number, each in self._running.items()})
        oldest = self._clock.seconds() - KEPT_SECONDS
        return [
            each
            for _, each in sorted(stored.items(), reverse=True)
            if (each.ended is None or each.ended >= oldest)
            and (each.tenant_uuid is None or each.tenant_uuid in scope.tree)
        ]

    async def delete(self, resource_path: str, operation_id: int, scope: Scope | None = None) -> None:
        """Forget an operation; its work goes on.

        :raises NotFound: as :meth:`get`.
        """
        await self.get(resource_path, operation_id, scope)
        self._running.pop(operation_id, None)
        await self._store.delete(operation_id)

    async def ended(self, operation: StoredOperation, seconds: float) -> StoredOperation:
        """Return an operation when it has ended, or as it is after so many seconds.

        :raises NotFound: when it was deleted meanwhile.
        """
        running = self._running.get(operation.id)
        if running is not None and running.ended is None:
            waiter: Deferred[None] = Deferred()
            running.waiters.append(waiter)
            timer = self._clock.callLater(seconds, _fire, [waiter])
            await waiter
            if timer.active():
                timer.cancel()
        return await self.get(operation.resource, operation.id)

    async def finished(self) -> None:
        """Wait until nothing is running."""
        if self._active:
            waiter: Deferred[None] = Deferred()
            self._idle.append(waiter)
            await waiter

    async def _run(self, operation_id: int, running: _Running, work: Work) -> None:
        error: str | None = None
        try:
            await work(running.progress)
        except ProvisiondError as problem:
            error = problem.sentence
        except OSError as refusal:
            log.failure("operation {id} failed", id=operation_id)
            error = f"the system refused: {refusal.strerror}" if refusal.strerror else _UNEXPECTED
        except Exception:
            log.failure("operation {id} failed", id=operation_id)
            error = _UNEXPECTED
        if running.progress.state == FAIL and error is None:
            error = "the work failed"
        # Whoever reads it as ended, before that is stored, must find the reason too.
        running.error, running.ended = error, self._clock.seconds()
        if error is not None:
            running.progress.fail()
        else:
            running.progress.succeed()
        await self._end(operation_id, running)

    async def _store_end(self, operation_id: int, running: _Running) -> None:
        """Store an end, or tell it from memory until the store takes one: what is stored says that it goes on."""
        ended = running.as_stored(operation_id)
        try:
            if operation_id in self._running:
                await self._store.end(operation_id, ended.progress, ended.error, running.ended or ended.created)
        except Exception:
            log.failure("the end of operation {id} could not be stored", id=operation_id)
        else:
            self._running.pop(operation_id, None)

    async def _end(self, operation_id: int, running: _Running) -> None:
        ended = running.as_stored(operation_id)
        await self._store_end(operation_id, running)
        if ended.error is not None:
            log.warn(
                "operation {id} of {path} failed: {error}", id=operation_id, path=running.resource, error=ended.error
            )
        _log(operation_id, running)
        self._publish(operation_id, running, ended.error)
        _fire(running.waiters)
        key = (running.resource.rpartition("/")[2], FAIL if ended.error is not None else SUCCESS)
        self._tally[key] = self._tally.get(key, 0) + 1
        self._active -= 1
        if not self._active:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)

    def _publish(self, operation_id: int, running: _Running, error: str | None = None) -> None:
        text, state = format_progress(running.progress.snapshot()), running.progress.state
        self._events.publish(OperationChanged(running.resource, operation_id, state, text, error, running.tenant_uuid))


def _log(operation_id: int, running: _Running) -> None:
    text = format_progress(running.progress.snapshot())
    log.info("operation {id} of {path}: {text}", id=operation_id, path=running.resource, text=text)


def _fire(waiters: list[Deferred[None]]) -> None:
    for waiter in tuple(waiters):
        if not waiter.called:
            waiter.callback(None)


class _Paced:
    """Tells of progress not too often; begin and end are told by the operations themselves."""

    def __init__(self, clock: Clock, seconds: float, tell: Callable[[], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._tell = tell
        self._last: float | None = None

    def begin(self) -> None:
        self._last = self._clock.seconds()

    def changed(self) -> None:
        now = self._clock.seconds()
        if self._last is not None and now - self._last >= self._seconds:
            self._last = now
            self._tell()

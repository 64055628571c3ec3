"""Installations and uninstallations of extensions as they go on, and for a while afterwards (section 5.2)."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.errors import NotFound
from provisiond.extensions.metadata import Metadata
from provisiond.extensions.output import OutputLog
from provisiond.extensions.problems import CommandFailed, ExtensionProblem
from provisiond.extensions.sources import Source
from provisiond.model.operation import OperationProgress, cut_off, format_progress, parse_progress
from provisiond.provisioning.events import Events, ExtensionProgress
from provisiond.provisioning.ports import Clock, Threads
from provisiond.provisioning.serial import Serial

log = Logger()
KEPT_SECONDS: Final = 3600.0
KEPT: Final = 1000
COMPLETED: Final = "completed"
ERROR: Final = "error"
_SILENT: Final = ("starting", COMPLETED, ERROR)


@define(kw_only=True, eq=False)
class ExtensionOperation:
    """One installation or uninstallation.

    :param kind: ``install`` or ``uninstall``.
    :param source: where it comes from, without secrets; None for an uninstallation.
    :param errors: what went wrong, as the API shows it.
    :param parent: uuid of the installation that asked for this one.
    """

    uuid: str
    kind: str
    source: Mapping[str, Any] | None
    parent: str | None
    created: float
    log: OutputLog = field(repr=False)
    progress: OperationProgress = field(repr=False)
    tell: Any = field(repr=False)
    namespace: str | None = None
    name: str | None = None
    version: str | None = None
    status: str = "starting"
    errors: dict[str, Any] | None = None
    ended: float | None = None
    waiters: list[Deferred[None]] = field(factory=list, repr=False)
    _part: OperationProgress | None = field(default=None, repr=False)

    def step(self, status: str) -> None:
        """Begin a step; the one before has ended well unless this one says otherwise."""
        if status == self.status and self._part is not None:
            return
        bad = status in ("rolling back", ERROR)
        if self._part is not None:
            (self._part.fail if bad else self._part.succeed)()
        self.status = self.log.step = status
        self._part = None if status in _SILENT else self.progress.part(status.replace(" ", "_"))
        self.log.write(status)
        self.tell(self)

    def identify(self, metadata: Metadata) -> None:
        """Tell which extension it is."""
        self.namespace, self.name, self.version = metadata.namespace, metadata.name, metadata.version

    def failed(self, problem: ExtensionProblem) -> None:
        """End badly."""
        status = self.status if self.status != "rolling back" else "installing"
        self.errors = errors_of(problem, status, self.source)
        self.log.write(problem.sentence)
        self.progress.fail()
        self.step(ERROR)

    def succeeded(self) -> None:
        """End well."""
        self.step(COMPLETED)
        self.progress.succeed()

    def stored(self) -> dict[str, Any]:
        """Return the operation for REST and the disk, but for its log."""
        return {
            "uuid": self.uuid,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "version": self.version,
            "source": self.source,
            "status": self.status,
            "oip": format_progress(self.progress.snapshot()),
            "errors": self.errors,
            "parent": self.parent,
            "created": self.created,
            "ended": self.ended,
        }


def errors_of(problem: ExtensionProblem, status: str, source: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an error as the API shows it (extension contract, section 3.2).

    :param status: of the step that it happened in.
    """
    details = dict(problem.details)
    error_id = problem.error_id
    if isinstance(problem, CommandFailed):
        details = {"step": status, **details}
    if error_id is None:
        error_id, details = f"{status.replace(' ', '-')}-error", {"install_options": (source or {}).get("options", {})}
    return {"error_id": error_id, "message": problem.sentence, "resource": "plugins", "details": details}


class ExtensionOperations:
    """The operations of this process, and those that ended within the last hour, also over a restart.

    :param directory: ``<uuid>.json`` and ``<uuid>.log`` for each.
    :param tenant: uuid of the tenant that is told of them.
    """

    def __init__(
        self, directory: Path, threads: Threads, clock: Clock, events: Events, tenant: Callable[[], str]
    ) -> None:
        self._directory = directory
        self._tenant = tenant
        self._threads = threads
        self._clock = clock
        self._events = events
        self._running: dict[str, ExtensionOperation] = {}
        self._ended: dict[str, dict[str, Any]] = {}
        self._writing = Serial()

    async def load(self) -> None:
        """Read what is kept; what was running when the server ended has failed."""
        for document in await self._threads.run(_read_all, self._directory):
            if document["ended"] is None:
                document.update(_interrupted(document, self._clock.seconds()))
                await self._threads.run(_write, self._directory, document, None)
            self._ended[document["uuid"]] = document
        await self._forget()

    async def begin(self, kind: str, source: Source | None, parent: str | None = None) -> ExtensionOperation:
        """Return a new operation."""
        operation_id = str(uuid.uuid4())
        operation = ExtensionOperation(
            uuid=operation_id,
            kind=kind,
            source=source.shown() if source else None,
            parent=parent,
            created=self._clock.seconds(),
            log=OutputLog(self._clock.seconds, lambda line: log.debug("{id}: {line}", id=operation_id, line=line)),
            progress=OperationProgress(kind),
            tell=self._stepped,
        )
        self._running[operation_id] = operation
        try:
            await self._threads.run(_write, self._directory, operation.stored(), None)
        except BaseException:
            # nothing will ever end it
            self._running.pop(operation_id, None)
            raise
        self._tell(operation)
        return operation

    async def end(self, operation: ExtensionOperation) -> None:
        """Keep an operation that has ended."""
        operation.ended = self._clock.seconds()
        document = operation.stored()
        async with self._writing.holding(_key(operation.uuid)):
            try:
                await self._threads.run(_write, self._directory, document, operation.log.text())
            except OSError:
                log.failure("the end of the extension operation {id} could not be kept", id=operation.uuid)
            if self._running.pop(operation.uuid, None) is not None:
                self._ended[operation.uuid] = document
            else:
                # somebody has deleted it meanwhile
                await self._threads.run(_remove, self._directory, operation.uuid)
        for waiter in operation.waiters:
            if not waiter.called:
                waiter.callback(None)
        await self._forget()

    async def ended(self, operation: ExtensionOperation, seconds: float) -> bool:
        """Wait for the end of an operation, at most so many seconds; tell whether it has ended."""
        if operation.ended is None:
            waiter: Deferred[None] = Deferred()
            operation.waiters.append(waiter)
            timer = self._clock.callLater(seconds, lambda: None if waiter.called else waiter.callback(None))
            await waiter
            if timer.active():
                timer.cancel()
        return operation.ended is not None

    def all(self) -> list[dict[str, Any]]:
        """Return every operation, newest first."""
        rows = [*self._ended.values(), *(each.stored() for each in self._running.values())]
        return sorted(rows, key=lambda row: float(row["created"]), reverse=True)

    def get(self, operation_id: str) -> dict[str, Any]:
        """Return an operation.

        :raises NotFound: when there is none.
        """
        running = self._running.get(operation_id)
        if running is not None:
            return running.stored()
        if operation_id not in self._ended:
            raise NotFound(f"operation {operation_id[:64]}")
        return self._ended[operation_id]

    async def log_of(self, operation_id: str) -> str:
        """Return what the commands of an operation have printed.

        :raises NotFound: when there is no such operation.
        """
        self.get(operation_id)
        running = self._running.get(operation_id)
        if running is not None:
            return running.log.text()
        text: str = await self._threads.run(_read_log, self._directory, operation_id)
        return text

    async def delete(self, operation_id: str) -> None:
        """Forget an operation; its work goes on.

        :raises NotFound: when there is none.
        """
        self.get(operation_id)
        self._running.pop(operation_id, None)
        self._ended.pop(operation_id, None)
        async with self._writing.holding(_key(operation_id)):
            await self._threads.run(_remove, self._directory, operation_id)

    async def _forget(self) -> None:
        oldest = self._clock.seconds() - KEPT_SECONDS
        kept = sorted(self._ended.values(), key=lambda row: float(row["ended"]), reverse=True)
        for row in [row for number, row in enumerate(kept) if number >= KEPT or row["ended"] < oldest]:
            del self._ended[row["uuid"]]
            await self._threads.run(_remove, self._directory, row["uuid"])

    def _stepped(self, operation: ExtensionOperation) -> None:
        self._tell(operation)
        if operation.status not in (COMPLETED, ERROR):
            Deferred.fromCoroutine(self._keep_running(operation))

    async def _keep_running(self, operation: ExtensionOperation) -> None:
        """Keep how far an operation is, for the case that the server is killed."""
        async with self._writing.holding(_key(operation.uuid)):
            if operation.uuid not in self._running or operation.ended is not None:
                return
            document = operation.stored()
            with contextlib.suppress(OSError):
                await self._threads.run(lambda: _write(self._directory, document, operation.log.text()))

    def _tell(self, operation: ExtensionOperation) -> None:
        progress = format_progress(operation.progress.snapshot())
        self._events.publish(
            ExtensionProgress(
                operation.uuid, operation.kind, operation.status, progress, operation.errors, self._tenant()
            )
        )


def _key(operation_id: str) -> tuple[str, str]:
    return "extension operation", operation_id


def _interrupted(document: Mapping[str, Any], now: float) -> dict[str, Any]:
    errors = {
        "error_id": "interrupted",
        "message": "the server stopped while this was running",
        "resource": "plugins",
        "details": {"step": document["status"]},
    }
    oip = format_progress(cut_off(parse_progress(document["oip"])))
    return {"status": ERROR, "errors": errors, "ended": now, "oip": oip}


def _write(directory: Path, document: Mapping[str, Any], output: str | None) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if output is not None:
        (directory / f"{document['uuid']}.log").write_text(output, encoding="utf-8", errors="replace")
    partial = directory / f".{document['uuid']}.tmp"
    partial.write_text(json.dumps(document))
    os.replace(partial, directory / f"{document['uuid']}.json")


def _read_all(directory: Path) -> list[dict[str, Any]]:
    found = []
    for partial in directory.glob(".*.tmp"):
        partial.unlink(missing_ok=True)
    for path in sorted(directory.glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            document = json.loads(path.read_bytes())
            if isinstance(document, dict) and document.get("uuid") == path.stem:
                found.append(document)
    return found


def _read_log(directory: Path, operation_id: str) -> str:
    try:
        return (directory / f"{operation_id}.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _remove(directory: Path, operation_id: str) -> None:
    for suffix in ("json", "log"):
        (directory / f"{operation_id}.{suffix}").unlink(missing_ok=True)

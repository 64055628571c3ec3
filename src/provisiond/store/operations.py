"""Stored operations: readable after their work has ended, and after a restart."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from sqlalchemy import Connection, delete, insert, select, update

from provisiond.model.operation import cut_off, format_progress, parse_progress
from provisiond.store.database import Database
from provisiond.store.schema import operations

KEPT_SECONDS: Final = 3600
KEPT: Final = 1000
INTERRUPTED: Final = "the server stopped while this was running"


@frozen(kw_only=True)
class StoredOperation:
    """One operation.

    :param resource: path of the POST resource below the prefix, e.g. ``/pg_mgr/install/update``.
    :param progress: text of its progress.
    :param created: seconds since the epoch; so is ``ended``, None while it runs.
    :param tenant_uuid: tenant whose devices it is about; None when it concerns everybody.
    """

    id: int
    resource: str
    progress: str
    error: str | None
    created: float
    ended: float | None
    tenant_uuid: str | None = None


class OperationStore:
    """Operations in the database; ids are never used twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def interrupt_running(self, now: float) -> int:
        """Mark as failed what was running when the server last ended; return how many there were."""

        def work(connection: Connection) -> int:
            rows = connection.execute(select(operations).where(operations.c.ended.is_(None))).all()
            for row in rows:
                text = format_progress(cut_off(parse_progress(row.progress)))
                values = {"progress": text, "error": INTERRUPTED, "ended": now}
                connection.execute(update(operations).where(operations.c.id == row.id).values(**values))
            return len(rows)

        return await self._database.write(work)

    async def insert(self, resource: str, progress: str, now: float, tenant_uuid: str | None = None) -> int:
        """Store a new operation and return its id."""
        values = {"resource": resource, "progress": progress, "created": now, "tenant_uuid": tenant_uuid}

        def work(connection: Connection) -> int:
            done = connection.execute(insert(operations).values(error=None, ended=None, **values))
            key = done.inserted_primary_key
            assert key is not None
            return int(key[0])

        return await self._database.write(work)

    async def end(self, operation_id: int, progress: str, error: str | None, now: float) -> None:
        """Store the end of an operation, and forget ended ones that are too old or too many."""

        def work(connection: Connection) -> None:
            values = {"progress": progress, "error": error, "ended": now}
            connection.execute(update(operations).where(operations.c.id == operation_id).values(**values))
            connection.execute(delete(operations).where(operations.c.ended < now - KEPT_SECONDS))
            ended = select(operations.c.id).where(operations.c.ended.is_not(None))
            surplus = connection.execute(
                ended.order_by(operations.c.ended.desc(), operations.c.id.desc()).offset(KEPT)
            ).scalars()
            connection.execute(delete(operations).where(operations.c.id.in_(list(surplus))))

        await self._database.write(work)

    async def get(self, resource: str, operation_id: int) -> StoredOperation | None:
        """Return an operation of this resource, or None."""

        def work(connection: Connection) -> StoredOperation | None:
            statement = select(operations).where(operations.c.id == operation_id, operations.c.resource == resource)
            row = connection.execute(statement).one_or_none()
            return None if row is None else StoredOperation(**row._asdict())

        return await self._database.read(work)

    async def delete(self, operation_id: int) -> None:
        """Forget an operation; unknown ones are no error."""

        def work(connection: Connection) -> None:
            connection.execute(delete(operations).where(operations.c.id == operation_id))

        await self._database.write(work)

    async def recent(self) -> list[StoredOperation]:
        """Return every stored operation, newest first."""

        def work(connection: Connection) -> list[StoredOperation]:
            rows = connection.execute(select(operations).order_by(operations.c.id.desc()))
            return [StoredOperation(**row._asdict()) for row in rows]

        return await self._database.read(work)

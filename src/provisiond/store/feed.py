"""The change feed: what was written, in the order it was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, delete, func, insert, select
from twisted.logger import Logger

from provisiond.store.database import Database
from provisiond.store.schema import changes

log = Logger()
KEPT: Final = 100_000
_INSERT: Final = insert(changes)


@frozen
class Change:
    """One write: ``kind`` is ``device``, ``config``, ``parameter``, ``tenant`` or ``token``."""

    number: int
    kind: str
    id: str
    action: str


def note(connection: Connection, kind: str, object_id: str, action: str) -> None:
    """Add a change to the transaction that makes it."""
    connection.execute(_INSERT, {"kind": kind, "id": object_id, "action": action})


def note_many(connection: Connection, kind: str, object_ids: Sequence[str], action: str) -> None:
    """Add one change for each id to the transaction that makes them; nothing for no ids."""
    if object_ids:
        connection.execute(_INSERT, [{"kind": kind, "id": each, "action": action} for each in object_ids])


class ChangeFeed:
    """Lets whoever keeps a copy in memory follow what is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each write of this process."""
        self._listeners.append(callback)

    def wake(self) -> None:
        """Tell the listeners that something was written."""
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                log.failure("a listener of the change feed failed")

    async def latest(self) -> int:
        """Return the number of the last change, 0 when there was none."""
        return await self._database.read(_latest)

    async def changes_since(self, number: int, limit: int = 1000) -> list[Change]:
        """Return the changes after ``number``, oldest first."""
        return await self._database.read(_since, number, limit)

    async def trim(self) -> None:
        """Forget all but the newest changes."""
        await self._database.write(_trim)


def _latest(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(changes.c.number), 0))).scalar_one())


def _since(connection: Connection, number: int, limit: int) -> list[Change]:
    statement = select(changes).where(changes.c.number > number).order_by(changes.c.number).limit(limit)
    return [Change(row.number, row.kind, row.id, row.action) for row in connection.execute(statement)]


def _trim(connection: Connection) -> None:
    connection.execute(delete(changes).where(changes.c.number <= _latest(connection) - KEPT))

"""Whether the database answers, can be written, and is whole."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, delete, false, insert, select
from sqlalchemy.exc import DBAPIError

from provisiond.errors import StoreProblem
from provisiond.model.trouble import Trouble
from provisiond.store.database import Database
from provisiond.store.schema import facts

SLOW_SECONDS: Final = 3.0
WHOLE_SECONDS: Final = 3_600.0
PROBE: Final = "write_probe"
_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: "database-locked",
    sqlite3.SQLITE_LOCKED: "database-locked",
    sqlite3.SQLITE_CORRUPT: "database-corrupt",
    sqlite3.SQLITE_NOTADB: "database-corrupt",
    sqlite3.SQLITE_FULL: "database-full",
    sqlite3.SQLITE_READONLY: "database-read-only",
    sqlite3.SQLITE_CANTOPEN: "database-unreachable",
}
# Classes of PostgreSQL's SQLSTATE (its manual, appendix A), longest first.
_POSTGRESQL: Final = {
    "25006": "database-read-only",
    "53100": "database-full",
    "55P03": "database-locked",
    "57P0": "database-unreachable",
    "08": "database-unreachable",
    "53": "database-unreachable",
    "XX": "database-corrupt",
}


class Damaged(StoreProblem):
    """The database file is damaged."""


def code_of(problem: StoreProblem) -> str:
    """Return the kind of trouble that something the database refused belongs to."""
    if isinstance(problem, Damaged):
        return "database-corrupt"
    cause = problem.__cause__
    if not isinstance(cause, DBAPIError):
        return "database-failing"
    origin = cause.orig
    if isinstance(origin, sqlite3.Error):
        # The low byte is the primary result code (https://www.sqlite.org/rescode.html).
        return _SQLITE.get(getattr(origin, "sqlite_errorcode", 0) & 0xFF, "database-failing")
    state = getattr(origin, "sqlstate", None)
    if state is None:
        return "database-unreachable"
    return next((code for start, code in _POSTGRESQL.items() if state.startswith(start)), "database-failing")


class DatabaseCheck:
    """Looks whether the database is in order; to be asked again and again.

    A write that was refused is a trouble until one succeeds, so after one this writes a little itself.

    :param now: seconds that never go back.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now = now
        self._refused: StoreProblem | None = None
        self._looked_whole: float | None = None
        database.listen(self._noted)

    async def __call__(self) -> Sequence[Trouble]:
        """Return what is wrong."""
        started = self._now()
        try:
            await self._database.read(_read)
            await self._check_whole()
            await self._database.write(_write if self._refused is not None else _touch)
        except StoreProblem as problem:
            return [Trouble(code=code_of(problem), sentence=problem.sentence)]
        seconds = self._now() - started
        if seconds < SLOW_SECONDS:
            return ()
        return [Trouble(code="database-slow", sentence=f"the database took {seconds:.1f} seconds for next to nothing")]

    def _noted(self, kind: str, seconds: float, problem: StoreProblem | None) -> None:
        if kind == "write":
            self._refused = problem

    async def _check_whole(self) -> None:
        now = self._now()
        if not self._database.is_sqlite or (
            self._looked_whole is not None and now - self._looked_whole < WHOLE_SECONDS
        ):
            return
        await self._database.read(_check_whole)
        self._looked_whole = now


def _read(connection: Connection) -> None:
    connection.execute(select(facts.c.name).limit(1)).first()


def _touch(connection: Connection) -> None:
    """Take the lock for writing and change nothing; costs no write to the disk."""
    connection.execute(delete(facts).where(false()))


def _write(connection: Connection) -> None:
    connection.execute(delete(facts).where(facts.c.name == PROBE))
    connection.execute(insert(facts).values(name=PROBE, value=""))


def _check_whole(connection: Connection) -> None:
    found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    if found != "ok":
        raise Damaged(f"the database is damaged: {' '.join(found.split())[:200]}")

"""One database, SQLite or PostgreSQL, used from threads beside the reactor."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from twisted.internet.defer import Deferred

from provisiond.errors import ProvisiondError, StoreProblem

P = ParamSpec("P")
R = TypeVar("R")
MIGRATIONS: Final = Path(__file__).parent / "migrations"
BUSY_MILLISECONDS: Final = 10_000
# One for each thread that works here, and one more.
CONNECTIONS: Final = 6
# Any number will do that nobody else takes; PostgreSQL gives it back when the transaction is seen by everybody.
_TAKE_TURN: Final = text("SELECT pg_advisory_xact_lock(8667069)")
_REPLACE: Final = "put a good copy of the file in its place, or move it away and restore a backup"
_OWN: Final = "the file and its directory must exist and belong to the server's user"
_CURES: Final = {
    sqlite3.SQLITE_CORRUPT: _REPLACE,
    sqlite3.SQLITE_NOTADB: _REPLACE,
    sqlite3.SQLITE_CANTOPEN: _OWN,
    sqlite3.SQLITE_READONLY: _OWN,
}


class CallsBack(Protocol):
    """Brings a call from a thread into the reactor thread (the reactor's ``callFromThread``)."""

    def __call__(self, callable: Callable[..., object], *args: object) -> object: ...


class Listener(Protocol):
    """Told of each piece of work: ``read`` or ``write``, seconds it took and waited, what was refused."""

    def __call__(self, kind: str, seconds: float, problem: StoreProblem | None, /) -> object: ...


class Database:
    """Runs functions on connections, each in a transaction of its own.

    Functions that write run one after another in one thread; functions that read run beside them. What a write did is
    committed before its result comes back.
    """

    def __init__(self, engine: Engine, call_back: CallsBack | None) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._call_back = call_back
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(4, "store-reader")
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call back, where results come back, after each piece of work; the callback must not raise."""
        self._listeners.append(listener)

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``work(connection, …)``, run beside the reactor.

        :raises StoreProblem: when the database fails.
        """
        return await self._run("read", self._readers, work, *args, **kwargs)

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``work(connection, …)`` once its changes are durable.

        :raises StoreProblem: when the database fails; nothing is changed then.
        """
        return await self._run("write", self._writer, work if self.is_sqlite else _alone(work), *args, **kwargs)

    async def _run(
        self,
        kind: str,
        pool: ThreadPoolExecutor,
        work: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        started = time.monotonic()
        try:
            value = await self._called(pool, work, *args, **kwargs)
        except BaseException as error:
            self._tell(kind, time.monotonic() - started, error if isinstance(error, StoreProblem) else None)
            raise
        self._tell(kind, time.monotonic() - started, None)
        return value

    def _tell(self, kind: str, seconds: float, problem: StoreProblem | None) -> None:
        for listener in self._listeners:
            listener(kind, seconds, problem)

    async def _called(
        self,
        pool: ThreadPoolExecutor,
        work: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        if self._call_back is None:
            return self.now(work, *args, **kwargs)
        call_back = self._call_back
        result: Deferred[R] = Deferred()

        def in_thread() -> None:
            try:
                value = self.now(work, *args, **kwargs)
            except BaseException as error:
                call_back(result.errback, error)
            else:
                call_back(result.callback, value)

        try:
            pool.submit(in_thread)
        except RuntimeError:
            raise StoreProblem("the database is closed") from None
        return await result

    def now(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``work(connection, …)``, run in this thread and committed."""
        for others in reversed(range(CONNECTIONS)):
            try:
                return self._once(work, *args, **kwargs)
            except ProvisiondError:
                raise
            except DBAPIError as error:
                # One that was opened while nothing could be written stays so; the next one may have been opened before.
                if others and _code_of(error) == sqlite3.SQLITE_READONLY:
                    continue
                raise StoreProblem(f"the database refused: {_reason(error)}") from error
            except SQLAlchemyError as error:
                raise StoreProblem(f"the database failed: {type(error).__name__}") from error
        raise AssertionError("unreachable")

    def _once(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        with self.engine.begin() as connection:
            try:
                return work(connection, *args, **kwargs)
            except DBAPIError as error:
                if _code_of(error) == sqlite3.SQLITE_READONLY:
                    connection.invalidate()
                raise

    def close(self) -> None:
        """Finish what was begun and close."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()


def _alone(work: Callable[Concatenate[Connection, P], R]) -> Callable[Concatenate[Connection, P], R]:
    """Return work that no other process writes beside, as SQLite has it anyhow.

    Changes are numbered when they are written and seen when they are committed: who reads them in the order of their
    numbers would never see one that another process commits after a later one.
    """

    def working(connection: Connection, /, *args: P.args, **kwargs: P.kwargs) -> R:
        connection.execute(_TAKE_TURN)
        return work(connection, *args, **kwargs)

    return working


def _code_of(error: DBAPIError) -> int:
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF


def _reason(error: DBAPIError) -> str:
    words = str(error.orig).strip()
    reason = words.splitlines()[0][:200] if words else type(error.orig).__name__
    cure = _CURES.get(_code_of(error))
    return f"{reason}; {cure}" if cure else reason


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection, _record):  # type: ignore[no-untyped-def]
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("BEGIN")


def new_engine(url: str) -> Engine:
    """Return what opens connections to the database at an URL.

    :raises StoreProblem: when the URL is not one of a database that is supported here.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql" and parsed.get_driver_name() != "psycopg":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise StoreProblem(f"database.url: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql")
    except (ArgumentError, NoSuchModuleError):
        raise StoreProblem("database.url is not an address of a database such as sqlite:////path/file.db") from None
    except ModuleNotFoundError:
        raise StoreProblem("PostgreSQL needs the psycopg library; install provisiond[postgresql]") from None
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    return engine


def alembic_settings(connection: Connection | None = None) -> AlembicConfig:
    """Return where the migrations are, and on which connection they run."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _migrate(connection: Connection) -> None:
    settings = alembic_settings(connection)
    scripts = ScriptDirectory.from_config(settings)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None:
        try:
            known = scripts.get_revision(current)
        except ResolutionError:
            known = None
        except Exception as error:
            if "locate" not in str(error).lower():
                raise
            known = None
        if known is None:
            raise StoreProblem(
                f"the database has schema {current}, made by a newer provisiond; this one knows up to "
                f"{scripts.get_current_head()}: install the newer version again, or restore a backup"
            )
    command.upgrade(settings, "head")


def finished(work: Coroutine[Any, Any, R]) -> R:
    """Return the result of work on a database that answers in the calling thread, so it never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: R = stop.value
        return result
    work.close()
    raise AssertionError("the work waits for something")


def missing_file(url: str) -> Path | None:
    """Return the file that a database would be made as, when it is one of SQLite and there is no such file yet."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    file = Path(parsed.database)
    return None if file.exists() else file


def open_database(url: str, call_back: CallsBack | None = None) -> Database:
    """Open the database at ``url`` and bring its schema up to date.

    Blocks; meant for the start of the daemon.

    :param url: an SQLAlchemy URL of SQLite or PostgreSQL.
    :param call_back: the reactor's ``callFromThread``; None runs everything in the calling thread.
    :raises StoreProblem: when it cannot be opened or written, is damaged, or was made by a newer version.
    """
    engine = new_engine(url)
    database = Database(engine, call_back)
    try:
        database.now(_migrate)
    except BaseException:
        database.close()
        raise
    return database


def in_memory() -> Database:
    """Open a database of its own that nobody else sees, and that is gone when it is closed."""
    return open_database("sqlite://")

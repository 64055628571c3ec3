"""A real database that is locked, read-only, damaged or gone is told as that, and is in order again afterwards."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.support.stores import Stores, run

from provisiond.errors import StoreProblem
from provisiond.store.checking import SLOW_SECONDS, WHOLE_SECONDS, DatabaseCheck, code_of
from provisiond.store.database import Database, open_database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "provisiond.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{file}")

    @event.listens_for(opened.engine, "connect")
    def _hurry(connection, _record):  # type: ignore[no-untyped-def]
        connection.execute("PRAGMA busy_timeout=50")

    opened.engine.dispose()
    yield opened
    opened.close()


def codes(check: DatabaseCheck) -> list[str]:
    return [each.code for each in run(check())]


def test_a_database_in_order_is_not_written(store: Stores) -> None:
    check = DatabaseCheck(store.database)
    number = run(store.feed.latest())
    assert codes(check) == [] == codes(check)
    assert run(store.feed.latest()) == number


def test_locked_by_another_program(database: Database, file: Path) -> None:
    check = DatabaseCheck(database)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    (trouble,) = run(check())
    assert (trouble.code, trouble.sentence) == ("database-locked", "the database refused: database is locked")
    other.execute("ROLLBACK")
    other.close()
    assert codes(check) == []


def test_a_refused_write_stays_a_trouble_until_one_succeeds(database: Database, file: Path) -> None:
    check = DatabaseCheck(database)
    assert codes(check) == []
    # A trigger refuses what would really be written, and lets pass what only takes the lock.
    with sqlite3.connect(file) as other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON fact BEGIN SELECT RAISE(ABORT, 'no room'); END")
    other.close()

    def put(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("INSERT INTO fact (name, value) VALUES ('x', 'y')")

    with pytest.raises(StoreProblem):
        run(database.write(put))
    assert codes(check) == ["database-failing"] == codes(check)
    with sqlite3.connect(file) as other:
        other.execute("DROP TRIGGER no")
    other.close()
    assert codes(check) == []


def test_full(database: Database) -> None:
    check = DatabaseCheck(database)

    @event.listens_for(database.engine, "begin")
    def _small(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit}")

    limit = 1

    def fill(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("INSERT INTO fact (name, value) VALUES ('big', hex(zeroblob(4000000)))")

    with pytest.raises(StoreProblem) as raised:
        run(database.write(fill))
    assert code_of(raised.value) == "database-full"
    limit = 1_000_000
    assert codes(check) == []


def test_damaged(database: Database, file: Path) -> None:
    run(database.write(lambda connection: connection.exec_driver_sql("PRAGMA user_version=1") and None))
    database.engine.dispose()
    whole = file.read_bytes()
    size = len(whole) // 2
    file.write_bytes(whole[:4096] + b"\xa5" * size + whole[4096 + size :])
    seconds = itertools.count(0.0, WHOLE_SECONDS)
    check = DatabaseCheck(database, lambda: next(seconds))
    assert codes(check) == ["database-corrupt"]
    database.engine.dispose()
    file.write_bytes(whole)
    assert "database-corrupt" not in codes(check)


def test_read_only(database: Database) -> None:
    check = DatabaseCheck(database)
    only = True

    @event.listens_for(database.engine, "begin")
    def _only(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql(f"PRAGMA query_only={int(only)}")

    assert codes(check) == ["database-read-only"]
    only = False
    assert codes(check) == []


def test_slow(database: Database) -> None:
    moments = iter([0.0, 0.0, SLOW_SECONDS + 1, 100.0, 100.0, 100.0])
    check = DatabaseCheck(database, lambda: next(moments))
    (trouble,) = run(check())
    assert (trouble.code, "4.0 seconds" in trouble.sentence) == ("database-slow", True)
    assert codes(check) == []


def test_a_postgresql_server_that_is_gone_and_comes_back(server: str, tmp_path: Path) -> None:
    # Another way to the same server, that can be cut.
    real = Path(server.rpartition("host=")[2])
    way = tmp_path / "way"
    way.symlink_to(real)
    database = open_database(server.replace(str(real), str(way)))
    check = DatabaseCheck(database)
    try:
        assert codes(check) == []
        database.engine.dispose()
        way.unlink()
        assert codes(check) == ["database-unreachable"]
        way.symlink_to(real)
        assert codes(check) == []
        _end_connections(real)
        assert codes(check) == [], "connections that the server has closed are opened anew"
    finally:
        database.close()


def _end_connections(directory: Path) -> None:
    words = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
    )
    user = ["-U", "postgres"] if os.getuid() == 0 else []
    subprocess.run(
        ["psql", "-h", str(directory), *user, "-d", "postgres", "-c", words], check=True, capture_output=True
    )

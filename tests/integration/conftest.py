"""A database server for all integration tests, and stores on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.support.postgresql import postgresql
from tests.support.stores import Stores, empty, open_stores


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL database."""
    with postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def other_server(server: str) -> str:
    """The URL of a second database of the same server, for what outlives a test."""
    made = create_engine(server, isolation_level="AUTOCOMMIT")
    with made.connect() as connection:
        connection.execute(text("CREATE DATABASE other"))
    made.dispose()
    return server.replace("/postgres?", "/other?")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Empty stores, once of each kind."""
    sqlite = request.param == "sqlite"
    made = open_stores(f"sqlite:///{tmp_path / 'x.db'}" if sqlite else request.getfixturevalue("server"))
    yield made
    if not sqlite:
        empty(made.database)
    made.database.close()

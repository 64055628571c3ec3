"""Stores on real databases, and the little that tests need to call them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

from attrs import frozen
from sqlalchemy import text

from provisiond.store.configs import ConfigStore
from provisiond.store.database import Database, open_database
from provisiond.store.devices import DeviceStore
from provisiond.store.feed import ChangeFeed
from provisiond.store.schema import METADATA

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("it waited")


async def everything(batches: AsyncIterator[Sequence[T]]) -> list[T]:
    """Return all results of a stream."""
    return [each async for batch in batches for each in batch]


@frozen
class Stores:
    """The stores of one database, used from this thread."""

    url: str
    database: Database
    feed: ChangeFeed
    devices: DeviceStore
    configs: ConfigStore


def open_stores(url: str) -> Stores:
    """Open the stores of the database at ``url``."""
    database = open_database(url)
    feed = ChangeFeed(database)
    return Stores(url, database, feed, DeviceStore(database, feed), ConfigStore(database, feed))


def empty(database: Database) -> None:
    """Forget everything in a PostgreSQL database, numbers included."""
    with database.engine.begin() as connection:
        for table in METADATA.sorted_tables:
            connection.execute(text(f'TRUNCATE "{table.name}" RESTART IDENTITY'))

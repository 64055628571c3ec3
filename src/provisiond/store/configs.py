"""Stored configs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from provisiond.errors import AlreadyExists, NotFound
from provisiond.model.config import Config
from provisiond.model.query import Query
from provisiond.store import feed
from provisiond.store.database import Database
from provisiond.store.listing import BATCH, Shape, Walk, as_document, as_text, walked
from provisiond.store.schema import config_parents, configs
from provisiond.store.texts import column_text, column_value, document_text

T = TypeVar("T")
# Made once: to make a statement anew takes several times as long as the database takes for it.
_SELECT: Final = select(configs.c.document).where(configs.c.id == bindparam("wanted"))
_SELECT_MANY: Final = select(configs.c.document).where(configs.c.id.in_(bindparam("wanted", expanding=True)))
_INSERT: Final = insert(configs)
_UPDATE: Final = update(configs).where(configs.c.id == bindparam("wanted"))
_LINK: Final = insert(config_parents)
_UNLINK: Final = delete(config_parents).where(config_parents.c.config_id == bindparam("wanted"))


def _row(config: Config) -> dict[str, Any]:
    return {
        "id": config.id,
        "document": document_text(config.document),
        "role": column_value(config.role),
        "x_type": column_value(config.document.get("X_type")),
    }


def _links(config: Config) -> list[dict[str, Any]]:
    return [
        {"config_id": config.id, "position": position, "parent_id": column_text(parent)}
        for position, parent in enumerate(config.parent_ids)
    ]


def _link(connection: Connection, config: Config) -> None:
    rows = _links(config)
    if rows:
        connection.execute(_LINK, rows)


def _get(connection: Connection, config_id: str) -> Config | None:
    text = connection.execute(_SELECT, {"wanted": config_id}).scalar_one_or_none()
    return None if text is None else Config(json.loads(text))


def _get_many(connection: Connection, config_ids: Sequence[str]) -> list[Config]:
    found: list[Config] = []
    for start in range(0, len(config_ids), BATCH):
        texts = connection.execute(_SELECT_MANY, {"wanted": config_ids[start : start + BATCH]}).scalars()
        found.extend(Config(json.loads(text)) for text in texts)
    return found


def _insert(connection: Connection, config: Config) -> None:
    try:
        connection.execute(_INSERT, _row(config))
    except IntegrityError:
        raise AlreadyExists(f'a config with the id "{config.id}" exists already') from None
    _link(connection, config)
    feed.note(connection, "config", config.id, "insert")


def _replace(connection: Connection, config: Config) -> None:
    if connection.execute(_UPDATE, {"wanted": config.id, **_row(config)}).rowcount == 0:
        raise NotFound(f'config "{config.id}"')
    connection.execute(_UNLINK, {"wanted": config.id})
    _link(connection, config)
    feed.note(connection, "config", config.id, "replace")


def _write_many(connection: Connection, new: Sequence[Config], changed: Sequence[Config]) -> None:
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        try:
            connection.execute(_INSERT, [_row(config) for config in batch])
        except IntegrityError:
            raise AlreadyExists("the id of one of the configs is used already") from None
        links = [row for config in batch for row in _links(config)]
        if links:
            connection.execute(_LINK, links)
        feed.note_many(connection, "config", [config.id for config in batch], "insert")
    for config in changed:
        _replace(connection, config)


def _delete(connection: Connection, config_id: str) -> None:
    if connection.execute(delete(configs).where(configs.c.id == config_id)).rowcount == 0:
        raise NotFound(f'config "{config_id}"')
    connection.execute(_UNLINK, {"wanted": config_id})
    feed.note(connection, "config", config_id, "delete")


def _parents(connection: Connection) -> dict[str, tuple[str, ...]]:
    parents: dict[str, list[str]] = {row.id: [] for row in connection.execute(select(configs.c.id))}
    ordered = select(config_parents).order_by(config_parents.c.config_id, config_parents.c.position)
    for row in connection.execute(ordered):
        parents.setdefault(row.config_id, []).append(row.parent_id)
    return {config_id: tuple(ids) for config_id, ids in parents.items()}


def _with_role(connection: Connection, role: str) -> list[Config]:
    rows = connection.execute(
        select(configs.c.document).where(configs.c.role == column_text(role)).order_by(configs.c.seq)
    )
    return [Config(json.loads(row.document)) for row in rows]


def _batch(connection: Connection, after: int) -> tuple[list[Config], int | None]:
    statement = select(configs.c.seq, configs.c.document).where(configs.c.seq > after)
    rows = connection.execute(statement.order_by(configs.c.seq).limit(BATCH)).all()
    return [Config(json.loads(row.document)) for row in rows], rows[-1].seq if len(rows) == BATCH else None


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(configs)).scalar_one())


class ConfigStore:
    """Configs in the database; every write is durable when it returns, and told to the change feed."""

    def __init__(self, database: Database, changes: feed.ChangeFeed) -> None:
        self._database = database
        self._changes = changes

    async def get(self, config_id: str) -> Config | None:
        """Return the config with this id, or None."""
        return await self._database.read(_get, config_id)

    async def get_many(self, config_ids: Sequence[str]) -> list[Config]:
        """Return those configs that exist, in any order."""
        return await self._database.read(_get_many, config_ids)

    async def insert(self, config: Config) -> None:
        """Store a new config.

        :raises AlreadyExists: when its id is used.
        """
        await self._database.write(_insert, config)
        self._changes.wake()

    async def replace(self, config: Config) -> None:
        """Store a config in the place of the one with its id.

        :raises NotFound: when there is none.
        """
        await self._database.write(_replace, config)
        self._changes.wake()

    async def write_many(self, new: Sequence[Config], changed: Sequence[Config]) -> None:
        """Store new configs, and others in the place of those with their ids: all of them, or none.

        :raises AlreadyExists: when an id of the new ones is used.
        :raises NotFound: when there is none in whose place a changed one goes.
        """
        if new or changed:
            await self._database.write(_write_many, new, changed)
            self._changes.wake()

    async def delete(self, config_id: str) -> None:
        """Forget a config; who names it as a parent goes on naming it.

        :raises NotFound: when there is none with this id.
        """
        await self._database.write(_delete, config_id)
        self._changes.wake()

    async def find(self, query: Query) -> list[dict[str, Any]]:
        """Return the documents that a list shows."""
        return await self._database.read(self._walk(query, as_document).all)

    def stream(self, query: Query) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Yield the same as :meth:`find`, batch by batch; memory does not grow with the list."""
        return walked(self._database, self._walk(query, as_document))

    def texts(self, query: Query) -> AsyncIterator[Sequence[str]]:
        """Yield the same as :meth:`stream`, each document as its compact JSON."""
        return walked(self._database, self._walk(query, as_text))

    def _walk(self, query: Query, shape: Shape[T]) -> Walk[T]:
        return Walk(configs, query, None, shape, sqlite=self._database.is_sqlite)

    async def all(self) -> AsyncIterator[Sequence[Config]]:
        """Yield every config in the order they were created, batch by batch."""
        after: int | None = 0
        while after is not None:
            batch, after = await self._database.read(_batch, after)
            yield batch

    async def parents(self) -> Mapping[str, tuple[str, ...]]:
        """Return the parents of every config."""
        return await self._database.read(_parents)

    async def with_role(self, role: str) -> list[Config]:
        """Return the configs with this role, oldest first."""
        return await self._database.read(_with_role, role)

    async def count(self) -> int:
        """Return how many configs there are."""
        return await self._database.read(_count)

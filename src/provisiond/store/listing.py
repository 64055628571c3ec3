"""Lists: documents in the order and the pages of a query, a bounded batch at a time."""

from __future__ import annotations

import json
from array import array
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Select, Table, func, literal_column, select

from provisiond.model.query import Query, matches, projected, sort_text
from provisiond.store.database import Database
from provisiond.store.schema import SORTED_COLUMNS
from provisiond.store.selecting import planned
from provisiond.store.texts import document_text

BATCH: Final = 250
T = TypeVar("T")
Shape = Callable[[str, Any, Query], T]


def as_document(text: str, document: Any, query: Query) -> dict[str, Any]:
    """Return what a list shows of a document."""
    return projected(json.loads(text) if document is None else document, query.fields)


def as_text(text: str, document: Any, query: Query) -> str:
    """Return the JSON of what a list shows of a document."""
    return text if query.fields is None else document_text(as_document(text, document, query))


def sort_key(table: Table, name: str) -> Any:
    """Return what rows are sorted by; an index has the same."""
    return table.c.id if name == "id" else func.coalesce(table.c[name], literal_column("''"))


class Walk(Generic[T]):
    """One walk through the documents that a query selects.

    Each :meth:`step` reads a bounded number of rows in a transaction of its own, so memory does not grow with the list
    and a walk can be left at any time. Only a sorted list keeps something for all its rows: one number each, and the
    text that it is sorted by while it is sorted by a member that has no index.

    :param tenants: tenants whose devices are seen, or None for all.
    :param shape: makes a result of a document's text, the document if it was parsed already, and the query.
    """

    def __init__(
        self, table: Table, query: Query, tenants: Collection[str] | None, shape: Shape[T], *, sqlite: bool
    ) -> None:
        self._table = table
        self._query = query
        self._plan = planned(table, query, tenants, sqlite=sqlite)
        self._shape = shape
        self._skip = query.skip
        self._left = query.limit or None
        self._after = 0
        self._order: array[int] | None = None
        self._position = 0
        self._keys: list[tuple[str, int]] = []
        self.done = False

    def all(self, connection: Connection) -> list[T]:
        """Return the whole rest."""
        results: list[T] = []
        while not self.done:
            results += self.step(connection)
        return results

    def step(self, connection: Connection) -> list[T]:
        """Return the next results, perhaps none; ``done`` tells whether these were the last."""
        if self._query.sort is None:
            rows = self._following_rows(connection)
        elif self._order is None and self._query.sort not in SORTED_COLUMNS[self._table.name]:
            self._read_keys(connection)
            return []
        else:
            rows = self._ordered_rows(connection)
        return list(self._shown(rows))

    def _shown(self, rows: Sequence[Any]) -> Iterator[T]:
        for row in rows:
            document = None
            if not self._plan.exact:
                document = json.loads(row.document)
                if not matches(self._query.selector, document):
                    continue
            if self._skip:
                self._skip -= 1
                continue
            if self._left is not None:
                self._left -= 1
            yield self._shape(row.document, document, self._query)
            if self._left == 0:
                self.done = True
                return

    def _room(self) -> int:
        return min(BATCH, self._left) if self._plan.exact and self._left is not None else BATCH

    def _following_rows(self, connection: Connection) -> Sequence[Any]:
        statement = self.following(self._after, self._room())
        if self._plan.exact and self._skip:
            statement, self._skip = statement.offset(self._skip), 0
        rows = connection.execute(statement).all()
        self._go_on(rows, self._room())
        return rows

    def _go_on(self, rows: Sequence[Any], asked: int) -> None:
        if len(rows) < asked:
            self.done = True
        else:
            self._after = rows[-1].seq

    def _ordered_rows(self, connection: Connection) -> Sequence[Any]:
        if self._order is None:
            self._order = array("q", connection.execute(self.ordered()).scalars())
            if self._plan.exact:
                self._skip = 0
        batch = self._order[self._position : self._position + self._room()]
        self._position += len(batch)
        self.done = self._position >= len(self._order)
        if not batch:
            return []
        statement = select(self._table.c.seq, self._table.c.document).where(self._table.c.seq.in_(batch.tolist()))
        found = {row.seq: row for row in connection.execute(statement)}
        return [found[seq] for seq in batch if seq in found]

    def _read_keys(self, connection: Connection) -> None:
        rows = connection.execute(self.following(self._after, BATCH)).all()
        assert self._query.sort is not None
        for row in rows:
            document = json.loads(row.document)
            if self._plan.exact or matches(self._query.selector, document):
                self._keys.append((sort_text(document, self._query.sort), row.seq))
        self._go_on(rows, BATCH)
        if self.done:
            self.done = False
            # Ties keep their unsorted order in both directions, as the contract asks.
            self._keys.sort(key=lambda key: key[0], reverse=self._query.descending)
            self._order = array("q", (seq for _, seq in self._keys))
            self._keys = []

    def following(self, after: int, count: int) -> Select[Any]:
        """Return the statement for the next rows in the order they were created."""
        columns = self._table.c
        clauses = (*self._plan.clauses, columns.seq > after) if after else self._plan.clauses
        return select(columns.seq, columns.document).where(*clauses).order_by(columns.seq).limit(count)

    def ordered(self) -> Select[Any]:
        """Return the statement for the numbers of all rows, or of a page, in the order of a column."""
        assert self._query.sort is not None
        key = sort_key(self._table, self._query.sort)
        direction = key.desc() if self._query.descending else key
        statement = select(self._table.c.seq).where(*self._plan.clauses).order_by(direction, self._table.c.seq)
        if self._plan.exact and self._query.skip:
            statement = statement.offset(self._query.skip)
        if self._plan.exact and self._query.limit:
            statement = statement.limit(self._query.limit)
        return statement


async def walked(database: Database, walk: Walk[T]) -> AsyncIterator[list[T]]:
    """Yield the results of a walk, batch by batch; whoever stops asking ends it."""
    while not walk.done:
        batch = await database.read(walk.step)
        if batch:
            yield batch

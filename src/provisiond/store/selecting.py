"""From the query language to SQL: exactly where SQL can say the same, else as a first sieve."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen
from sqlalchemy import ColumnElement, Connection, Select, Table, Text, false, func, select

from provisiond.model.query import Condition, Query, Selector, Test, matches, projected, selected

BATCH: Final = 500
NEVER_EMPTY: Final = frozenset({"id", "mac", "ip", "tenant_uuid"})


@frozen(kw_only=True)
class Plan:
    """How a query is carried out.

    :param clauses: conditions that every selected row meets.
    :param exact: whether the rows that meet them are exactly the selected ones.
    """

    clauses: tuple[ColumnElement[bool], ...]
    exact: bool


def _storable(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value and _encodable(value)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _text_clause(column: ColumnElement[Any], test: Test) -> tuple[ColumnElement[bool] | None, bool]:
    operand = test.operand
    if test.operator == "$eq" and isinstance(operand, str):
        return (column == operand, True) if _storable(operand) else (false(), True)
    if test.operator == "$eq" and operand is None:
        return column.is_(None), False
    if test.operator == "$in" and len(operand) <= 5_000 and all(isinstance(each, str) for each in operand):
        return column.in_([each for each in operand if _storable(each)]), True
    return None, False


def _flag_clause(column: ColumnElement[Any], test: Test) -> tuple[ColumnElement[bool] | None, bool]:
    if test.operator == "$eq" and isinstance(test.operand, bool | int) and test.operand in (0, 1):
        return column.is_(bool(test.operand)), True
    return None, False


def _clauses(table: Table, condition: Condition) -> tuple[list[ColumnElement[bool]], bool]:
    column = table.c.get(condition.key)
    if column is None or condition.key in ("seq", "document", "x_type"):
        return [], False
    found: list[ColumnElement[bool]] = []
    exact = True
    for test in condition.tests:
        make = _text_clause if isinstance(column.type, Text) or condition.key == "id" else _flag_clause
        clause, same = make(column, test)
        exact = exact and same
        if clause is not None:
            found.append(clause)
    return found, exact


def planned(table: Table, selector: Selector, tenants: Collection[str] | None) -> Plan:
    """Return how rows of ``table`` are selected.

    :param tenants: tenants whose devices are seen, or None for tables and callers without tenants.
    """
    clauses: list[ColumnElement[bool]] = []
    exact = True
    for condition in selector.conditions:
        found, same = _clauses(table, condition)
        clauses.extend(found)
        exact = exact and same
    if tenants is not None:
        clauses.append(table.c.tenant_uuid.in_(list(tenants)))
    return Plan(clauses=tuple(clauses), exact=exact)


def without_tenant(query: Query) -> Query:
    """Return the query without a condition on ``tenant_uuid``, which the caller's scope overrules."""
    kept = tuple(each for each in query.selector.conditions if each.key != "tenant_uuid")
    return evolve(query, selector=Selector(kept))


def _ordered(statement: Select[Any], table: Table, query: Query) -> Select[Any]:
    if query.sort is None:
        return statement.order_by(table.c.seq)
    column = table.c[query.sort]
    key: ColumnElement[Any] = column if query.sort in NEVER_EMPTY else func.coalesce(column, "")
    direction = key.desc().nulls_last() if query.descending else key.asc().nulls_first()
    return statement.order_by(direction, table.c.seq)


def _sorts_in_sql(table: Table, query: Query) -> bool:
    if query.sort is None:
        return True
    column = table.c.get(query.sort)
    return column is not None and (isinstance(column.type, Text) or query.sort == "id") and query.sort != "document"


def _documents(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield json.loads(row.document)


def statement_for(table: Table, query: Query, plan: Plan) -> Select[Any]:
    """Return the statement of a query that SQL can carry out completely."""
    statement = _ordered(select(table.c.document).where(*plan.clauses), table, query)
    if query.skip:
        statement = statement.offset(query.skip)
    if query.limit:
        statement = statement.limit(query.limit)
    elif query.skip:
        statement = statement.limit(2**62)
    return statement


def found(connection: Connection, table: Table, query: Query, tenants: Collection[str] | None) -> list[dict[str, Any]]:
    """Return the documents that a list shows."""
    plan = planned(table, query.selector, tenants)
    if plan.exact and _sorts_in_sql(table, query):
        rows = connection.execute(statement_for(table, query, plan)).all()
        return [projected(document, query.fields) for document in _documents(rows)]
    statement = select(table.c.document).where(*plan.clauses).order_by(table.c.seq)
    result = connection.execution_options(yield_per=BATCH).execute(statement)
    kept = (document for document in _documents_of(result) if matches(query.selector, document))
    try:
        return selected(_bounded(kept, query), query)
    finally:
        # A page may be full before the last row was read; PostgreSQL keeps a cursor open until then.
        result.close()


def _documents_of(result: Any) -> Iterator[dict[str, Any]]:
    for row in result:
        yield json.loads(row.document)


def _bounded(documents: Iterator[Mapping[str, Any]], query: Query) -> Iterator[Mapping[str, Any]]:
    """Stop reading as soon as an unsorted page is full."""
    if query.sort is not None or not query.limit:
        yield from documents
        return
    for count, document in enumerate(documents, 1):
        yield document
        if count >= query.skip + query.limit:
            return


def next_batch(
    connection: Connection, table: Table, query: Query, tenants: Collection[str] | None, after: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the next selected documents of an unsorted, unlimited list, and where to go on; None at the end."""
    plan = planned(table, query.selector, tenants)
    statement = select(table.c.seq, table.c.document).where(*plan.clauses, table.c.seq > after)
    rows = connection.execute(statement.order_by(table.c.seq).limit(BATCH)).all()
    kept = (document for document in _documents(rows) if plan.exact or matches(query.selector, document))
    documents = [projected(document, query.fields) for document in kept]
    return documents, rows[-1].seq if len(rows) == BATCH else None

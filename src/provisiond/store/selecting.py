"""From the query language to SQL: exactly where SQL can say the same, else as a sieve that lets all selected pass.

Members that have a column are compared there. For any other member the sieve looks for the member's name and value in
the text of the document, which is always written in the same way; what passes is then tested by the reference.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from attrs import evolve, frozen
from sqlalchemy import Boolean, ColumnElement, Table, and_, false, func, literal_column, or_, select

from provisiond.model.query import SOME_OPERATORS, Condition, Query, Selector, Test, holds
from provisiond.store.schema import config_parents
from provisiond.store.texts import column_text

MAX_OPERANDS: Final = 5_000
MAX_NEEDLES: Final = 50
HIDDEN_COLUMNS: Final = frozenset({"seq", "document", "x_type"})
COLUMN_OF: Final = {"X_type": "x_type"}
Clause = ColumnElement[bool]


@frozen(kw_only=True)
class Plan:
    """How documents are selected.

    :param clauses: conditions that every selected row meets.
    :param exact: whether the rows that meet them are exactly the selected ones.
    """

    clauses: tuple[Clause, ...]
    exact: bool


@frozen
class _Part:
    """What one test becomes: a clause or none, whether it says exactly the same, whether an index finds its rows."""

    clause: Clause | None
    exact: bool = False
    indexed: bool = False


def _occurs(sqlite: bool, text: ColumnElement[Any], part: str) -> Clause:
    return (func.instr(text, part) if sqlite else func.strpos(text, part)) > 0


def _texts(operands: Any) -> list[str]:
    return [column_text(each) for each in operands if isinstance(each, str)]


def _listed(column: ColumnElement[Any], test: Test) -> _Part:
    if len(test.operand) > MAX_OPERANDS:
        return _Part(None)
    texts = _texts(test.operand)
    only_texts = len(texts) == len(test.operand)
    if test.operator == "$nin":
        return _Part(or_(column.is_(None), column.not_in(texts)), only_texts)
    inside = column.in_(texts)
    return _Part(inside if only_texts else or_(inside, column.is_(None)), only_texts, only_texts)


def _text_part(column: ColumnElement[Any], test: Test, sqlite: bool) -> _Part:
    """Translate a test of a member with a text column, which is NULL for anything but a text, also for no member."""
    if test.operator in ("$in", "$nin"):
        return _listed(column, test)
    if test.operator == "$exists":
        return _Part(None if test.operand else column.is_(None))
    if not isinstance(test.operand, str):
        return _Part(None if test.operator == "$ne" else column.is_(None))
    text = column_text(test.operand)
    match test.operator:
        case "$eq":
            return _Part(column == text, True, True)
        case "$ne":
            return _Part(or_(column.is_(None), column != text), True)
        case "$contains":
            return _Part(or_(column.is_(None), _occurs(sqlite, column, text)))
        case "$gt":
            return _Part(column > text, True, True)
        case "$ge":
            return _Part(column >= text, True, True)
        case "$lt":
            return _Part(column < text, True, True)
        case _:
            return _Part(column <= text, True, True)


def _flag_part(column: ColumnElement[Any], test: Test) -> _Part:
    """Translate a test of a member that only the server sets; its column is false also when it is missing."""
    true, missing, denied = holds(test, [True]), holds(test, []), holds(test, [False])
    maybe_false = missing or denied
    if true and maybe_false:
        return _Part(None, missing and denied)
    if true or maybe_false:
        return _Part(column.is_(true), true or missing == denied, True)
    return _Part(false(), True)


def _encoded(value: Any) -> str:
    return json.dumps(value)


def _needles(name: str, operand: Any) -> list[str]:
    """Return texts of which one stands in every document whose member ``name`` equals ``operand``."""
    key = f"{_encoded(name)}:"
    if operand is None or isinstance(operand, str):
        return [key + _encoded(operand)]
    if isinstance(operand, bool | int | float) and operand in (0, 1):
        return [key + each for each in (("true", "1") if operand else ("false", "0", "-0"))]
    return [key]


def _document_clauses(document: ColumnElement[Any], key: str, test: Test, sqlite: bool) -> Iterator[Clause]:
    """Yield what the text of a document meets when some value under ``key`` passes the test."""
    if test.operator not in SOME_OPERATORS and not (test.operator == "$exists" and test.operand):
        return
    *steps, last = key.split(".")
    for step in steps:
        yield _occurs(sqlite, document, f"{_encoded(step)}:")
    needles = [f"{_encoded(last)}:"]
    if test.operator == "$eq":
        needles = _needles(last, test.operand)
    elif test.operator == "$in" and len(test.operand) <= MAX_NEEDLES:
        needles = [needle for each in test.operand for needle in _needles(last, each)]
    yield or_(false(), *(_occurs(sqlite, document, needle) for needle in needles))
    if test.operator == "$contains" and isinstance(test.operand, str):
        yield _occurs(sqlite, document, _encoded(test.operand)[1:-1])


def _parts(table: Table, condition: Condition, sqlite: bool) -> Iterator[_Part]:
    name = COLUMN_OF.get(condition.key, condition.key)
    column = table.c.get(name)
    if column is not None and (condition.key in COLUMN_OF or name not in HIDDEN_COLUMNS):
        for test in condition.tests:
            flag = isinstance(column.type, Boolean)
            yield _flag_part(column, test) if flag else _text_part(column, test, sqlite)
        return
    for test in condition.tests:
        if condition.key == "parent_ids" and test.operator == "$contains" and isinstance(test.operand, str):
            children = select(config_parents.c.config_id).where(config_parents.c.parent_id == column_text(test.operand))
            yield _Part(table.c.id.in_(children), False, True)
        else:
            clauses = list(_document_clauses(table.c.document, condition.key, test, sqlite))
            yield _Part(and_(*clauses) if clauses else None)


def _tenant_clause(table: Table, tenants: Collection[str], visible: bool) -> Clause:
    column: ColumnElement[Any] = table.c.tenant_uuid
    if visible and len(tenants) == 1:
        return column == column_text(next(iter(tenants)))
    # Most devices are often of one tenant: its index must not be taken where another finds fewer rows, or keeps order.
    return func.coalesce(column, literal_column("''")).in_(_texts(tenants))


def planned(table: Table, query: Query, tenants: Collection[str] | None, *, sqlite: bool) -> Plan:
    """Return how rows of ``table`` are selected.

    :param tenants: tenants whose devices are seen, or None for tables and callers without tenants.
    :param sqlite: True for SQLite, False for PostgreSQL.
    """
    parts = [part for condition in query.selector.conditions for part in _parts(table, condition, sqlite)]
    clauses = [part.clause for part in parts if part.clause is not None]
    if tenants is not None:
        clauses.append(_tenant_clause(table, tenants, query.sort != "id" and not any(part.indexed for part in parts)))
    return Plan(clauses=tuple(clauses), exact=all(part.exact for part in parts))


def without_tenant(query: Query) -> Query:
    """Return the query without a condition on ``tenant_uuid``, which the caller's scope overrules."""
    kept = tuple(each for each in query.selector.conditions if each.key != "tenant_uuid")
    return evolve(query, selector=Selector(kept))

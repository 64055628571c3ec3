"""Everything that a database holds, as files, and from files into any database of any version up to ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, TableClause, column, delete, func, insert, inspect, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from provisiond.errors import InvalidInput
from provisiond.store.database import Database, alembic_settings, new_engine
from provisiond.store.schema import config_parents, configs, devices, facts, parameters, tenants, tokens

TABLES: Final = (facts, tenants, tokens, parameters, configs, config_parents, devices)
DOCUMENTS: Final = (configs, devices)
# What belongs to one database and not to what is in it: how far its own feed of changes was followed.
OWN_FACTS: Final = ("rendered_through", "restored")
RESTORED: Final = "restored"
BATCH: Final = 500
LONGEST_ROW: Final = 64 << 20


class Contents:
    """What a database holds, as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, directory: Path) -> dict[str, int]:
        """Write every table to ``<directory>/<name>.jsonl``, all as of one moment, and return how many rows each has.

        Work that goes on meanwhile neither waits nor is seen.
        """
        return await self._database.read(_write, directory)

    async def rehearse(self, staged: Path) -> None:
        """Bring staged tables into the database and take them back, so that nothing is changed.

        :raises StoreProblem: when the database would refuse them.
        """
        await self._database.write(_rehearse, staged)

    async def restored(self) -> dict[str, Any] | None:
        """Return what was restored last: ``id``, ``made``, ``at``; None for nothing."""
        found = await self._database.read(_fact, RESTORED)
        return None if found is None else dict(json.loads(found))


def bring(database: Database, staged: Path, order: dict[str, Any]) -> None:
    """Replace what the database holds by staged tables, in one transaction; once for an order, however often asked.

    Blocks.

    :param order: kept as what was restored last; its ``id`` tells one from another.
    :raises StoreProblem: when the database fails; nothing is changed then.
    """
    database.now(_bring, staged, order)


def newest_revision() -> str:
    """Return the schema that this version knows."""
    return str(ScriptDirectory.from_config(alembic_settings()).get_current_head())


def knows_revision(revision: str) -> bool:
    """Tell whether a schema is this version's or an older one."""
    known = ScriptDirectory.from_config(alembic_settings()).walk_revisions()
    return revision in {each.revision for each in known}


def stage(directory: Path, file: Path, revision: str) -> dict[str, int]:
    """Make a database of files that :meth:`Contents.write` wrote, bring it to the newest schema, and check it. Blocks.

    :param directory: with ``<name>.jsonl`` for each table.
    :param file: the database, which is made.
    :param revision: schema of the files.
    :return: how many rows each table has.
    :raises InvalidInput: when the files hold something else than such tables.
    """
    engine = new_engine(f"sqlite:///{file}")
    try:
        with engine.begin() as connection:
            command.upgrade(alembic_settings(connection), revision)
        with engine.begin() as connection:
            there = inspect(connection)
            names = {each.name for each in TABLES} & {*there.get_table_names()}
            for path in sorted(directory.iterdir()):
                if path.suffix != ".jsonl" or path.stem not in names:
                    raise InvalidInput(f"the backup holds a table {path.stem[:64]!a} that is unknown")
                columns: list[Any] = [column(str(each["name"])) for each in there.get_columns(path.stem)]
                _load(connection, table(path.stem, *columns), path)
        with engine.begin() as connection:
            command.upgrade(alembic_settings(connection), "head")
        with engine.begin() as connection:
            _check(connection)
            return {each.name: _count(connection, each) for each in TABLES}
    except SQLAlchemyError as error:
        raise InvalidInput(f"the tables of the backup do not fit together: {type(error).__name__}") from None
    finally:
        engine.dispose()


def staged_fact(file: Path, name: str) -> str | None:
    """Return a fact of a staged database. Blocks."""
    engine = new_engine(f"sqlite:///{file}")
    try:
        with engine.begin() as connection:
            return _fact(connection, name)
    finally:
        engine.dispose()


def _write(connection: Connection, directory: Path) -> dict[str, int]:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    counts = {}
    for each in TABLES:
        statement = select(each).order_by(*each.primary_key.columns)
        if each is facts:
            statement = statement.where(facts.c.name.not_in(OWN_FACTS))
        counts[each.name] = 0
        with (directory / f"{each.name}.jsonl").open("x", encoding="ascii") as file:
            for row in connection.execute(statement, execution_options={"yield_per": BATCH}):
                file.write(json.dumps(row._asdict(), separators=(",", ":")) + "\n")
                counts[each.name] += 1
    return counts


def _load(connection: Connection, into: TableClause, path: Path) -> None:
    columns, rows = set(into.columns.keys()), list[dict[str, Any]]()
    for number, row in enumerate(_lines(path), 1):
        if not row.keys() <= columns or any(isinstance(value, dict | list) for value in row.values()):
            raise InvalidInput(f"row {number} of table {into.name} of the backup is not one of this table")
        rows.append(row)
        if len(rows) == BATCH:
            _insert(connection, into, rows)
            rows = []
    _insert(connection, into, rows)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        while line := file.readline(LONGEST_ROW):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise InvalidInput(f"table {path.stem} of the backup holds a line that is no JSON object")
            yield row


def _insert(connection: Connection, into: TableClause, rows: list[dict[str, Any]]) -> None:
    # Rows of one statement have the same members; a backup made by hand may leave some out.
    named: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        named.setdefault(tuple(row), []).append(row)
    for alike in named.values():
        connection.execute(insert(into), alike)


def _check(connection: Connection) -> None:
    """Refuse tables that a server could not begin with."""
    for each in DOCUMENTS:
        for row in connection.execute(select(each.c.id, each.c.document), execution_options={"yield_per": BATCH}):
            if _json(row.document).get("id") != row.id and not _is_escaped(row.id):
                raise InvalidInput(f"the backup holds a {each.name} whose document is not its own")
    master = _fact(connection, "master_tenant")
    uuids = set(connection.execute(select(tenants.c.uuid)).scalars())
    if master is None or master not in uuids:
        raise InvalidInput("the backup holds no master tenant")
    owners = set(connection.execute(select(tokens.c.tenant_uuid)).scalars())
    owners |= set(connection.execute(select(devices.c.tenant_uuid).where(devices.c.tenant_uuid.is_not(None))).scalars())
    if not owners <= uuids:
        raise InvalidInput("the backup holds tokens or devices of a tenant that it does not hold")
    for acl in connection.execute(select(tokens.c.acl)).scalars():
        if not isinstance(_parsed(acl), list):
            raise InvalidInput("the backup holds a token without an ACL")
    for value in connection.execute(select(parameters.c.value)).scalars():
        _parsed(value)


def _is_escaped(column: str) -> bool:
    return any(char in column for char in "\x01\ue000")


def _json(document: str) -> dict[str, Any]:
    found = _parsed(document)
    if not isinstance(found, dict):
        raise InvalidInput("the backup holds a document that is no JSON object")
    return found


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput("the backup holds a value that is not JSON") from None


def _rehearse(connection: Connection, staged: Path) -> None:
    savepoint = connection.begin_nested()
    _replace(connection, staged)
    savepoint.rollback()


def _bring(connection: Connection, staged: Path, order: dict[str, Any]) -> None:
    done = _fact(connection, RESTORED)
    if done is not None and json.loads(done).get("id") == order["id"]:
        return
    _replace(connection, staged)
    connection.execute(delete(facts).where(facts.c.name == RESTORED))
    connection.execute(insert(facts).values(name=RESTORED, value=json.dumps(order)))


def _replace(connection: Connection, staged: Path) -> None:
    source = new_engine(f"sqlite:///{staged}")
    try:
        with source.begin() as content:
            for each in TABLES:
                kept = facts.c.name.not_in(OWN_FACTS) if each is facts else None
                connection.execute(delete(each) if kept is None else delete(each).where(kept))
                found = content.execute(select(each), execution_options={"yield_per": BATCH})
                for rows in found.mappings().partitions(BATCH):
                    connection.execute(insert(each), [dict(row) for row in rows])
    finally:
        source.dispose()
    if connection.dialect.name == "postgresql":
        for each in DOCUMENTS:
            _count_on(connection, each)


def _count_on(connection: Connection, counted: Table) -> None:
    """Let the next number of a table come after those that it holds."""
    last = func.coalesce(select(func.max(counted.c.seq)).scalar_subquery(), 0) + 1
    connection.execute(select(func.setval(func.pg_get_serial_sequence(counted.name, "seq"), last, False)))


def _count(connection: Connection, counted: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(counted)).scalar_one())


def _fact(connection: Connection, name: str) -> str | None:
    return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()

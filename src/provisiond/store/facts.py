"""Small stored things: the server's own facts, parameters, tenants."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Table, delete, insert, select

from provisiond.errors import InvalidInput
from provisiond.store import feed
from provisiond.store.database import Database
from provisiond.store.schema import devices, facts, parameters, tenants, tokens


def _put(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    connection.execute(insert(table).values(**key, **values))


class FactStore:
    """The server's own facts, texts by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> str | None:
        """Return a fact, or None."""

        def work(connection: Connection) -> str | None:
            return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()

        return await self._database.read(work)

    async def set(self, name: str, value: str) -> None:
        """Store a fact."""
        await self._database.write(_put, facts, {"name": name}, {"value": value})


class ParameterStore:
    """Values of parameters, as JSON, by tenant (or for all) and name."""

    def __init__(self, database: Database, changes: feed.ChangeFeed) -> None:
        self._database = database
        self._changes = changes

    async def all(self) -> dict[tuple[str | None, str], Any]:
        """Return every stored value by (tenant uuid or None, name)."""

        def work(connection: Connection) -> dict[tuple[str | None, str], Any]:
            rows = connection.execute(select(parameters))
            return {(row.tenant_uuid or None, row.name): json.loads(row.value) for row in rows}

        return await self._database.read(work)

    async def set(self, tenant: str | None, name: str, value: Any) -> None:
        """Store a value."""

        def work(connection: Connection) -> None:
            _put(connection, parameters, {"tenant_uuid": tenant or "", "name": name}, {"value": json.dumps(value)})
            feed.note(connection, "parameter", name, "replace")

        await self._database.write(work)
        self._changes.wake()


@frozen
class Tenant:
    """A tenant; the master tenant has no parent."""

    uuid: str
    parent_uuid: str | None
    name: str | None


class TenantStore:
    """The tree of tenants."""

    def __init__(self, database: Database, changes: feed.ChangeFeed) -> None:
        self._database = database
        self._changes = changes

    async def all(self) -> list[Tenant]:
        """Return every tenant."""

        def work(connection: Connection) -> list[Tenant]:
            return [Tenant(row.uuid, row.parent_uuid, row.name) for row in connection.execute(select(tenants))]

        return await self._database.read(work)

    async def put(self, tenant: Tenant) -> None:
        """Store a tenant, new or changed."""

        def work(connection: Connection) -> None:
            values = {"parent_uuid": tenant.parent_uuid, "name": tenant.name}
            _put(connection, tenants, {"uuid": tenant.uuid}, values)
            feed.note(connection, "tenant", tenant.uuid, "replace")

        await self._database.write(work)
        self._changes.wake()

    async def delete(self, uuid: str) -> None:
        """Forget a tenant with its tokens and parameters; unknown ones are no error.

        :raises InvalidInput: while it has devices, or tenants below it; nothing is changed then.
        """
        await self._database.write(_delete_tenant, uuid)
        self._changes.wake()


def _delete_tenant(connection: Connection, uuid: str) -> None:
    # The write comes first: from then on no other process changes what is looked at.
    connection.execute(delete(tenants).where(tenants.c.uuid == uuid))
    if connection.execute(select(devices.c.id).where(devices.c.tenant_uuid == uuid).limit(1)).first() is not None:
        raise InvalidInput("the tenant has devices; move or delete them first")
    if connection.execute(select(tenants.c.uuid).where(tenants.c.parent_uuid == uuid).limit(1)).first() is not None:
        raise InvalidInput("the tenant has tenants below it")
    revoked = connection.execute(select(tokens.c.id).where(tokens.c.tenant_uuid == uuid)).scalars().all()
    connection.execute(delete(tokens).where(tokens.c.tenant_uuid == uuid))
    feed.note_many(connection, "token", revoked, "delete")
    connection.execute(delete(parameters).where(parameters.c.tenant_uuid == uuid))
    feed.note(connection, "parameter", "provisioning_key", "delete")
    feed.note(connection, "tenant", uuid, "delete")

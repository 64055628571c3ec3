"""Stored tokens: hashes, never the tokens themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping

from attrs import frozen
from sqlalchemy import Connection, delete, insert, select, update

from provisiond.store import feed
from provisiond.store.database import Database
from provisiond.store.schema import tokens


@frozen(kw_only=True)
class StoredToken:
    """One token.

    :param hash: salted slow hash of the secret part.
    :param created: seconds since the epoch; so are ``expires`` and ``last_used``.
    """

    id: str
    hash: str
    name: str
    acl: tuple[str, ...]
    tenant_uuid: str
    created: float
    expires: float | None = None
    last_used: float | None = None


class TokenStore:
    """Tokens in the database."""

    def __init__(self, database: Database, changes: feed.ChangeFeed) -> None:
        self._database = database
        self._changes = changes

    async def all(self) -> list[StoredToken]:
        """Return every token, oldest first."""

        def work(connection: Connection) -> list[StoredToken]:
            rows = connection.execute(select(tokens).order_by(tokens.c.created, tokens.c.id))
            return [StoredToken(**{**row._asdict(), "acl": tuple(json.loads(row.acl))}) for row in rows]

        return await self._database.read(work)

    async def get(self, token_id: str) -> StoredToken | None:
        """Return the token with this id, or None."""
        return next((token for token in await self.all() if token.id == token_id), None)

    async def insert(self, token: StoredToken) -> None:
        """Store a new token."""

        def work(connection: Connection) -> None:
            row = {name: getattr(token, name) for name in tokens.c.keys()}  # noqa: SIM118  (columns, not a mapping)
            connection.execute(insert(tokens).values(**{**row, "acl": json.dumps(token.acl)}))
            feed.note(connection, "token", token.id, "insert")

        await self._database.write(work)
        self._changes.wake()

    async def delete(self, token_id: str) -> bool:
        """Revoke a token; tell whether there was one."""

        def work(connection: Connection) -> bool:
            gone = connection.execute(delete(tokens).where(tokens.c.id == token_id)).rowcount > 0
            if gone:
                feed.note(connection, "token", token_id, "delete")
            return gone

        gone = await self._database.write(work)
        self._changes.wake()
        return gone

    async def used(self, times: Mapping[str, float]) -> None:
        """Note when tokens were last used."""

        def work(connection: Connection) -> None:
            for token_id, seconds in times.items():
                connection.execute(update(tokens).where(tokens.c.id == token_id).values(last_used=seconds))

        if times:
            await self._database.write(work)

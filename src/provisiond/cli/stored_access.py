"""Tokens and tenants in the daemon's own database, for whoever may read its settings and write its files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from attrs import frozen

from provisiond.errors import InvalidInput, StartProblem
from provisiond.provisioning.tenants import Tenants
from provisiond.provisioning.tokens import Tokens
from provisiond.settings import Settings
from provisiond.store.database import Database, finished, missing_file, open_database
from provisiond.store.facts import FactStore, Tenant, TenantStore
from provisiond.store.feed import ChangeFeed
from provisiond.store.tokens import TokenStore

T = TypeVar("T")


class _Now:
    """Does at once what the daemon does beside its reactor."""

    def seconds(self) -> float:
        return time.time()

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> Any:  # noqa: N802
        raise AssertionError("a command plans nothing")

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        return work(*args)


@frozen
class StoredAccess:
    """Who may use the API of one database.

    A running daemon on the same database follows within a second.
    """

    tokens: Tokens
    tenants: Tenants

    def tenant(self, text: str | None) -> Tenant:
        """Return a tenant by its uuid or its name; the master tenant for None.

        :raises InvalidInput: when there is none, or several have the name.
        """
        wanted = self.tenants.get(self.tenants.master if text is None else text.lower())
        if wanted is not None:
            return wanted
        named = [tenant for tenant in self.tenants.all() if tenant.name == text]
        if len(named) != 1:
            how_many = "several tenants are" if named else "no tenant is"
            raise InvalidInput(f'{how_many} called "{text}"; name one by its uuid, see: tenant list')
        return named[0]


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Open the daemon's database, and close it afterwards. Blocks.

    :raises StartProblem: when there is no database yet: one made here would not belong to the daemon's user.
    :raises StoreProblem: when it cannot be opened or written.
    """
    missing = missing_file(settings.database_url)
    if missing is not None:
        raise StartProblem(f"there is no database {missing} yet; start provisiond once, or name its settings file")
    database = open_database(settings.database_url)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def stored_access(settings: Settings) -> Iterator[StoredAccess]:
    """Open the daemon's database for what tokens and tenants need; raises as :func:`opened_database`. Blocks."""
    with opened_database(settings) as database:
        feed, now = ChangeFeed(database), _Now()
        access = StoredAccess(
            Tokens(TokenStore(database, feed), now, now),
            Tenants(TenantStore(database, feed), FactStore(database)),
        )
        finished(access.tenants.load())
        finished(access.tokens.load())
        yield access

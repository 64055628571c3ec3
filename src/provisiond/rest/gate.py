"""The gate of the API: tokens, tenants, and sources that guess."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from provisiond.errors import TooManyAttempts, Unauthorized
from provisiond.provisioning.holders import Holder
from provisiond.provisioning.tenants import Scope, Tenants
from provisiond.provisioning.tokens import Tokens

FAILURES: Final = 20
WINDOW_SECONDS: Final = 60.0
MAX_SOURCES: Final = 10_000


class Guessing:
    """Counts wrong tokens per source; too many in a minute, and the source waits."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def is_blocked(self, source: str) -> bool:
        """Tell whether a source has guessed too often of late."""
        count, since = self._failures.get(source, (0, 0.0))
        return count >= FAILURES and self._now() - since < WINDOW_SECONDS

    def failed(self, source: str) -> None:
        """Count a wrong token."""
        count, since = self._failures.pop(source, (0, self._now()))
        if self._now() - since >= WINDOW_SECONDS:
            count, since = 0, self._now()
        self._failures[source] = (count + 1, since)
        if len(self._failures) > MAX_SOURCES:
            self._failures.popitem(last=False)


class TokenGate:
    """Lets holders of our own tokens in.

    :param now: seconds of a steady clock.
    """

    def __init__(self, tokens: Tokens, tenants: Tenants, now: Callable[[], float]) -> None:
        self._tokens = tokens
        self._tenants = tenants
        self._guessing = Guessing(now)

    async def enter(self, token: str | None, source: str, acl: str | None) -> Holder:
        """Return who holds the token.

        A source that has shown many wrong tokens gets no new one checked for a minute; tokens that are right and were
        checked before still pass, so one faulty program cannot lock the others of its host out.

        :raises Unauthorized: when the token is missing or not right.
        :raises TooManyAttempts: when the source has to wait.
        """
        if token is None:
            raise Unauthorized("Unauthorized")
        if self._guessing.is_blocked(source) and not self._tokens.is_known(token):
            raise TooManyAttempts("too many wrong tokens came from this address, try again in a minute")
        try:
            return await self._tokens.authenticate(token)
        except Unauthorized:
            self._guessing.failed(source)
            raise

    def scope(self, principal: Holder, tenant: str | None) -> Scope:
        """Return the tenants that the holder may see.

        :raises Unauthorized: for an unknown or foreign tenant.
        """
        return self._tenants.scope(principal.tenant_uuid, tenant)

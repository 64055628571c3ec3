"""The gate of the API: tokens, tenants, and sources that guess."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from provisiond.authservice.values import UnknownToken
from provisiond.errors import TooManyAttempts, Unauthorized
from provisiond.provisioning.holders import Holder
from provisiond.provisioning.outside_tokens import OutsideTokens
from provisiond.provisioning.tenants import Scope, Tenants
from provisiond.provisioning.tokens import PREFIX, Tokens

FAILURES: Final = 20
WINDOW_SECONDS: Final = 60.0
MAX_SOURCES: Final = 10_000
OUTSIDE_SECONDS: Final = 300.0


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
    """Lets in who holds one of our own tokens, or one that an authentication service vouches for.

    :param now: seconds since the epoch.
    :param outside: the tokens of the authentication service, or None when there is none.
    """

    def __init__(
        self, tokens: Tokens, tenants: Tenants, now: Callable[[], float], outside: OutsideTokens | None = None
    ) -> None:
        self._tokens = tokens
        self._tenants = tenants
        self._now = now
        self._outside = outside
        self._guessing = Guessing(now)

    async def admit(
        self, token: str | None, source: str, names: Sequence[str], tenant: str | None
    ) -> tuple[Holder, Scope]:
        """Return who holds the token and what may be seen, when it grants one of the names.

        :param names: spellings of the same right; ``{tenant_uuid}`` in them stands for the request's tenant.
        :param tenant: value of the ``Wazo-Tenant`` header, or None.
        :raises Unauthorized: also for a foreign tenant, and when no name is granted.
        :raises TooManyAttempts: when the source has to wait.
        :raises Unavailable: when the authentication service does not answer.
        """
        certain = [name for name in names if "{" not in name]
        first = certain[0] if certain and self._is_outside(token) else None
        try:
            holder = await self.enter(token, source, first)
        except UnknownToken:
            raise
        except Unauthorized:
            if first is None or len(names) == 1:
                raise
            first, holder = None, await self.enter(token, source, None)
        scope = self._tenants.scope(holder.tenant_uuid, tenant)
        wanted = [name.replace("{tenant_uuid}", scope.tenant_uuid) for name in names]
        if first is None and not await self._grants(token, source, holder, wanted):
            raise Unauthorized("Unauthorized")
        return holder, scope

    async def _grants(self, token: str | None, source: str, holder: Holder, names: Sequence[str]) -> bool:
        if not self._is_outside(token):
            return holder.may(*names)
        for name in names:
            try:
                await self.enter(token, source, name)
                return True
            except Unauthorized:
                continue
        return False

    def _is_outside(self, token: str | None) -> bool:
        return self._outside is not None and token is not None and not token.startswith(f"{PREFIX}_")

    def is_current(self, holder: Holder) -> bool:
        """Tell whether somebody who was let in may stay: until the token ends, or five minutes on another's word."""
        if holder.checked is None:
            return self._tokens.is_current(holder.id)
        ends = min(holder.checked + OUTSIDE_SECONDS, holder.expires or math.inf)
        return self._now() < ends

    async def enter(self, token: str | None, source: str, acl: str | None) -> Holder:
        """Return who holds the token.

        :param acl: a right that the authentication service is asked for too; our own tokens are not looked at for it.

        A source that has shown many wrong tokens gets no new one checked for a minute; tokens that are right and were
        checked before still pass, so one faulty program cannot lock the others of its host out.

        :raises Unauthorized: when the token is missing or not right.
        :raises TooManyAttempts: when the source has to wait.
        """
        if token is None:
            raise Unauthorized("Unauthorized")
        outside = self._outside if self._is_outside(token) else None
        if self._guessing.is_blocked(source) and not (outside or self._tokens).is_known(token):
            raise TooManyAttempts("too many wrong tokens came from this address, try again in a minute")
        try:
            if outside is not None:
                return await outside.authenticate(token, acl)
            return await self._tokens.authenticate(token)
        except Unauthorized as refusal:
            if outside is None or isinstance(refusal, UnknownToken):
                self._guessing.failed(source)
            raise

"""The gate of the API: tokens, tenants, and sources that guess."""

from __future__ import annotations

import math
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field
from twisted.logger import Logger

from provisiond.authservice.values import UnknownToken
from provisiond.errors import TooManyAttempts, Unauthorized
from provisiond.provisioning.holders import Holder
from provisiond.provisioning.outside_tokens import OutsideTokens
from provisiond.provisioning.tenants import Scope, Tenants
from provisiond.provisioning.token_hashes import fast_hash
from provisiond.provisioning.tokens import PREFIX, Tokens

log = Logger()
FAILURES: Final = 20
WINDOW_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 1.0
MAX_SOURCES: Final = 10_000
OUTSIDE_SECONDS: Final = 300.0


@define
class _Wrong:
    """The wrong tokens of one source: since when, and when each was found wrong last."""

    since: float
    found: dict[bytes, float] = field(factory=dict)


class Guessing:
    """Counts different wrong tokens per source; too many in a minute, and the source waits.

    The same wrong token again is no further guess: a program whose token has expired locks nobody else of its host out.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)
        self._sources: OrderedDict[str, _Wrong] = OrderedDict()

    def is_blocked(self, source: str) -> bool:
        """Tell whether a source has guessed too often of late."""
        wrong = self._sources.get(source)
        return wrong is not None and len(wrong.found) >= FAILURES and self._now() - wrong.since < WINDOW_SECONDS

    def is_wrong(self, source: str, token: str) -> bool:
        """Tell whether the source's token was found wrong so lately that checking it again is idle work."""
        wrong = self._sources.get(source)
        return wrong is not None and self._now() - wrong.found.get(self._digest(token), -math.inf) < AGAIN_SECONDS

    def failed(self, source: str, token: str) -> None:
        """Take note of a wrong token."""
        now = self._now()
        wrong = self._sources.pop(source, None)
        if wrong is None or now - wrong.since >= WINDOW_SECONDS:
            wrong = _Wrong(now)
        digest = self._digest(token)
        if digest in wrong.found or len(wrong.found) < FAILURES:
            wrong.found[digest] = now
        self._sources[source] = wrong
        if len(self._sources) > MAX_SOURCES:
            self._sources.popitem(last=False)

    def _digest(self, token: str) -> bytes:
        return fast_hash(token, self._key)[:8]


def _named(holder: Holder) -> str:
    return f"the token {holder.id} ({holder.name})" if holder.name else f"the token {holder.id}"


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
            log.info("{who} at {source} may not {right}", who=_named(holder), source=source, right=wanted[0])
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
        if self._guessing.is_wrong(source, token):
            raise Unauthorized("Unauthorized")
        try:
            if outside is not None:
                return await outside.authenticate(token, acl)
            return await self._tokens.authenticate(token)
        except Unauthorized as refusal:
            if outside is None or isinstance(refusal, UnknownToken):
                self._guessing.failed(source, token)
            raise

"""Tokens that an authentication service vouches for: asked once, then remembered for seconds."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from functools import partial
from typing import Final, Protocol

from attrs import frozen

from provisiond.authservice.values import ServiceTenant, UnknownToken, Vouched
from provisiond.errors import Unauthorized
from provisiond.provisioning.holders import Holder
from provisiond.provisioning.ports import Clock
from provisiond.provisioning.serial import SharedRuns
from provisiond.provisioning.tenants import Tenants
from provisiond.provisioning.token_hashes import fast_hash

REMEMBERED: Final = 5_000
TENANTS_SECONDS: Final = 60.0


class Service(Protocol):
    """Knows tokens (``authservice.service``)."""

    async def check(self, token: str, scope: str | None) -> Vouched: ...
    async def tenants(self, token: str) -> tuple[ServiceTenant, ...]: ...


@frozen
class _Word:
    """What the service said, and until when it counts; without a holder it was a refusal."""

    until: float
    holder: Holder | None
    known: bool


class OutsideTokens:
    """The tokens of an authentication service. The tokens themselves are kept nowhere, not even in memory.

    :param seconds: how long the service's word counts.
    """

    def __init__(self, service: Service, tenants: Tenants, clock: Clock, seconds: float) -> None:
        self._service = service
        self._tenants = tenants
        self._clock = clock
        self._seconds = seconds
        self._key = secrets.token_bytes(32)
        self._words: OrderedDict[tuple[bytes, str | None], _Word] = OrderedDict()
        self._learned: OrderedDict[bytes, float] = OrderedDict()
        self._asking: SharedRuns[_Word] = SharedRuns()

    async def authenticate(self, text: str, scope: str | None) -> Holder:
        """Return who holds a token.

        :param scope: the right that it must grant, as an ACL name; None when it need only be valid.
        :raises UnknownToken: when the service does not know it.
        :raises Unauthorized: when it does not grant the scope.
        :raises Unavailable: when the service does not answer.
        """
        key = (fast_hash(text, self._key), scope)
        word = self._words.get(key)
        if word is None or not self._counts(word):
            word = await self._asking.run(key, partial(self._ask, key, text))
        if word.holder is None:
            raise Unauthorized("Unauthorized") if word.known else UnknownToken("Unauthorized")
        return word.holder

    def is_known(self, text: str) -> bool:
        """Tell whether the service's word for this token still counts."""
        digest = fast_hash(text, self._key)
        return any(each[0] == digest and word.known and self._counts(word) for each, word in self._words.items())

    def _counts(self, word: _Word) -> bool:
        now = self._clock.seconds()
        ends = word.holder.expires if word.holder is not None else None
        return now < word.until and (ends is None or now < ends)

    async def _ask(self, key: tuple[bytes, str | None], text: str) -> _Word:
        until = self._clock.seconds() + self._seconds
        try:
            vouched = await self._service.check(text, key[1])
        except UnknownToken:
            word = _Word(until, None, known=False)
        except Unauthorized:
            word = _Word(until, None, known=True)
        else:
            await self._learn(key[0], text, vouched)
            word = _Word(until, self._holder(vouched), known=True)
        self._words[key] = word
        self._words.move_to_end(key)
        if len(self._words) > REMEMBERED:
            self._words.popitem(last=False)
        return word

    def _holder(self, vouched: Vouched) -> Holder:
        return Holder(
            id=vouched.owner,
            name=vouched.owner,
            tenant_uuid=vouched.tenant_uuid,
            acl=vouched.acl,
            session=vouched.session,
            expires=vouched.expires,
            checked=self._clock.seconds(),
        )

    async def _learn(self, digest: bytes, text: str, vouched: Vouched) -> None:
        """Take over the tenants that the holder sees there, once a minute."""
        now = self._clock.seconds()
        if self._tenants.get(vouched.tenant_uuid) is not None and now < self._learned.get(digest, 0.0):
            return
        rows = await self._service.tenants(text)
        own = () if any(row.uuid == vouched.tenant_uuid for row in rows) else ((vouched.tenant_uuid, None, None),)
        await self._tenants.learn([*own, *((row.uuid, row.name, row.parent_uuid) for row in rows)])
        self._learned[digest] = now + TENANTS_SECONDS
        if len(self._learned) > REMEMBERED:
            self._learned.popitem(last=False)

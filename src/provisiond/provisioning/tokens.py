"""Tokens of the API: made, checked and revoked here; only slow hashes are stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.errors import InvalidInput, NotFound, Unauthorized
from provisiond.model.tokens import granted
from provisiond.provisioning.ports import Clock, Threads
from provisiond.provisioning.serial import SharedRuns
from provisiond.store.tokens import StoredToken

log = Logger()
PREFIX = "prv"
WORK_FACTOR = 2**14
MAX_TOKEN_LENGTH = 256
_CACHED = 2_000
_USE_INTERVAL = 10.0
_ACL = re.compile(r"!?[^\s!]{1,256}")
_REFUSED = Unauthorized("Unauthorized")


class StoredTokens(Protocol):
    """The stored tokens."""

    async def all(self) -> Sequence[StoredToken]: ...
    async def insert(self, token: StoredToken) -> None: ...
    async def delete(self, token_id: str) -> bool: ...
    async def used(self, times: Mapping[str, float]) -> None: ...


@frozen(kw_only=True)
class Holder:
    """Whoever showed a valid token."""

    id: str
    name: str
    tenant_uuid: str
    acl: tuple[str, ...]

    def may(self, name: str) -> bool:
        """Tell whether the token grants this ACL name."""
        return granted(self.acl, name, owner=self.id, session=self.id)


class Tokens:
    """Makes, lists, revokes and checks tokens.

    A token reads ``prv_<id>_<secret>``: the id finds the stored hash at once, the secret is checked against it with
    scrypt. The first check of a token takes its time in a thread; the next ones are answered from a bounded memory.

    :param work_factor: cost of scrypt, a power of two.
    """

    def __init__(self, store: StoredTokens, threads: Threads, clock: Clock, work_factor: int = WORK_FACTOR) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._work_factor = work_factor
        self._tokens: dict[str, StoredToken] = {}
        self._checked: OrderedDict[bytes, tuple[str, str]] = OrderedDict()
        self._checks: SharedRuns[bool] = SharedRuns()
        self._used: dict[str, float] = {}
        self._planned: Any = None

    async def load(self) -> None:
        """Read the stored tokens; also after another process changed them."""
        self._tokens = {token.id: token for token in await self._store.all()}

    def list(self) -> tuple[StoredToken, ...]:
        """Return all tokens, oldest first, with the last use known."""
        return tuple(self._tokens.values())

    async def create(
        self, name: str, acl: Sequence[str], tenant_uuid: str, expires: float | None = None
    ) -> tuple[str, StoredToken]:
        """Make a token.

        :param acl: patterns of REST contract section 3.
        :param expires: seconds since the epoch; None means never.
        :return: the token itself, told this once, and what is stored of it.
        :raises InvalidInput: for an empty list, a pattern with blanks, or an expiry in the past.
        """
        if not acl or not all(isinstance(each, str) and _ACL.fullmatch(each) for each in acl):
            raise InvalidInput("acl must hold at least one pattern, each a text of 1 to 256 characters without blanks")
        if expires is not None and expires <= self._clock.seconds():
            raise InvalidInput("expires lies in the past")
        text, secret_id = self.new_text()
        return text, await self.keep(text, secret_id, name, acl, tenant_uuid, expires)

    def new_text(self) -> tuple[str, str]:
        """Return a new token and its id; it counts nothing until :meth:`keep` was called."""
        token_id = secrets.token_hex(6)
        return f"{PREFIX}_{token_id}_{secrets.token_urlsafe(32)}", token_id

    async def keep(
        self, text: str, token_id: str, name: str, acl: Sequence[str], tenant_uuid: str, expires: float | None = None
    ) -> StoredToken:
        """Store a token made by :meth:`new_text`."""
        hashed = await self._threads.run(slow_hash, text, self._work_factor)
        token = StoredToken(
            id=token_id,
            hash=hashed,
            name=name,
            acl=tuple(acl),
            tenant_uuid=tenant_uuid,
            created=self._clock.seconds(),
            expires=expires,
        )
        await self._store.insert(token)
        self._tokens[token.id] = token
        return token

    async def revoke(self, token_id: str) -> None:
        """Make a token worthless at once.

        :raises NotFound: when there is none with this id.
        """
        known = self._tokens.pop(token_id, None)
        if not await self._store.delete(token_id) and known is None:
            raise NotFound(f'token "{token_id}"')

    async def authenticate(self, text: str | None) -> Holder:
        """Return who holds a token.

        :raises Unauthorized: when it is missing, malformed, unknown, wrong, revoked or expired.
        """
        token = self._named(text)
        if text is None or token is None or not await self._is_right(text, token):
            raise _REFUSED
        # The token may have been revoked while its hash was checked.
        if token.id not in self._tokens:
            raise _REFUSED
        self._note_use(token.id)
        return Holder(id=token.id, name=token.name, tenant_uuid=token.tenant_uuid, acl=token.acl)

    def is_current(self, token_id: str) -> bool:
        """Tell whether a token is neither revoked nor expired."""
        token = self._tokens.get(token_id)
        return token is not None and (token.expires is None or token.expires > self._clock.seconds())

    def is_known(self, text: str) -> bool:
        """Tell whether this token was checked before and found right."""
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() in self._checked

    async def flush(self) -> None:
        """Write when tokens were last used."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        used, self._used = self._used, {}
        if used:
            await self._store.used(used)

    def _named(self, text: str | None) -> StoredToken | None:
        parts = text.split("_", 2) if text is not None and len(text) <= MAX_TOKEN_LENGTH else []
        token = self._tokens.get(parts[1]) if len(parts) == 3 and parts[0] == PREFIX else None
        if token is not None and token.expires is not None and token.expires <= self._clock.seconds():
            return None
        return token

    async def _is_right(self, text: str, token: StoredToken) -> bool:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if self._checked.get(digest) == (token.id, token.hash):
            self._checked.move_to_end(digest)
            return True
        check = partial(self._threads.run, is_hash_of, token.hash, text)
        if not await self._checks.run((digest, token.hash), check):
            return False
        self._checked[digest] = (token.id, token.hash)
        if len(self._checked) > _CACHED:
            self._checked.popitem(last=False)
        return True

    def _note_use(self, token_id: str) -> None:
        self._used[token_id] = self._clock.seconds()
        if self._planned is None:
            self._planned = self._clock.callLater(_USE_INTERVAL, self._flush_now)

    def _flush_now(self) -> None:
        self._planned = None
        Deferred.fromCoroutine(self.flush()).addErrback(
            lambda failure: log.failure("the last use of tokens was not written", failure)
        )


def slow_hash(text: str, work_factor: int) -> str:
    """Return a salted hash of a token: its parameters, salt and digest in one text. Blocks."""
    salt = secrets.token_bytes(16)
    return f"scrypt${work_factor}${_base64(salt)}${_base64(_digest(text, salt, work_factor))}"


def is_hash_of(hashed: str, text: str) -> bool:
    """Tell whether :func:`slow_hash` made ``hashed`` from this token, in a time that does not tell how near. Blocks."""
    kind, work_factor, salt, digest = hashed.split("$")
    made = _digest(text, base64.b64decode(salt), int(work_factor))
    return kind == "scrypt" and hmac.compare_digest(made, base64.b64decode(digest))


def _digest(text: str, salt: bytes, work_factor: int) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=work_factor, r=8, p=1, maxmem=64 * 1024 * 1024)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

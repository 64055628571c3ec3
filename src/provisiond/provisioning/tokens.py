"""Tokens of the API: made, checked and revoked here; only slow hashes are stored."""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.logger import Logger

from provisiond.errors import InvalidInput, NotFound, StoreProblem, Unauthorized, Unavailable
from provisiond.provisioning.holders import Holder
from provisiond.provisioning.ports import Clock, Threads
from provisiond.provisioning.serial import Serial, SharedRuns
from provisiond.provisioning.token_hashes import decoy_hash, fast_hash, is_hash_of, slow_hash
from provisiond.store.tokens import StoredToken

log = Logger()
PREFIX = "prv"
WORK_FACTOR = 2**14
MAX_TOKEN_LENGTH = 256
MAX_PATTERNS = 1_000
MAX_NAME = 200
MAX_EXPIRY = 253_402_300_799.0
_CACHED = 2_000
_USE_INTERVAL = 10.0
_ACL = re.compile(r"!?[^\s!]{1,256}")
_LIST = ("tokens", "")
_CHECKS_AT_ONCE = 2
_CHECKS_WAITING = 200


class StoredTokens(Protocol):
    """The stored tokens."""

    async def all(self) -> Sequence[StoredToken]: ...
    async def insert(self, token: StoredToken) -> None: ...
    async def delete(self, token_id: str) -> bool: ...
    async def used(self, times: Mapping[str, float]) -> None: ...


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
        self._key = secrets.token_bytes(32)
        self._checked: OrderedDict[bytes, str] = OrderedDict()
        self._checks: SharedRuns[bool] = SharedRuns()
        self._slots = DeferredSemaphore(_CHECKS_AT_ONCE)
        self._serial = Serial()
        self._last_used: dict[str, float] = {}
        self._unwritten: dict[str, float] = {}
        self._planned: Any = None

    async def load(self) -> None:
        """Read the stored tokens; also after another process changed them."""
        async with self._serial.holding(_LIST):
            self._tokens = {token.id: token for token in await self._store.all()}
            self._last_used = {key: value for key, value in self._last_used.items() if key in self._tokens}

    def list(self) -> tuple[StoredToken, ...]:
        """Return all tokens, oldest first, with the last use known."""
        return tuple(evolve(each, last_used=self._last_used.get(each.id, each.last_used)) for each in self._stored())

    def _stored(self) -> Iterable[StoredToken]:
        return self._tokens.values()

    async def create(
        self, name: str, acl: Sequence[str], tenant_uuid: str, expires: float | None = None
    ) -> tuple[str, StoredToken]:
        """Make a token.

        :param name: what it is for, at most 200 printable characters.
        :param acl: patterns of REST contract section 3.
        :param expires: seconds since the epoch; None means never.
        :return: the token itself, told this once, and what is stored of it.
        :raises InvalidInput: for an empty or too long list, a pattern with blanks, or an expiry in the past.
        """
        if not acl or not all(isinstance(each, str) and _ACL.fullmatch(each) for each in acl):
            raise InvalidInput("acl must hold at least one pattern, each a text of 1 to 256 characters without blanks")
        if len(acl) > MAX_PATTERNS:
            raise InvalidInput(f"acl must hold at most {MAX_PATTERNS} patterns")
        if len(name) > MAX_NAME or not name.isprintable():
            raise InvalidInput(f"name must have at most {MAX_NAME} printable characters")
        if expires is not None and not self._clock.seconds() < expires < MAX_EXPIRY:
            raise InvalidInput("expires must lie in the future, in seconds since the epoch")
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
        async with self._serial.holding(_LIST):
            await self._store.insert(token)
            self._tokens[token.id] = token
        return token

    async def revoke(self, token_id: str) -> None:
        """Make a token worthless at once.

        :raises NotFound: when there is none with this id.
        """
        known = self._tokens.pop(token_id, None)
        async with self._serial.holding(_LIST):
            gone = await self._store.delete(token_id)
            self._tokens.pop(token_id, None)
        if not gone and known is None:
            raise NotFound(f'token "{token_id}"')

    async def authenticate(self, text: str | None) -> Holder:
        """Return who holds a token.

        A wrong token takes as long as a right one that was not checked before, whether there is one with its id or not.

        :raises Unauthorized: when it is missing, malformed, unknown, wrong, revoked or expired.
        :raises Unavailable: when too many tokens wait to be checked.
        """
        token_id = _id_in(text)
        if text is None or token_id is None:
            raise Unauthorized("Unauthorized")
        token = self._tokens.get(token_id)
        right = await self._is_right(text, token.hash if token is not None else None)
        # The token may have been revoked while its hash was checked.
        if token is None or not right or not self.is_current(token.id):
            raise Unauthorized("Unauthorized")
        self._note_use(token.id)
        return Holder(id=token.id, name=token.name, tenant_uuid=token.tenant_uuid, acl=token.acl, expires=token.expires)

    def is_current(self, token_id: str) -> bool:
        """Tell whether a token is neither revoked nor expired."""
        token = self._tokens.get(token_id)
        return token is not None and (token.expires is None or token.expires > self._clock.seconds())

    def is_known(self, text: str) -> bool:
        """Tell whether this token was checked before, found right, and is neither revoked nor expired."""
        token_id = _id_in(text)
        return token_id is not None and self.is_current(token_id) and fast_hash(text, self._key) in self._checked

    async def flush(self) -> None:
        """Write when tokens were last used. What the store refuses is written with the next use."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        used, self._unwritten = self._unwritten, {}
        try:
            if used:
                await self._store.used(used)
        except StoreProblem as problem:
            self._unwritten = {**used, **self._unwritten}
            log.warn("the last use of tokens could not be written: {reason}", reason=problem.sentence)

    async def _is_right(self, text: str, hashed: str | None) -> bool:
        digest = fast_hash(text, self._key)
        if hashed is not None and self._checked.get(digest) == hashed:
            self._checked.move_to_end(digest)
            return True
        if len(self._slots.waiting) >= _CHECKS_WAITING:
            raise Unavailable("too many tokens wait to be checked, try again later")
        compared = hashed if hashed is not None else decoy_hash(self._work_factor)
        right = await self._checks.run((digest, hashed), partial(self._check, compared, text))
        if right and hashed is not None:
            self._checked[digest] = hashed
            if len(self._checked) > _CACHED:
                self._checked.popitem(last=False)
        return right

    async def _check(self, hashed: str, text: str) -> bool:
        await self._slots.acquire()
        try:
            return await self._threads.run(is_hash_of, hashed, text)
        finally:
            self._slots.release()

    def _note_use(self, token_id: str) -> None:
        self._last_used[token_id] = self._unwritten[token_id] = self._clock.seconds()
        if self._planned is None:
            self._planned = self._clock.callLater(_USE_INTERVAL, self._flush_now)

    def _flush_now(self) -> None:
        self._planned = None
        Deferred.fromCoroutine(self.flush()).addErrback(
            lambda failure: log.failure("the last use of tokens was not written", failure)
        )


def _id_in(text: str | None) -> str | None:
    parts = text.split("_", 2) if text is not None and len(text) <= MAX_TOKEN_LENGTH else []
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX else None

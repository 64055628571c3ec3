"""The token check of wazo-auth, over HTTP: bounded in time, size and number."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import treq
import treq.client
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.logger import Logger
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from provisiond.authservice.values import ServiceTenant, UnknownToken, Unreadable, Vouched
from provisiond.errors import StartProblem, Unauthorized, Unavailable

log = Logger()
T = TypeVar("T")
AT_ONCE: Final = 20
WAITING: Final = 200
MAX_ANSWER: Final = 1024 * 1024
REST_SECONDS: Final = 1.0
REMEMBERED: Final = 3_600.0
REFUSALS: Final = (401, 403, 404)
DOWN: Final = "the authentication service does not answer, try again later"
_TOKEN: Final = re.compile(r"[!-~]{1,512}")
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class Http(Protocol):
    """The part of ``treq.client.HTTPClient`` that is needed."""

    def get(self, url: str, **more: Any) -> Awaitable[Any]:
        """Return the response to a GET."""


class AuthService:
    """One authentication service.

    :param url: address that ``/token`` and ``/tenants`` follow, e.g. ``https://pbx.example.org/api/auth/0.1``.
    :param clock: the part of the reactor that tells time.
    :param timeout: seconds that an answer may take.
    """

    def __init__(self, http: Http, url: str, clock: Any, *, timeout: float) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._clock = clock
        self._timeout = timeout
        self._slots = DeferredSemaphore(AT_ONCE)
        self._rests_until = 0.0
        self._failure: tuple[float, str] | None = None

    @property
    def problem(self) -> str | None:
        """Why it was of no use when it was last asked, one sentence; None when it was, or was not asked for an hour."""
        if self._failure is None or not 0 <= self._clock.seconds() - self._failure[0] < REMEMBERED:
            return None
        return self._failure[1]

    async def check(self, token: str, scope: str | None) -> Vouched:
        """Return whom the service vouches for.

        :param scope: the right that the token must grant, as an ACL name; None asks only whether it is valid.
        :raises UnknownToken: when the service does not know the token.
        :raises Unauthorized: when the token does not grant the scope.
        :raises Unavailable: when the service does not answer, or not as it should.
        """
        if not _TOKEN.fullmatch(token) or token.strip(".") == "":
            raise UnknownToken("Unauthorized")
        params = {} if scope is None else {"scope": scope}
        status, document = await self._asked(f"/token/{quote(token, safe='')}", params, {})
        if status in (401, 404):
            raise UnknownToken("Unauthorized")
        if status == 403:
            raise Unauthorized("Unauthorized")
        return self._read(status, document, Vouched.read)

    async def tenants(self, token: str) -> tuple[ServiceTenant, ...]:
        """Return the tenants that the holder of a token may see there; none when it may not list them.

        :raises Unavailable: when the service does not answer, or not as it should.
        """
        status, document = await self._asked("/tenants", {}, {"X-Auth-Token": token})
        if status in REFUSALS:
            return ()
        return self._read(status, document, ServiceTenant.read_all)

    def _read(self, status: int, document: bytes, read: Callable[[Any], T]) -> T:
        try:
            if status != 200:
                raise Unreadable(f"it answered {status}")
            found = read(json.loads(document))
        except (Unreadable, ValueError, RecursionError) as problem:
            reason = str(problem) if isinstance(problem, Unreadable) else "its answer is not JSON"
            self._note(f"the authentication service is of no use: {reason}")
            raise Unavailable(DOWN) from None
        self._answers()
        return found

    async def _asked(self, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._rests or len(self._slots.waiting) >= WAITING:
            raise Unavailable(DOWN)
        await self._slots.acquire()
        try:
            exchange = Deferred.fromCoroutine(self._exchange(path, params, headers))
            found = await exchange.addTimeout(self._timeout, self._clock)
        except Exception as error:
            raise self._went_down(error) from None
        finally:
            self._slots.release()
        if found[0] in REFUSALS:
            self._answers()
        return found

    async def _exchange(self, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        sent = {"Accept": "application/json", **headers}
        response = await self._http.get(
            self._url + path, params=dict(params), headers=sent, allow_redirects=False, unbuffered=True
        )
        body = bytearray()

        def keep(data: bytes) -> None:
            body.extend(data[: MAX_ANSWER + 1 - len(body)])

        await treq.collect(response, keep)
        if len(body) > MAX_ANSWER:
            raise Unreadable("its answer is too long")
        return int(response.code), bytes(body)

    @property
    def _rests(self) -> bool:
        # A clock that was set back lets nobody wait for longer.
        left: float = self._rests_until - self._clock.seconds()
        return 0 < left < 2 * REST_SECONDS

    def _went_down(self, error: Exception) -> Unavailable:
        # While it is down nobody waits for the time-out in vain more than once a second.
        self._rests_until = self._clock.seconds() + REST_SECONDS
        slow = isinstance(error, TimeoutError | CancelledError)
        reason = f"no answer within {self._timeout:g} s" if slow else type(error).__name__
        self._note(f"the authentication service cannot be reached: {reason}")
        return Unavailable(DOWN)

    def _note(self, sentence: str) -> None:
        if self._failure is None or self._failure[1] != sentence:
            log.warn("{sentence}", sentence=sentence)
        self._failure = (self._clock.seconds(), sentence)

    def _answers(self) -> None:
        if self._failure is not None:
            self._failure = None
            log.info("the authentication service answers again")


def auth_service(reactor: Any, url: str, *, timeout: float, ca_file: Path | None = None) -> AuthService:
    """Return a service that is asked over connections which stay open.

    :param ca_file: certificates in PEM that are trusted instead of the host's.
    :raises StartProblem: when ``ca_file`` cannot be read, or holds no certificate.
    """
    policy = BrowserLikePolicyForHTTPS(trustRoot=_trusted(ca_file) if ca_file is not None else None)
    pool = HTTPConnectionPool(reactor, persistent=True)
    pool.maxPersistentPerHost = AT_ONCE
    agent = Agent(reactor, policy, connectTimeout=timeout, pool=pool)
    no_cookies: Any = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    client: Any = treq.client.HTTPClient(agent, no_cookies)
    return AuthService(client, url, reactor, timeout=timeout)


def _trusted(file: Path) -> Any:
    try:
        found = _PEM.findall(file.read_bytes())
        certificates = [Certificate.loadPEM(each) for each in found]
    except OSError as error:
        raise StartProblem(f"rest_api.auth.ca_file {file} cannot be read: {error.strerror}") from None
    except Exception:
        raise StartProblem(f"rest_api.auth.ca_file {file} holds a certificate that cannot be read") from None
    if not certificates:
        raise StartProblem(f"rest_api.auth.ca_file {file} holds no certificate in PEM")
    return trustRootFromCertificates(certificates)

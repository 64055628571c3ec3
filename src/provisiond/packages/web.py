"""Fetching over HTTP: bounded in time, size and redirections, without ever holding a file in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import treq.client
from attrs import define, frozen
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS, IResponse

from provisiond import __version__
from provisiond.packages.authorization import authorization_for
from provisiond.packages.bodies import Body, Watch, Writer
from provisiond.packages.network_problems import LeadsToFtp, NetworkProblem, RefusedByServer, told
from provisiond.packages.problems import DownloadProblem, InvalidCredentials
from provisiond.packages.proxies import ProxiedAgent, ProxyMapping
from provisiond.packages.running import ReactorClock
from provisiond.packages.urls import Credentials, checked_url, public_url, redirected, same_origin, split_credentials

MAX_REDIRECTS = 10
IDLE_SECONDS = 30.0
_REDIRECTIONS = (301, 302, 303, 307, 308)
_RETRIED = (408, 425, 429, 500, 502, 503, 504)


@frozen
class Answer:
    """The head of a server's final answer.

    :param url: where it came from, after redirections.
    :param status: 200, 206, 304 or 416.
    :param headers: names in lower case; of repeated ones the last.
    :param length: bytes that the server announces, if it does.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    length: int | None


Opener = Callable[[Answer], Awaitable[Writer | None]]


class WebClient:
    """Fetches files over http and https.

    :param proxies: asked at each request for scheme -> proxy.
    :param policy: which certificates are trusted; by default those that the host trusts.
    :param idle: seconds without data after which a request fails.
    """

    def __init__(
        self,
        reactor: Any,
        proxies: Callable[[], ProxyMapping],
        policy: IPolicyForHTTPS | None = None,
        *,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._clock: ReactorClock = reactor
        self._agent = ProxiedAgent(reactor, proxies, policy)
        self._decoding = treq.client.HTTPClient(cast(Any, self._agent))
        self._idle = idle
        self.proxies = proxies

    async def get(
        self,
        url: str,
        opener: Opener,
        *,
        headers: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        schemes: tuple[str, ...] = ("http", "https"),
        decode: bool = False,
        total: float | None = None,
        method: str = "GET",
    ) -> Answer:
        """Fetch a file and return the head of the answer, after the body was written.

        :param opener: called with the head of the final answer; returns what gets the body, or None to drop it.
        :param credentials: used when the server asks for them; never sent to another host.
        :param schemes: what the URL and every redirection may use.
        :param decode: accept a compressed transfer; only for small files.
        :param total: seconds that the whole may take.
        :raises NetworkProblem: when it may work later: no connection, connection lost, timeout, 429, 5xx.
        :raises InvalidCredentials: for 401.
        :raises RefusedByServer: for any other status that is not 200, 206, 304 or 416.
        :raises LeadsToFtp: when the URL or a redirection is one of FTP, and no proxy is set for it.
        :raises DownloadProblem: for a URL or a redirection that is not allowed.
        """
        watch = Watch(self._clock, self._idle, total)
        watch.begin()
        request = _Request(url, dict(headers or {}), credentials, schemes, decode, method)
        try:
            response = await self._final_response(request, watch)
            return await self._received(request.url, response, opener, watch)
        except DownloadProblem:
            raise
        except (CancelledError, Exception) as error:
            if watch.expired:
                raise NetworkProblem(f"{public_url(request.url)} sends nothing any more") from error
            problem = told(error, request.url)
            if problem is None:
                raise
            raise problem from error
        finally:
            watch.stop()

    async def _final_response(self, request: _Request, watch: Watch) -> IResponse:
        for _ in range(MAX_REDIRECTS + 2):
            if request.url.startswith("ftp:") and not self.proxies().get("ftp"):
                raise LeadsToFtp(request.url, request.credentials if request.is_at_origin() else None)
            response = await self._response(request, watch)
            if response.code == 401 and request.answer_challenge(response):
                await _discard(response)
                continue
            location = _header(response, "location")
            if response.code not in _REDIRECTIONS or not location:
                return response
            await _discard(response)
            request.follow(location)
        raise DownloadProblem(f"{public_url(request.url)} redirects more than {MAX_REDIRECTS} times")

    async def _response(self, request: _Request, watch: Watch) -> IResponse:
        headers = Headers({name: [value] for name, value in request.sent_headers().items()})
        if request.decode:
            waiting: Any = self._decoding.request(
                request.method, request.url, headers=headers, allow_redirects=False, unbuffered=True
            )
        else:
            waiting = self._agent.request(request.method.encode(), request.url.encode("ascii"), headers)
        watch.over(waiting)
        try:
            return cast(IResponse, await waiting)
        finally:
            watch.stop_idle()

    async def _received(self, url: str, response: IResponse, opener: Opener, watch: Watch) -> Answer:
        answer = _answer(url, response)
        try:
            check_status(answer)
            writer = await opener(answer)
        except BaseException:
            await _discard(response)
            raise
        if writer is None or answer.status in (304, 416):
            await _discard(response)
            return answer
        body = Body(writer, watch)
        watch.over(body.finished)
        response.deliverBody(cast(Any, body))
        await body.finished
        return answer


@define
class _Request:
    url: str
    headers: dict[str, str]
    credentials: Credentials | None
    schemes: tuple[str, ...]
    decode: bool
    method: str
    _origin: str = ""
    _authorization: str | None = None
    _redirects: int = 0

    def __attrs_post_init__(self) -> None:
        bare, inside = split_credentials(self.url)
        self.credentials = inside or self.credentials
        self.url = self._origin = checked_url(bare, self.schemes)
        self._authorization = inside.basic() if inside else None

    def sent_headers(self) -> dict[str, str]:
        own = {"User-Agent": f"provisiond/{__version__}", **self.headers}
        if self._authorization and self.is_at_origin():
            own["Authorization"] = self._authorization
        return own

    def is_at_origin(self) -> bool:
        return same_origin(self.url, self._origin)

    def answer_challenge(self, response: IResponse) -> bool:
        """Prepare to ask again with credentials; False when that would not help."""
        if self.credentials is None or self._authorization or not self.is_at_origin():
            return False
        challenges = [value.decode("latin-1") for value in response.headers.getRawHeaders(b"www-authenticate") or ()]
        self._authorization = authorization_for(challenges, self.credentials, self.method, self.url)
        return self._authorization is not None

    def follow(self, location: str) -> None:
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            raise DownloadProblem(f"{public_url(self._origin)} redirects more than {MAX_REDIRECTS} times")
        # a user part in a redirection is a stranger's idea of our credentials
        self.url = split_credentials(redirected(self.url, location, self.schemes))[0]


def _header(response: IResponse, name: str) -> str | None:
    values = response.headers.getRawHeaders(name.encode())
    return values[-1].decode("latin-1") if values else None


def _answer(url: str, response: IResponse) -> Answer:
    headers = {
        name.decode("latin-1").lower(): values[-1].decode("latin-1")
        for name, values in response.headers.getAllRawHeaders()
        if values
    }
    length = response.length if isinstance(response.length, int) else None
    return Answer(url, response.code, headers, length)


def check_status(answer: Answer) -> None:
    """Refuse an answer that brings no file.

    :raises DownloadProblem: of the class that fits, see :meth:`WebClient.get`.
    """
    where = public_url(answer.url)
    if answer.status in (200, 206, 304, 416):
        return
    if answer.status == 401:
        raise InvalidCredentials(f"{where} wants other credentials")
    if answer.status in _RETRIED or answer.status >= 500:
        raise NetworkProblem(f"{where} answers with status {answer.status}")
    raise RefusedByServer(f"{where} answers with status {answer.status}", answer.status)


async def _discard(response: IResponse) -> None:
    """Close the connection of a response whose body nobody wants."""

    class Closing(TwistedProtocol):
        def connectionMade(self) -> None:  # noqa: N802
            abort = getattr(self.transport, "abortConnection", None) or cast(Any, self.transport).loseConnection
            abort()

    response.deliverBody(cast(Any, Closing()))

"""The client of coroutines, on treq: for programs that have a reactor."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol, cast

import treq.client
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IAgent, IResponse

from provisiond.client.errors import ClientError, Unreachable, WrongRequest
from provisiond.client.faces import Concurrent, Stream
from provisiond.client.messages import Answer, Conversation, Pause, Request, checked
from provisiond.client.resources import Resources
from provisiond.client.transports import (
    AGENT,
    STREAM_TIMEOUT,
    TIMEOUT,
    ConcurrentTransport,
    Origin,
    Tls,
    origin_of,
)

QUEUED: Final = 1 << 20
_CERTIFICATE_END: Final = b"-----END CERTIFICATE-----"


class Timed(Protocol):
    """The part of a reactor that calls later."""

    def callLater(self, delay: float, callable: Any, *args: Any) -> Any: ...  # noqa: N802


class BodyPieces(TwistedProtocol):
    """The pieces of a body, read one after another; the connection waits for a slow reader.

    :param timeout: longest silence, in seconds.
    """

    def __init__(self, reactor: Timed, timeout: float, url: str) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._url = url
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._waiting: Deferred[None] | None = None
        self._ended = False
        self._error: ClientError | None = None
        self._deadline: Any = None

    def connectionMade(self) -> None:  # noqa: N802
        """Begin to count the silence."""
        self._deadline = self._reactor.callLater(self._timeout, self._too_quiet)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Keep a piece."""
        if self._ended:
            return
        self._deadline.reset(self._timeout)
        self._pieces.append(data)
        self._size += len(data)
        if self._size > QUEUED:
            cast(Any, self.transport).pauseProducing()
        self._wake()

    def connectionLost(self, reason: Failure = Failure(ResponseDone())) -> None:  # noqa: B008, N802
        """Take the end of the body, or that the connection broke."""
        if not reason.check(ResponseDone, PotentialDataLoss):
            self._error = self._error or Unreachable(f"no answer from {self._url}: the connection broke off")
        self._end()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        while not self._pieces:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiting = Deferred()
            await self._waiting
        piece = self._pieces.popleft()
        was, self._size = self._size, self._size - len(piece)
        if was > QUEUED >= self._size and not self._ended:
            cast(Any, self.transport).resumeProducing()
        return piece

    async def aclose(self) -> None:
        """Read no further. May be called twice."""
        if not self._ended:
            self._end()
            cast(Any, self.transport).loseConnection()

    def _too_quiet(self) -> None:
        self._error = Unreachable(f"no answer from {self._url}: it took too long")
        self._end()
        cast(Any, self.transport).loseConnection()

    def _end(self) -> None:
        self._ended = True
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


class TreqTransport:
    """Requests through an agent of Twisted.

    :param agent: what opens connections; one that keeps them is made by default.
    :param timeout: longest silence of the server, in seconds.
    """

    def __init__(
        self,
        origin: Origin,
        token: str | None,
        tenant: str | None,
        *,
        reactor: Any,
        tls: Tls,
        agent: IAgent | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._origin = origin
        self._token = token
        self._tenant = tenant
        self._reactor = reactor
        self._timeout = timeout
        self._pool = HTTPConnectionPool(reactor) if agent is None else None
        self._http = treq.client.HTTPClient(agent or Agent(reactor, _policy(tls), pool=self._pool))

    async def send(self, request: Request) -> Answer:
        """Return the whole answer."""
        response = await self._answered(request)
        pieces = self._body(response, max(self._timeout, request.patience))
        return _answer(response, b"".join([piece async for piece in pieces]))

    async def open(self, request: Request) -> tuple[Answer, AsyncIterator[bytes]]:
        """Return the answer without its body, and the body in pieces."""
        response = await self._answered(request)
        return _answer(response, b""), self._body(response, max(self._timeout, STREAM_TIMEOUT, request.patience))

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await deferLater(self._reactor, seconds)

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._pool is not None:
            await self._pool.closeCachedConnections()

    async def _answered(self, request: Request) -> IResponse:
        headers, body = request.headers(self._token, self._tenant, AGENT), request.body()
        try:
            return cast(
                IResponse,
                await self._http.request(
                    request.method,
                    self._origin.url.removesuffix(self._origin.prefix) + self._origin.target(request),
                    headers=cast(Any, headers),
                    data=body,
                    allow_redirects=False,
                    unbuffered=True,
                    timeout=max(self._timeout, request.patience),
                ),
            )
        except Exception as error:
            raise Unreachable(f"no answer from {self._origin.url}: {_reason(error)}") from None

    def _body(self, response: IResponse, timeout: float) -> BodyPieces:
        pieces = BodyPieces(self._reactor, timeout, self._origin.url)
        response.deliverBody(pieces)
        return pieces


def _policy(tls: Tls) -> BrowserLikePolicyForHTTPS:
    if not tls.verify:
        raise WrongRequest("to trust any certificate, hand over an agent of your own")
    if tls.ca_file is None:
        return BrowserLikePolicyForHTTPS()
    try:
        parts = tls.ca_file.read_bytes().split(_CERTIFICATE_END)[:-1]
        trusted = [ssl.Certificate.loadPEM(part + _CERTIFICATE_END) for part in parts]
    except Exception:
        trusted = []
    if not trusted:
        raise WrongRequest("the file of trusted authorities cannot be read, or holds none")
    return BrowserLikePolicyForHTTPS(ssl.trustRootFromCertificates(trusted))


def _reason(error: Exception) -> str:
    """Return why no answer came, from the innermost reason that Twisted tells."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return _reason(reasons[0].value)
    text = str(error).strip().rstrip(".")
    return text.splitlines()[0] if text else type(error).__name__


def _answer(response: IResponse, content: bytes) -> Answer:
    headers = {
        name.decode("latin-1").lower(): values[0].decode("latin-1")
        for name, values in response.headers.getAllRawHeaders()
        if values
    }
    return Answer(status=response.code, headers=headers, content=content)


class ConcurrentFace:
    """Carries conversations out as coroutines."""

    def __init__(self, transport: ConcurrentTransport) -> None:
        self._transport = transport

    async def converse(self, conversation: Conversation[Any]) -> Any:
        """Return the result of a conversation."""
        answer = Answer(status=0)
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Pause):
                    await self._transport.pause(step.seconds)
                else:
                    answer = await self._transport.send(step)
                step = conversation.send(answer)
        except StopIteration as end:
            return end.value
        finally:
            conversation.close()

    async def stream(self, stream: Stream[Any]) -> AsyncIterator[Any]:
        """Yield what a stream brings."""
        decoder = stream.decoder()
        head, pieces = await self._transport.open(stream.request)
        try:
            if not 200 <= head.status < 300:
                content = b"".join([piece async for piece in pieces])
                checked(Answer(status=head.status, headers=head.headers, content=content))
            async for piece in pieces:
                for each in decoder.feed(piece):
                    yield each
            for each in decoder.end():
                yield each
        finally:
            await cast(Any, pieces).aclose()


class AsyncClient(Resources[Concurrent]):
    """The API of one server, as coroutines; any number of calls may be under way at once.

    :param url: of the server, e.g. ``http://127.0.0.1:8666``; the API is at ``/0.2`` unless a path is given.
    :param token: text of a token; None for none.
    :param tenant: UUID of the tenant to act in; the token's own by default.
    :param reactor: the running reactor.
    :param tls: how the server's certificate is checked, unless an agent is handed over.
    :param agent: opens connections; by default one that keeps them.
    :param timeout: longest silence of the server, in seconds.
    :raises WrongRequest: when the address is wrong.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        tenant: str | None = None,
        *,
        reactor: Any,
        tls: Tls | None = None,
        agent: IAgent | None = None,
        timeout: float = TIMEOUT,
        transport: ConcurrentTransport | None = None,
    ) -> None:
        origin = origin_of(url)
        self._transport: ConcurrentTransport = transport or TreqTransport(
            origin, token, tenant, reactor=reactor, tls=tls or Tls(), agent=agent, timeout=timeout
        )
        super().__init__(ConcurrentFace(self._transport))

    async def close(self) -> None:
        """Close the connections that are kept; later calls open others."""
        await self._transport.close()

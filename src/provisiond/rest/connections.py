"""Connections to the API: total deadlines for heads and bodies, bounded heads, an end that the client can read."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, Protocol, cast

from twisted.internet.protocol import Protocol as Connection
from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel

from provisiond.pacing import TooManyPieces
from provisiond.rest.sending import CORS

IDLE_SECONDS: Final = 60.0
HEAD_SECONDS: Final = 20.0
BODY_SECONDS: Final = 120.0
LINGER_SECONDS: Final = 5.0
LINGER_BYTES: Final = 64 << 20
MAX_HEAD: Final = 16 * 1024
MAX_HEADERS: Final = 100


class Owner(Protocol):
    """The site, as a connection needs it."""

    reactor: Any

    def max_body_at(self, path: bytes) -> int: ...
    def opened(self) -> None: ...
    def closed(self) -> None: ...


def plain_answer(status: HTTPStatus, sentence: str, retry_after: int | None = None) -> bytes:
    """Return a whole answer for requests that never became one, with the headers that every answer has."""
    body = sentence.encode("ascii")
    headers = {
        **CORS,
        **({} if retry_after is None else {"Retry-After": str(retry_after)}),
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class Ending(Connection):
    """A connection that is told something and then ended, so that the client can still read what it was told.

    The writing side is closed first; what the client goes on sending is dropped for a while.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._timer: Any = None
        self._dropped = 0

    def say(self, transport: Any, answer: bytes, seconds: float = LINGER_SECONDS) -> None:
        """Write ``answer``, close our side, and give the client ``seconds`` to read and close its own."""
        self.transport = transport
        if self._timer is not None:
            return
        self._timer = self._reactor.callLater(seconds, transport.abortConnection)
        transport.resumeProducing()
        transport.write(answer)
        transport.loseWriteConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Drop what still comes, up to a bound."""
        self._dropped += len(data)
        if self._dropped > LINGER_BYTES:
            cast(Any, self.transport).abortConnection()

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        """Forget the timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


class Full(Ending):
    """What a client meets while as many connections as allowed are open."""

    def connectionMade(self) -> None:  # noqa: N802
        """Say so."""
        sentence = "too many connections are open, try again later"
        self.say(self.transport, plain_answer(HTTPStatus.SERVICE_UNAVAILABLE, sentence, retry_after=5))


class ApiChannel(HTTPChannel):
    """One connection. Time-outs are totals: sending a byte now and then prolongs nothing."""

    timeOut = None  # noqa: N815
    totalHeadersSize = 2 * MAX_HEAD  # noqa: N815
    maxHeaders = 2 * MAX_HEADERS  # noqa: N815
    MAX_LENGTH = 2 * MAX_HEAD

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._deadline: Any = None
        self._ending: Ending | None = None
        self._begun = False
        self._receiving_body = False
        self._head_bytes = 0
        self._headers = 0
        self._is_open = False

    @property
    def owner(self) -> Owner:
        """The site."""
        return cast(Owner, cast(Any, self).site)

    @property
    def max_body(self) -> int:
        """Greatest body of the present request, in bytes."""
        return self.owner.max_body_at(cast(bytes, getattr(self, "_path", b"")))

    def connectionMade(self) -> None:  # noqa: N802
        """Wait for a request."""
        self._is_open = True
        self.owner.opened()
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._arm(IDLE_SECONDS, self._idle)

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        """Forget the connection."""
        if self._is_open:
            self._is_open = False
            self.owner.closed()
        self._disarm()
        if self._ending is not None:
            self._ending.connectionLost()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes; the first ones of a request start its deadline."""
        if self._ending is not None:
            self._ending.dataReceived(data)
            return
        if not self._begun:
            self._begun = True
            self._arm(HEAD_SECONDS, self._too_slow)
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        if self._receiving_body and getattr(self.requests[-1], "body_too_large", False):
            self._answer_without_body()

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """Take a line of the head, unless the head is too large."""
        self._head_bytes += len(line)
        if self._head_bytes > MAX_HEAD:
            self._head_too_large()
            return
        super().lineReceived(line)  # type: ignore[no-untyped-call]

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Refuse a line without an end."""
        self._head_too_large()

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        """Take a header, unless there are too many."""
        self._headers += 1
        if self._headers > MAX_HEADERS:
            self._head_too_large()
            return False
        try:
            return bool(super().headerReceived(line))  # type: ignore[no-untyped-call]
        except ValueError:
            # A length of more digits than Python reads.
            self._respondToBadRequestAndDisconnect()
            return False

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Begin with the body; one that is declared too large is not waited for."""
        self._arm(BODY_SECONDS, self._too_slow)
        request = cast(Any, self.requests[-1])
        if self.length is not None and self.length > self.max_body:
            request.body_too_large = True
            request.requestHeaders.removeHeader(b"expect")
            self.length = 0
        self._receiving_body = self.length != 0
        super().allHeadersReceived()  # type: ignore[no-untyped-call]
        if request.body_too_large:
            self._close_after(request)

    def allContentReceived(self) -> None:  # noqa: N802
        """Go on to the answer."""
        self._receiving_body = False
        self._head_bytes = self._headers = 0
        self._disarm()
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """Wait for the next request; what was answered is read within a time, or the connection is cut."""
        self._begun = False
        self._arm(IDLE_SECONDS, self._idle)
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def loseConnection(self) -> None:  # noqa: N802
        """End the connection so that the client can read its last answer."""
        self._end(b"", IDLE_SECONDS)

    def _answer_without_body(self) -> None:
        request = self.requests[-1]
        self.length = 0
        self._close_after(request)
        self.allContentReceived()

    def _close_after(self, request: Any) -> None:
        self.persistent = 0
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])

    def _head_too_large(self) -> None:
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the request's head is larger than {MAX_HEAD} bytes")

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        self._refuse(HTTPStatus.BAD_REQUEST, "this is not HTTP/1.1")

    def _too_slow(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request did not come in time")

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._end(plain_answer(status, sentence))

    def _end(self, answer: bytes, seconds: float = LINGER_SECONDS) -> None:
        if self._ending is not None:
            return
        self._disarm()
        self._ending = Ending(self.owner.reactor)
        transport = cast(Any, self.transport)
        transport.unregisterProducer()
        self._ending.say(transport, answer, seconds)
        self.clearLineBuffer()  # type: ignore[no-untyped-call]
        self.setRawMode()  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes of a body, or drop them when the connection ends."""
        if self._ending is not None:
            return
        try:
            super().rawDataReceived(data)
        except TooManyPieces:
            self._refuse(HTTPStatus.BAD_REQUEST, "the body comes in pieces that are too small")

    def _idle(self) -> None:
        self._end(b"")

    def _arm(self, seconds: float, then: Any) -> None:
        self._disarm()
        self._deadline = self.owner.reactor.callLater(seconds, then)

    def _disarm(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

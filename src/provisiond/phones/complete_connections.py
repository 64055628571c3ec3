"""Connections of phones with everything that HTTP has: twisted.web's, with bounds and deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from provisiond.pacing import check_pieces
from provisiond.phones.stalling import Reader

IDLE_SECONDS: Final = 60
HEAD_SECONDS: Final = 20
BODY_SECONDS: Final = 120
STALL_SECONDS: Final = 60
MAX_BODY: Final = 4 * 1024 * 1024
MAX_BODIES: Final = 256 * 1024 * 1024
REQUESTS_PER_CONNECTION: Final = 100
NEVER: Final = float("inf")


class PhoneRequestOverHttp(Request):
    """A request whose body is kept up to a bound only, and only as long as those of all together have room.

    :ivar has_no_room: whether the body was given up because of the others.
    """

    _received = 0
    _kept = 0
    _pieces = 0
    _content_types: Sequence[bytes] | None = None
    too_large = False
    has_no_room = False

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keep a piece of the body unless it is too much; phones upload logs that nobody wants.

        :raises TooManyPieces: which cuts the connection.
        """
        site: PhoneSite = cast(Any, self).channel.site
        self._received += len(data)
        self._pieces += 1
        check_pieces(self._pieces, self._received)
        self.too_large = self._received > MAX_BODY
        self.has_no_room = self.has_no_room or site.kept_bodies + len(data) > MAX_BODIES
        if not (self.too_large or self.has_no_room):
            self._kept += len(data)
            site.kept_bodies += len(data)
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """End the answer, and give the room of the body back."""
        self._give_back()
        super().finish()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Give the room of the body back."""
        self._give_back()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _give_back(self) -> None:
        if self._kept:
            cast(Any, self).channel.site.kept_bodies -= self._kept
            self._kept = 0

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Go on to the resource; no body is taken apart as a form, which stops everything for seconds."""
        self._content_types = self.requestHeaders.getRawHeaders(b"content-type")
        self.requestHeaders.removeHeader(b"content-type")
        super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def process(self) -> None:
        """Go on to the resource, with the type of the body back in its place."""
        if self._content_types is not None:
            self.requestHeaders.setRawHeaders(b"content-type", self._content_types)
        super().process()  # type: ignore[no-untyped-call]


class PhoneChannel(HTTPChannel):
    """A connection whose requests must come within a time in all, however often a byte of them comes.

    Whoever does not read its answer is cut off too; twisted.web itself waits for ever.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._deadline: Any = None
        self._stalled: Any = None
        self._reader: Reader | None = None
        self._asked = 0
        self._owed_since = NEVER

    @property
    def waits_since(self) -> float:
        """Since when the client owes the rest of a request, or a request at all, in seconds of the clock.

        Never while it waits itself, or still reads.
        """
        return self._owed_since if self._reader is None else NEVER

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes; the first ones of a request start its deadline."""
        if self._deadline is None and not self._handlingRequest:
            self._wait_for_client()
            self._arm(HEAD_SECONDS)
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Go on with the body."""
        self._arm(BODY_SECONDS)
        super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:  # noqa: N802
        """Go on with the answer, which may take its time."""
        self._disarm()
        self._owed_since = NEVER
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def checkPersistence(self, request: Any, version: bytes) -> bool:  # noqa: N802
        """Let the connection end after so many requests: those that come together are answered in one turn."""
        self._asked += 1
        if self._asked < REQUESTS_PER_CONNECTION:
            return bool(super().checkPersistence(request, version))  # type: ignore[no-untyped-call]
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """Wait for the next request."""
        if self.persistent:
            self._wait_for_client()
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def loseConnection(self) -> None:  # noqa: N802
        """End the connection when everything was read, or nothing is read any more."""
        if self._reader is None:
            self._reader = Reader(self.transport)
            self._wait_for_reader()
        super().loseConnection()  # type: ignore[no-untyped-call]

    def pauseProducing(self) -> None:  # noqa: N802
        """Called when the client does not read as fast as it is answered."""
        self._reader = Reader(self.transport)
        self._wait_for_reader()
        super().pauseProducing()  # type: ignore[no-untyped-call]

    def resumeProducing(self) -> None:  # noqa: N802
        """Called when there is room again."""
        self._forget_reader()
        super().resumeProducing()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        """Forget the deadlines."""
        self._disarm()
        self._forget_reader()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _wait_for_client(self) -> None:
        # As with ``callLater``: the clock is the site's.
        self._owed_since = cast(Any, self).seconds()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        # The method that the site gave us: it is the reactor's, or a test's clock.
        self._deadline = cast(Any, self).callLater(seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self.forceAbortClient()  # type: ignore[no-untyped-call]

    def _wait_for_reader(self) -> None:
        if self._reader is not None and self._reader.reads_on():
            self._stalled = cast(Any, self).callLater(STALL_SECONDS, self._wait_for_reader)
        else:
            self._stalled = None
            self.forceAbortClient()  # type: ignore[no-untyped-call]

    def _forget_reader(self) -> None:
        self._reader = None
        if self._stalled is not None and self._stalled.active():
            self._stalled.cancel()
        self._stalled = None


class PhoneSite(Site):
    """Serves phones over HTTP with everything that HTTP has.

    :ivar kept_bodies: bytes of bodies that are kept now.
    """

    def __init__(self, resource: Resource, reactor: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            resource, requestFactory=PhoneRequestOverHttp, timeout=IDLE_SECONDS, reactor=reactor
        )
        self.displayTracebacks = False
        self.kept_bodies = 0

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Return a connection."""
        channel: Any = PhoneChannel()
        channel.factory = channel.site = self
        channel.requestFactory = self.requestFactory
        channel.timeOut = IDLE_SECONDS
        clock = cast(Any, self).reactor
        channel.callLater, channel.seconds = clock.callLater, clock.seconds
        return channel

    def log(self, request: Any) -> None:
        """Write no access line; the journal makes one of each request."""

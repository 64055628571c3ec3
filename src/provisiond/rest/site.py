"""The HTTP side of the API's port: bounded requests, bounded connections, no foreign banner."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from provisiond.pacing import check_pieces
from provisiond.rest.connections import ApiChannel, Full
from provisiond.rest.problems import answer_for
from provisiond.rest.sending import send

MAX_CONNECTIONS: Final = 1000


class BoundedRequest(Request):
    """A request whose body is kept up to the site's limit; more is told by ``body_too_large``."""

    body_too_large = False
    _received = 0
    _pieces = 0
    _content_types: Sequence[bytes] | None = None

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keep a piece of the body unless it is too much.

        :raises TooManyPieces: when they are so small that taking them stops everything else.
        """
        self._received += len(data)
        self._pieces += 1
        check_pieces(self._pieces, self._received)
        if self._received > cast(ApiChannel, self.channel).max_body:
            self.body_too_large = True
        if not self.body_too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Go on to the resource; an absolute target (RFC 9112 section 3.2.2) is taken as its path."""
        if path[:7].lower() == b"http://":
            _, slash, rest = path[7:].partition(b"/")
            path = slash + rest or b"/"
        # Without a type nobody parses the body as a form: no resource takes one, and a large one stops everything.
        self._content_types = self.requestHeaders.getRawHeaders(b"content-type")
        self.requestHeaders.removeHeader(b"content-type")
        super().requestReceived(command, b"/*" if path == b"*" else path, version)  # type: ignore[no-untyped-call]

    def process(self) -> None:
        """Go on to the resource, with the type of the body back in its place."""
        if self._content_types is not None:
            self.requestHeaders.setRawHeaders(b"content-type", self._content_types)
        super().process()  # type: ignore[no-untyped-call]

    def processingFailed(self, reason: Failure) -> None:  # noqa: N802
        """Answer what nobody foresaw: a reference to the log, and nothing else."""
        answer = answer_for(reason.value or RuntimeError(), "")
        if self.startedWriting:
            cast(Any, self.transport).abortConnection()
            return
        Deferred.fromCoroutine(send(self, answer))

    def getRequestHostname(self) -> bytes:  # noqa: N802
        """Return one name for all: what the client calls this host decides nothing, and may be no name at all."""
        return b"localhost"


class ApiSite(Site):
    """Serves the API.

    :param resource: the root.
    :param reactor: for deadlines.
    :param max_body: greatest request body in bytes.
    :param uploads: regular expressions that the beginnings of paths match -> greatest body in bytes there.
    :param max_connections: how many clients are connected at a time; more are told 503.
    """

    def __init__(
        self,
        resource: IResource,
        reactor: Any,
        *,
        max_body: int,
        max_connections: int = MAX_CONNECTIONS,
        uploads: Mapping[bytes, int] | None = None,
    ) -> None:
        super().__init__(resource, requestFactory=BoundedRequest, timeout=None, reactor=reactor)  # type: ignore[no-untyped-call]
        self.max_body = max_body
        self._uploads = {re.compile(start): limit for start, limit in (uploads or {}).items()}
        self.displayTracebacks = False
        self._max_connections = max_connections
        self.connections = 0

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Return a connection, or one that only says that there are too many."""
        if self.connections >= self._max_connections:
            return Full(self.reactor)
        channel: Any = ApiChannel()
        channel.factory = self
        channel.site = self
        channel.requestFactory = self.requestFactory
        channel.callLater = self.reactor.callLater
        return channel

    def max_body_at(self, path: bytes) -> int:
        """Return the greatest body that a request for this path may have, in bytes."""
        found = [limit for start, limit in self._uploads.items() if start.match(path)]
        return max(found, default=self.max_body)

    def opened(self) -> None:
        """Count a connection."""
        self.connections += 1

    def closed(self) -> None:
        """Count a connection that has ended."""
        self.connections -= 1

    def log(self, request: Any) -> None:
        """Write no access line here; the router logs each request once."""

"""The HTTP side of the API's port: bounded requests, cut-off slow senders, no foreign banner."""

from __future__ import annotations

from typing import Any, cast

from twisted.web.resource import IResource
from twisted.web.server import Request, Site

IDLE_SECONDS = 60
REQUEST_SECONDS = 120


class BoundedRequest(Request):
    """A request whose body is read up to the site's limit; the rest is dropped and told by ``body_too_large``."""

    body_too_large = False
    _received = 0
    _deadline: Any = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Decide on the declared length before a byte of the body is kept."""
        site = self._site()
        self._deadline = site.reactor.callLater(REQUEST_SECONDS, self._too_slow)
        if length is not None and length > site.max_body:
            self.body_too_large = True
            length = 0
        super().gotLength(length)  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keep a piece of the body unless it is too much."""
        self._received += len(data)
        if self._received > self._site().max_body:
            self.body_too_large = True
        if not self.body_too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Go on to the resource: everything has arrived in time."""
        self._stop_deadline()
        super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Forget the deadline with the connection."""
        self._stop_deadline()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _site(self) -> ApiSite:
        site: Any = cast(Any, self.channel).site
        assert isinstance(site, ApiSite)
        return site

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def _too_slow(self) -> None:
        channel = cast(Any, self.channel)
        if channel is not None and channel.transport is not None:
            channel.transport.abortConnection()


class ApiSite(Site):
    """Serves the API.

    :param resource: the root.
    :param reactor: for time-outs.
    :param max_body: greatest request body in bytes.
    """

    def __init__(self, resource: IResource, reactor: Any, *, max_body: int) -> None:
        super().__init__(resource, requestFactory=BoundedRequest, timeout=IDLE_SECONDS, reactor=reactor)  # type: ignore[no-untyped-call]
        self.max_body = max_body
        self.displayTracebacks = False

    def log(self, request: Any) -> None:
        """Write no access line here; the router logs each request once."""

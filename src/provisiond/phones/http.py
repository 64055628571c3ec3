"""Phones over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.pacing import Pace
from provisiond.phones.access import client_address
from provisiond.phones.bounds import HttpBounds
from provisiond.phones.content import Content
from provisiond.phones.pipeline import Answer, Answering
from provisiond.phones.plain_requests import name_of, query_of, without_key
from provisiond.phones.remembered import static_etag
from provisiond.phones.replies import BUSY, Reply, refusal, refusal_of, reply_with
from provisiond.phones.stalling import Reader
from provisiond.provisioning.ports import Threads

log = Logger()

CHUNK: Final = 256 * 1024
IDLE_SECONDS: Final = 60
HEAD_SECONDS: Final = 20
BODY_SECONDS: Final = 120
STALL_SECONDS: Final = 60
MAX_BODY: Final = 4 * 1024 * 1024
NEVER: Final = float("inf")
READ: Final = ("GET", "HEAD")
UPLOAD: Final = ("PUT", "POST")


class PhoneRequestOverHttp(Request):
    """A request whose body is kept up to a bound only."""

    _kept = 0
    _content_types: Sequence[bytes] | None = None
    too_large = False

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keep a piece of the body unless it is too much; phones upload logs that nobody wants."""
        self._kept += len(data)
        self.too_large = self._kept > MAX_BODY
        if not self.too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

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

    :ivar waits_since: since when the client has owed the rest of a request, or a request at all, in seconds of the
        clock; never while it waits itself.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._deadline: Any = None
        self._stalled: Any = None
        self._reader: Reader | None = None
        self.waits_since = NEVER

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
        self.waits_since = NEVER
        super().allContentReceived()  # type: ignore[no-untyped-call]

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
        self.waits_since = cast(Any, self).seconds()

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
    """Serves phones over HTTP with everything that HTTP has."""

    def __init__(self, resource: Resource, reactor: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            resource, requestFactory=PhoneRequestOverHttp, timeout=IDLE_SECONDS, reactor=reactor
        )
        self.displayTracebacks = False

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


class PhoneFilesResource(Resource):
    """Every path of the phones' port.

    :param trusted_proxies: how many proxies stand in front.
    :param is_key: tells whether a text is a tenant's provisioning key: as the first part of a path it is taken away.
    :param bounds: shared with the connections that answer plain requests themselves.
    """

    isLeaf = True  # noqa: N815

    def __init__(
        self,
        pipeline: Answering,
        threads: Threads,
        *,
        trusted_proxies: int,
        is_key: Callable[[str], bool] = lambda text: False,
        bounds: HttpBounds | None = None,
    ) -> None:
        self._bounds = bounds or HttpBounds()
        self._is_key = is_key
        super().__init__()  # type: ignore[no-untyped-call]
        self._pipeline = pipeline
        self._threads = threads
        self.trusted_proxies = trusted_proxies

    def render(self, request: Any) -> int:
        """Answer any method."""
        if not self._bounds.admits_request():
            _say(request, BUSY)
            return NOT_DONE_YET
        self._bounds.under_way += 1
        work = Deferred.fromCoroutine(self._answer(request))
        work.addErrback(lambda failure: self._failed(request, failure)).addBoth(lambda _: self._answered())
        return NOT_DONE_YET

    def _answered(self) -> None:
        self._bounds.under_way -= 1

    def _failed(self, request: Any, failure: Any) -> None:
        log.failure("a phone's HTTP request met an error", failure=failure)
        if not request.startedWriting and not request.finished:
            _say(request, refusal(500))
        elif not request.finished:
            request.loseConnection()

    async def _answer(self, request: Any) -> None:
        request.responseHeaders.removeHeader("server")
        method = request.method.decode("latin-1")
        answer = Answer(outcome="not-found")
        request.path = without_key(request.path, self._is_key)
        name = name_of(request.path)
        if method in UPLOAD and name is not None:
            await self._take_upload(request, method, name)
            return
        if method in (*READ, *UPLOAD) or name is not None:
            answer = await self._pipeline.answer(self._phone_request(request, method), name or "")
        if request._disconnected:
            return
        if answer.content is not None and answer.content.own is not None:
            _send_own(request, answer.content)
        elif method not in READ:
            _say(request, refusal(405, None, _ALLOW))
        elif answer.content is None:
            _say(request, refusal_of(answer.outcome))
        else:
            await self._send(request, answer.content)

    async def _take_upload(self, request: Any, method: str, name: str) -> None:
        device = (
            None if request.too_large else await self._pipeline.may_upload(self._phone_request(request, method), name)
        )
        own = None
        if device is None and not request.too_large:
            own = await self._pipeline.answer_of_plugin(self._phone_request(request, method))
        if request._disconnected:
            return
        if own is not None:
            _send_own(request, own)
            return
        if device is None:
            _say(request, refusal(413 if request.too_large else 405, "this server does not take this upload", _ALLOW))
            return
        await self._pipeline.uploaded(device, name, request.content.read())
        if not request._disconnected:
            _say(request, refusal(201, "taken"))

    def _phone_request(self, request: Any, method: str) -> PhoneRequest:
        headers = {
            name.decode("latin-1"): values[-1].decode("latin-1")
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        peer = str(getattr(request.getClientAddress(), "host", ""))
        return PhoneRequest(
            protocol=Protocol.HTTP,
            method=method,
            path=request.path.decode("latin-1"),
            query=query_of(request.uri),
            raw_query=request.uri.partition(b"?")[2].decode("latin-1"),
            body=b"" if method in READ or request.too_large else _body(request),
            headers=headers,
            peer=client_address(peer, headers.get("X-Forwarded-For"), self.trusted_proxies),
        )

    async def _send(self, request: Any, content: Content) -> None:
        reply = reply_with(content, partial(_last_header, request))
        is_sent = reply.sentence is None and reply.length > 0 and request.method != b"HEAD"
        if is_sent and content.path is not None and not self._bounds.admits_file():
            reply = BUSY
        if reply.sentence is not None:
            _say(request, reply)
            return
        _begin(request, reply)
        if request.method == b"HEAD" or reply.length == 0:
            request.finish()
        elif content.data is not None:
            request.write(content.data[reply.start : reply.start + reply.length])
            request.finish()
        else:
            with self._bounds.sending_file():
                await self._stream(request, content, reply.start, reply.length)

    async def _stream(self, request: Any, content: Content, start: int, length: int) -> None:
        assert content.path is not None
        pace = Pace()
        file: BinaryIO = await self._threads.run(_opened_at, content.path, start)
        with file:
            request.registerProducer(pace, True)
            try:
                await self._pass_on(request, file, content.etag, length, pace)
            finally:
                if not pace.gone:
                    request.unregisterProducer()
                    request.finish()

    async def _pass_on(self, request: Any, file: BinaryIO, etag: str, length: int, pace: Pace) -> None:
        while length > 0 and not pace.gone:
            chunk: bytes = await self._threads.run(file.read, min(CHUNK, length))
            # What was told of the file has to be true of every byte.
            if not chunk or static_etag(os.fstat(file.fileno())) != etag:
                request.loseConnection()
                break
            length -= len(chunk)
            if not pace.gone:
                request.write(chunk)
            await pace.ready()


_ALLOW: Final = ("Allow", "GET, HEAD")


def _last_header(request: Any, name: str) -> str | None:
    # twisted.web itself would take the bytes for UTF-8, which they need not be.
    values = request.requestHeaders.getRawHeaders(name.encode("ascii"))
    return values[-1].decode("latin-1") if values else None


def _body(request: Any) -> bytes:
    content: bytes = request.content.read()
    request.content.seek(0)
    return content


def _send_own(request: Any, content: Content) -> None:
    """Send what a plugin has answered, as it was."""
    assert content.own is not None
    request.setResponseCode(content.own.status)
    for name, value in content.own.headers:
        request.responseHeaders.addRawHeader(name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
    request.setHeader("Content-Length", str(content.size))
    if request.method != b"HEAD" and content.data:
        request.write(content.data)
    request.finish()


def _opened_at(path: Any, start: int) -> BinaryIO:
    file: BinaryIO = path.open("rb")
    file.seek(start)
    return file


def _begin(request: Any, reply: Reply) -> None:
    request.setResponseCode(reply.status)
    if reply.status == 304:
        request.defaultContentType = None
    for name, value in reply.headers:
        request.setHeader(name, value)


def _say(request: Any, reply: Reply) -> None:
    _begin(request, reply)
    if request.method != b"HEAD":
        request.write(reply.sentence)
    request.finish()

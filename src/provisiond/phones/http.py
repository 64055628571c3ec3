"""What phones get over HTTP when twisted.web has read their requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from provisiond.errors import Unavailable
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.pacing import Pace
from provisiond.phones.access import client_address
from provisiond.phones.bounds import HttpBounds
from provisiond.phones.content import Content
from provisiond.phones.pipeline import Answer, Answering
from provisiond.phones.plain_requests import name_of, query_of, without_key
from provisiond.phones.remembered import static_etag
from provisiond.phones.replies import BUSY, Reply, refusal, refusal_of, reply_with
from provisiond.provisioning.ports import Threads

log = Logger()

CHUNK: Final = 256 * 1024
READ: Final = ("GET", "HEAD")
UPLOAD: Final = ("PUT", "POST")


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
        if request.has_no_room or not self._bounds.admits_request():
            _say(request, BUSY)
            return NOT_DONE_YET
        self._bounds.under_way += 1
        work = Deferred.fromCoroutine(self._answer(request))
        work.addErrback(lambda failure: self._failed(request, failure)).addBoth(lambda _: self._answered())
        return NOT_DONE_YET

    def _answered(self) -> None:
        self._bounds.under_way -= 1

    def _failed(self, request: Any, failure: Any) -> None:
        passes = failure.check(Unavailable) is not None
        if passes:
            log.warn("a phone's HTTP request cannot be answered now: {why}", why=failure.value.sentence)
        else:
            log.failure("a phone's HTTP request met an error", failure=failure)
        if not request.startedWriting and not request.finished:
            _say(request, BUSY if passes else refusal(500))
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
        # The body is closed as soon as the phone goes, so it is read before anything is waited for.
        phone = self._phone_request(request, method)
        device = None if request.too_large else await self._pipeline.may_upload(phone, name)
        own = None
        if device is None and not request.too_large:
            own = await self._pipeline.answer_of_plugin(phone)
        if request._disconnected:
            return
        if own is not None:
            _send_own(request, own)
            return
        if device is None:
            _say(request, refusal(413 if request.too_large else 405, "this server does not take this upload", _ALLOW))
            return
        await self._pipeline.uploaded(device, name, phone.body)
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
            if request._disconnected:
                return
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

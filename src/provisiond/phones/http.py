"""Phones over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime
from typing import Any, BinaryIO, Final
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.pacing import Pace
from provisiond.phones.access import client_address
from provisiond.phones.content import Content
from provisiond.phones.pipeline import Answer, Pipeline
from provisiond.provisioning.ports import Threads

log = Logger()

CHUNK: Final = 256 * 1024
IDLE_SECONDS: Final = 60
MAX_BODY: Final = 4 * 1024 * 1024
MAX_NAME: Final = 2048
READ: Final = ("GET", "HEAD")
UPLOAD: Final = ("PUT", "POST")


def name_of(raw_path: bytes) -> str | None:
    """Return the file name that an HTTP path means, or None when it can mean none.

    Percent-decoded once; a slash that only appears by decoding, and bytes that are not UTF-8, mean no file.
    """
    if len(raw_path) > MAX_NAME or raw_path.endswith(b"/"):
        return None
    try:
        segments = [unquote_to_bytes(segment).decode("utf-8") for segment in raw_path.split(b"/")]
    except UnicodeDecodeError:
        return None
    if any("/" in segment for segment in segments):
        return None
    return "/".join(segments)


def _query(uri: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in uri.partition(b"?")[2][:4096].split(b"&"):
        name, _, value = pair.partition(b"=")
        if name:
            found.setdefault(_loose(name), _loose(value))
    return found


def _loose(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("latin-1")


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return first and last byte of a Range header with one range, or None to answer with everything.

    :raises ValueError: when the range lies outside (RFC 9110, section 14).
    """
    unit, _, text = (header or "").partition("=")
    if unit.strip().lower() != "bytes" or "," in text:
        return None
    first, dash, last = text.strip().partition("-")
    if not dash or not (first + last).isascii() or not (first + last).isdigit() or len(first + last) > 36:
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise ValueError("empty")
        return size - length, size - 1
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise ValueError("behind the end")
    return start, end


class PhoneRequestOverHttp(Request):
    """A request whose body is kept up to a bound only."""

    _kept = 0
    too_large = False

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keep a piece of the body unless it is too much; phones upload logs that nobody wants."""
        self._kept += len(data)
        self.too_large = self._kept > MAX_BODY
        if not self.too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]


class PhoneSite(Site):
    """Serves phones over HTTP."""

    def __init__(self, resource: Resource, reactor: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            resource, requestFactory=PhoneRequestOverHttp, timeout=IDLE_SECONDS, reactor=reactor
        )
        self.displayTracebacks = False

    def log(self, request: Any) -> None:
        """Write no access line; the journal makes one of each request."""


class PhoneFilesResource(Resource):
    """Every path of the phones' port.

    :param trusted_proxies: how many proxies stand in front.
    :param is_key: tells whether a text is a tenant's provisioning key: as the first part of a path it is taken away.
    """

    isLeaf = True  # noqa: N815

    def __init__(
        self,
        pipeline: Pipeline,
        threads: Threads,
        *,
        trusted_proxies: int,
        is_key: Callable[[str], bool] = lambda text: False,
    ) -> None:
        self._is_key = is_key
        super().__init__()  # type: ignore[no-untyped-call]
        self._pipeline = pipeline
        self._threads = threads
        self.trusted_proxies = trusted_proxies

    def render(self, request: Any) -> int:
        """Answer any method."""
        work = Deferred.fromCoroutine(self._answer(request))
        work.addErrback(lambda failure: self._failed(request, failure))
        return NOT_DONE_YET

    def _failed(self, request: Any, failure: Any) -> None:
        log.failure("a phone's HTTP request met an error", failure=failure)
        if not request.startedWriting and not request.finished:
            _plain(request, 500, "internal error")
        elif not request.finished:
            request.loseConnection()

    async def _answer(self, request: Any) -> None:
        request.responseHeaders.removeHeader("server")
        method = request.method.decode("latin-1")
        answer = Answer(outcome="not-found")
        request.path = self._without_key(request.path)
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
            request.setHeader("Allow", "GET, HEAD")
            _plain(request, 405, "this server takes no uploads")
        elif answer.content is None:
            status = {"refused": 403, "error": 503}.get(answer.outcome, 404)
            if status == 503:
                request.setHeader("Retry-After", "5")
            _plain(request, status, _SENTENCES[status])
        else:
            await self._send(request, answer.content)

    def _without_key(self, path: bytes) -> bytes:
        first, slash, rest = path.removeprefix(b"/").partition(b"/")
        if slash and self._is_key(unquote_to_bytes(first).decode("utf-8", "replace")):
            return b"/" + rest
        return path

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
            request.setHeader("Allow", "GET, HEAD")
            _plain(request, 413 if request.too_large else 405, "this server does not take this upload")
            return
        await self._pipeline.uploaded(device, name, request.content.read())
        if not request._disconnected:
            _plain(request, 201, "taken")

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
            query=_query(request.uri),
            raw_query=request.uri.partition(b"?")[2].decode("latin-1"),
            body=b"" if method in READ or request.too_large else _body(request),
            headers=headers,
            peer=client_address(peer, headers.get("X-Forwarded-For"), self.trusted_proxies),
        )

    async def _send(self, request: Any, content: Content) -> None:
        request.setHeader("ETag", content.etag)
        request.setHeader("Last-Modified", formatdate(content.modified, usegmt=True))
        request.setHeader("Accept-Ranges", "bytes")
        if _is_fresh(request, content):
            request.setResponseCode(304)
            request.defaultContentType = None
            request.finish()
            return
        request.setHeader("Content-Type", content.content_type)
        start, end = 0, content.size - 1
        try:
            wanted = byte_range(request.getHeader("range"), content.size) if _range_holds(request, content) else None
        except ValueError:
            request.setHeader("Content-Range", f"bytes */{content.size}")
            _plain(request, 416, "the range lies outside of the file")
            return
        if wanted is not None:
            start, end = wanted
            request.setResponseCode(206)
            request.setHeader("Content-Range", f"bytes {start}-{end}/{content.size}")
        request.setHeader("Content-Length", str(end - start + 1))
        if request.method == b"HEAD" or content.size == 0:
            request.finish()
        elif content.data is not None:
            request.write(content.data[start : end + 1])
            request.finish()
        else:
            await self._stream(request, content, start, end - start + 1)

    async def _stream(self, request: Any, content: Content, start: int, length: int) -> None:
        assert content.path is not None
        pace = Pace()
        file: BinaryIO = await self._threads.run(_opened_at, content.path, start)
        request.registerProducer(pace, True)
        try:
            while length > 0 and not pace.gone:
                chunk: bytes = await self._threads.run(file.read, min(CHUNK, length))
                if not chunk:
                    request.loseConnection()
                    break
                length -= len(chunk)
                if not pace.gone:
                    request.write(chunk)
                await pace.ready()
        finally:
            file.close()
            if not pace.gone:
                request.unregisterProducer()
                request.finish()


_SENTENCES: Final = {
    403: "this network may not fetch files",
    404: "file not found",
    503: "the file cannot be made now",
}


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


def _plain(request: Any, status: int, sentence: str) -> None:
    body = f"{sentence}\n".encode("ascii")
    request.setResponseCode(status)
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    request.setHeader("Content-Length", str(len(body)))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()


def _is_fresh(request: Any, content: Content) -> bool:
    tags = request.getHeader("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or content.etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    since = request.getHeader("if-modified-since")
    return since is not None and _not_after(content.modified, since)


def _range_holds(request: Any, content: Content) -> bool:
    condition = request.getHeader("if-range")
    if condition is None:
        return True
    return condition.strip() == content.etag if '"' in condition else _not_after(content.modified, condition)


def _not_after(modified: float, date: str) -> bool:
    try:
        return int(modified) <= parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False

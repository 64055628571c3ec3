"""HTTP requests as plugins' code sees them: Twisted's own, answered into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from attrs import define, field, frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request as TwistedRequest
from twisted.web.server import Site

from provisiond.legacy.wire import PhoneRequest

MAX_ANSWER: Final = 16 * 1024 * 1024


class Text(str):
    """A text that also answers where bytes were expected."""

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the text."""
        return str(self)


class Arguments(dict[Any, Any]):
    """Arguments of a request, by bytes; asked by text they answer with texts."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            values = super().__getitem__(key.encode("utf-8", "surrogateescape"))
            return [Text(value.decode("utf-8", "replace")) for value in values]
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the values of an argument."""
        try:
            return self[key]
        except KeyError:
            return default


class Request(TwistedRequest):
    """A request of a phone, with the device that sent it in ``prov_dev``."""

    prov_dev: dict[str, Any] | None = None

    def process(self) -> None:
        """Do nothing: whoever made the request walks the resources."""


@frozen(kw_only=True)
class WebAnswer:
    """What a plugin's resource answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def _site() -> Site:
    site = Site(Resource())
    site.displayTracebacks = False
    return site


@define(eq=False)
class MemoryChannel:
    """Takes an answer; stands where Twisted has the connection."""

    peer: str
    site: Any = field(factory=_site)
    status: int = 200
    headers: list[tuple[str, str]] = field(factory=list)
    body: bytearray = field(factory=bytearray)
    finished: Deferred[None] = field(factory=Deferred)
    _producer: Any = None

    @property
    def transport(self) -> MemoryChannel:
        """Itself."""
        return self

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Any) -> None:  # noqa: N802
        """Take the head of the answer."""
        self.status = int(code)
        self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _pairs(headers)]

    def write(self, data: bytes) -> None:
        """Take a piece of the body."""
        if len(self.body) + len(data) > MAX_ANSWER:
            raise ValueError("the answer is larger than 16 MiB")
        self.body += data

    def writeSequence(self, pieces: Any) -> None:  # noqa: N802
        """Take pieces of the body."""
        for piece in pieces:
            self.write(piece)

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802
        """Have a producer write everything at once."""
        self._producer = producer
        while not streaming and self._producer is not None:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:  # noqa: N802
        """End what a producer does."""
        self._producer = None

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """Note that the answer is complete."""
        if not self.finished.called:
            self.finished.callback(None)

    def loseConnection(self) -> None:  # noqa: N802
        """Note that nothing more comes."""
        self.requestDone(None)

    abortConnection = loseConnection  # noqa: N815

    def isSecure(self) -> bool:  # noqa: N802
        """Tell that the connection is not encrypted."""
        return False

    def getPeer(self) -> IPv4Address:  # noqa: N802
        """Return the phone's address."""
        return IPv4Address("TCP", self.peer, 0)

    def getHost(self) -> IPv4Address:  # noqa: N802
        """Return an address of this server."""
        return IPv4Address("TCP", "127.0.0.1", 80)

    def answer(self) -> WebAnswer:
        """Return what was answered."""
        return WebAnswer(status=self.status, headers=tuple(self.headers), body=bytes(self.body))


def _pairs(headers: Any) -> Iterator[tuple[bytes, bytes]]:
    if isinstance(headers, Headers):
        for name, values in headers.getAllRawHeaders():
            yield from ((name, value) for value in values)
    else:
        yield from headers


def made_request(sent: PhoneRequest, prov_dev: Mapping[str, Any] | None) -> tuple[Request, MemoryChannel]:
    """Return the request object for what a phone sent, and where its answer goes."""
    channel = MemoryChannel(sent.peer)
    request = Request(channel, False)  # type: ignore[no-untyped-call]
    for name, value in sent.headers:
        request.requestHeaders.addRawHeader(name, value)
    request.gotLength(len(sent.body))  # type: ignore[no-untyped-call]
    request.handleContentChunk(sent.body)  # type: ignore[no-untyped-call]
    uri = sent.path + (b"?" + sent.query if sent.query else b"")
    request.content = request.content or BytesIO()
    request.requestReceived(sent.method.encode("latin-1"), uri, b"HTTP/1.0")  # type: ignore[no-untyped-call]
    request.path = sent.path
    request.args = Arguments(request.args or {})
    request.prepath = []
    request.postpath = _segments(sent.path)
    request.prov_dev = None if prov_dev is None else dict(prov_dev)
    return request, channel


def _segments(path: bytes) -> list[bytes]:
    return [unquote_to_bytes(part) for part in path[1:].split(b"/")]

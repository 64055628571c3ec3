"""One connection of a phone: plain requests are answered here, everything else is handed to twisted.web."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol as Connection
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from provisiond.identification.values import PhoneRequest
from provisiond.identification.values import Protocol as How
from provisiond.phones.access import client_address
from provisiond.phones.bounds import HttpBounds
from provisiond.phones.content import Content
from provisiond.phones.file_sending import FileSending, Interrupted
from provisiond.phones.pipeline import Answering
from provisiond.phones.plain_requests import (
    END,
    MAX_HEAD,
    PlainRequest,
    is_one_head,
    may_be_plain,
    name_of,
    plain_request,
    query_of,
    without_key,
)
from provisiond.phones.remembered import Kept
from provisiond.phones.replies import BUSY, Reply, own_reply, refusal, refusal_of, reply_with
from provisiond.phones.small_files import SmallFiles
from provisiond.phones.stalling import Reader
from provisiond.phones.wires import DateLine, Wire, wire
from provisiond.tftp.eager import Waiting, result_of

log = Logger()

IDLE_SECONDS: Final = 60.0
HEAD_SECONDS: Final = 20.0
STALL_SECONDS: Final = 60.0
FIRST_REQUEST_SECONDS: Final = 0.5
LINGER_SECONDS: Final = 2.0
REQUESTS_PER_CONNECTION: Final = 1_000
REQUESTS_PER_TURN: Final = 16
MAX_BUFFER: Final = 64 * 1024
NEVER: Final = float("inf")


class Service(Protocol):
    """What all connections share (:class:`provisiond.phones.service.PhoneService`)."""

    pipeline: Answering
    small_files: SmallFiles
    file_sending: FileSending
    dates: DateLine
    trusted_proxies: int
    is_key: Callable[[str], bool]
    bounds: HttpBounds
    stopping: bool
    seconds: Callable[[], float]

    def opened(self, connection: PhoneConnection) -> bool: ...
    def closed(self, connection: PhoneConnection) -> None: ...
    def complete_channel(self) -> Any: ...
    def is_idle(self, channel: Any) -> bool: ...
    def soon(self, call: Any) -> None: ...


@implementer(IPushProducer)
class PhoneConnection(Connection):
    """Answers requests in their order, one at a time.

    :param service: what all connections share.
    """

    transport: Any

    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffer = bytearray()
        self._busy = False
        self._paused = False
        self._planned = False
        self._ended = False
        self._reading = True
        self._requests = 0
        self._peer = ""
        self._channel: Any = None
        self._reader: Reader | None = None
        self.deadline = NEVER

    # Called by the transport

    def connectionMade(self) -> None:  # noqa: N802
        """Wait for a request, or tell that there are too many connections."""
        self._peer = str(getattr(self.transport.getPeer(), "host", ""))
        self.transport.registerProducer(self, True)
        self.deadline = self._service.seconds() + HEAD_SECONDS
        if not self._service.opened(self):
            self._end(wire(refusal(503, "too many connections are open"), body=b"", closes=True))

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        """Forget the connection."""
        self._ended = True
        self._buffer.clear()
        self._service.closed(self)
        if self._channel is not None:
            self._channel.connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes."""
        if self._channel is not None:
            self._pass_on(data)
        elif not (self._buffer or self._busy or self._paused or self._ended) and is_one_head(data):
            if not self._take(data):
                self._hand_over(data)
        elif not self._ended:
            if not (self._buffer or self._busy or self._paused):
                self.deadline = self._service.seconds() + HEAD_SECONDS
            self._buffer += data
            if len(self._buffer) > MAX_BUFFER and self._reading:
                self._reading = False
                self.transport.pauseProducing()
            self._go_on()

    def pauseProducing(self) -> None:  # noqa: N802
        """Called when the client does not read as fast as it is answered."""
        self._paused = True
        self.deadline = self._service.seconds() + STALL_SECONDS

    def resumeProducing(self) -> None:  # noqa: N802
        """Called when there is room again."""
        self._paused = False
        self._wait_for_more()
        self._go_on()

    def stopProducing(self) -> None:  # noqa: N802
        """Called when the connection is lost; :meth:`connectionLost` follows."""

    # Called by the service

    def expired(self) -> None:
        """End the connection, whose time is over."""
        if self._reader is not None and self._reader.reads_on():
            self._progressed()
        elif self._ended or self._busy or self._paused:
            self.transport.abortConnection()
        elif self._buffer:
            self._end(wire(refusal(408), body=b"", closes=True))
        else:
            self.transport.loseConnection()

    def silent_since(self) -> float:
        """Return since when nothing is asked here, in seconds of the service's clock; never for what is under way."""
        if self._channel is not None:
            return float(self._channel.waits_since)
        if self._busy or self._paused or self._planned or self._ended:
            return NEVER
        return self.deadline - (IDLE_SECONDS if self._requests and not self._buffer else HEAD_SECONDS)

    def close_when_idle(self) -> None:
        """End the connection now unless a request is under way; who has just come has a moment to ask."""
        if self._busy or self._buffer or (self._channel is not None and not self._service.is_idle(self._channel)):
            return
        if self._requests == 0 and self._channel is None:
            self.deadline = min(self.deadline, self._service.seconds() + FIRST_REQUEST_SECONDS)
        else:
            self.transport.loseConnection()

    def abort(self) -> None:
        """End the connection at once."""
        self.transport.abortConnection()

    # Inside

    def _go_on(self) -> None:
        for _ in range(REQUESTS_PER_TURN):
            if not self._buffer or self._busy or self._paused or self._ended or self._channel is not None:
                break
            if not self._next():
                return
        else:
            self._go_on_later()
            return
        if not self._reading and len(self._buffer) <= MAX_BUFFER // 2 and not self._ended:
            self._reading = True
            self.transport.resumeProducing()

    def _go_on_later(self) -> None:
        # The others have their turn between the requests of somebody who sends many at once.
        if not self._planned:
            self._planned = True
            self._service.soon(self._planned_go_on)

    def _planned_go_on(self) -> None:
        self._planned = False
        self._go_on()

    def _next(self) -> bool:
        """Take one request off the buffer; False when it is not complete."""
        end = self._buffer.find(END, 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD or not may_be_plain(self._buffer):
                self._hand_over()
            return False
        head = bytes(self._buffer[: end + 4])
        del self._buffer[: end + 4]
        if self._take(head):
            return True
        self._hand_over(head)
        return False

    def _take(self, head: bytes) -> bool:
        """Answer one request; False when it is not plain."""
        key, service = (head, self._peer), self._service
        kept = service.pipeline.again(key, "http", "GET" if head[:1] == b"G" else "HEAD")
        ready: Wire | None = None if kept is None else kept.wire
        if ready is not None and self._requests < REQUESTS_PER_CONNECTION - 1 and not service.stopping:
            self._write_ready(ready)
            return True
        request = plain_request(head)
        if request is None:
            return False
        self._begin(key, request, kept)
        return True

    def _begin(self, key: Hashable, request: PlainRequest, kept: Kept | None) -> None:
        self._busy = True
        self.deadline = NEVER
        try:
            result_of(self._answer(key, request, kept))
        except Waiting as waiting:
            self._service.bounds.under_way += 1
            Deferred.fromCoroutine(waiting.rest).addErrback(self._failed).addBoth(self._has_waited)
        except Interrupted:
            self._broken()
        except Exception:
            log.failure("a phone's HTTP request met an error")
            self._broken()
        else:
            self._busy = False

    def _has_waited(self, _: object) -> None:
        self._service.bounds.under_way -= 1
        self._busy = False
        self._go_on()

    def _failed(self, failure: Any) -> None:
        if failure.check(Interrupted) is None:
            log.failure("a phone's HTTP request met an error", failure=failure)
        self._broken()

    def _broken(self) -> None:
        self._busy = False
        if not self._ended:
            # What else was asked is not answered any more, whether the transport has told of its end yet or not.
            self._ended = True
            self.transport.abortConnection()

    async def _answer(self, key: Hashable, request: PlainRequest, kept: Kept | None) -> None:
        if kept is None:
            if not self._service.bounds.admits_request():
                self._say(BUSY, request)
                return
            path = without_key(request.path, self._service.is_key)
            name = name_of(path) or ""
            answer = await self._service.pipeline.answer(self._phone_request(request, path), name, key)
            kept = answer.kept
            if kept is None:
                self._say(refusal_of(answer.outcome), request)
                return
        await self._give(kept, request)

    async def _give(self, kept: Kept, request: PlainRequest) -> None:
        content = kept.content
        reply = reply_with(content, request.headers.get) if content.own is None else own_reply(content)
        if reply.sentence is not None or reply.length == 0 or request.method == "HEAD":
            self._say(reply, request, kept)
            return
        data = await self._service.small_files.data_of(content)
        if data is None and not self._service.bounds.admits_file():
            self._say(BUSY, request)
        elif data is None:
            with self._service.bounds.sending_file():
                await self._send_file(content, reply, request)
        else:
            part = data if reply.length == len(data) else data[reply.start : reply.start + reply.length]
            self._write(reply, part, request, kept)

    async def _send_file(self, content: Content, reply: Reply, request: PlainRequest) -> None:
        if self._ended:
            return
        assert content.path is not None
        closes = self._closes(request)
        self.transport.unregisterProducer()
        self._paused = False  # Nobody tells it any more when there is room; who sends the file waits for that.
        self._requests += 1
        self._write_wire(wire(reply, body=b"", closes=closes))
        self._progressed()
        self._reader = Reader(self.transport)
        try:
            await self._service.file_sending.send(self.transport, content, reply.start, reply.length, self._progressed)
        finally:
            self._reader = None
        if self._ended:
            return
        self.transport.registerProducer(self, True)
        self._after_write(closes)

    def _progressed(self) -> None:
        self.deadline = self._service.seconds() + STALL_SECONDS

    def _closes(self, request: PlainRequest) -> bool:
        is_last = self._requests >= REQUESTS_PER_CONNECTION - 1 or self._service.stopping
        return is_last or not request.persistent

    def _say(self, reply: Reply, request: PlainRequest, kept: Kept | None = None) -> None:
        body = b"" if request.method == "HEAD" or reply.sentence is None else reply.sentence
        self._write(reply, body, request, kept)

    def _write(self, reply: Reply, body: bytes, request: PlainRequest, kept: Kept | None) -> None:
        closes = self._closes(request)
        ready = wire(reply, body=body, closes=closes)
        # What closes only because of this connection's age is not what the next one gets.
        if kept is not None and closes is not request.persistent:
            kept.wire = ready
        self._write_ready(ready)

    def _write_ready(self, ready: Wire) -> None:
        if self._ended:
            return
        self._requests += 1
        self._write_wire(ready)
        self._after_write(ready.closes)

    def _write_wire(self, ready: Wire) -> None:
        self.transport.write(b"".join((ready.status_line, self._service.dates.line(), ready.rest)))

    def _after_write(self, closes: bool) -> None:
        if closes:
            self._ended = True
            self._buffer.clear()
            self.deadline = self._service.seconds() + STALL_SECONDS
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        elif not self._paused:
            self._wait_for_more()

    def _wait_for_more(self) -> None:
        if self._channel is None and not self._ended:
            self.deadline = self._service.seconds() + (HEAD_SECONDS if self._buffer else IDLE_SECONDS)

    def _end(self, last: Wire) -> None:
        """Say something and end, so that the client can still read it."""
        self._ended = True
        self._buffer.clear()
        self.deadline = self._service.seconds() + LINGER_SECONDS
        self.transport.unregisterProducer()
        self._write_wire(last)
        half_close = getattr(self.transport, "loseWriteConnection", self.transport.loseConnection)
        half_close()

    def _hand_over(self, head: bytes = b"") -> None:
        beginning = head + bytes(self._buffer)
        self._buffer.clear()
        self.deadline = NEVER
        self.transport.unregisterProducer()
        if not self._reading:
            self._reading = True
            self.transport.resumeProducing()
        complete = getattr(self.transport, "complete", None)
        if complete is not None:
            self.transport = complete()
        self._channel = self._service.complete_channel()
        self._channel.makeConnection(self.transport)
        self._pass_on(beginning)

    def _pass_on(self, data: bytes) -> None:
        try:
            self._channel.dataReceived(data)
        except Exception as error:
            # twisted.web trips over some heads, e.g. two empty lines in the place of one.
            log.info("an HTTP connection from {peer} was cut: {kind}", peer=self._peer, kind=type(error).__name__)
            self.transport.abortConnection()

    def _phone_request(self, request: PlainRequest, path: bytes) -> PhoneRequest:
        return PhoneRequest(
            protocol=How.HTTP,
            method=request.method,
            path=path.decode("latin-1"),
            query=query_of(request.target) if b"?" in request.target else {},
            raw_query=request.target.partition(b"?")[2].decode("latin-1"),
            headers=request.headers,
            peer=client_address(self._peer, request.headers.get("x-forwarded-for"), self._service.trusted_proxies),
        )

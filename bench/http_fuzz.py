"""`python -m bench.http_fuzz`: random requests of phones to the fast way and to twisted.web alone; both must agree.

Heads right, odd and wrong, pipelined, mutated and cut anywhere: folded lines, repeated and contradicting lengths,
chunks, bare line feeds, absolute targets, upgrades, heads too long. What the server believes to have been asked has to
be the same on both ways, and so have the answers and whether the connection goes on: else one of them could be made to
take a part of one request for another one (request smuggling, RFC 9112, section 11.2).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from attrs import define
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from bench.fuzz import Broken
from provisiond.identification.values import PhoneRequest
from provisiond.phones.complete_connections import PhoneSite
from provisiond.phones.content import Content
from provisiond.phones.http import PhoneFilesResource
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept
from provisiond.phones.service import SWEEP_SECONDS, PhoneService

EVENT = PhoneEvent(0.0, "http", "GET", "", "", None, None, None, "served", "", 0, 0.0)
FILES = {
    name: Content(size=len(data), etag='"e"', modified=9.0, content_type="text/plain", kind="rendered", data=data)
    for name, data in (("/a", b"hello"), ("/empty", b""), ("/long", b"0123456789" * 500))
}
METHODS = (b"GET",) * 8 + (b"HEAD", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"get", b"G", b"")
TARGETS = (b"/a",) * 6 + (
    b"/empty",
    b"/long",
    b"/none",
    b"//a",
    b"/%61",
    b"/%2fa",
    b"/../a",
    b"/a?x=1&x=2",
    b"/a?x=%zz+y",
    b"/a#f",
    b"http://h/a",
    b"h:80",
    b"*",
    b"a",
    b"/a b",
    b"/\xff",
    b"/a\x7f",
    b"",
    b"/" + b"n" * 5_000,
)
VERSIONS = (b"HTTP/1.1",) * 12 + (b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.10", b"HTTP/1,1", b"")
HEADERS = (
    b"Host: x",
    b"Host: x",
    b"host: y",
    b"User-Agent: Phone/1 001122334455",
    b"User-Agent: P\xe9",
    b"X-Forwarded-For: 192.0.2.1",
    b"Content-Length: 0",
    b"Content-Length: 3",
    b"Content-Length: 3, 3",
    b"Content-Length: +3",
    b"Content-Length: 0x3",
    b"Content-Length : 3",
    b"Content-Length:",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: x",
    b"Transfer-Encoding:\x0bchunked",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Keep-Alive, TE",
    b"Connection: upgrade",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAAA",
    b"Expect: 100-continue",
    b"Expect: x",
    b"TE: trailers",
    b"Trailer: Content-Length",
    b"Range: bytes=1-3",
    b"Range: bytes=-2",
    b"Range: bytes=0-1,3-4",
    b"Range: bytes=9-",
    b"Range: bytes=3-1",
    b'If-Range: "e"',
    b'If-None-Match: "e"',
    b"If-None-Match: *",
    b"If-Modified-Since: Thu, 01 Jan 1970 00:00:09 GMT",
    b" folded: line",
    b"\tContent-Length: 5",
    b"no colon",
    b": empty",
    b"X: a\x00b",
    b"X: a\rb",
    b"X: a\nContent-Length: 4",
    b"X\xc3\xa9: y",
    b"X: " + b"y" * 3_000,
)
BODIES = (b"", b"", b"", b"", b"abc", b"0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"G", b"GET /a HTTP/1.1\r\n\r\n", b"\r\n")
LOGGED = ("date", "server", "connection")


class Threads:
    """Does everything at once."""

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        """Return what the work gives."""
        return work(*args)


class Files:
    """A pipeline of a few files, which remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def again(self, key: object, protocol: str, method: str) -> None:
        """Remember no answer."""

    async def answer(self, request: PhoneRequest, name: str, key: object = None) -> Answer:
        """Return a file, or none."""
        self._note(request, name)
        content = FILES.get(name)
        if content is None:
            return Answer(outcome="not-found")
        return Answer(outcome="served", content=content, kept=Kept(EVENT, content))

    async def answer_of_plugin(self, request: PhoneRequest) -> None:
        """Answer nothing."""

    async def may_upload(self, request: PhoneRequest, name: str) -> None:
        """Accept nothing."""
        self._note(request, name)

    def _note(self, request: PhoneRequest, name: str) -> None:
        headers = sorted((key.lower(), value) for key, value in request.headers.items())
        query = sorted(request.query.items())
        self.asked.append((request.method, request.path, name, query, request.raw_query, request.peer, headers))


class Transport(StringTransport):
    """A connection that can be broken off."""

    def abortConnection(self) -> None:  # noqa: N802
        """Break off."""
        self.loseConnection()

    def loseWriteConnection(self) -> None:  # noqa: N802
        """End our direction."""
        self.loseConnection()


@define
class Outcome:
    """What came of some bytes on one way."""

    asked: list[tuple[object, ...]]
    answers: list[tuple[object, ...]]
    ended: bool


class Way:
    """One of the two ways."""

    def __init__(self, *, fast: bool) -> None:
        self._fast = fast

    def outcome(self, pieces: list[bytes]) -> Outcome:
        """Return what comes of these pieces of a connection."""
        files, clock, transport = Files(), MemoryReactorClock(), Transport()
        protocol = self._protocol(files, clock)
        protocol.makeConnection(transport)
        broken = False
        for piece in pieces:
            if transport.disconnecting or broken:
                break
            try:
                protocol.dataReceived(piece)
            except Exception:
                # The fast way cuts a connection off on which twisted.web trips.
                broken = True
            clock.advance(0)
        ended = transport.disconnecting or broken
        answers = replies(transport.value())
        protocol.connectionLost(Failure(ConnectionError()))
        clock.advance(SWEEP_SECONDS)
        if clock.getDelayedCalls():
            raise Broken("a connection leaves a timer behind")
        return Outcome(files.asked, answers, ended)

    def _protocol(self, files: Files, clock: Any) -> Any:
        pipeline: Any = files
        if self._fast:
            return PhoneService(pipeline, Threads(), clock).buildProtocol(None)  # type: ignore[arg-type]
        resource = PhoneFilesResource(pipeline, Threads(), trusted_proxies=0)  # type: ignore[arg-type]
        return PhoneSite(resource, clock).buildProtocol(None)


def replies(sent: bytes) -> list[tuple[object, ...]]:
    """Return the answers in some bytes: status, headers that tell about the content, body."""
    found: list[tuple[object, ...]] = []
    while sent:
        head, _, sent = sent.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = sorted((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        told = [each for each in headers if each[0] not in LOGGED]
        length = int(dict(headers).get("content-length", 0))
        # Bodies never begin like an answer, so this is one to a HEAD.
        has_body = not sent.startswith(b"HTTP/1.")
        body, sent = (sent[:length], sent[length:]) if has_body else (b"", sent)
        found.append((first.split(" ")[1], told, body))
    return found


class HttpFuzz:
    """Makes connections of random requests and compares both ways."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._fast, self._complete = Way(fast=True), Way(fast=False)
        self.answers = 0
        self.asked = 0
        self.failures: list[str] = []

    def run(self, count: int) -> None:
        """Try so many connections.

        :raises Broken: when the two ways differ, or something raises.
        """
        globalLogPublisher.addObserver(self._observe)
        try:
            for _ in range(count):
                self._one()
        finally:
            globalLogPublisher.removeObserver(self._observe)

    def _observe(self, event: dict[str, Any]) -> None:
        if "log_failure" in event and str(event.get("log_namespace", "")).startswith("provisiond"):
            self.failures.append(str(event["log_failure"]))

    def _one(self) -> None:
        sent = self.connection()
        complete = self._complete.outcome(self._cut(sent))
        fast = self._fast.outcome(self._cut(sent))
        self.answers += len(fast.answers)
        self.asked += len(fast.asked)
        if fast != complete:
            raise Broken(f"{sent!r}\n  fast:     {fast}\n  complete: {complete}")
        if self.failures:
            raise Broken(f"{sent!r}\n  {self.failures[0]}")

    def connection(self) -> bytes:
        """Return the bytes of a connection."""
        chance = self._chance
        sent = b"".join(self._request() for _ in range(chance.choice((1, 1, 2, 3))))
        # A head that is not complete is judged sooner by the one than by the other: here all of them end.
        return (self._mutated(sent) if chance.random() < 0.4 else sent) + b"\r\n\r\n"

    def _request(self) -> bytes:
        chance = self._chance
        end = b"\n" if chance.random() < 0.03 else b"\r\n"
        first = b" ".join((chance.choice(METHODS), chance.choice(TARGETS), chance.choice(VERSIONS)))
        count = chance.choice((0, 1, 1, 2, 2, 3, 4, 6)) if chance.random() < 0.98 else 60
        lines = [chance.choice(HEADERS) for _ in range(count)]
        return end.join([first, *lines, b"", b""]) + chance.choice(BODIES)

    def _mutated(self, sent: bytes) -> bytes:
        chance, changed = self._chance, bytearray(sent)
        for _ in range(chance.choice((1, 1, 2, 4))):
            place = chance.randrange(len(changed) + 1)
            kind = chance.randrange(4)
            if kind == 0:
                changed[place:place] = chance.choice((b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b":", b"\r\n\r\n"))
            elif kind == 1:
                del changed[place : place + chance.choice((1, 1, 2, 10))]
            elif kind == 2 and place < len(changed):
                changed[place] = chance.randrange(256)
            else:
                piece = changed[place : place + chance.randrange(40)]
                changed[place:place] = piece
        return bytes(changed)

    def _cut(self, sent: bytes) -> list[bytes]:
        chance = self._chance
        if chance.random() < 0.5:
            return [sent]
        places = sorted({0, len(sent), *(chance.randrange(len(sent) + 1) for _ in range(chance.randrange(1, 5)))})
        return [sent[start:end] for start, end in pairwise(places)]


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    fuzz, began = HttpFuzz(chosen.seed), time.monotonic()
    try:
        fuzz.run(chosen.connections)
    except Broken as broken:
        print(f"seed {chosen.seed}: {broken}", file=sys.stderr)
        return 1
    print(
        f"{chosen.connections:,} connections, {fuzz.asked:,} requests understood, {fuzz.answers:,} answers, "
        f"{time.monotonic() - began:.0f} s: both agree"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

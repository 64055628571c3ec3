"""HTTP for phones: names, ranges, and the whole resource on a fake connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.web import http

from provisiond.identification.values import PhoneRequest
from provisiond.paths import UnsafeName, normalized_name
from provisiond.phones.access import client_address
from provisiond.phones.complete_connections import PhoneSite
from provisiond.phones.content import Content
from provisiond.phones.http import PhoneFilesResource
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.plain_requests import name_of, without_key
from provisiond.phones.remembered import Kept, static_etag
from provisiond.phones.replies import byte_range
from provisiond.phones.service import PhoneService

EVENT = PhoneEvent(0.0, "http", "GET", "", "", None, None, None, "served", "", 0, 0.0)


class Threads:
    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)


class FakePipeline:
    """Serves one content under one name, and takes no uploads."""

    async def answer_of_plugin(self, request):  # type: ignore[no-untyped-def]
        return None

    async def may_upload(self, request: PhoneRequest, name: str) -> None:
        return None

    def __init__(self, name: str, content: Content | None, outcome: str = "served") -> None:
        self.name, self.content, self.outcome = name, content, outcome
        self.asked: list[tuple[PhoneRequest, str]] = []

    def again(self, *key: object) -> None:
        return None

    async def answer(self, request: PhoneRequest, name: str, key: object = None) -> Answer:
        self.asked.append((request, name))
        if normalized_name(name) == self.name:
            kept = None if self.content is None else Kept(EVENT, self.content)
            return Answer(outcome=self.outcome, content=self.content, kept=kept)
        return Answer(outcome="not-found")


RENDERED = Content(
    size=10, etag='"abc"', modified=1_700_000_000.5, content_type="text/xml", kind="rendered", data=b"0123456789"
)


class Gate:
    """Lets nothing go on before a test says so: neither threads nor uploads."""

    def __init__(self) -> None:
        self.gates: list[Deferred[None]] = []
        self.uploads: list[bytes] = []

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        await self.passed()
        return work(*args)

    async def passed(self) -> None:
        self.gates.append(Deferred())
        await self.gates[-1]

    def open(self) -> None:
        while self.gates:
            self.gates.pop(0).callback(None)


class GatedPipeline(FakePipeline):
    """Tells late whether it takes an upload."""

    def __init__(self, gate: Gate, takes: bool, content: Content | None) -> None:
        super().__init__("a.xml", content)
        self.gate, self.takes = gate, takes

    async def may_upload(self, request: PhoneRequest, name: str) -> Any:
        await self.gate.passed()
        return "a device" if self.takes else None

    async def uploaded(self, device: Any, name: str, content: bytes) -> None:
        self.gate.uploads.append(content)


class TestPhonesThatGo:
    @pytest.mark.parametrize("takes", [True, False])
    def test_while_it_is_found_out_whether_their_upload_is_taken(self, takes: bool) -> None:
        self.gone(Gate(), get("/a.log", "Content-Length: 3", method="PUT") + b"abc", takes)

    def test_while_the_file_for_them_is_opened(self, tmp_path: Path) -> None:
        path = tmp_path / "a.xml"
        path.write_bytes(b"x" * 400_000)
        file = Content(
            size=400_000, etag=static_etag(path.stat()), modified=1.0, content_type="x/y", kind="static", path=path
        )
        self.gone(Gate(), get("/a.xml"), False, file)

    def test_uploads_of_those_who_stay_come_over_whole(self) -> None:
        gate = Gate()
        self.gone(gate, get("/a.log", "Content-Length: 3", method="PUT") + b"abc", True, goes=False)
        assert gate.uploads == [b"abc"]

    def gone(self, gate: Gate, sent: bytes, takes: bool, content: Content | None = None, goes: bool = True) -> None:
        resource = PhoneFilesResource(GatedPipeline(gate, takes, content), gate, trusted_proxies=0)
        protocol = PhoneSite(resource, MemoryReactorClock()).buildProtocol(None)
        protocol.makeConnection(StringTransport())
        with capturedLogs() as lines:
            protocol.dataReceived(sent)
            assert len(gate.gates) == 1
            if goes:
                protocol.connectionLost(Failure(ConnectionError()))
            gate.open()
        assert [line for line in lines if "log_failure" in line] == []
        assert resource._bounds.under_way == resource._bounds.sending == 0


Ask = Callable[..., tuple[bytes, bytes]]


def complete(pipeline: Any, reactor: Any, proxies: int) -> Any:
    """Return a connection to twisted.web."""
    resource = PhoneFilesResource(pipeline, Threads(), trusted_proxies=proxies)
    return PhoneSite(resource, reactor).buildProtocol(None)


def fast(pipeline: Any, reactor: Any, proxies: int) -> Any:
    """Return a connection that answers plain requests itself."""
    return PhoneService(pipeline, Threads(), reactor, trusted_proxies=proxies).buildProtocol(None)


@pytest.fixture(params=[complete, fast])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return a function that gives head and body of the answer to the bytes of one request, by either adapter."""

    def asked(sent: bytes, pipeline: FakePipeline | None = None, proxies: int = 0) -> tuple[bytes, bytes]:
        protocol = request.param(pipeline or FakePipeline("a.xml", RENDERED), MemoryReactorClock(), proxies)
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(sent)
        head, _, body = transport.value().partition(b"\r\n\r\n")
        transport.loseConnection()
        return head, body

    return asked


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class TestAnswers:
    def test_a_file(self, ask: Ask) -> None:
        head, body = ask(get("/a.xml"))
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body == b"0123456789"
        for line in (b"Content-Length: 10", b'ETag: "abc"', b"Content-Type: text/xml", b"Accept-Ranges: bytes"):
            assert line.lower() in head.lower()
        assert b"server:" not in head.lower()

    def test_head_has_the_same_head_and_no_body(self, ask: Ask) -> None:
        head, body = ask(get("/a.xml", method="HEAD"))
        assert b"content-length: 10" in head.lower()
        assert body == b""

    @pytest.mark.parametrize("path", ["//a.xml", "/./a.xml", "/%61.xml", "/%2e/a.xml", "\\a.xml".replace("\\", "/")])
    def test_spellings_of_phones(self, ask: Ask, path: str) -> None:
        assert ask(get(path))[1] == b"0123456789"

    @pytest.mark.parametrize("path", ["/b.xml", "/a.xml/", "/", "/%ff", "/a%2fb", "/" + "x" * 3000])
    def test_what_is_not_there_is_404(self, ask: Ask, path: str) -> None:
        head, body = ask(get(path))
        assert head.startswith(b"HTTP/1.1 404")
        assert body == b"file not found\n"

    @pytest.mark.parametrize(
        ("header", "status", "expected"),
        [
            ('If-None-Match: "abc"', 304, b""),
            ('If-None-Match: "x", W/"abc"', 304, b""),
            ("If-None-Match: *", 304, b""),
            ('If-None-Match: "x"', 200, b"0123456789"),
            ("If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", 304, b""),
            ("If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 200, b"0123456789"),
            ("If-Modified-Since: nonsense", 200, b"0123456789"),
            ("Range: bytes=2-4", 206, b"234"),
            ("Range: bytes=-3", 206, b"789"),
            ("Range: bytes=7-", 206, b"789"),
            ("Range: bytes=0-1,3-4", 200, b"0123456789"),
            ("Range: bytes=10-", 416, b"the range lies outside of the file\n"),
            ("Range: bytes=5-2", 200, b"0123456789"),
            ('Range: bytes=0-0\r\nIf-Range: "abc"', 206, b"0"),
            ('Range: bytes=0-0\r\nIf-Range: "old"', 200, b"0123456789"),
        ],
    )
    def test_conditions_and_ranges(self, ask: Ask, header: str, status: int, expected: bytes) -> None:
        head, body = ask(get("/a.xml", header))
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert body == expected

    def test_conditions_that_are_not_utf8_are_no_ranges(self, ask: Ask) -> None:
        head, body = ask(b'GET /a.xml HTTP/1.1\r\nHost: x\r\nIf-Range: \x87"e"\r\n\r\n')
        assert head.startswith(b"HTTP/1.1 200")
        assert body

    def test_uploads_are_refused_at_once(self, ask: Ask) -> None:
        head, _ = ask(b"PUT /a.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert head.startswith(b"HTTP/1.1 405")
        assert b"allow: get, head" in head.lower()

    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
    def test_no_body_is_taken_apart_as_a_form(self, ask: Ask, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        taken_apart: list[bytes] = []
        monkeypatch.setattr(http, "parse_qs", lambda text, *_: taken_apart.append(text) or {})
        monkeypatch.setattr(http, "_getMultiPartArgs", lambda text, *_: taken_apart.append(text) or {})
        pipeline = FakePipeline("a.xml", None)
        types: list[str | None] = []

        async def answer_of_plugin(request: PhoneRequest) -> None:
            types.append(request.headers.get("content-type"))

        monkeypatch.setattr(pipeline, "answer_of_plugin", answer_of_plugin)
        sent = get("/a.xml", f"Content-Type: {kind}; boundary=x", "Content-Length: 3", method="POST") + b"a=b"
        assert ask(sent, pipeline)[0].startswith(b"HTTP/1.1 405")
        assert not taken_apart
        assert types == [f"{kind}; boundary=x"]

    def test_refusals_and_errors(self, ask: Ask) -> None:
        assert ask(get("/a.xml"), FakePipeline("a.xml", None, "refused"))[0].startswith(b"HTTP/1.1 403")
        head, _ = ask(get("/a.xml"), FakePipeline("a.xml", None, "error"))
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 5" in head.lower()

    def test_a_file_on_disk_is_read_in_pieces(self, ask: Ask, tmp_path: Path) -> None:
        path = tmp_path / "firmware.bin"
        path.write_bytes(bytes(range(256)) * 4000)
        size = path.stat().st_size
        content = Content(
            size=size,
            etag=static_etag(path.stat()),
            modified=1.0,
            content_type="application/octet-stream",
            kind="static",
            path=path,
        )
        pipeline = FakePipeline("a.bin", content)
        assert ask(get("/a.bin"), pipeline)[1] == path.read_bytes()
        assert ask(get("/a.bin", "Range: bytes=300000-600000"), pipeline)[1] == path.read_bytes()[300000:600001]

    def test_two_requests_on_one_connection(self, ask: Ask) -> None:
        head, rest = ask(get("/a.xml") + get("/b.xml"))
        assert head.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 404" in rest

    def test_the_request_is_handed_on_as_it_was_sent(self, ask: Ask) -> None:
        pipeline = FakePipeline("x", None)
        ask(
            get("/d//%41.cfg?mac=00%3A11&b=1+2", "User-Agent: Phone\xe9", "X-Forwarded-For: 9.9.9.9, 10.0.0.7"),
            pipeline,
            1,
        )
        request, name = pipeline.asked[0]
        assert (request.path, name) == ("/d//%41.cfg", "/d//A.cfg")
        assert request.query == {"mac": "00:11", "b": "1 2"}
        assert request.user_agent == "Phone\xe9"
        assert request.peer == "10.0.0.7"


class TestNames:
    @given(st.binary(max_size=60))
    def test_no_path_gives_a_name_that_leaves_its_directory(self, path: bytes) -> None:
        name = name_of(b"/" + path)
        if name is None:
            return
        try:
            relative = normalized_name(name)
        except UnsafeName:
            return
        assert ".." not in relative.split("/")
        assert not relative.startswith("/")

    @given(st.text(max_size=20), st.integers(0, 50))
    def test_no_range_header_raises_anything_else(self, header: str, size: int) -> None:
        try:
            found = byte_range(f"bytes={header}", size)
        except ValueError:
            return
        assert found is None or 0 <= found[0] <= found[1] < size


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        (None, 1, "192.0.2.1"),
        ("10.0.0.1", 0, "192.0.2.1"),
        ("10.0.0.1", 1, "10.0.0.1"),
        ("6.6.6.6, 10.0.0.1", 1, "10.0.0.1"),
        ("6.6.6.6, 10.0.0.1, 10.0.0.2", 2, "10.0.0.1"),
        ("10.0.0.1", 2, "10.0.0.1"),
        ("nonsense", 1, "192.0.2.1"),
        ("2001:db8::1", 1, "2001:db8::1"),
    ],
)
def test_only_trusted_proxies_are_believed(forwarded: str | None, proxies: int, expected: str) -> None:
    assert client_address("192.0.2.1", forwarded, proxies) == expected
    assert client_address("::ffff:192.0.2.1", forwarded, proxies) == expected


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        (b"/the-key/a/b.xml", b"/a/b.xml"),
        (b"/the%2dkey/a.xml", b"/a.xml"),
        (b"/other/a.xml", b"/other/a.xml"),
        (b"//the-key//a.xml", b"//a.xml"),
        (b"/the-key/", b"/"),
        (b"/the-key", b"/"),
        (b"/", b"/"),
    ],
)
def test_a_provisioning_key_is_no_part_of_the_path(path: bytes, rest: bytes) -> None:
    assert without_key(path, lambda text: text == "the-key") == rest

"""Connections to the API: deadlines, bounds, ends that can be read; bytes and a clock, no sockets."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from http import HTTPStatus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.api import Api, Connection, Got
from tests.support.provisioning import World
from twisted.internet.testing import StringTransport

from provisiond.rest.answers import MEDIA_TYPE
from provisiond.rest.connections import (
    BODY_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_BYTES,
    LINGER_SECONDS,
    MAX_HEAD,
    MAX_HEADERS,
    Ending,
    plain_answer,
)
from provisiond.rest.sending import CORS, STALL_SECONDS

Head = Callable[..., bytes]


@pytest.fixture
def head(api: Api) -> Head:
    def made(first: str = "GET /0.2/status HTTP/1.1", *lines: str) -> bytes:
        return "\r\n".join([first, "Host: x", f"X-Auth-Token: {api.token}", *lines, "", ""]).encode("latin-1")

    return made


def said(connection: Connection, turns: int = 200) -> Got | None:
    """Return the answer that has come after some turns of the reactor."""
    for _ in range(turns):
        connection._api.world.clock.advance(0)
    return connection.got()


def refused(connection: Connection, status: int) -> None:
    """The client was told why, and the connection ends in an order in which it can read that."""
    got = said(connection)
    assert got is not None
    assert got.status == status
    assert got.headers["connection"] == "close"
    assert int(got.headers["content-length"]) == len(got.content) > 0
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert {name: got.headers[name.lower()] for name in CORS} == CORS
    wire = connection.transport
    assert (wire.half_closed, wire.aborted) == (True, False)
    connection._api.world.clock.advance(LINGER_SECONDS)
    assert wire.aborted


class TestDeadlines:
    def test_a_head_has_its_time_in_all_however_it_dribbles(self, api: Api, head: Head) -> None:
        connection = Connection(api)
        for byte in head()[:19]:
            connection.protocol.dataReceived(bytes([byte]))
            api.world.clock.advance(1)
        assert connection.transport.value() == b""
        connection.protocol.dataReceived(b"x")
        api.world.clock.advance(HEAD_SECONDS - 19)
        refused(connection, 408)

    def test_a_body_has_its_time_in_all(self, api: Api, head: Head) -> None:
        connection = Connection(api)
        lines = (f"Content-Type: {MEDIA_TYPE}", "Content-Length: 1000")
        connection.protocol.dataReceived(head("POST /0.2/cfg_mgr/configs HTTP/1.1", *lines))
        for _ in range(int(BODY_SECONDS) // 10):
            assert connection.transport.value() == b""
            connection.protocol.dataReceived(b" ")
            api.world.clock.advance(10)
        refused(connection, 408)

    def test_who_says_nothing_is_let_go_without_a_word(self, api: Api) -> None:
        connection = Connection(api)
        api.world.clock.advance(IDLE_SECONDS)
        assert (connection.transport.value(), connection.transport.half_closed) == (b"", True)
        api.world.clock.advance(LINGER_SECONDS)
        assert connection.transport.aborted

    def test_a_connection_is_kept_for_the_next_request_for_a_time(self, api: Api, head: Head) -> None:
        connection = Connection(api)
        for _ in range(3):
            connection.transport.clear()
            connection.protocol.dataReceived(head())
            got = said(connection)
            assert got is not None
            assert got.status == 200
            api.world.clock.advance(IDLE_SECONDS - 1)
        assert not connection.transport.half_closed
        api.world.clock.advance(1)
        assert connection.transport.half_closed

    def test_an_answer_that_takes_long_is_not_cut_off(self, api: Api, world: World, head: Head) -> None:
        world.configs.gate.shut()
        body = json.dumps({"config": {"id": "c", "parent_ids": [], "raw_config": {}}}).encode()
        lines = (f"Content-Type: {MEDIA_TYPE}", f"Content-Length: {len(body)}")
        connection = Connection(api)
        connection.protocol.dataReceived(head("POST /0.2/cfg_mgr/configs HTTP/1.1", *lines) + body)
        world.clock.advance(BODY_SECONDS + IDLE_SECONDS)
        assert not connection.transport.half_closed
        world.configs.gate.open()
        got = said(connection)
        assert got is not None
        assert got.status == 201


class TestHeads:
    def test_so_many_headers_and_no_more(self, api: Api, head: Head) -> None:
        connection = Connection(api)
        # Host and the token are two of them.
        connection.protocol.dataReceived(head("GET /0.2/status HTTP/1.1", *["X-A: 1"] * (MAX_HEADERS - 2)))
        got = said(connection)
        assert got is not None
        assert got.status == 200
        more = Connection(api)
        more.protocol.dataReceived(head("GET /0.2/status HTTP/1.1", *["X-A: 1"] * (MAX_HEADERS - 1)))
        refused(more, 431)

    @pytest.mark.parametrize(
        "data",
        [
            b"GET /0.2/status HTTP/1.1\r\nX-A: " + b"a" * MAX_HEAD + b"\r\n\r\n",
            b"GET /0.2/status HTTP/1.1\r\n"
            + b"X-A: aaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 90
            + b"X-A: "
            + b"a" * MAX_HEAD
            + b"\r\n",
            b"GET /" + b"a" * MAX_HEAD + b" HTTP/1.1\r\n\r\n",
            b"G" * 3 * MAX_HEAD,
            b"GET /0.2/status HTTP/1.1\r\nX-A: " + b"a" * 3 * MAX_HEAD,
        ],
    )
    @pytest.mark.parametrize("piece", [1 << 20, 1000])
    def test_a_head_that_is_too_large_is_refused(self, api: Api, data: bytes, piece: int) -> None:
        connection = Connection(api)
        for start in range(0, len(data), piece):
            connection.protocol.dataReceived(data[start : start + piece])
        refused(connection, 431)

    def test_a_long_query_within_the_head_is_fine(self, api: Api, head: Head) -> None:
        connection = Connection(api)
        connection.protocol.dataReceived(head(f"GET /0.2/status?x={'a' * (MAX_HEAD - 200)} HTTP/1.1"))
        got = said(connection)
        assert got is not None
        assert got.status == 200

    @pytest.mark.parametrize(
        "data",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"HELLO\r\n\r\n",
            b"GET /0.2/status\r\n\r\n",
            b"GET  /0.2/status HTTP/1.1 x\r\n\r\n",
            b"GET /0.2/status HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET /0.2/status HTTP/1.1\r\nA b: 1\r\n\r\n",
            b"POST /0.2/x HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"POST /0.2/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST /0.2/x HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
            b"POST /0.2/x HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            b"POST /0.2/x HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5_000),
            b"POST /0.2/x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST /0.2/x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"POST /0.2/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            b"POST /0.2/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 2_000,
        ],
    )
    def test_what_is_not_http_is_refused(self, api: Api, data: bytes) -> None:
        connection = Connection(api)
        connection.protocol.dataReceived(data)
        refused(connection, 400)

    @pytest.mark.parametrize("name", [b"Authorization", b"X-Auth-Token", b"Wazo-Tenant", b"Accept", b"Content-Type"])
    def test_headers_need_not_be_text(self, api: Api, name: bytes) -> None:
        connection = Connection(api)
        connection.protocol.dataReceived(b"GET /0.2/dev_mgr/devices HTTP/1.1\r\n%s: Bearer \xff\r\n\r\n" % name)
        got = said(connection)
        assert got is not None
        assert got.status == 401

    @pytest.mark.parametrize("target", ["http://elsewhere:8666/0.2/status", "HTTP://x/0.2/status/", "/0.2/status#x"])
    def test_other_forms_of_a_target(self, api: Api, head: Head, target: str) -> None:
        connection = Connection(api)
        connection.protocol.dataReceived(head(f"GET {target} HTTP/1.1"))
        got = said(connection)
        assert got is not None
        assert got.status == (200 if "#" not in target else 404)

    def test_options_of_the_whole_server(self, api: Api) -> None:
        connection = Connection(api)
        connection.protocol.dataReceived(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        got = said(connection)
        assert got is not None
        assert (got.status, got.headers["allow"]) == (200, "GET, HEAD, POST, PUT, DELETE, OPTIONS")

    def test_an_old_client_is_answered_and_let_go(self, api: Api, head: Head) -> None:
        connection = Connection(api)
        connection.protocol.dataReceived(head("GET /0.2/status HTTP/1.0"))
        got = said(connection)
        assert got is not None
        assert (got.status, connection.transport.half_closed) == (200, True)

    def test_two_requests_in_one_packet_are_answered_in_order(self, api: Api, head: Head) -> None:
        connection = Connection(api)
        connection.protocol.dataReceived(head() + head("GET /0.2/none HTTP/1.1") + head())
        said(connection)
        assert re.findall(rb"HTTP/1.1 (\d+) ", connection.transport.value()) == [b"200", b"404", b"200"]


class TestBodies:
    def test_a_body_that_is_declared_too_large_is_not_waited_for(self, world: World) -> None:
        api = Api(world, max_body=100)
        connection = Connection(api)
        lines = ["POST /0.2/cfg_mgr/configs HTTP/1.1", "Host: x", f"X-Auth-Token: {api.token}", "Content-Length: 101",
                 f"Content-Type: {MEDIA_TYPE}", "Expect: 100-continue", "", ""]  # fmt: skip
        connection.protocol.dataReceived("\r\n".join(lines).encode())
        got = said(connection)
        assert got is not None
        assert (got.status, got.headers["connection"], connection.transport.half_closed) == (413, "close", True)

    @pytest.mark.parametrize("declared", [True, False])
    def test_what_still_comes_is_dropped_up_to_a_bound(self, world: World, declared: bool) -> None:
        api = Api(world, max_body=1000)
        connection = Connection(api)
        kind = "Content-Length: 999999999999" if declared else "Transfer-Encoding: chunked"
        lines = ["POST /0.2/cfg_mgr/configs HTTP/1.1", "Host: x", f"X-Auth-Token: {api.token}", kind,
                 f"Content-Type: {MEDIA_TYPE}", "", ""]  # fmt: skip
        connection.protocol.dataReceived("\r\n".join(lines).encode())
        chunk = b" " * (1 << 20)
        if not declared:
            connection.protocol.dataReceived(b"100000\r\n" + chunk + b"\r\n")
        got = said(connection)
        assert got is not None
        assert got.status == 413
        for _ in range(LINGER_BYTES // len(chunk)):
            assert not connection.transport.aborted
            connection.protocol.dataReceived(chunk)
        connection.protocol.dataReceived(chunk)
        assert connection.transport.aborted

    def test_who_expects_a_go_ahead_gets_it(self, api: Api, head: Head) -> None:
        body = json.dumps({"config": {"id": "c", "parent_ids": [], "raw_config": {}}}).encode()
        lines = (f"Content-Type: {MEDIA_TYPE}", f"Content-Length: {len(body)}", "Expect: 100-continue")
        connection = Connection(api)
        connection.protocol.dataReceived(head("POST /0.2/cfg_mgr/configs HTTP/1.1", *lines))
        assert connection.transport.value() == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.transport.clear()
        connection.protocol.dataReceived(body)
        got = said(connection)
        assert got is not None
        assert got.status == 201

    def test_a_body_in_pieces_is_one_body(self, api: Api, head: Head) -> None:
        body = json.dumps({"config": {"id": "c", "parent_ids": [], "raw_config": {"X_a": "é"}}}).encode()
        lines = (f"Content-Type: {MEDIA_TYPE}", "Transfer-Encoding: chunked")
        data = head("POST /0.2/cfg_mgr/configs HTTP/1.1", *lines)
        data += b"".join(b"1\r\n" + body[index : index + 1] + b"\r\n" for index in range(len(body))) + b"0\r\n\r\n"
        connection = Connection(api)
        for index in range(0, len(data), 7):
            connection.protocol.dataReceived(data[index : index + 7])
        got = said(connection)
        assert got is not None
        assert got.status == 201

    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
    def test_nothing_is_parsed_as_a_form(self, api: Api, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        parsed: list[bytes] = []
        monkeypatch.setattr("twisted.web.http.parse_qs", lambda text, *rest: parsed.append(text) or {})
        got = said(api.begin("POST", "/cfg_mgr/configs", b"a=1&" * 100_000, kind=kind))
        assert parsed == []
        assert got is not None
        assert got.status == 415


class TestNumbers:
    def test_one_more_than_allowed_is_told_and_the_place_is_free_again_later(self, api: Api, head: Head) -> None:
        api.site._max_connections = 1
        first = Connection(api)
        second = Connection(api)
        assert b"503 Service Unavailable" in second.transport.value()
        assert b"Retry-After: 5" in second.transport.value()
        api.world.clock.advance(LINGER_SECONDS)
        assert second.transport.aborted
        first.close()
        assert api.site.connections == 0
        third = Connection(api)
        third.protocol.dataReceived(head())
        got = said(third)
        assert got is not None
        assert got.status == 200

    def test_every_end_gives_the_place_back_once(self, api: Api, head: Head) -> None:
        for data in (b"", head()[:10], head(), b"nonsense\r\n\r\n", b"G" * 40_000):
            connection = Connection(api)
            assert api.site.connections == 1
            connection.protocol.dataReceived(data)
            said(connection)
            connection.close()
            assert api.site.connections == 0

    def test_a_reader_that_takes_nothing_is_cut(self, api: Api, world: World, head: Head) -> None:
        for number in range(3):
            world.device(id=f"d{number}")
        api.get("/status")
        world.devices.gate.shut()
        connection = Connection(api)
        connection.protocol.dataReceived(head("GET /0.2/dev_mgr/devices HTTP/1.1"))
        connection.protocol.pauseProducing()
        world.devices.gate.open()
        world.clock.advance(STALL_SECONDS - 1)
        assert not connection.transport.aborted
        world.clock.advance(1)
        assert connection.transport.aborted


@given(st.binary(max_size=400), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_break_a_connection(api: Api, data: bytes, order: random.Random) -> None:
    connection = Connection(api)
    mixed = order.choice([data, b"GET /0.2/status HTTP/1.1\r\n" + data + b"\r\n\r\n", data + b"\r\n\r\n"])
    for start in range(0, len(mixed), 50):
        connection.protocol.dataReceived(mixed[start : start + 50])
    said(connection, 5)
    assert b"Traceback" not in connection.transport.value()
    assert b" 500 " not in connection.transport.value()[:20]
    api.world.clock.advance(IDLE_SECONDS + LINGER_SECONDS)
    assert connection.transport.aborted or connection.transport.half_closed
    connection.close()


def test_an_ending_says_one_thing_only(world: World) -> None:
    ending, wire = Ending(world.clock), _Wire()
    ending.say(wire, plain_answer(HTTPStatus.BAD_REQUEST, "one"))
    ending.say(wire, plain_answer(HTTPStatus.BAD_REQUEST, "two"))
    assert wire.value().endswith(b"one")
    ending.connectionLost()
    world.clock.advance(LINGER_SECONDS)
    assert not wire.cut


class _Wire(StringTransport):
    cut = False

    def loseWriteConnection(self) -> None:  # noqa: N802
        pass

    def abortConnection(self) -> None:  # noqa: N802
        self.cut = True

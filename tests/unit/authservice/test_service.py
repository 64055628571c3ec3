"""The token check, on a stand-in for HTTP: statuses, time-outs, bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from provisiond.authservice.service import (
    AT_ONCE,
    MAX_ANSWER,
    REMEMBERED,
    REST_SECONDS,
    WAITING,
    AuthService,
    auth_service,
)
from provisiond.authservice.values import ServiceTenant, UnknownToken
from provisiond.errors import StartProblem, Unauthorized, Unavailable

GOOD = {"data": {"auth_id": "u", "acl": ["#"], "metadata": {"tenant_uuid": "t"}}}


class Response:
    """A response that delivers its body at once."""

    def __init__(self, code: int, content: bytes) -> None:
        self.code = code
        self._content = content
        self.length = len(content)

    def deliverBody(self, protocol: Any) -> None:  # noqa: N802
        protocol.dataReceived(self._content)
        protocol.connectionLost(Failure(ResponseDone()))


class Http:
    """Answers as it is told, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.next: Callable[[], Any] = lambda: succeed(Response(200, json.dumps(GOOD).encode()))

    def get(self, url: str, **more: Any) -> Any:
        self.asked.append((url, more))
        return self.next()

    def answers(self, code: int, content: bytes = b"{}") -> None:
        self.next = lambda: succeed(Response(code, content))


class World:
    def __init__(self) -> None:
        self.http = Http()
        self.clock = Clock()
        self.service = AuthService(self.http, "http://pbx/api/auth/0.1/", self.clock, timeout=3)

    def begin(self, work: Coroutine[Any, Any, Any]) -> list[Any]:
        """Return the list that the result, or the failure, of the work comes into."""
        found: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(found.append)
        return found

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        (found,) = self.begin(work)
        if isinstance(found, Failure):
            found.raiseException()
        return found


@pytest.fixture
def world() -> World:
    return World()


def test_a_token_is_checked_with_its_scope(world: World) -> None:
    found = world.run(world.service.check("a/b c"[:3], "provd.status.read"))
    assert (found.owner, found.tenant_uuid, found.acl) == ("u", "t", ("#",))
    ((url, more),) = world.http.asked
    assert url == "http://pbx/api/auth/0.1/token/a%2Fb"
    assert more["params"] == {"scope": "provd.status.read"}
    assert more["allow_redirects"] is False
    world.run(world.service.check("x", None))
    assert world.http.asked[1][1]["params"] == {}


@pytest.mark.parametrize("token", ["", " ", "a b", "é", "x" * 513, "a\r\nX: y", ".", ".."])
def test_what_cannot_be_a_token_is_not_asked_for(world: World, token: str) -> None:
    with pytest.raises(UnknownToken):
        world.run(world.service.check(token, None))
    assert world.http.asked == []


@pytest.mark.parametrize(("code", "kind"), [(401, UnknownToken), (404, UnknownToken), (403, Unauthorized)])
def test_refusals(world: World, code: int, kind: type[Exception]) -> None:
    world.http.answers(code)
    with pytest.raises(kind) as caught:
        world.run(world.service.check("x", "a"))
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (500, b"{}"),
        (302, b""),
        (204, b""),
        (200, b"<html>"),
        (200, b"\xff"),
        (200, b"[" * 100_000),
        (200, b"{}"),
        (200, b'"' + b"x" * MAX_ANSWER + b'"'),
    ],
)
def test_an_answer_of_no_use_is_503(world: World, code: int, content: bytes) -> None:
    world.http.answers(code, content)
    with pytest.raises(Unavailable) as caught:
        world.run(world.service.check("secret-token", "a"))
    assert "secret-token" not in caught.value.sentence


def test_silence_ends_at_the_time_out(world: World) -> None:
    silent: Deferred[Any] = Deferred()
    world.http.next = lambda: silent
    found = world.begin(world.service.check("x", None))
    world.clock.advance(2.9)
    assert found == []
    world.clock.advance(0.2)
    assert found[0].check(Unavailable)


def test_a_body_that_never_ends_ends_at_the_time_out(world: World) -> None:
    class Endless(Response):
        def deliverBody(self, protocol: Any) -> None:  # noqa: N802
            protocol.dataReceived(b"{")

    world.http.next = lambda: succeed(Endless(200, b""))
    found = world.begin(world.service.check("x", None))
    world.clock.advance(3.1)
    assert found[0].check(Unavailable)


def test_while_it_is_down_nobody_waits_for_it(world: World) -> None:
    def refuse() -> Any:
        raise Refused

    world.http.next = refuse
    for _ in range(3):
        with pytest.raises(Unavailable):
            world.run(world.service.check("x", None))
    assert len(world.http.asked) == 1
    world.clock.advance(REST_SECONDS)
    world.http.answers(200, json.dumps(GOOD).encode())
    assert world.run(world.service.check("x", None)).owner == "u"


def test_a_clock_that_is_set_back_lets_nobody_wait_for_longer(world: World) -> None:
    world.http.next = lambda: fail(Refused())
    with pytest.raises(Unavailable):
        world.run(world.service.check("x", None))
    world.http.answers(200, json.dumps(GOOD).encode())
    world.clock.rightNow -= 3_600
    assert world.run(world.service.check("x", None)).owner == "u"


def test_a_bounded_number_is_asked_for_at_once(world: World) -> None:
    waiting: list[Deferred[Any]] = []

    def wait() -> Any:
        waiting.append(Deferred())
        return waiting[-1]

    world.http.next = wait
    found = [world.begin(world.service.check(f"x{number}", None)) for number in range(AT_ONCE + WAITING + 5)]
    assert len(waiting) == AT_ONCE
    refused = [each for each in found if each]
    assert len(refused) == 5
    assert all(each[0].check(Unavailable) for each in refused)
    while waiting:
        waiting.pop(0).callback(Response(200, json.dumps(GOOD).encode()))
    assert sum(1 for each in found if each and not isinstance(each[0], Failure)) == AT_ONCE + WAITING


def test_tenants_are_asked_for_with_the_callers_token(world: World) -> None:
    world.http.answers(200, b'{"items": [{"uuid": "A", "parent_uuid": "A"}]}')
    assert world.run(world.service.tenants("x")) == (ServiceTenant(uuid="a", name=None, parent_uuid=None),)
    assert world.http.asked[0][0] == "http://pbx/api/auth/0.1/tenants"
    assert world.http.asked[0][1]["headers"]["X-Auth-Token"] == "x"
    for code in (401, 403, 404):
        world.http.answers(code)
        assert world.run(world.service.tenants("x")) == ()
    world.http.answers(500)
    with pytest.raises(Unavailable):
        world.run(world.service.tenants("x"))


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
def test_wrong_certificates_are_told_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartProblem, match=r"rest_api\.auth\.ca_file"):
        auth_service(Clock(), "https://x", timeout=3, ca_file=file)


def test_its_problem_lasts_until_it_answers_or_for_an_hour(world: World) -> None:
    assert world.service.problem is None
    world.http.next = lambda: fail(Refused())
    with pytest.raises(Unavailable):
        world.run(world.service.check("x", None))
    assert world.service.problem == "the authentication service cannot be reached: ConnectionRefusedError"
    world.clock.advance(REST_SECONDS)
    world.http.answers(500)
    with pytest.raises(Unavailable):
        world.run(world.service.check("x", None))
    assert world.service.problem == "the authentication service is of no use: it answered 500"
    world.clock.advance(REMEMBERED - 1)
    assert world.service.problem is not None
    world.clock.advance(1)
    assert world.service.problem is None


@pytest.mark.parametrize("code", [200, 401, 403, 404])
def test_any_answer_as_it_should_be_ends_its_problem(world: World, code: int) -> None:
    world.http.answers(200, b"no JSON")
    with pytest.raises(Unavailable):
        world.run(world.service.check("x", None))
    asked = len(world.http.asked)
    assert world.service.problem == "the authentication service is of no use: its answer is not JSON"
    assert len(world.http.asked) == asked
    world.http.answers(code, json.dumps(GOOD).encode())
    with suppress(UnknownToken, Unauthorized):
        world.run(world.service.check("x", None))
    assert world.service.problem is None

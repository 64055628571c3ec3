"""Resources of plugins are driven as Twisted drives them: hooks around them, methods that they do not know, HEAD."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from provisiond.legacy import driving
from provisiond.legacy.names import registered
from provisiond.legacy.surface.servers.http import HTTPAsyncHookService, HTTPHookService, HTTPLogService
from provisiond.legacy.web_requests import WebAnswer
from provisiond.legacy.wire import PhoneRequest


class Leaf(Resource):
    isLeaf = True  # noqa: N815

    def render_GET(self, request: Any) -> str:  # noqa: N802
        return f"{request.prepath} {request.postpath}"


class Tree(Resource):
    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: N802
        return Leaf()


@pytest.fixture(autouse=True)
def names() -> Iterator[None]:
    with registered():
        yield


def asked(service: Any, method: str = "GET") -> WebAnswer:
    request = PhoneRequest(method=method, path=b"/a/b%20c", query=b"d=1", peer="192.0.2.7")
    found: list[Any] = []
    answer = driving.web_answer(service, request, None, Clock())
    Deferred.fromCoroutine(answer).addBoth(found.append)
    assert isinstance(found[0], WebAnswer), found
    return found[0]


class Hook(HTTPHookService):
    def __init__(self, service: Any, told: Callable[[Any], None]) -> None:
        super().__init__(service)
        self._told = told

    def _pre_handle(self, path: Any, request: Any) -> None:
        self._told(path)


class LateHook(HTTPAsyncHookService):
    def __init__(self, service: Any, told: Callable[[Any], None]) -> None:
        super().__init__(service)
        self._told = told

    def _pre_handle(self, path: Any, request: Any) -> Any:
        return succeed(path).addCallback(self._told)


@pytest.mark.parametrize("hook", [Hook, LateHook])
@pytest.mark.parametrize("service", [Leaf, Tree])
def test_a_hook_comes_before_any_resource_and_changes_nothing(hook: Any, service: type[Resource]) -> None:
    told: list[bytes] = []
    assert asked(hook(hook(service(), told.append), told.append)) == asked(service())
    assert told == [b"a", b"a"]


def test_requests_are_logged_before_a_leaf_answers() -> None:
    lines: list[str] = []
    assert asked(HTTPLogService(lines.append, Leaf())).body == b"[] [b'a', b'b c']"
    assert lines == ["HTTP request from 192.0.2.7 - b'GET' b'/a/b%20c?d=1'"]


@pytest.mark.filterwarnings("ignore:.*ErrorPage:DeprecationWarning")
def test_methods_that_a_resource_does_not_know_are_refused_by_their_names() -> None:
    answer = asked(Tree(), "POST")
    assert (answer.status, dict(answer.headers)["Allow"]) == (405, "HEAD, GET")
    assert asked(Tree(), "BREW").status == 501


def test_a_head_is_a_get_without_its_body() -> None:
    got, head = asked(Leaf()), asked(Leaf(), "HEAD")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("result", [None, 3])
def test_what_is_no_body_fails_without_a_word_of_it(result: Any) -> None:
    class Odd(Resource):
        isLeaf = True  # noqa: N815

        def render(self, request: Any) -> Any:
            return result

    assert asked(Odd()) == driving.FAILED

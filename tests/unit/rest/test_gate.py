"""Who gets in: every route asks for a token, for its right, and for nothing more."""

from __future__ import annotations

import re
from unittest.mock import MagicMock

import pytest
from tests.support.api import Api
from tests.support.provisioning import World, run
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, eventAsText

from provisiond.metrics import Metrics
from provisiond.rest.application import routed
from provisiond.rest.gate import AGAIN_SECONDS, FAILURES, MAX_SOURCES, WINDOW_SECONDS, Guessing
from provisiond.rest.routing import Route

ROUTES = routed(MagicMock(), MagicMock(), Metrics(), MagicMock()).routes
GUARDED = [each for each in ROUTES if each.acl is not None]
METHODS = [(each.method, each) for each in GUARDED] + [("HEAD", each) for each in GUARDED if each.method == "GET"]
NAMES = [f"{method} {each.path}" for method, each in METHODS]


def path_of(each: Route) -> str:
    return re.sub(r"<(?:path:)?(\w+)>", lambda found: "7" if found[1] == "number" else "a.b", each.path)


def prefix_of(each: Route) -> str:
    return "/0.2" if each.prefixed else ""


def acl_of(api: Api, each: Route) -> str:
    assert each.acl is not None
    filled = each.acl.replace("{tenant_uuid}", api.world.house.tenants.master)
    return re.sub(r"{(\w+)}", "a_b", filled)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Api:
    world = World(tmp_path_factory.mktemp("world"))
    world.start()
    return Api(world)


@pytest.mark.parametrize(("method", "each"), METHODS, ids=NAMES)
def test_without_its_right_there_is_one_answer(shared: Api, method: str, each: Route) -> None:
    path, prefix = path_of(each), prefix_of(each)
    others = shared.made_token("#", f"!{acl_of(shared, each)}", *(f"!{name}" for name in choices_of(shared, each)))
    for token in ("", "prv_0_x", others):
        got = shared.call(method, path, token=token, prefix=prefix)
        assert got.status == 401
        assert got.text == ("" if method == "HEAD" else "Unauthorized")
    nowhere = shared.call(method, path, prefix=prefix, Wazo_Tenant="00000000-0000-4000-8000-000000000000")
    assert nowhere.status == 401
    shared.world.clock.advance(WINDOW_SECONDS)


def choices_of(api: Api, each: Route) -> list[str]:
    master = api.world.house.tenants.master
    return [re.sub(r"{(\w+)}", "a_b", name.replace("{tenant_uuid}", master)) for name in each.acl_choices]


@pytest.mark.parametrize(("method", "each"), METHODS, ids=NAMES)
def test_its_right_alone_is_enough(shared: Api, method: str, each: Route) -> None:
    if each.path == "/events" and method == "GET":
        return
    got = shared.call(method, path_of(each), token=shared.made_token(acl_of(shared, each)), prefix=prefix_of(each))
    assert got.status in (200, 204, 400, 404, 415), got.text


class TestGuessing:
    def test_a_source_waits_a_minute(self) -> None:
        clock = Clock()
        guessing = Guessing(clock.seconds)
        for number in range(FAILURES - 1):
            guessing.failed("a", str(number))
        assert not guessing.is_blocked("a")
        guessing.failed("a", "last")
        assert guessing.is_blocked("a")
        assert not guessing.is_blocked("b")
        clock.advance(WINDOW_SECONDS)
        assert not guessing.is_blocked("a")
        guessing.failed("a", "first")
        assert not guessing.is_blocked("a")

    def test_the_same_token_again_is_no_guess(self) -> None:
        clock = Clock()
        guessing = Guessing(clock.seconds)
        for _ in range(10 * FAILURES):
            guessing.failed("a", "expired")
        assert not guessing.is_blocked("a")
        assert guessing.is_wrong("a", "expired")
        assert not guessing.is_wrong("a", "another")
        assert not guessing.is_wrong("b", "expired")
        clock.advance(AGAIN_SECONDS)
        assert not guessing.is_wrong("a", "expired")

    def test_many_sources_and_many_tokens_take_bounded_memory(self) -> None:
        guessing = Guessing(lambda: 0.0)
        for number in range(MAX_SOURCES + 10):
            guessing.failed(str(number), "x")
        last = str(MAX_SOURCES + 9)
        for number in range(10 * FAILURES):
            guessing.failed(last, str(number))
        assert guessing.is_blocked(last)
        assert len(guessing._sources) == MAX_SOURCES
        assert len(guessing._sources[last].found) == FAILURES

    def test_the_answer_tells_when_to_come_back(self, api: Api) -> None:
        guess(api)
        got = api.get("/status", token="prv_0123_x", Accept="application/problem+json, */*")
        assert (got.status, got.headers["retry-after"]) == (429, "60")
        assert got.document["status"] == 429

    def test_a_known_token_passes_meanwhile_a_new_one_does_not(self, api: Api) -> None:
        assert api.get("/status").status == 200
        unseen = api.made_token("#")
        guess(api)
        assert api.get("/status").status == 200
        assert api.get("/status", token=unseen).status == 429
        api.world.clock.advance(WINDOW_SECONDS)
        assert api.get("/status", token=unseen).status == 200

    def test_a_program_whose_token_is_gone_locks_nobody_out(self, api: Api) -> None:
        gone = api.made_token("#")
        run(api.world.house.tokens.revoke(gone.split("_")[1]))
        for _ in range(3 * FAILURES):
            assert api.get("/status", token=gone).status == 401
            api.world.clock.advance(0.5)
        assert api.get("/status", token=api.made_token("#")).status == 200


def guess(api: Api) -> None:
    for number in range(FAILURES):
        assert api.get("/status", token=f"prv_0123_{number}").status == 401


def test_the_log_tells_which_right_a_token_lacks(api: Api) -> None:
    with capturedLogs() as events:
        got = api.call("GET", "/cfg_mgr/configs/a.b", token=api.made_token("provd.dev_mgr.#"))
    assert got.status == 401
    [told] = [eventAsText(each, includeTimestamp=False) for each in events if "may not" in each["log_format"]]
    assert re.search(r"the token [0-9a-f]+ .*may not provd\.cfg_mgr\.configs\.a_b\.read", told)

"""What programs and load balancers are told of the server, and the levels of its log."""

from __future__ import annotations

import pytest
from tests.support.api import Api
from tests.support.provisioning import World, run

from provisiond.model.trouble import Trouble


@pytest.fixture
def found(world: World) -> list[Trouble]:
    """What is wrong; tests change it."""
    troubles: list[Trouble] = []

    async def check() -> list[Trouble]:
        return troubles

    world.house.health.add("the test", check)
    return troubles


def test_troubles_are_rows_with_their_cure(api: Api, found: list[Trouble]) -> None:
    assert api.get("/status/problems").document == {"problems": []}
    found.append(Trouble(code="disk-full", about="general.cache_dir", sentence="general.cache_dir: full"))
    (row,) = api.get("/status/problems").document["problems"]
    assert row == {
        "code": "disk-full",
        "severity": "error",
        "about": "general.cache_dir",
        "sentence": "general.cache_dir: full",
        "cure": "Remove what is not needed, or give the file system more room.",
        "since": row["since"],
    }
    assert row["since"].endswith("+00:00")
    found.clear()
    assert api.get("/status/problems").document == {"problems": []}


def test_troubles_need_a_right(api: Api) -> None:
    assert api.get("/status/problems", token=api.made_token("provd.dev_mgr.#")).status == 401
    assert api.get("/status/problems", token=api.made_token("provd.status.read")).status == 200


def test_a_tenant_below_learns_nothing_of_the_server(api: Api, world: World) -> None:
    token = api.made_token("#", tenant=run(world.house.tenants.create("north")).uuid)
    assert api.get("/status", token=token).status == 200
    for method, path, body in (
        ("GET", "/status/problems", None),
        ("GET", "/log/levels", None),
        ("PUT", "/log/levels", {"level": "debug"}),
    ):
        assert api.call(method, path, body, token=token).status == 401, path


def test_readiness_follows_what_is_wrong_and_needs_no_token(api: Api, world: World, found: list[Trouble]) -> None:
    def asked() -> tuple[int, object]:
        got = api.plain("GET", "/health/ready")
        assert got.headers["content-type"] == "application/json"
        return got.status, got.document

    assert asked() == (503, {"status": "not ready", "reasons": ["stopped"]})
    world.house.health.start()
    assert asked() == (200, {"status": "ready", "reasons": []})
    found.append(Trouble(code="database-unreachable", sentence="secret words"))
    run(world.house.health.look())
    assert asked() == (503, {"status": "not ready", "reasons": ["database-unreachable"]})
    found[:] = [Trouble(code="disk-full", sentence="x")]
    run(world.house.health.look())
    assert asked() == (200, {"status": "ready", "reasons": []}), "what can be read is still served"
    world.house.health.stop()
    assert asked()[0] == 503
    assert api.plain("GET", "/health/live").document == {"status": "live", "reasons": []}


def test_levels_of_the_log(api: Api) -> None:
    assert api.get("/log/levels").document == {"level": "info", "levels": {}}
    wanted = {"level": "warn", "levels": {"tftp": "debug", "packages.downloads": "error"}}
    assert api.call("PUT", "/log/levels", wanted).status == 204
    assert api.get("/log/levels").document == wanted
    assert api.call("PUT", "/log/levels", {"level": "info"}).status == 204
    assert api.get("/log/levels").document == {"level": "info", "levels": {}}


@pytest.mark.parametrize(
    "body", [{}, {"level": "loud"}, {"level": "info", "levels": {"a b": "info"}}, {"level": "info", "levels": {"a": 1}}]
)
def test_levels_that_are_none(api: Api, body: dict[str, object]) -> None:
    assert api.call("PUT", "/log/levels", body).status == 400
    assert api.get("/log/levels").document == {"level": "info", "levels": {}}

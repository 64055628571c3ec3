"""Tokens of an authentication service at the gate of the API."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from tests.support.api import Api
from tests.support.provisioning import World, run

from provisiond.authservice.values import ServiceTenant, UnknownToken, Vouched
from provisiond.errors import StartProblem, Unauthorized, Unavailable
from provisiond.model.tokens import granted
from provisiond.rest.gate import FAILURES, OUTSIDE_SECONDS

TOP, NORTH, SOUTH, CELLAR = (str(uuid.UUID(int=number)) for number in range(1, 5))


class Service:
    """A service in memory."""

    def __init__(self) -> None:
        self.tokens: dict[str, Vouched] = {}
        self.rows: tuple[ServiceTenant, ...] = ()
        self.asked: list[tuple[str, str | None]] = []
        self.down = False

    def add(self, token: str, tenant: str, *acl: str, expires: float | None = None) -> None:
        self.tokens[token] = Vouched(owner=f"u-{token}", session="s", tenant_uuid=tenant, acl=acl, expires=expires)

    async def check(self, token: str, scope: str | None) -> Vouched:
        self.asked.append((token, scope))
        if self.down:
            raise Unavailable("the authentication service does not answer, try again later")
        if token not in self.tokens:
            raise UnknownToken("Unauthorized")
        if scope is not None and not granted(self.tokens[token].acl, scope):
            raise Unauthorized("Unauthorized")
        return self.tokens[token]

    async def tenants(self, token: str) -> tuple[ServiceTenant, ...]:
        return self.rows


@pytest.fixture
def service() -> Service:
    made = Service()
    made.add("all", TOP, "#")
    made.add("north", NORTH, "#")
    made.add("reader", NORTH, "provd.status.read")
    return made


@pytest.fixture
def world(tmp_path: Path, service: Service) -> Iterator[World]:
    made = World(tmp_path, auth_service=service, auth_seconds=10.0, master_tenant=TOP)
    made.start()
    yield made
    for call in made.clock.getDelayedCalls():
        call.cancel()


@pytest.fixture
def api(world: World) -> Api:
    return Api(world)


def test_the_service_is_asked_for_the_right_of_the_route(api: Api, service: Service) -> None:
    assert api.get("/status", token="reader").status == 200
    assert service.asked == [("reader", "provd.status.read")]
    got = api.get("/dev_mgr/devices", token="reader")
    assert (got.status, got.text) == (401, "Unauthorized")


def test_rights_that_hold_the_tenant_are_asked_for_with_it(api: Api, service: Service) -> None:
    service.add("key", NORTH, f"provd.configure.{NORTH}.provisioning_key.read")
    assert api.get("/configure/provisioning_key", token="key").status == 200
    assert ("key", f"provd.configure.{NORTH}.provisioning_key.read") in service.asked
    service.add("plain", NORTH, "provd.configure.locale.read")
    assert api.get("/configure/locale", token="plain").status == 200
    assert api.get("/configure/provisioning_key", token="plain").status == 401


def test_its_word_counts_for_seconds(api: Api, service: Service) -> None:
    for _ in range(3):
        assert api.get("/status", token="reader").status == 200
    assert len(service.asked) == 1
    del service.tokens["reader"]
    api.world.clock.advance(9.9)
    assert api.get("/status", token="reader").status == 200
    api.world.clock.advance(0.2)
    assert api.get("/status", token="reader").status == 401


def test_a_token_ends_when_it_says(api: Api, service: Service) -> None:
    service.add("short", NORTH, "#", expires=api.world.clock.seconds() + 2)
    assert api.get("/status", token="short").status == 200
    del service.tokens["short"]
    api.world.clock.advance(2.1)
    assert api.get("/status", token="short").status == 401


def test_while_it_is_down_strangers_get_503_and_our_own_get_in(api: Api, service: Service) -> None:
    service.down = True
    got = api.get("/status", token="reader")
    assert got.status == 503
    assert "retry-after" in got.headers
    assert api.get("/status").status == 200
    assert api.get("/nowhere", token="reader").status == 503
    service.down = False
    assert api.get("/status", token="reader").status == 200
    service.down = True
    assert api.get("/status", token="reader").status == 200


def test_our_own_tokens_are_never_shown_to_it(api: Api, service: Service) -> None:
    assert api.get("/status").status == 200
    assert api.get("/status", token="prv_0123_x").status == 401
    assert service.asked == []


def test_guessing_is_bounded_but_missing_rights_are_not_guesses(api: Api, service: Service) -> None:
    for _ in range(FAILURES + 5):
        assert api.get("/dev_mgr", token="reader").status == 401
    codes = [api.get("/status", token=f"guess{number}").status for number in range(FAILURES + 1)]
    assert codes == [401] * FAILURES + [429]
    assert api.get("/status", token="north").status == 429
    api.world.clock.advance(60)
    assert api.get("/status", token="north").status == 200


def test_a_known_token_passes_while_its_host_guesses(api: Api, service: Service) -> None:
    assert api.get("/status", token="reader").status == 200
    for number in range(FAILURES):
        api.get("/status", token=f"guess{number}")
    assert api.get("/status", token="reader").status == 200


def test_the_tenant_comes_from_the_token_and_the_tree_from_the_service(api: Api, service: Service) -> None:
    service.rows = (
        ServiceTenant(uuid=NORTH, name="north", parent_uuid=TOP),
        ServiceTenant(uuid=CELLAR, name="cellar", parent_uuid=NORTH),
    )
    service.add("south", SOUTH, "#")
    device = api.call("POST", "/dev_mgr/devices", {"device": {"id": "d1"}}, token="north", Wazo_Tenant=CELLAR)
    assert device.status == 201
    listed = api.get("/dev_mgr/devices?recurse=true", token="north").document["devices"]
    assert [(each["id"], each["tenant_uuid"]) for each in listed] == [("d1", CELLAR)]
    service.rows = ()
    assert api.get("/dev_mgr/devices/d1", token="south").status == 404
    assert api.get("/dev_mgr/devices", token="south", Wazo_Tenant=CELLAR).status == 401
    assert api.get("/dev_mgr/devices/d1", token="all").status == 200
    rows = {each["uuid"]: each for each in api.get("/tenants", token="all").document["tenants"]}
    assert rows[CELLAR] == {"uuid": CELLAR, "parent_uuid": NORTH, "name": "cellar"}
    assert rows[SOUTH]["parent_uuid"] == TOP


def test_tenants_of_a_service_make_no_circle_and_no_nonsense(world: World) -> None:
    tenants = world.house.tenants
    run(tenants.learn([(NORTH, "n", CELLAR), (CELLAR, "c\n", NORTH), ("x", "x", None), (TOP, "other", NORTH)]))
    assert set(tenants.tree(TOP)) == {TOP, NORTH, CELLAR}
    assert tenants.get(TOP).name == "master"  # type: ignore[union-attr]
    assert tenants.get(CELLAR).name is None  # type: ignore[union-attr]
    assert tenants.tree(NORTH) | tenants.tree(CELLAR) == {NORTH, CELLAR}
    before = tenants.all()
    run(tenants.learn([(NORTH, "n", None)]))
    assert tenants.all() == before


def test_a_made_token_is_bounded_by_what_the_service_granted(api: Api, service: Service) -> None:
    service.add("maker", NORTH, "provd.tokens.#", "provd.status.read", expires=api.world.clock.seconds() + 100)
    wanted = {"token": {"name": "x", "acl": ["provd.status.read"]}}
    made = api.call("POST", "/tokens", wanted, token="maker")
    assert made.status == 201
    row = api.get(f"/tokens/{made.document['id']}").document["token"]
    assert (row["tenant_uuid"], row["expires"] is not None) == (NORTH, True)
    assert api.call("POST", "/tokens", {"token": {"name": "x", "acl": ["#"]}}, token="maker").status == 400


def test_a_stream_on_its_word_ends_after_five_minutes(api: Api, service: Service) -> None:
    connection = api.begin("GET", "/events", token="north")
    api.world.clock.pump([0] * 5)
    assert "event: begin" in connection.got().text  # type: ignore[union-attr]
    api.world.clock.pump([15] * (int(OUTSIDE_SECONDS) // 15 - 1))
    assert not connection.got().whole  # type: ignore[union-attr]
    api.world.clock.pump([15] * 3)
    assert connection.got().whole  # type: ignore[union-attr]


def test_another_master_tenant_than_the_databases_is_told_at_the_start(world: World) -> None:
    world._around["master_tenant"] = NORTH
    for call in world.clock.getDelayedCalls():
        call.cancel()
    world.house = world.built()
    with pytest.raises(StartProblem, match=TOP):
        run(world.house.start("192.0.2.1", 8667))


def test_a_vouched_token_is_a_value() -> None:
    one = Vouched(owner="u", session=None, tenant_uuid=TOP, acl=(), expires=None)
    assert evolve(one, owner="v") != one

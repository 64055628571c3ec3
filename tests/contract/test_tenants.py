"""Nothing of another tenant can be read, listed, changed or guessed: every route of the router is tried.

Global by the contract (sections 3 and 5), so not looked at here: configs, plugins, their packages and parameters, the
six server-wide parameters, and what a DHCP server reports. An id that is used by anybody is used (sections 5.3 and 10:
device ids, provisioning keys); whose it is stays hidden.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest
from attrs import frozen
from tests.support.api import Api, Got
from tests.support.provisioning import PLUGIN, World, aastra, run, sip

from provisiond.metrics import Metrics
from provisiond.provisioning.events import PluginProblemSeen
from provisiond.rest.answers import MEDIA_TYPE
from provisiond.rest.application import routed
from provisiond.rest.routing import Route

ROUTES = routed(MagicMock(), MagicMock(), Metrics(), MagicMock()).routes
MARK = "theirs"
UNKNOWN = {
    "device_id": "nowhere-1",
    "token_id": "0123456789ab",
    "uuid": "00000000-0000-4000-8000-00000000ffff",
    "number": "4711",
}
OWNED = set(UNKNOWN)
# Arguments of routes that name what belongs to everybody.
GLOBAL = {"config_id", "plugin", "param", "name", "file", "upload"}


@frozen
class Two:
    """Two tenants that must not know of each other: who asks is ``ours``, all that is marked is ``theirs``."""

    api: Api
    ours: str
    our_token: str
    our_device: str
    theirs: str
    their_token: str
    their_objects: dict[str, str]

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Got:
        return self.api.call(method, path, body, token=self.our_token, **more)

    def as_them(self, method: str, path: str, body: Any = None, **more: Any) -> Got:
        return self.api.call(method, path, body, token=self.their_token, **more)

    def state(self) -> str:
        """Return all that is theirs, as they see it."""
        paths = ("/dev_mgr/devices?recurse=true", "/tokens", "/tenants", "/configure/provisioning_key")
        shown = [self.as_them("GET", path).text for path in paths]
        return re.sub(r'"last_used":("[^"]*"|null)', "", "".join(shown))


@pytest.fixture
def two(api: Api, world: World) -> Two:
    tenants, tokens = world.house.tenants, world.house.tokens
    ours, theirs = (run(tenants.create(name)).uuid for name in ("ours", MARK))
    their_token = api.made_token("#", tenant=theirs)
    our_token = api.made_token("#", tenant=ours)
    spare = run(tokens.create(MARK, ["#"], theirs))[1].id
    config = run(world.house.configs.create({"id": "shared", "parent_ids": ["base"], "raw_config": sip("x")})).id
    plain = {"plugin": PLUGIN, "config": config, "vendor": "Aastra", "model": "6731i"}
    secret = {"id": f"{MARK}-1", "mac": "00:08:5d:aa:aa:aa", "ip": "192.0.2.200", "description": MARK, "sn": MARK}
    api.call("POST", "/dev_mgr/devices", {"device": {**plain, **secret}}, token=their_token)
    api.call("POST", "/dev_mgr/devices", {"device": {**plain, "id": "ours-1"}}, token=our_token)
    run(world.house.contact.seen(aastra("00085DAAAAAA", ip="192.0.2.200")))
    key = {"param": {"value": f"{MARK}-provisioning-key"}}
    assert api.call("PUT", "/configure/provisioning_key", key, token=their_token).status == 204
    started = api.call("POST", "/dev_mgr/synchronize", {"id": f"{MARK}-1"}, token=their_token)
    many = api.call("POST", "/dev_mgr/synchronize_many", {"ids": [f"{MARK}-1"]}, token=their_token)
    world.settle()
    objects = {"device_id": f"{MARK}-1", "token_id": spare, "uuid": theirs}
    objects["/dev_mgr/synchronize"] = started.headers["location"].rpartition("/")[2]
    objects["/dev_mgr/synchronize_many"] = many.headers["location"].rpartition("/")[2]
    return Two(api, ours, our_token, "ours-1", theirs, their_token, objects)


def arguments_of(each: Route) -> list[str]:
    return re.findall(r"<(?:path:)?(\w+)>", each.path)


def filled(each: Route, named: dict[str, str]) -> str:
    others = {
        "config_id": "shared",
        "plugin": PLUGIN,
        "param": "locale",
        "name": "00085daaaaaa.cfg",
        "file": "x",
        "upload": "0",
    }
    return re.sub(r"<(?:path:)?(\w+)>", lambda found: {**others, **named}[found[1]], each.path)


def body_of(each: Route) -> Any:
    name = each.body.__name__ if each.body is not None else ""
    return {
        "": None,
        "DeviceBody": {"device": {"description": "changed"}},
        "ChangedTenantBody": {"tenant": {"name": "changed"}},
    }.get(name, {})


def named_alike(each: Route, text: str, named: dict[str, str]) -> str:
    """Return a text with the names of the path taken out, whole words only."""
    words = [re.escape(named[name]) for name in arguments_of(each) if name in OWNED]
    return re.sub(rf"(?<![\w-])({'|'.join(words)})(?![\w-])", "…", text)


WITH_OWNED = [each for each in ROUTES if set(arguments_of(each)) & OWNED and each.acl is not None]
METHODS = [(each.method, each) for each in WITH_OWNED] + [("HEAD", each) for each in WITH_OWNED if each.method == "GET"]


def test_every_argument_of_a_path_is_known_here() -> None:
    named = {name for each in ROUTES for name in arguments_of(each)}
    assert named <= OWNED | GLOBAL, "a new argument: does what it names belong to a tenant?"


@pytest.mark.parametrize(("method", "each"), METHODS, ids=[f"{method} {each.path}" for method, each in METHODS])
def test_an_object_of_theirs_is_like_one_that_is_not_there(two: Two, method: str, each: Route) -> None:
    resource = each.path.rpartition("/<number>")[0]
    theirs = {**two.their_objects, "number": two.their_objects.get(resource, "1")}
    before = two.state()
    got = two.ask(method, filled(each, theirs), body_of(each))
    unknown = two.ask(method, filled(each, UNKNOWN), body_of(each))
    assert (got.status, unknown.status) == (404, 404)
    assert named_alike(each, got.text, theirs) == named_alike(each, unknown.text, UNKNOWN)
    assert set(got.headers) == set(unknown.headers)
    assert two.state() == before


def test_they_themselves_see_what_others_must_not(two: Two) -> None:
    """Else the tests above and below would prove nothing."""
    named = {**two.their_objects, "number": two.their_objects["/dev_mgr/synchronize"]}
    for each in ROUTES:
        if each.method == "GET" and set(arguments_of(each)) & {"device_id", "token_id", "uuid"}:
            got = two.as_them("GET", filled(each, named))
            assert got.status == 200 or each.path.endswith("/diff"), each.path
    for resource in ("/dev_mgr/synchronize", "/dev_mgr/synchronize_many"):
        assert two.as_them("GET", f"{resource}/{two.their_objects[resource]}").status == 200
    assert MARK in two.state()


QUERIES = (
    "",
    "?recurse=true",
    '?q={"tenant_uuid":"THEIRS"}',
    '?q={"description":{"$contains":"the"}}&recurse=1',
    "?state=true,false,unknown&recurse=true",
    "?sort=description&sort_ord=DESC&limit=5",
    "?format=csv&recurse=true",
)
LISTS = [each for each in ROUTES if each.method == "GET" and not arguments_of(each) and each.acl is not None]


@pytest.mark.parametrize("each", LISTS, ids=[each.path for each in LISTS])
def test_no_list_shows_or_counts_anything_of_theirs(two: Two, world: World, each: Route) -> None:
    if each.path == "/events":
        return
    world.host.notes.note(PLUGIN, "device", f"{MARK} device has no files", f"{MARK}-1")
    for query in QUERIES:
        path = each.path + query.replace("THEIRS", two.theirs).replace('"', "%22")
        got = two.ask("GET", path, prefix="/0.2" if each.prefixed else "")
        assert got.status in (200, 400, 401), got.text
        if got.status == 200:
            check_nothing_of_theirs(two, got.text)
        if each.path == "/dev_mgr/behind" and got.status == 200:
            assert got.document["total"] == 1


def check_nothing_of_theirs(two: Two, text: str) -> None:
    for secret in (MARK, two.theirs, two.their_objects["token_id"], "00:08:5d:aa:aa:aa", "192.0.2.200"):
        assert secret not in text


def test_events_of_theirs_are_told_to_nobody_else(two: Two, world: World) -> None:
    ours = two.api.begin("GET", "/events", token=two.our_token)
    own = two.api.begin("GET", "/events", token=two.their_token)
    for method, path, body in (
        ("PUT", f"/dev_mgr/devices/{MARK}-1", {"device": {"description": MARK, "plugin": PLUGIN, "config": "shared"}}),
        ("POST", "/dev_mgr/reconfigure", {"id": f"{MARK}-1"}),
        ("POST", "/dev_mgr/synchronize", {"id": f"{MARK}-1"}),
        ("POST", "/dev_mgr/synchronize_many", {"ids": [f"{MARK}-1"]}),
    ):
        assert two.as_them(method, path, body).status in (201, 204)
    world.house.events.publish(PluginProblemSeen(PLUGIN, "device", MARK, f"{MARK}-1"))
    assert two.as_them("DELETE", f"/dev_mgr/devices/{MARK}-1").status == 204
    world.settle()
    world.clock.pump([0.1] * 20)
    told, seen = (connection.got().text for connection in (ours, own))  # type: ignore[union-attr]
    assert seen.count(f"{MARK}-1") >= 4
    assert "operation_changed" in seen
    assert "operation_changed" not in told
    check_nothing_of_theirs(two, told)


Body = Callable[[str, str], Any]
IN_BODIES: list[tuple[str, str, str, Body]] = [
    ("POST", "/dev_mgr/reconfigure", "device", lambda one, _: {"id": one}),
    ("POST", "/dev_mgr/synchronize", "device", lambda one, _: {"id": one}),
    ("POST", "/dev_mgr/synchronize_many", "device", lambda one, _: {"ids": [one]}),
    ("POST", "/tokens", "tenant", lambda one, _: {"token": {"name": "x", "acl": ["provd.#"], "tenant_uuid": one}}),
    ("POST", "/tenants", "tenant", lambda one, _: {"tenant": {"name": "x", "parent_uuid": one}}),
    ("PUT", "/tenants/OURS", "tenant", lambda one, _: {"tenant": {"name": "x", "parent_uuid": one}}),
    ("POST", "/dev_mgr/import?mode=replace", "device", lambda one, _: rows({"id": one, "description": "changed"})),
    ("POST", "/dev_mgr/import", "tenant", lambda one, _: rows({"id": "new", "tenant_uuid": one})),
]


def rows(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize(("method", "path", "kind", "body"), IN_BODIES, ids=[" ".join(row[:3]) for row in IN_BODIES])
def test_a_body_that_names_theirs_is_like_one_that_names_nothing(
    two: Two, method: str, path: str, kind: str, body: Body
) -> None:
    theirs, unknown = two.their_objects["device_id"], UNKNOWN["device_id"]
    if kind == "tenant":
        theirs, unknown = two.theirs, UNKNOWN["uuid"]
    before = two.state()
    media = "application/x-ndjson" if "import" in path else MEDIA_TYPE
    path = path.replace("OURS", two.ours)
    got = two.ask(method, path, body(theirs, ""), kind=media)
    expected = two.ask(method, path, body(unknown, ""), kind=media)
    assert got.status in (400, 404), got.text
    assert (got.status, got.text.replace(theirs, unknown)) == (expected.status, expected.text)
    assert two.state() == before


def test_the_header_that_names_theirs_is_like_one_that_names_nothing(two: Two) -> None:
    for each in (each for each in ROUTES if each.acl is not None and not arguments_of(each) and each.method == "GET"):
        prefix = "/0.2" if each.prefixed else ""
        got = two.ask("GET", each.path, prefix=prefix, Wazo_Tenant=two.theirs)
        unknown = two.ask("GET", each.path, prefix=prefix, Wazo_Tenant=UNKNOWN["uuid"])
        assert (got.status, got.text) == (unknown.status, unknown.text) == (401, "Unauthorized")


@pytest.mark.parametrize("mode", ["create", "upsert"])
def test_a_used_id_tells_not_whose_it_is(two: Two, mode: str) -> None:
    before = two.state()
    got = two.ask("POST", "/dev_mgr/devices", {"device": {"id": f"{MARK}-1"}})
    row = rows({"id": f"{MARK}-1", "description": "changed"})
    imported = two.ask("POST", f"/dev_mgr/import?mode={mode}", row, kind="application/x-ndjson")
    assert (got.status, imported.status) == (400, 400)
    for text in (got.text, imported.text):
        check_nothing_of_theirs(two, text.replace(f"{MARK}-1", ""))
    assert two.state() == before


def test_a_tenant_in_a_device_is_not_obeyed(two: Two) -> None:
    body = {"device": {"id": "new", "tenant_uuid": two.theirs}}
    assert two.ask("POST", "/dev_mgr/devices", body).status == 201
    assert two.ask("PUT", "/dev_mgr/devices/new", {"device": {"tenant_uuid": two.theirs}}).status == 204
    assert two.ask("GET", "/dev_mgr/devices/new").document["device"]["tenant_uuid"] == two.ours


def test_a_dry_run_counts_and_shows_our_devices_only(two: Two) -> None:
    body = {"config": {"parent_ids": ["base"], "raw_config": sip("other")}}
    found = two.ask("POST", "/cfg_mgr/configs/shared/dry-run?diff=true", body).document
    assert (found["total"], found["looked"]) == (1, 1)
    assert [row["id"] for row in found["devices"]] == ["ours-1"]
    check_nothing_of_theirs(two, json.dumps(found))


def test_the_provisioning_key_of_theirs_is_hidden(two: Two) -> None:
    assert two.ask("GET", "/configure/provisioning_key").document["param"]["value"] is None
    assert MARK in two.as_them("GET", "/configure/provisioning_key").text
    check_nothing_of_theirs(two, two.ask("GET", "/configure").text)


def test_a_problem_of_their_device_is_theirs(two: Two, world: World) -> None:
    world.host.notes.note(PLUGIN, "device", f"{MARK} broke", f"{MARK}-1")
    world.host.notes.note(PLUGIN, "load", "everybody's")
    assert [row["sentence"] for row in two.ask("GET", "/pg_mgr/problems").document["problems"]] == ["everybody's"]
    assert len(two.as_them("GET", "/pg_mgr/problems").document["problems"]) == 2
    assert len(two.api.get("/pg_mgr/problems").document["problems"]) == 2


def test_metrics_count_everybody_so_only_the_master_tenant_reads_them(two: Two) -> None:
    assert two.ask("GET", "/metrics", prefix="").status == 401
    assert two.api.call("GET", "/metrics", prefix="").status == 200


def test_what_is_above_is_hidden_from_those_below(two: Two, world: World) -> None:
    master = world.house.tenants.master
    text = two.ask("GET", "/tenants").text
    assert master not in text
    assert two.ask("GET", f"/tenants/{master}").status == 404
    assert two.ask("GET", "/dev_mgr/devices?recurse=true", Wazo_Tenant=master).status == 401

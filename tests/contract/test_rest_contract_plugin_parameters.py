"""REST contract, section 5.7: parameters of one plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tests.support.api import Api
from tests.support.contract import rows
from tests.support.provisioning import PLUGIN, World

from provisiond.sdk import Parameter

HERE = f"/pg_mgr/plugins/{PLUGIN}/configure"
RIGHT = "provd.pg_mgr.plugins.acme-1_0.configure"
PARAMETERS = (
    Parameter(name="username", description="The account", descriptions={"fr": "Le compte"}, default="admin"),
    Parameter(name="password", description="Its password"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.host.plugins[PLUGIN] = evolve(made.host.plugins[PLUGIN], parameters=PARAMETERS)
    made.host.add("plain-1")
    made.start()
    yield made
    for call in made.clock.getDelayedCalls():
        call.cancel()


def put(api: Api, name: str, value: Any, **more: Any) -> int:
    return api.call("PUT", f"{HERE}/{name}", {"param": {"value": value}}, **more).status


def value_of(api: Api, name: str) -> Any:
    document = api.get(f"{HERE}/{name}").document
    assert list(document) == ["param"]
    assert list(document["param"]) == ["value"]
    return document["param"]["value"]


@rows("5.7 GET {P}/pg_mgr/plugins/{id}/configure 200", "13 no. 23")
def test_the_parameters_are_listed_in_the_language_of_the_locale(api: Api) -> None:
    got = api.get(HERE, prefix="/provd", token=api.made_token(f"{RIGHT}.read"))
    link = {"rel": "srv.configure.param", "href": f"/provd{HERE}/username"}
    first = {"id": "username", "description": "The account", "value": "admin", "links": [link]}
    assert got.document["params"][0] == first
    assert [(row["id"], row["value"]) for row in got.document["params"]] == [("username", "admin"), ("password", None)]
    api.call("PUT", "/configure/locale", {"param": {"value": "fr_CA"}})
    assert [row["description"] for row in api.get(HERE).document["params"]] == ["Le compte", "Its password"]


@rows("5.7 GET {P}/pg_mgr/plugins/{id}/configure 404", "5.5 GET {P}/pg_mgr/plugins/{id} 200")
def test_a_plugin_without_parameters_has_no_such_service(api: Api) -> None:
    def relations(plugin: str) -> dict[str, str]:
        return {link["rel"]: link["href"] for link in api.get(f"/pg_mgr/plugins/{plugin}").document["links"]}

    assert relations(PLUGIN)["srv.configure"] == f"/0.2{HERE}"
    assert "srv.configure" not in relations("plain-1")
    for plugin in ("plain-1", "none"):
        assert api.get(f"/pg_mgr/plugins/{plugin}/configure").status == 404
        assert api.get(f"/pg_mgr/plugins/{plugin}/configure/username").status == 404


@rows("5.7 GET {P}/pg_mgr/plugins/{id}/configure/{param} 200", "5.7 PUT {P}/pg_mgr/plugins/{id}/configure/{param} 204")
def test_a_parameter_is_set_and_its_devices_follow(api: Api, world: World) -> None:
    device = world.device(id="d")
    before = world.file(device)
    token = api.made_token(f"{RIGHT}.username.update")
    assert put(api, "username", " alice ", token=token) == 204
    assert value_of(api, "username") == "alice"
    world.settle()
    assert api.get("/dev_mgr/devices/d").document["device"]["configured"] is True
    assert world.file(device) != before
    loads = world.host.plugins[PLUGIN].revision
    assert put(api, "username", "alice") == 204
    assert world.host.plugins[PLUGIN].revision == loads
    assert put(api, "username", None) == 204
    assert value_of(api, "username") == "admin"


@rows("5.7 PUT {P}/pg_mgr/plugins/{id}/configure/{param} 204")
def test_values_survive_a_restart_and_go_with_the_plugin(api: Api, world: World) -> None:
    assert put(api, "password", "s3cret") == 204
    world.restart()
    again = Api(world)
    assert value_of(again, "password") == "s3cret"
    assert world.house.parameters.of_plugin(PLUGIN) == {"password": "s3cret"}
    assert again.call("POST", "/pg_mgr/install/uninstall", {"id": PLUGIN}).status == 204
    assert world.house.parameters.of_plugin(PLUGIN) == {}


@rows(
    "5.7 GET {P}/pg_mgr/plugins/{id}/configure/{param} 404",
    "5.7 PUT {P}/pg_mgr/plugins/{id}/configure/{param} 404",
    "13 no. 23",
)
def test_unknown_parameters_and_their_own_acl(api: Api) -> None:
    assert api.get(f"{HERE}/none").status == put(api, "none", "x") == 404
    general = api.made_token("provd.configure.#")
    assert put(api, "username", "x", token=general) == api.get(HERE, token=general).status == 401
    assert api.get(f"{HERE}/username", token=api.made_token(f"{RIGHT}.username.update")).status == 401


@rows("5.7 PUT {P}/pg_mgr/plugins/{id}/configure/{param} 400")
def test_what_is_refused_changes_nothing(api: Api, world: World) -> None:
    assert put(api, "password", "s3cret") == 204
    refused: tuple[Any, ...] = ("refused", [], {}, "a\nb", "x" * 5000)
    for value in refused:
        got = api.call("PUT", f"{HERE}/password", {"param": {"value": value}})
        assert (got.status, "s3cret" in got.text) == (400, False)
    for body in ({}, {"param": {}}, {"param": []}):
        assert api.call("PUT", f"{HERE}/password", body).status == 400
    assert value_of(api, "password") == "s3cret"


@rows("5.7 PUT {P}/pg_mgr/plugins/{id}/configure/{param} 400")
def test_a_value_with_which_the_plugin_does_not_load_is_taken_back(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = world.host.plugins[PLUGIN]
    load = world.host.load

    async def picky(plugin_id: str) -> Any:
        if world.house.parameters.of_plugin(plugin_id).get("username") == "breaks":
            world.host.unloadable[plugin_id] = "it raises with this name"
        else:
            world.host.unloadable.clear()
            world.host.plugins.setdefault(plugin_id, whole)
        return await load(plugin_id)

    monkeypatch.setattr(world.host, "load", picky)
    got = api.call("PUT", f"{HERE}/username", {"param": {"value": "breaks"}})
    assert (got.status, got.text) == (400, "it raises with this name")
    assert value_of(api, "username") == "admin"
    assert PLUGIN in world.host.plugins


@rows("5.7 PUT {P}/pg_mgr/plugins/{id}/configure/{param} 400")
def test_not_while_the_plugin_is_being_replaced(api: Api, world: World) -> None:
    with world.house.plugin_parameters._use.alone(PLUGIN):
        assert put(api, "username", "x") == 400
    assert put(api, "username", "x") == 204

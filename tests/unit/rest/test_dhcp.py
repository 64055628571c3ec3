"""``GET /dhcp/configuration``."""

from __future__ import annotations

import pytest
from attrs import evolve
from tests.support.api import Api
from tests.support.provisioning import PLUGIN, World, info_of


@pytest.mark.parametrize("form", ["isc", "kea", "dnsmasq"])
def test_the_phones_of_loaded_plugins_are_told(api: Api, world: World, form: str) -> None:
    plugin = world.host.plugins[PLUGIN]
    world.host.plugins[PLUGIN] = evolve(plugin, info=info_of(AASTRA__6731i={}))
    got = api.get(f"/dhcp/configuration?format={form}&vlan=7")
    assert got.status == 200
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert "provisiond-aastra" in got.text
    assert "provisiond-snom" not in got.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?format=",
        "?format=x",
        "?format=isc&vlan=0",
        "?format=isc&vlan=x",
        "?format=isc&vlan=99999",
        "?format=isc&sip_server=x",
    ],
)
def test_wrong_questions(api: Api, query: str) -> None:
    assert api.get(f"/dhcp/configuration{query}").status == 400

"""REST contract, sections 5.4 and 9: configs, their documents, inheritance."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.api import Api
from tests.support.contract import rows
from tests.support.provisioning import PLUGIN, World, run, sip

CONFIGS = "/cfg_mgr/configs"
BASE = {"ip": "192.0.2.1", "http_port": 8667, "tftp_port": 69, "http_base_url": "http://192.0.2.1:8667"}


def create(api: Api, raw_config: Any = None, **members: Any) -> int:
    """Create a config and return the status."""
    document = {"parent_ids": [], "raw_config": {} if raw_config is None else raw_config, **members}
    return api.call("POST", CONFIGS, {"config": document}).status


def put(api: Api, config_id: str, **members: Any) -> int:
    return api.call("PUT", f"{CONFIGS}/{config_id}", {"config": {"parent_ids": [], "raw_config": {}, **members}}).status


def shown(api: Api, config_id: str) -> Any:
    document = api.get(f"{CONFIGS}/{config_id}").document
    assert list(document) == ["config"]
    return document["config"]


def raw(api: Api, config_id: str) -> Any:
    document = api.get(f"{CONFIGS}/{config_id}/raw").document
    assert list(document) == ["raw_config"]
    return document["raw_config"]


class TestCollection:
    @rows("5.4 GET {P}/cfg_mgr 200")
    def test_the_links(self, api: Api) -> None:
        got = api.get("/cfg_mgr", prefix="/provd", token=api.made_token("provd.cfg_mgr.read"))
        assert got.document == {
            "links": [
                {"rel": "cfg.configs", "href": "/provd/cfg_mgr/configs"},
                {"rel": "cfg.autocreate", "href": "/provd/cfg_mgr/autocreate"},
            ]
        }

    @rows("5.4 GET {P}/cfg_mgr/configs 200", "5.4 GET {P}/cfg_mgr/configs 400")
    def test_every_config_is_listed_for_whoever_may(self, api: Api, sub: str) -> None:
        token = api.made_token("provd.cfg_mgr.configs.read", tenant=sub)
        found = api.get(f"{CONFIGS}?recurse=true&fields=X_type", token=token).document["configs"]
        assert [each["id"] for each in found] == ["base", "default", "defaultconfigdevice", "autoprov"]
        assert api.get(f"{CONFIGS}?skip=-1", token=token).status == 400

    @rows("5.4 POST {P}/cfg_mgr/configs 201", "5.4 POST {P}/cfg_mgr/configs 400")
    def test_a_config_is_created_once(self, api: Api, world: World) -> None:
        token = api.made_token("provd.cfg_mgr.configs.create")
        body = {"config": {"id": "c", "parent_ids": ["base"], "raw_config": {"X_a": 1}}}
        got = api.call("POST", CONFIGS, body, token=token)
        assert (got.status, got.document, got.headers["location"]) == (201, {"id": "c"}, "/0.2/cfg_mgr/configs/c")
        stored = dict(world.configs.rows)
        for refused in (
            body,
            {"config": {"id": "d"}},
            {"config": {**body["config"], "id": "../x"}},
            {"config": {**body["config"], "id": "e", "raw_config": {"vlan_id": 5000}}},
        ):
            assert api.call("POST", CONFIGS, refused, token=token).status == 400
        assert world.configs.rows == stored
        assert len(api.call("POST", CONFIGS, {"config": {"parent_ids": [], "raw_config": {}}}).document["id"]) == 32


class TestConfig:
    @rows("5.4 GET {P}/cfg_mgr/configs/{id} 200", "5.4 GET {P}/cfg_mgr/configs/{id} 404")
    def test_a_config_is_shown(self, api: Api) -> None:
        assert shown(api, "default")["X_type"] == "registrar"
        assert api.get(f"{CONFIGS}/none").status == 404

    @rows("5.4 PUT {P}/cfg_mgr/configs/{id} 204")
    def test_a_config_is_replaced_and_the_id_of_the_address_wins(self, api: Api) -> None:
        create(api, {"X_a": 1}, id="c", label="x")
        body = {"config": {"id": "d", "parent_ids": ["base"], "raw_config": {"X_b": 2}}}
        assert api.call("PUT", f"{CONFIGS}/c", body).status == 204
        assert shown(api, "c") == {"id": "c", "parent_ids": ["base"], "raw_config": {"X_b": 2}}
        assert api.get(f"{CONFIGS}/d").status == 404

    @rows("5.4 PUT {P}/cfg_mgr/configs/{id} 404", "5.4 PUT {P}/cfg_mgr/configs/{id} 400", "13 no. 16")
    def test_put_refuses_the_unknown_before_the_content(self, api: Api) -> None:
        assert put(api, "none", parent_ids=5) == 404
        before = shown(api, "base")
        for members in ({"parent_ids": 5}, {"raw_config": []}, {"raw_config": {"my": 1}}, {"transient": "x"}):
            assert put(api, "base", **members) == 400
        assert shown(api, "base") == before

    @rows(
        "5.4 DELETE {P}/cfg_mgr/configs/{id} 204",
        "5.4 DELETE {P}/cfg_mgr/configs/{id} 403",
        "5.4 DELETE {P}/cfg_mgr/configs/{id} 404",
    )
    def test_a_config_is_deleted_unless_it_is_protected(self, api: Api) -> None:
        got = api.call("DELETE", f"{CONFIGS}/base")
        assert (got.status, got.text) == (403, "The document base is not deletable")
        create(api, id="c", deletable=None)
        assert api.call("DELETE", f"{CONFIGS}/c").status == 204
        assert api.call("DELETE", f"{CONFIGS}/c").status == 404

    @rows("5.4 DELETE of a config in use", "13 no. 22")
    def test_references_stay_and_devices_follow(self, api: Api, world: World) -> None:
        create(api, {"X_a": 1}, id="parent")
        create(api, sip("x"), id="child", parent_ids=["parent"])
        world.device(id="direct", config="parent")
        world.device(id="below", config="child")
        made = len(world.host.rendered)
        assert api.call("DELETE", f"{CONFIGS}/parent").status == 204
        direct = api.get("/dev_mgr/devices/direct").document["device"]
        assert (direct["configured"], direct["config"]) == (False, "parent")
        assert api.get("/dev_mgr/devices/below").document["device"]["configured"] is True
        assert world.host.rendered[made:] == ["below"]
        assert shown(api, "child")["parent_ids"] == ["parent"]

    @rows("5.4 POST and PUT reconfigure", "5.4 when configured is final")
    def test_a_change_reaches_every_device_below(self, api: Api, world: World) -> None:
        create(api, id="top")
        create(api, sip("x"), id="mid", parent_ids=["top"])
        world.device(id="d", config="mid")
        world.device(id="other")
        made = len(world.host.rendered)
        assert put(api, "top", raw_config={"X_new": 1}) == 204
        world.settle()
        assert world.host.rendered[made:] == ["d"]
        assert api.get("/dev_mgr/devices/d").document["device"]["configured"] is True


class TestRaw:
    @rows("5.4 GET {P}/cfg_mgr/configs/{id}/raw 200", "5.4 GET {P}/cfg_mgr/configs/{id}/raw 404", "9.4 base raw config")
    def test_the_base_is_part_of_every_raw_config(self, api: Api) -> None:
        create(api, {"X_a": 1, "http_port": 80}, id="c")
        token = api.made_token("provd.cfg_mgr.configs.c.raw.read")
        got = api.get(f"{CONFIGS}/c/raw", token=token)
        assert got.document == {"raw_config": {**BASE, "X_a": 1, "http_port": 80}}
        assert api.get(f"{CONFIGS}/none/raw").status == 404

    @rows("9.4 base raw config")
    def test_a_provisioning_key_is_not_shown(self, tmp_path: Any) -> None:
        world = World(tmp_path, keys_in_urls=True)
        world.start()
        api = Api(world)
        assert api.call("PUT", "/configure/provisioning_key", {"param": {"value": "secret-key"}}).status == 204
        create(api, sip("x"), id="c")
        device = world.device(id="d", config="c")
        assert raw(api, "c")["http_base_url"] == BASE["http_base_url"]
        assert "http://192.0.2.1:8667/secret-key" in str(world.file(device))
        for call in world.clock.getDelayedCalls():
            call.cancel()

    @rows("9.3 merge", "14 no. 13")
    def test_the_table_of_the_contract(self, api: Api) -> None:
        create(api, {"X_o": "g", "X_d": {"a": "g", "b": "g"}, "X_l": [1, 2]}, id="g")
        create(api, {"X_o": "p1", "X_d": {"a": "p1"}}, id="p1", parent_ids=["g"])
        create(api, {"X_o": "p2", "X_d": {"c": "p2"}, "X_l": [3]}, id="p2", parent_ids=["g"])
        create(api, {"X_d": {"z": 1}, "X_l": None}, id="k", parent_ids=["p1", "p2"])
        assert raw(api, "k") == {
            **BASE,
            "X_o": "p2",
            "X_d": {"a": "p1", "b": "g", "c": "p2", "z": 1},
            "X_l": None,
        }

    @rows("9.3 merge", "9.1 parent_ids")
    def test_loops_unknown_parents_and_empty_objects(self, api: Api) -> None:
        create(api, {"X_d": {"a": 1}, "X_b": 1}, id="b", parent_ids=["a", "b", "nobody"])
        create(api, {"X_d": {}, "X_a": {"k": 1}, "X_b": {}}, id="a", parent_ids=["b", "b"])
        assert raw(api, "a") == {**BASE, "X_d": {"a": 1}, "X_a": {"k": 1}, "X_b": {}}


class TestAutocreate:
    @rows("5.4 POST {P}/cfg_mgr/autocreate 201", "13 no. 5")
    def test_a_config_is_made_from_the_model(self, api: Api) -> None:
        token = api.made_token("provd.cfg_mgr.autocreate.create")
        got = api.call("POST", "/cfg_mgr/autocreate", {}, token=token)
        made = got.document["id"]
        assert (got.status, got.headers["location"]) == (201, f"/0.2/cfg_mgr/configs/{made}")
        assert re.fullmatch(r"autoprov[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)
        assert shown(api, made) == {
            "id": made,
            "parent_ids": ["autoprov"],
            "raw_config": shown(api, "autoprov")["raw_config"],
            "transient": True,
        }

    @rows("5.4 POST {P}/cfg_mgr/autocreate 404", "5.4 POST {P}/cfg_mgr/autocreate 400", "13 no. 5")
    def test_without_a_usable_model(self, api: Api, world: World) -> None:
        assert put(api, "autoprov", role="autocreate") == 204
        assert api.call("POST", "/cfg_mgr/autocreate", {}).status == 400
        assert put(api, "autoprov", role="other") == 204
        before = dict(world.configs.rows)
        assert api.call("POST", "/cfg_mgr/autocreate", {}).status == 404
        assert world.configs.rows == before

    @rows("5.4 POST {P}/cfg_mgr/autocreate 201")
    def test_of_several_models_the_oldest_is_used(self, api: Api) -> None:
        create(api, sip("newer"), id="newer", role="autocreate")
        assert api.call("POST", "/cfg_mgr/autocreate", {}).document["id"].startswith("autoprov")


class TestDocument:
    @rows("9.1 id")
    def test_ids_follow_the_rule_of_devices(self, api: Api) -> None:
        assert create(api, id="a" * 128) == 201
        assert create(api, id=None) == 201
        for bad in ("", "a" * 129, "a/b", "..", "a\0", 5, False, []):
            assert create(api, id=bad) == 400, bad

    @rows("9.1 parent_ids", "9.1 raw_config")
    def test_the_mandatory_members(self, api: Api) -> None:
        for bad in (
            {}, {"parent_ids": []}, {"raw_config": {}}, {"parent_ids": None, "raw_config": {}},
            {"parent_ids": "base", "raw_config": {}}, {"parent_ids": [5], "raw_config": {}},
            {"parent_ids": [None], "raw_config": {}}, {"parent_ids": [], "raw_config": []},
            {"parent_ids": [], "raw_config": None},
        ):  # fmt: skip
            assert api.call("POST", CONFIGS, {"config": bad}).status == 400, bad
        assert create(api, parent_ids=["nobody", "base", "base"]) == 201

    @rows("9.1 role", "9.1 transient", "9.1 deletable", "9.1 any other name", "14 no. 9")
    def test_the_other_members(self, api: Api) -> None:
        for good in ({"role": "anything"}, {"transient": False}, {"deletable": None}, {"deletable": True},
                     {"X_type": "internal"}, {"label": 5}, {"anything": [{}]}):  # fmt: skip
            assert create(api, id="g", **good) == 201, good
            assert shown(api, "g") == {"id": "g", "parent_ids": [], "raw_config": {}, **good}
            assert api.call("DELETE", f"{CONFIGS}/g").status == 204
        for bad in ({"role": 5}, {"role": []}, {"transient": "x"}, {"transient": 1}, {"deletable": 0}):
            assert create(api, **bad) == 400, bad

    @rows("9.1 nulls of X_type device", "14 no. 14")
    def test_nulls_of_device_configs_are_removed_at_every_depth(self, api: Api) -> None:
        members = {"raw_config": {"X_a": None, "X_b": {"c": None, "d": [None, {"e": None}]}}, "label": None}
        assert create(api, id="other", **members) == 201
        assert shown(api, "other")["raw_config"] == members["raw_config"]
        assert create(api, id="device", X_type="device", **members) == 201
        assert put(api, "other", X_type="device", **members) == 204
        for config_id in ("device", "other"):
            document = shown(api, config_id)
            assert document["raw_config"] == {"X_b": {"d": [None, {}]}}
            assert "label" not in document


TEXT_NAMES = (
    "admin_username", "admin_password", "user_username", "user_password", "sip_local_certificate", "sip_local_key",
    "exten_dnd", "exten_fwd_unconditional", "exten_fwd_no_answer", "exten_fwd_busy", "exten_fwd_disable_all",
    "exten_park", "exten_pickup_group", "exten_pickup_call", "exten_voicemail",
)  # fmt: skip
SERVERS = ("proxy", "backup_proxy", "registrar", "backup_registrar", "outbound_proxy")
HOST = (("192.0.2.1", "pbx.example.org", "", None), ("a b", 5, True, []))
PORT = ((1, 65535, "5060", None), (0, 65536, -1, "x", 5.5, True, [], "70000"))
BOOL = ((True, False, 0, 1, "0", "true", "NO", "On", "y", None), (2, "maybe", [], 0.5))
TEXT = (("x", "", "é", 5, None), ([], {}))
PARAMETERS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "ip": HOST,
    "http_port": PORT,
    "tftp_port": PORT,
    "http_base_url": (("http://h", "https://h:1/x", None), ("ftp://h", "h", "http://", 5)),
    "dns_ip": HOST,
    "ntp_ip": HOST,
    "syslog_ip": HOST,
    "vlan_id": ((0, 1, 4094, "100", None), (-1, 4095, "x", 1.5, True)),
    "vlan_priority": ((0, 7, "3", None), (-1, 8, "x", 1.5, True)),
    "vlan_pc_port_id": ((0, 4094, None), (4095, -1, False)),
    "syslog_port": ((514, "514"), (0, 65536, None, "x", True)),
    "syslog_level": (("critical", "error", "warning", "info", "debug"), ("warn", "", None, 5)),
    "timezone": (("Europe/Paris", "America/Montreal", "", None), ("Europe/Atlantis", 5, "../etc/passwd")),
    "locale": (("fr_FR", "en_US", None), ("fr", "fr_FR.UTF-8", "FR_fr", "fr_FR\n", 5)),
    "protocol": (("SIP", "SCCP", None), ("sip", "", 5)),
    "sip_dtmf_mode": (("RTP-in-band", "RTP-out-of-band", "SIP-INFO", None), ("info", 5)),
    "sip_srtp_mode": (("disabled", "preferred", "required", None), ("on", True)),
    "sip_transport": (("udp", "tcp", "tls", None), ("UDP", 5)),
    "sip_servers_root_and_intermediate_certificates": ((["x"], [], None), ("x", [5], {})),
    "sip_local_root_and_intermediate_certificates": ((["x"], [], None), ("x", [None])),
    "sip_subscribe_mwi": BOOL,
    "X_xivo_phonebook_ip": HOST,
    "config_version": ((1, "1", None), ("x", True, 1.5)),
    **dict.fromkeys(TEXT_NAMES, TEXT),
    **{f"sip_{server}_ip": HOST for server in SERVERS},
    **{f"sip_{server}_port": PORT for server in SERVERS},
    "sip_lines": (
        ({}, [], {"1": {}}, {"0": {"username": 5, "X": []}}, {"12": {"proxy_ip": None, "proxy_port": "5060"}}),
        (None, [1], "x", {"x": {}}, {"1": 5}, {"1": {"proxy_port": 0}}, {"1": {"proxy_ip": "a b"}},
         {"1": {"dtmf_mode": "x"}}, {"": {}}),
    ),
    "sccp_call_managers": (
        ({}, [], {"1": {"ip": "192.0.2.1"}}, {"2": {"ip": "h", "port": 2000}}),
        (None, {"1": {}}, {"x": {"ip": "h"}}, {"1": {"ip": "h", "port": 0}}, [{}]),
    ),
    "funckeys": (
        ({}, [], {"1": {"type": "park"}}, {"2": {"type": "blf", "value": "1", "label": "x", "line": "1"}}),
        (None, {"1": {}}, {"1": {"type": "x"}}, {"1": {"type": "blf"}}, {"1": {"type": "speeddial", "value": ""}},
         {"x": {"type": "park"}}),
    ),
}  # fmt: skip


class TestParameters:
    @rows("9.2 every parameter")
    @pytest.mark.parametrize("name", PARAMETERS)
    def test_a_parameter_takes_its_values_as_sent_and_refuses_others(self, api: Api, world: World, name: str) -> None:
        good, bad = PARAMETERS[name]
        for value in good:
            assert create(api, {name: value}, id="g") == 201, value
            kept = shown(api, "g")["raw_config"][name]
            assert (kept, type(kept)) == (value, type(value))
            assert api.call("DELETE", f"{CONFIGS}/g").status == 204
        before = dict(world.configs.rows)
        for value in bad:
            got = api.call("POST", CONFIGS, {"config": {"parent_ids": [], "raw_config": {name: value}}})
            assert (got.status, value) == (400, value)
            assert name.split("_")[0] in got.text
        assert world.configs.rows == before

    @rows("9.2 needs", "13 no. 14", "14 no. 12")
    @pytest.mark.parametrize(
        ("switch", "needed", "value"),
        [("dns_enabled", "dns_ip", "192.0.2.1"), ("ntp_enabled", "ntp_ip", "192.0.2.1"), ("vlan_enabled", "vlan_id", 0),
         ("syslog_enabled", "syslog_ip", "192.0.2.1")],
    )  # fmt: skip
    def test_a_switch_needs_its_value_in_this_document(self, api: Api, switch: str, needed: str, value: Any) -> None:
        assert create(api, {switch: True, needed: value}, id="parent") == 201
        assert create(api, {switch: True}) == 400
        assert create(api, {switch: True, needed: None}) == 400
        assert create(api, {switch: True}, parent_ids=["parent"]) == 400
        assert create(api, {switch: False}) == create(api, {switch: None}) == 201

    @rows("9.2 needs")
    def test_the_merged_config_is_checked_again(self, api: Api, world: World) -> None:
        create(api, {"ntp_enabled": True, "ntp_ip": "192.0.2.1"}, id="parent")
        create(api, {**sip("x"), "ntp_ip": None}, id="child", parent_ids=["parent"])
        device = world.device(id="d", config="child")
        assert device.configured is False
        create(api, sip("x"), id="good", parent_ids=["parent"])
        assert world.device(id="e", config="good").configured is True

    @rows("9.2 names")
    def test_names(self, api: Api) -> None:
        assert create(api, {"X_a": 1, "X_": {"deep": [None]}}) == 201
        for bad in ("my_key", "x_a", "XX_a", "_comment", "a-b", "X_a.b", "", "9a", "é", "sip", "vlan", "SIP_LINES"):
            assert create(api, {bad: 1}) == 400, bad
        got = api.call("POST", CONFIGS, {"config": {"parent_ids": [], "raw_config": {"vlan": {"id": 5}}}})
        assert (got.status, "vlan_id" in got.text) == (400, True)
        got = api.call("POST", CONFIGS, {"config": {"parent_ids": [], "raw_config": {"sip": {"lines": {}}}}})
        assert (got.status, "sip_lines" in got.text) == (400, True)

    @rows("9.2 defaults and converted values", "14 no. 12")
    def test_defaults_and_types_are_for_plugins_only(self, api: Api, world: World) -> None:
        sent = {"sip_lines": {"1": {"username": 5, "proxy_ip": "h", "proxy_port": "5060"}}, "sip_subscribe_mwi": "yes"}
        sent["syslog_enabled"], sent["syslog_ip"] = "1", "192.0.2.1"
        create(api, sent, id="c")
        assert raw(api, "c") == {**BASE, **sent}
        rendered = world.file(world.device(id="d", config="c"))[-1]
        line = rendered["sip_lines"]["1"]
        assert (line["username"], line["proxy_port"], line["registrar_ip"]) == ("5", 5060, "h")
        assert (rendered["sip_subscribe_mwi"], rendered["syslog_port"], rendered["syslog_level"]) == (
            True,
            514,
            "warning",
        )
        assert (rendered["sip_transport"], rendered["sip_srtp_mode"]) == ("udp", "disabled")
        assert run(world.house.plugins.serve_unserved()) == 0
        assert PLUGIN in world.host.plugins

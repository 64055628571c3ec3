"""REST contract, sections 3, 5.1, 5.2, 10 and 12: tokens, entry, parameters, the documents of a fresh system."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from tests.support.api import Api
from tests.support.contract import rows
from tests.support.provisioning import PLUGIN, World, run

from provisiond.rest.answers import MEDIA_TYPE

NAMES = ["plugin_server", "http_proxy", "ftp_proxy", "https_proxy", "locale", "NAT", "provisioning_key"]


def put(api: Api, name: str, value: Any, **more: Any) -> int:
    return api.call("PUT", f"/configure/{name}", {"param": {"value": value}}, **more).status


def value_of(api: Api, name: str, **more: Any) -> Any:
    return api.get(f"/configure/{name}", **more).document["param"]["value"]


class TestTokens:
    @rows("3 X-Auth-Token", "2.4 order of checks")
    @pytest.mark.parametrize("token", ["", "wrong", "x" * 5000, "é"])
    def test_no_or_a_wrong_token_is_401(self, api: Api, token: str) -> None:
        for method, path in (("GET", ""), ("GET", "/none"), ("DELETE", "/cfg_mgr/configs/x"), ("PATCH", "")):
            got = api.call(method, path, token=token)
            assert (got.status, got.text) == (401, "Unauthorized")

    @rows("3 X-Auth-Token")
    def test_a_token_is_never_taken_from_the_query_or_a_cookie(self, api: Api) -> None:
        query = f"/?token={api.token}&X-Auth-Token={api.token}&access_token={api.token}"
        assert api.get(query, token="", Cookie=f"token={api.token}; X-Auth-Token={api.token}").status == 401
        assert api.get("", token="", Authorization=f"Bearer {api.token}").status == 200

    @rows("3 Wazo-Tenant", "3 refusals", "14 no. 16")
    def test_every_refusal_is_401(self, api: Api, sub: str) -> None:
        below = api.made_token("#", tenant=sub)
        poor = api.made_token("provd.status.read")
        expired, token = run(api.world.house.tokens.create("old", ["#"], sub, expires=api.world.clock.seconds() + 1))
        api.world.clock.advance(2)
        for got in (
            api.get("", Wazo_Tenant="nobody"),
            api.get("", Wazo_Tenant=str(uuid.uuid4())),
            api.get("", token=below, Wazo_Tenant=api.world.house.tenants.master),
            api.get("", token=poor),
            api.get("", token=expired),
        ):
            assert (got.status, got.text) == (401, "Unauthorized")
        assert api.get("", Wazo_Tenant=sub).status == api.get("", token=below).status == 200
        assert token.tenant_uuid == sub

    @rows("3 ACL dots become underscores", "14 no. 15")
    def test_the_dots_of_ids_are_underscores(self, api: Api) -> None:
        token = api.made_token("provd.pg_mgr.plugins.acme-1_0.info.read")
        assert api.get(f"/pg_mgr/plugins/{PLUGIN}/info", token=token).status == 200
        assert api.get(f"/pg_mgr/plugins/{PLUGIN}", token=token).status == 401
        dotted = api.made_token("provd.pg_mgr.plugins.acme-1.0.info.read")
        assert api.get(f"/pg_mgr/plugins/{PLUGIN}/info", token=dotted).status == 401

    @rows("3 ACL matching")
    @pytest.mark.parametrize(
        ("patterns", "status"),
        [
            (["provd.cfg_mgr.configs.base.read"], 200),
            (["provd.cfg_mgr.configs.*.read"], 200),
            (["provd.#"], 200),
            (["#"], 200),
            (["provd.cfg_mgr.*.read"], 401),
            (["provd.cfg_mgr.configs.base.update"], 401),
            (["provd.#", "!provd.cfg_mgr.configs.base.read"], 401),
            (["!provd.cfg_mgr.#", "#"], 401),
        ],
    )
    def test_how_a_pattern_grants(self, api: Api, patterns: list[str], status: int) -> None:
        assert api.get("/cfg_mgr/configs/base", token=api.made_token(*patterns)).status == status

    @rows("3 ACL matching")
    def test_edit_also_means_update(self, api: Api) -> None:
        token = api.made_token("provd.configure.locale.edit")
        assert put(api, "locale", "fr", token=token) == 204


class TestEntry:
    @rows("5.1 GET {P} 200")
    def test_the_links(self, api: Api) -> None:
        got = api.get("")
        assert (got.status, got.headers["content-type"]) == (200, MEDIA_TYPE)
        assert got.document == {
            "links": [
                {"rel": "dev", "href": "/0.2/dev_mgr"},
                {"rel": "cfg", "href": "/0.2/cfg_mgr"},
                {"rel": "pg", "href": "/0.2/pg_mgr"},
                {"rel": "status", "href": "/0.2/status"},
                {"rel": "srv.configure", "href": "/0.2/configure"},
            ]
        }
        assert api.get("", token=api.made_token("provd.read")).status == 200

    @rows("5.1 GET {P}/api/api.yml 200", "2.4 order of checks")
    @pytest.mark.parametrize("prefix", ["/0.2", "/provd", "/api/provd/0.2", ""])
    def test_the_description_needs_no_token(self, api: Api, prefix: str) -> None:
        got = api.get("/api/api.yml", token="", prefix=prefix)
        assert (got.status, got.headers["content-type"].partition(";")[0]) == (200, "application/yaml")
        assert got.text.startswith(("openapi:", "info:", '"openapi"'))
        assert api.call("HEAD", "/api/api.yml", token="wrong", prefix=prefix).status == 200

    @rows("5.1 GET {P}/status 200", "14 no. 17")
    def test_the_status(self, api: Api) -> None:
        token = api.made_token("provd.status.read")
        assert api.get("/status", token=token).document == {"bus_consumer": {"status": "ok"}, "rest_api": "ok"}


class TestConfigure:
    @rows("5.2 GET {P}/configure 200")
    def test_every_parameter_in_order_with_its_link(self, api: Api) -> None:
        found = api.get("/configure", prefix="/provd", token=api.made_token("provd.configure.read")).document
        assert [row["id"] for row in found["params"]] == NAMES
        for row in found["params"]:
            assert list(row) == ["id", "description", "value", "links"]
            assert row["links"] == [{"rel": "srv.configure.param", "href": f"/provd/configure/{row['id']}"}]

    @rows("5.2 GET {P}/configure 200")
    def test_descriptions_follow_the_locale(self, api: Api) -> None:
        english = [row["description"] for row in api.get("/configure").document["params"]]
        for locale in ("fr", "fr_CA"):
            assert put(api, "locale", locale) == 204
            french = [row["description"] for row in api.get("/configure").document["params"]]
            assert all(one and one != other for one, other in zip(french, english, strict=True))
        assert put(api, "locale", "de_DE") == 204
        assert [row["description"] for row in api.get("/configure").document["params"]] == english

    @rows("5.2 GET {P}/configure/{param} 200", "5.2 PUT {P}/configure/{param} 204")
    def test_a_parameter_is_read_set_and_unset(self, api: Api, world: World) -> None:
        assert api.get("/configure/https_proxy").document == {"param": {"value": None}}
        done = api.call("PUT", "/configure/https_proxy", {"param": {"value": "proxy:8080"}})
        assert (done.status, done.content) == (204, b"")
        assert value_of(api, "https_proxy") == "proxy:8080"
        world.restart()
        assert value_of(Api(world), "https_proxy") == "proxy:8080"
        assert put(api, "https_proxy", None) == 204
        assert value_of(api, "https_proxy") is None
        assert api.call("DELETE", "/configure/https_proxy").status == 405

    @rows("5.2 GET {P}/configure/{param} 404", "5.2 PUT {P}/configure/{param} 404", "13 no. 19")
    @pytest.mark.parametrize("name", ["tenants", "nat", "x", "plugin%20server", "%C3%A9"])
    def test_an_unknown_parameter_is_404(self, api: Api, name: str) -> None:
        assert api.get(f"/configure/{name}").status == 404
        assert put(api, name, None) == 404

    @rows("5.2 PUT {P}/configure/{param} 400")
    @pytest.mark.parametrize("body", [{}, {"param": {}}, {"param": None}, {"value": 1}])
    def test_what_is_missing_is_400(self, api: Api, body: Any) -> None:
        assert api.call("PUT", "/configure/locale", body).status == 400

    @rows("5.2 ACL of a parameter", "14 no. 15")
    @pytest.mark.parametrize(
        ("pattern", "granted"),
        [
            ("provd.configure.{tenant}.NAT.update", True),
            ("provd.configure.{tenant}.nat.update", True),
            ("provd.configure.NAT.update", True),
            ("provd.configure.nat.update", True),
            ("provd.configure.{tenant}.NAT.read", False),
            ("provd.configure.locale.update", False),
        ],
    )
    def test_a_general_parameter_goes_by_several_names(self, api: Api, pattern: str, granted: bool) -> None:
        token = api.made_token(pattern.replace("{tenant}", api.world.house.tenants.master))
        assert put(api, "NAT", 1, token=token) == (204 if granted else 401)

    @rows("5.2 ACL of a parameter")
    def test_one_denied_name_denies(self, api: Api) -> None:
        assert put(api, "NAT", 1, token=api.made_token("#", "!provd.configure.nat.update")) == 401

    @rows("5.2 ACL of a parameter")
    @pytest.mark.parametrize(
        ("pattern", "granted"),
        [
            ("provd.configure.{tenant}.provisioning_key.#", True),
            ("provd.configure.provisioning_key.#", False),
            ("provd.configure.*.#", True),
            ("provd.configure.00000000-0000-0000-0000-000000000000.provisioning_key.#", False),
        ],
    )
    def test_a_provisioning_key_names_its_tenant(self, api: Api, pattern: str, granted: bool) -> None:
        token = api.made_token(pattern.replace("{tenant}", api.world.house.tenants.master))
        assert put(api, "provisioning_key", "abcdefgh", token=token) == (204 if granted else 401)
        assert api.get("/configure/provisioning_key", token=token).status == (200 if granted else 401)

    @rows("5.2 scope of a parameter")
    def test_a_key_is_the_tenants_and_the_others_are_everybodys(self, api: Api, sub: str) -> None:
        assert put(api, "provisioning_key", "master-key") == 204
        assert put(api, "provisioning_key", "tenant-key", Wazo_Tenant=sub) == 204
        assert put(api, "locale", "fr", Wazo_Tenant=sub) == 204
        below = api.made_token("#", tenant=sub)
        assert value_of(api, "provisioning_key") == "master-key"
        assert value_of(api, "provisioning_key", token=below) == "tenant-key"
        assert value_of(api, "locale") == value_of(api, "locale", token=below) == "fr"
        shown = {row["id"]: row["value"] for row in api.get("/configure", token=below).document["params"]}
        assert shown["provisioning_key"] == "tenant-key"


class TestValues:
    ACCEPTED: tuple[tuple[str, Any, Any], ...] = (
        ("plugin_server", "http://example.org/plugins", "http://example.org/plugins"),
        ("plugin_server", "https://example.org/", "https://example.org/"),
        ("plugin_server", "ftp://example.org/x/", "ftp://example.org/x/"),
        ("plugin_server", None, None),
        ("http_proxy", "http://user:pw@proxy:3128", "http://user:pw@proxy:3128"),
        ("http_proxy", "https://proxy:3128", "https://proxy:3128"),
        ("http_proxy", None, None),
        ("ftp_proxy", "http://proxy:3128", "http://proxy:3128"),
        ("ftp_proxy", None, None),
        ("https_proxy", "proxy:3128", "proxy:3128"),
        ("https_proxy", "proxy", "proxy"),
        ("https_proxy", None, None),
        ("locale", "fr", "fr"),
        ("locale", "fr_CA", "fr_CA"),
        ("locale", "ast_ESP", "ast_ESP"),
        ("locale", "", None),
        ("locale", None, None),
        ("NAT", 0, 0),
        ("NAT", 1, 1),
        ("NAT", "0", 0),
        ("NAT", "1", 1),
        ("NAT", None, 0),
        ("provisioning_key", "abcdEF12", "abcdEF12"),
        ("provisioning_key", "-$~." * 64, "-$~." * 64),
        ("provisioning_key", "", None),
        ("provisioning_key", None, None),
    )
    REFUSED: tuple[tuple[str, Any], ...] = (
        *(("plugin_server", value) for value in ("", "x", "http://", "/x", "//host/x", "file:///x", "gopher://h/", 5)),
        *(
            (name, value)
            for name in ("http_proxy", "ftp_proxy")
            for value in (
                "",
                "proxy:1",
                "http://",
                "http://p/",
                "http://p/x",
                "http://p?x",
                "http://p#x",
                "ftp://p",
                [],
            )
        ),
        *(("https_proxy", value) for value in ("", "http://proxy:1", "a b", "proxy:x", {}, 1)),
        *(("locale", value) for value in ("french", "FR", "fr_fr", "fr-FR", "fr_FR.UTF-8", "fr_FR\n", 5, False)),
        *(("NAT", value) for value in (2, -1, "2", "", "yes", True, False, [], 0.5)),
        *(("provisioning_key", value) for value in ("abcdefg", "a" * 257, "abcd efgh", "abcd/efgh", "é" * 8, 12345678)),
    )

    @rows("10 values that are accepted", "13 no. 9", "14 no. 17")
    @pytest.mark.parametrize(("name", "value", "shown"), ACCEPTED)
    def test_values_that_are_accepted(self, api: Api, name: str, value: Any, shown: Any) -> None:
        assert put(api, name, value) == 204
        got = value_of(api, name)
        assert (got, type(got)) == (shown, type(shown))

    @rows("10 values that are refused", "5.2 PUT {P}/configure/{param} 400")
    def test_values_that_are_refused(self, api: Api) -> None:
        before = api.get("/configure").document
        for name, value in self.REFUSED:
            assert (put(api, name, value), name, value) == (400, name, value)
        assert api.get("/configure").document == before

    @rows("10 a key is unique over all tenants")
    def test_a_key_is_unique_over_all_tenants(self, api: Api, sub: str) -> None:
        assert put(api, "provisioning_key", "the-same-key") == 204
        assert put(api, "provisioning_key", "the-same-key") == 204
        assert put(api, "provisioning_key", "the-same-key", Wazo_Tenant=sub) == 400

    @rows("10 defaults")
    def test_what_nobody_set(self, tmp_path: Any) -> None:
        world = World(tmp_path, parameter_defaults={"plugin_server": "http://example.org/"})
        world.start()
        shown = {row["id"]: row["value"] for row in Api(world).get("/configure").document["params"]}
        assert shown == {**dict.fromkeys(NAMES), "plugin_server": "http://example.org/", "NAT": 0}
        assert put(Api(world), "plugin_server", None) == 204
        assert value_of(Api(world), "plugin_server") is None
        for call in world.clock.getDelayedCalls():
            call.cancel()


class TestFreshSystem:
    @rows("12 the four documents")
    def test_what_a_fresh_system_holds(self, api: Api) -> None:
        found = {each["id"]: each for each in api.get("/cfg_mgr/configs").document["configs"]}
        assert list(found) == ["base", "default", "defaultconfigdevice", "autoprov"]
        address = "192.0.2.1"
        assert found["base"] == {
            "id": "base",
            "X_type": "internal",
            "displayname": "base",
            "deletable": False,
            "parent_ids": [],
            "raw_config": {"X_xivo_phonebook_ip": address, "ntp_enabled": True, "ntp_ip": address},
        }
        assert found["default"] == {
            "id": "default",
            "X_type": "registrar",
            "displayname": "local",
            "deletable": False,
            "parent_ids": [],
            "proxy_main": address,
            "registrar_main": address,
            "raw_config": {"X_key": "xivo"},
        }
        device = found["defaultconfigdevice"]
        passwords = [device["raw_config"].pop(f"{who}_password") for who in ("admin", "user")]
        assert all(re.fullmatch(r"[A-Za-z0-9]{16}", password) for password in passwords)
        assert passwords[0] != passwords[1]
        assert device == {
            "id": "defaultconfigdevice",
            "X_type": "device",
            "label": "Default config device",
            "deletable": False,
            "parent_ids": [],
            "raw_config": {
                "ntp_enabled": True,
                "ntp_ip": address,
                "admin_username": "admin",
                "user_username": "user",
                "sip_dtmf_mode": "SIP-INFO",
            },
        }
        line = found["autoprov"]["raw_config"]["sip_lines"]["1"]
        assert re.fullmatch(r"ap[A-Za-z0-9]{8}", line.pop("username"))
        assert found["autoprov"] == {
            "id": "autoprov",
            "X_type": "internal",
            "role": "autocreate",
            "deletable": False,
            "parent_ids": ["base", "defaultconfigdevice"],
            "raw_config": {
                "ip": address,
                "http_port": 8667,
                "sip_lines": {
                    "1": {
                        "password": "autoprov",
                        "display_name": "Autoprov",
                        "number": "autoprov",
                        "proxy_ip": address,
                        "registrar_ip": address,
                    }
                },
                "sccp_call_managers": {"1": {"ip": address}},
            },
        }
        assert api.get("/dev_mgr/devices").document == {"devices": []}

    @rows("12 not created again")
    def test_they_are_ordinary_and_not_created_again(self, api: Api, world: World) -> None:
        plain = {"config": {"parent_ids": [], "raw_config": {}}}
        for name in ("base", "default", "defaultconfigdevice"):
            assert api.call("PUT", f"/cfg_mgr/configs/{name}", plain).status == 204
            assert api.call("DELETE", f"/cfg_mgr/configs/{name}").status == 204
        world.restart()
        assert [each["id"] for each in Api(world).get("/cfg_mgr/configs").document["configs"]] == ["autoprov"]

"""REST contract, sections 1, 2 and 4: addresses, HTTP rules, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.api import Api, Connection
from tests.support.contract import rows
from tests.support.provisioning import World, run, sip

from provisiond.rest.answers import MEDIA_TYPE

PROBLEM = "application/problem+json"
CONFIG = {"parent_ids": [], "raw_config": {}}
# One POST or PUT of each kind, with the wrapper that it needs.
BODIES = [
    ("POST", "/dev_mgr/devices", "device"),
    ("PUT", "/dev_mgr/devices/d", "device"),
    ("POST", "/dev_mgr/synchronize", "id"),
    ("POST", "/dev_mgr/reconfigure", "id"),
    ("POST", "/dev_mgr/dhcpinfo", "dhcp_info"),
    ("POST", "/cfg_mgr/configs", "config"),
    ("PUT", "/cfg_mgr/configs/base", "config"),
    ("POST", "/cfg_mgr/autocreate", None),
    ("POST", "/pg_mgr/install/install", "id"),
    ("POST", "/pg_mgr/install/upgrade", "id"),
    ("POST", "/pg_mgr/install/uninstall", "id"),
    ("POST", "/pg_mgr/install/update", None),
    ("POST", "/pg_mgr/reload", "id"),
    ("POST", "/pg_mgr/plugins/acme-1.0/install/install", "id"),
    ("POST", "/pg_mgr/plugins/acme-1.0/install/upgrade", "id"),
    ("POST", "/pg_mgr/plugins/acme-1.0/install/uninstall", "id"),
    ("PUT", "/configure/locale", "param"),
]


class TestAddresses:
    @rows("1 prefix /0.2", "1 prefix /provd", "1 prefix /api/provd/0.2", "13 no. 24")
    @pytest.mark.parametrize(("prefix", "shown"), [("/0.2", "/0.2"), ("/provd", "/provd"), ("/api/provd/0.2", "/0.2")])
    def test_one_set_of_handlers_under_each_prefix(self, api: Api, prefix: str, shown: str) -> None:
        made = api.call("POST", "/cfg_mgr/configs", {"config": {"id": "c1", **CONFIG}}, prefix=prefix)
        assert (made.status, made.headers["location"]) == (201, f"{shown}/cfg_mgr/configs/c1")
        for other in ("/0.2", "/provd", "/api/provd/0.2"):
            assert api.get("/cfg_mgr/configs/c1", prefix=other).document["config"]["id"] == "c1"
        hrefs = [link["href"] for link in api.get("", prefix=prefix).document["links"]]
        assert hrefs[0] == f"{shown}/dev_mgr"
        assert api.get("", prefix=prefix, token="").status == 401

    @rows("1 X-Script-Name is ignored")
    def test_a_published_path_changes_nothing(self, api: Api) -> None:
        got = api.get("/cfg_mgr", X_Script_Name="/api/provd", X_Forwarded_Host="pbx.example")
        assert got.document["links"][0]["href"] == "/0.2/cfg_mgr/configs"

    @rows("1 Location and href are absolute paths", "14 no. 1")
    @pytest.mark.parametrize("prefix", ["/0.2", "/api/provd/0.2"])
    def test_an_operation_is_named_by_a_path_of_two_leading_segments(self, api: Api, prefix: str) -> None:
        got = api.call("POST", "/pg_mgr/install/update", {}, prefix=prefix, Host="pbx.example")
        assert got.headers["location"].startswith("/0.2/pg_mgr/install/update/")

    @rows("1 ids in Location and href are percent-encoded", "1 segments are percent-decoded", "13 no. 17")
    def test_ids_are_encoded_and_decoded(self, api: Api) -> None:
        made = api.call("POST", "/cfg_mgr/configs", {"config": {"id": "é a+b%2F", **CONFIG}})
        location = made.headers["location"]
        assert location == "/0.2/cfg_mgr/configs/%C3%A9%20a%2Bb%252F"
        assert api.get(location.removeprefix("/0.2")).document["config"]["id"] == "é a+b%2F"

    @rows("1 paths are case-sensitive")
    @pytest.mark.parametrize("path", ["/Dev_mgr", "/cfg_mgr/CONFIGS", "/cfg_mgr/configs/BASE", "/configure/nat"])
    def test_case_counts(self, api: Api, path: str) -> None:
        assert api.get(path).status == 404

    @rows("1 trailing slash", "13 no. 12")
    @pytest.mark.parametrize("path", ["/", "/dev_mgr/", "/cfg_mgr/configs/base/", "/pg_mgr/install/installed/"])
    def test_a_final_slash_is_accepted(self, api: Api, path: str) -> None:
        assert api.get(path).content == api.get(path[:-1]).content
        assert api.get(path).status == 200
        for link in api.get("/cfg_mgr/").document["links"]:
            assert not link["href"].endswith("/")

    @rows("1 doubled slash")
    @pytest.mark.parametrize("path", ["//dev_mgr", "/dev_mgr//devices", "/dev_mgr//", "/cfg_mgr/configs//base"])
    def test_a_doubled_slash_is_404(self, api: Api, path: str) -> None:
        assert api.get(path).status == 404

    @rows("1 unknown query parameters are ignored", "14 no. 6")
    def test_unknown_query_parameters_are_ignored(self, api: Api) -> None:
        for path in ("", "/cfg_mgr/configs", "/cfg_mgr/configs/base", "/pg_mgr/plugins", "/configure"):
            assert api.get(f"{path}?reverse=1&x&=y&%zz=1").status == 200


class TestMethods:
    @rows("2.1 HEAD")
    @pytest.mark.parametrize(
        "path", ["", "/status", "/configure/NAT", "/dev_mgr/devices?limit=1", "/cfg_mgr/configs/base", "/no/such"]
    )
    def test_head_is_get_without_its_body(self, api: Api, path: str) -> None:
        got, head = api.get(path), api.call("HEAD", path)
        assert head.content == b""
        assert (head.status, head.headers) == (got.status, got.headers)

    @rows("13 no. 7", "14 no. 4", "2.1 HEAD")
    def test_head_needs_what_get_needs(self, api: Api) -> None:
        poor = api.made_token("provd.status.read")
        for path in ("/dev_mgr/devices", "/cfg_mgr/configs/no-such", "/pg_mgr/plugins/no-such"):
            assert api.call("HEAD", path, token=poor).status == api.get(path, token=poor).status == 401
            assert api.call("HEAD", path, token="").status == 401
        assert api.call("HEAD", "/status", token=poor).status == 200

    @rows("2.1 OPTIONS")
    @pytest.mark.parametrize("path", ["", "/dev_mgr/devices", "/no/such/thing", "/cfg_mgr/configs/%00"])
    def test_options_is_200_and_empty_without_a_token(self, api: Api, path: str) -> None:
        got = api.call("OPTIONS", path, token="", prefix="/0.2")
        assert (got.status, got.content, got.headers["content-length"]) == (200, b"", "0")
        assert api.call("OPTIONS", "/anything", token="", prefix="").status == 200

    @rows("2.1 any other method", "4.2 405", "13 no. 7")
    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "TRACE", "BREW", "get"])
    def test_another_method_is_405_with_allow(self, api: Api, method: str) -> None:
        got = api.call(method, "/status")
        assert got.status == 405
        assert got.headers["allow"] == "GET, HEAD, OPTIONS"
        assert got.headers["content-type"] == "text/plain; charset=utf-8"
        assert api.call("PATCH", "/dev_mgr/devices/x").headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"

    @rows("2.1 CORS")
    def test_every_answer_has_the_cors_headers(self, api: Api) -> None:
        answers = [api.get(""), api.get("/none"), api.get("", token=""), api.call("OPTIONS", ""), api.call("PUT", "")]
        answers.append(api.call("POST", "/pg_mgr/reload", {"id": "acme-1.0"}))
        for got in answers:
            shown = {name: value for name, value in got.headers.items() if name.startswith("access-control")}
            assert shown == {
                "access-control-allow-origin": "*",
                "access-control-allow-credentials": "false",
                "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
                "access-control-allow-headers": "Origin, X-Requested-With, Accept, Content-Type, X-Auth-Token, "
                "Wazo-Tenant",
                "access-control-expose-headers": "Location",
            }


class TestMediaTypes:
    @rows("2.2 Accept on GET", "4.2 406", "14 no. 5")
    @pytest.mark.parametrize(
        ("accept", "status"),
        [
            (None, 200),
            (MEDIA_TYPE, 200),
            ("*/*", 200),
            ("application/*", 200),
            (f"text/html;q=0.9, {MEDIA_TYPE};q=0.1;level=1", 200),
            (f"{PROBLEM}, {MEDIA_TYPE}", 200),
            ("text/html", 406),
            ("application/json", 406),
            (f"{MEDIA_TYPE};q=0", 406),
            ("*/*;q=0.0", 406),
            (PROBLEM, 406),
        ],
    )
    def test_a_get_looks_at_accept_when_there_is_one(self, api: Api, accept: str | None, status: int) -> None:
        headers = {} if accept is None else {"Accept": accept}
        for path in ("", "/dev_mgr/devices", "/cfg_mgr/configs/base", "/configure/NAT"):
            assert api.get(path, **headers).status == status

    @rows("2.2 Accept on GET")
    def test_accept_may_come_in_several_lines(self, api: Api) -> None:
        connection = Connection(api)
        lines = ["GET /0.2/status HTTP/1.1", f"X-Auth-Token: {api.token}", f"Accept: {MEDIA_TYPE}", "Accept: text/html"]
        connection.protocol.dataReceived("\r\n".join([*lines, "", ""]).encode())
        for _ in range(100):
            api.world.clock.advance(0)
        got = connection.got()
        assert got is not None
        assert got.status == 200

    @rows("2.2 Accept on POST PUT DELETE")
    def test_other_methods_do_not_look_at_accept(self, api: Api) -> None:
        made = api.call("POST", "/cfg_mgr/configs", {"config": {"id": "c", **CONFIG}}, Accept="text/html")
        assert made.status == 201
        assert api.call("PUT", "/cfg_mgr/configs/c", {"config": CONFIG}, Accept="image/png").status == 204
        assert api.call("DELETE", "/cfg_mgr/configs/c", Accept="text/html").status == 204

    @rows("2.2 Content-Type on POST PUT", "4.2 415", "14 no. 5")
    @pytest.mark.parametrize(("method", "path", "wrapper"), BODIES)
    @pytest.mark.parametrize("kind", [None, "", "application/json", "text/plain", f"{MEDIA_TYPE}x"])
    def test_a_body_of_another_type_is_415(
        self, api: Api, method: str, path: str, wrapper: str | None, kind: str | None
    ) -> None:
        assert api.call(method, path, {}, kind=kind).status == 415

    @rows("2.2 Content-Type on POST PUT")
    @pytest.mark.parametrize("kind", [MEDIA_TYPE.upper(), f"{MEDIA_TYPE}; charset=utf-8", f" {MEDIA_TYPE} ;x=y"])
    def test_case_and_parameters_do_not_count(self, api: Api, kind: str) -> None:
        assert api.call("PUT", "/configure/locale", {"param": {"value": "fr"}}, kind=kind).status == 204

    @rows("2.2 Content-Type on GET DELETE")
    def test_get_and_delete_ignore_content_type(self, api: Api) -> None:
        run(api.world.house.configs.create({"id": "c", **CONFIG}))
        assert api.get("/cfg_mgr/configs/c", Content_Type="text/html").status == 200
        assert api.call("DELETE", "/cfg_mgr/configs/c", b"", kind="text/html").status == 204

    @rows("2.2 success body")
    def test_documents_are_compact_ascii_in_stored_order(self, api: Api) -> None:
        document = {"id": "c", "zz": "é", "parent_ids": [], "raw_config": {"X_b": 1.0, "X_a": [None, True]}}
        run(api.world.house.configs.create(document))
        got = api.get("/cfg_mgr/configs/c")
        assert got.headers["content-type"] == MEDIA_TYPE
        assert got.headers["content-length"] == str(len(got.content))
        assert got.content == (
            b'{"config":{"id":"c","zz":"\\u00e9","parent_ids":[],"raw_config":{"X_b":1.0,"X_a":[null,true]}}}'
        )

    @rows("2.2 201 with body", "2.2 201 without body", "2.2 204")
    def test_the_successes_without_a_document(self, api: Api) -> None:
        made = api.call("POST", "/cfg_mgr/configs", {"config": {"id": "c", **CONFIG}})
        assert (made.status, made.headers["content-type"], made.document) == (201, MEDIA_TYPE, {"id": "c"})
        begun = api.call("POST", "/pg_mgr/install/update", {})
        assert (begun.status, begun.content, begun.headers["content-length"]) == (201, b"", "0")
        assert "content-type" not in begun.headers
        done = api.call("DELETE", "/cfg_mgr/configs/c")
        assert (done.status, done.content) == (204, b"")
        assert "content-type" not in done.headers
        assert "content-length" not in done.headers

    @rows("2.2 body limit", "4.2 413")
    def test_a_body_above_the_limit_is_413(self, world: World) -> None:
        api = Api(world, max_body=200)
        small = {"config": {"id": "c", **CONFIG}}
        padding = b" " * (200 - len(json.dumps(small)))
        assert api.call("POST", "/cfg_mgr/configs", json.dumps(small).encode() + padding).status == 201
        got = api.call("POST", "/cfg_mgr/configs", json.dumps(small).encode() + padding + b" ")
        assert (got.status, got.headers["connection"]) == (413, "close")
        assert api.call("POST", "/cfg_mgr/configs", b" " * 5000, kind="text/plain").status == 415
        assert api.call("POST", "/cfg_mgr/configs", b" " * 5000, token="wrong").status == 401


class TestBodies:
    @rows("2.3 body rules", "4.2 400", "13 no. 1", "14 no. 3")
    @pytest.mark.parametrize(("method", "path", "wrapper"), BODIES)
    def test_every_wrong_body_is_400_with_a_sentence(
        self, api: Api, world: World, method: str, path: str, wrapper: str | None
    ) -> None:
        world.device(id="d")
        wrong: list[Any] = [b"", b"{", b"\xff", b"nul", b"{}{}", b'{"a":NaN}', b'{"a":1,"a":2}', [], 5, "x", None]
        if wrapper is not None:
            wrong += [{}, *({wrapper: value} for value in (None, 5, True, []))]
            wrong += [{wrapper: "x"}] if wrapper != "id" else [{"id": {"a": 1}}]
        before = dict(world.configs.rows), dict(world.devices.rows)
        for body in wrong:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            got = api.call(method, path, content)
            assert (got.status, body) == (400, body)
            assert got.text
            assert "\n" not in got.text
        assert (dict(world.configs.rows), dict(world.devices.rows)) == before

    @rows("2.3 body rules")
    def test_the_sentence_names_the_member(self, api: Api) -> None:
        assert api.call("POST", "/dev_mgr/devices", {}).text == "missing device"
        assert "id" in api.call("POST", "/pg_mgr/reload", {"id": 5}).text
        assert "param" in api.call("PUT", "/configure/NAT", {"param": []}).text
        assert api.call("PUT", "/configure/NAT", {"param": {}}).text == "missing param.value"

    @rows("2.3 unused members are ignored")
    def test_members_that_a_resource_does_not_use_are_ignored(self, api: Api) -> None:
        assert api.call("POST", "/cfg_mgr/autocreate", {"x": [1]}).status == 201
        assert api.call("POST", "/pg_mgr/install/update", {"id": "x"}).status == 201
        assert api.call("PUT", "/configure/NAT", {"param": {"value": 1, "x": 2}, "y": 3}).status == 204


class TestOrder:
    @rows("2.4 order of checks")
    def test_each_check_comes_before_the_next(self, api: Api) -> None:
        poor = api.made_token("provd.status.read")
        # 2 token, 3 route and method
        assert api.get("/none", token="").status == 401
        assert api.call("PATCH", "/dev_mgr", token="wrong").status == 401
        assert api.get("/none", token=poor).status == 404
        assert api.call("PATCH", "/dev_mgr", token=poor).status == 405
        # 4 ACL and tenant, 5 media types
        assert api.get("/dev_mgr", token=poor, Accept="text/html").status == 401
        assert api.get("/status", Wazo_Tenant="nobody", Accept="text/html").status == 401
        assert api.get("/cfg_mgr/configs/none?limit=x", Accept="text/html").status == 406
        # 6 size and body, 7 query, 8 object, 9 the operation's own refusals
        assert api.call("PUT", "/cfg_mgr/configs/none", b"{", kind="text/plain").status == 415
        assert api.call("PUT", "/cfg_mgr/configs/none", b"{").status == 400
        assert api.call("PUT", "/cfg_mgr/configs/none", {"config": {"parent_ids": 5}}).status == 404
        assert api.call("PUT", "/cfg_mgr/configs/base", {"config": {"parent_ids": 5}}).status == 400
        assert api.call("DELETE", "/cfg_mgr/configs/none").status == 404
        assert api.call("DELETE", "/cfg_mgr/configs/base").status == 403


class TestErrors:
    @rows("4.1 text by default", "4.1 literal bodies", "13 no. 13")
    def test_an_error_is_one_sentence_of_text(self, api: Api) -> None:
        for got, start in (
            (api.get("/none"), "No such resource"),
            (api.get("/cfg_mgr/configs/none"), 'No such resource: config "none"'),
            (api.get("/dev_mgr/devices/none"), 'No such resource: device "none"'),
            (api.get("", token=""), "Unauthorized"),
            (api.call("DELETE", "/cfg_mgr/configs/base"), "The document base is not deletable"),
        ):
            assert got.headers["content-type"] == "text/plain; charset=utf-8"
            assert got.text == start

    @rows("4.1 problem+json", "4.3 message")
    def test_a_program_may_ask_for_a_problem(self, api: Api) -> None:
        for got, title in (
            (api.get("/cfg_mgr/configs/none", Accept=f"{MEDIA_TYPE}, {PROBLEM}"), "Not Found"),
            (api.get("/none", Accept=PROBLEM), "Not Found"),
            (api.get("", Accept=PROBLEM, token="wrong"), "Unauthorized"),
            (api.get("", Accept=PROBLEM), "Not Acceptable"),
            (api.call("POST", "/pg_mgr/reload", {"id": "none"}, Accept=PROBLEM), "Bad Request"),
        ):
            assert got.headers["content-type"] == PROBLEM
            document = got.document
            assert list(document) == ["type", "title", "status", "detail", "message"]
            assert (document["type"], document["title"], document["status"]) == ("about:blank", title, got.status)
            assert document["detail"] == document["message"]

    @rows("4.2 500")
    def test_a_fault_tells_nothing_but_a_reference(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(*_: Any) -> None:
            raise ValueError("/etc/secret hunter2")

        monkeypatch.setattr(api.world.house.configs, "get", broken)
        got = api.get("/cfg_mgr/configs/base")
        assert got.status == 500
        assert got.text.startswith("Internal error, see the log (")
        assert "hunter2" not in got.text

    @rows("4.2 503")
    def test_too_many_operations_are_503(self, api: Api, world: World) -> None:
        world.house.operations._max_running = 0
        got = api.call("POST", "/pg_mgr/install/update", {})
        assert got.status == 503
        assert int(got.headers["retry-after"]) > 0

    @rows("4.2 unknown id in a body", "13 no. 11")
    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/dev_mgr/reconfigure", 400),
            ("/dev_mgr/synchronize", 404),
            ("/pg_mgr/reload", 400),
            ("/pg_mgr/install/install", 400),
            ("/pg_mgr/install/uninstall", 400),
            ("/pg_mgr/install/upgrade", 400),
            ("/pg_mgr/plugins/acme-1.0/install/install", 400),
            ("/pg_mgr/plugins/acme-1.0/install/uninstall", 400),
            ("/pg_mgr/plugins/acme-1.0/install/upgrade", 400),
        ],
    )
    def test_an_unknown_id_in_a_body(self, api: Api, path: str, status: int) -> None:
        got = api.call("POST", path, {"id": "unknown-thing"})
        assert got.status == status
        assert "unknown-thing" in got.text

    @rows("4.2 404")
    @pytest.mark.parametrize(
        "path",
        ["/x", "/cfg_mgr/configs/x", "/dev_mgr/devices/x", "/pg_mgr/plugins/x", "/pg_mgr/plugins/x/install",
         "/configure/x", "/pg_mgr/install/update/999", "/dev_mgr/synchronize/x", "/cfg_mgr/configs/x/raw"],
    )  # fmt: skip
    def test_an_unknown_path_or_object_is_404(self, api: Api, path: str) -> None:
        got = api.get(path)
        assert got.status == 404
        assert got.text.startswith("No such resource")

    @rows("13 no. 15", "14 no. 20")
    def test_secrets_are_struck_out_of_errors(self, api: Api) -> None:
        value = {"param": {"value": "http://user:hunter2@proxy/path"}}
        got = api.call("PUT", "/configure/http_proxy", value)
        assert got.status == 400
        assert "hunter2" not in got.text
        body = {"config": {**CONFIG, "raw_config": sip("x", sip_password="hunter2")}}
        assert "hunter2" not in api.call("POST", "/cfg_mgr/configs", body).text

"""The description of the API says what the routes say, and the page that shows it comes from here alone."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.support.api import Api

from provisiond.errors import InvalidInput
from provisiond.metrics import Metrics
from provisiond.model.raw_config import LINE, PLAIN, check_raw_config
from provisiond.rest.answers import MEDIA_TYPE
from provisiond.rest.api_description import PAGE_TYPES
from provisiond.rest.application import routed
from provisiond.rest.openapi import description
from provisiond.rest.openapi_parameters import raw_config_schema
from provisiond.rest.routing import Route

ROUTES = routed(MagicMock(), MagicMock(), Metrics(), MagicMock()).routes
DOCUMENT: dict[str, Any] = json.loads(json.dumps(description(ROUTES)))
OPERATIONS = [(path, method, each) for path, entry in DOCUMENT["paths"].items() for method, each in entry.items()]
OPERATIONS = [(path, method, each) for path, method, each in OPERATIONS if method != "servers"]
RAW_CONFIG = Draft202012Validator(raw_config_schema())


def operation_of(each: Route) -> dict[str, Any]:
    path = re.sub(r"<(?:path:)?(\w+)>", r"{\1}", each.path) or "/"
    found: dict[str, Any] = DOCUMENT["paths"][path][each.method.lower()]
    return found


def test_the_description_is_valid() -> None:
    validate(DOCUMENT)


def test_every_route_is_described_with_its_rights_arguments_and_statuses() -> None:
    for each in ROUTES:
        found = operation_of(each)
        assert found["summary"] == each.summary
        assert bool(found["security"]) == (each.acl is not None)
        if each.acl is not None:
            assert each.acl in found["description"]
        assert {str(code) for code in each.statuses} <= set(found["responses"])
        named = {parameter["name"]: parameter for parameter in found["parameters"] if "name" in parameter}
        assert {name for name, parameter in named.items() if parameter["in"] == "path"} == set(
            re.findall(r"<(?:path:)?(\w+)>", each.path)
        )
        assert {name for name, parameter in named.items() if parameter["in"] == "query"} == set(each.query)
        assert all(parameter["description"] for parameter in named.values()), (each.path, named)


def test_every_operation_has_a_name_of_its_own_and_a_success() -> None:
    names = [each["operationId"] for _, _, each in OPERATIONS]
    assert len(names) == len(set(names))
    for path, method, each in OPERATIONS:
        codes = [int(code) for code in each["responses"]]
        assert any(code < 300 for code in codes), (path, method)


def test_every_answer_of_our_media_type_is_an_object() -> None:
    for path, method, each in OPERATIONS:
        if method == "get" and MEDIA_TYPE in each["responses"]["200"].get("content", {}):
            schema = each["responses"]["200"]["content"][MEDIA_TYPE]["schema"]
            name = schema.get("$ref", "").rpartition("/")[2]
            assert DOCUMENT["components"]["schemas"].get(name, schema)["type"] == "object", path


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_every_parameter_of_phones_is_described(name: str) -> None:
    assert name in raw_config_schema()["properties"]


def test_every_parameter_of_a_line_is_described() -> None:
    line = raw_config_schema()["properties"]["sip_lines"]["anyOf"][0]["additionalProperties"]
    assert set(line["properties"]) == set(LINE)


VALUES = st.one_of(
    st.sampled_from([True, False, 0, 1, 80, 4095, 70000, "SIP", "udp", "fr_FR", "warning", "disabled", "192.0.2.1"]),
    st.sampled_from(["5060", "Europe/Paris", "", "http://192.0.2.1", [], ["x"], {}, 1.5, "a b"]),
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*PLAIN, "X_own", "unknown"]), VALUES, max_size=1))
def test_what_is_taken_is_what_is_described(raw: dict[str, Any]) -> None:
    """The schema may allow a little more than the server (names of zones, hosts), but never less."""
    try:
        check_raw_config(raw)
    except InvalidInput:
        return
    RAW_CONFIG.validate(raw)


@pytest.mark.parametrize(
    "right",
    [
        {"sip_lines": []},
        {"sip_lines": {"1": {"username": None, "proxy_port": None, "number": 1000}}},
        {"sccp_call_managers": []},
        {"sccp_call_managers": {"1": {"ip": "192.0.2.5", "port": None}}},
        {"funckeys": []},
        {"funckeys": {"1": {"type": "park", "value": None, "label": None, "line": None}}},
        {"funckeys": {"1": {"type": "speeddial", "value": 1000, "label": 7, "line": "2"}}},
    ],
)
def test_numbered_parameters_that_are_taken_are_described(right: dict[str, Any]) -> None:
    check_raw_config(right)
    RAW_CONFIG.validate(right)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"vlan_id": 4095},
        {"sip_transport": "sctp"},
        {"ntp_enabled": True},
        {"sip_lines": {"x": {}}},
        {"sccp_call_managers": {"1": {}}},
        {"syslog_port": None},
    ],
)
def test_what_the_server_refuses_is_not_described_as_right(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        check_raw_config(wrong)
    assert not RAW_CONFIG.is_valid(wrong)


class TestServed:
    @pytest.mark.parametrize("prefix", ["", "/0.2", "/provd", "/api/provd/0.2"])
    def test_without_a_token_under_every_prefix(self, api: Api, prefix: str) -> None:
        as_yaml = api.plain("GET", f"{prefix}/api/api.yml")
        assert (as_yaml.status, as_yaml.headers["content-type"]) == (200, "application/yaml")
        as_json = api.plain("GET", f"{prefix}/api/api.json")
        assert as_json.headers["content-type"] == "application/json"
        assert as_json.document == DOCUMENT
        assert as_yaml.content.startswith(b"openapi: 3.1.0\n")

    def test_yaml_and_json_say_the_same(self, api: Api) -> None:
        content = api.plain("GET", "/api/api.yml").content
        assert yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == DOCUMENT
        assert b"&id" not in content

    def test_head_tells_the_length(self, api: Api) -> None:
        length = len(api.plain("GET", "/0.2/api/api.yml").content)
        got = api.plain("HEAD", "/0.2/api/api.yml")
        assert (got.status, got.headers["content-length"], got.content) == (200, str(length), b"")

    @pytest.mark.parametrize("prefix", ["", "/0.2"])
    def test_the_page_may_load_nothing_from_elsewhere(self, api: Api, prefix: str) -> None:
        for name, kind in PAGE_TYPES.items():
            got = api.plain("GET", f"{prefix}/api/{name}")
            assert (got.status, got.headers["content-type"]) == (200, kind)
            policy = dict(part.split(" ", 1) for part in got.headers["content-security-policy"].split("; "))
            assert policy["default-src"] == "'none'"
            assert {value for key, value in policy.items() if key.endswith("-src")} <= {"'none'", "'self'", "data:"}
            assert got.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("name", ["x", "index.html", "..", "%2e%2e%2fsite.py", "browser.html%00", "api.yaml"])
    def test_nothing_else_is_there(self, api: Api, name: str) -> None:
        assert api.plain("GET", f"/0.2/api/{name}").status == 404

    def test_options_tells_the_methods_of_an_address(self, api: Api) -> None:
        assert api.plain("OPTIONS", "/0.2/cfg_mgr/configs/x").headers["allow"] == "DELETE, GET, HEAD, PUT, OPTIONS"
        assert api.plain("OPTIONS", "/0.2/cfg_mgr/configs/x/").headers["allow"] == "DELETE, GET, HEAD, PUT, OPTIONS"
        assert api.plain("OPTIONS", "/nowhere").headers["allow"] == "GET, HEAD, POST, PUT, DELETE, OPTIONS"


@pytest.mark.parametrize("name", sorted(PAGE_TYPES))
def test_the_page_names_no_other_host_and_runs_nothing_inline(name: str) -> None:
    text = (files("provisiond.rest") / "api_page" / name).read_text("utf-8")
    assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]", text)
    assert not re.findall(r"innerHTML|outerHTML|document\.write|eval\(|localStorage|sessionStorage|cookie", text)
    assert not re.findall(r"\son[a-z]+=|style=|<script>|javascript:", text)


def test_the_examples_of_the_description_are_taken(api: Api) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    config = {name: schemas["ConfigFields"]["properties"][name]["examples"][0] for name in ("id", "parent_ids")}
    config["raw_config"] = schemas["RawConfigFields"]["examples"][0]
    assert api.call("POST", "/cfg_mgr/configs", {"config": config}).status == 201
    device = {"id": schemas["DeviceFields"]["properties"]["id"]["examples"][0]}
    assert api.call("POST", "/dev_mgr/devices", {"device": device}).status == 201

"""REST contract, section 6: the query language of lists."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.api import Api
from tests.support.contract import rows

DEVICES = "/dev_mgr/devices"
DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"id": "b", "n": 2, "t": "x", "list": ["p", "q"], "deep": {"a": {"b": 1}}, "mixed": "10"},
    {"id": "a", "n": 1, "t": "y", "list": [], "deep": {"a": [{"b": 1}, {"b": 2}, 5]}, "mixed": 9},
    {"id": "c", "n": None, "t": "x", "on": True, "mixed": 10},
    {"id": "d", "t": "", "on": 1},
)
Ids = Callable[..., list[str]]


@pytest.fixture
def ids(api: Api) -> Ids:
    for document in DOCUMENTS:
        assert api.call("POST", DEVICES, {"device": document}).status == 201

    def found(query: str = "", **selector: Any) -> list[str]:
        got = api.get(f"{DEVICES}?{query}")
        assert got.status == 200, got.text
        return [each["id"] for each in got.document["devices"]]

    return found


def q(selector: Any) -> str:
    return "q=" + quote(json.dumps(selector))


class TestConditions:
    @rows("6 condition: a value", "6 condition: $in $nin", "6 condition: $contains", "6 condition: $gt $ge $lt $le",
          "6 condition: $ne", "6 condition: $exists", "6 condition: several members", "6 dotted key", "13 no. 4",
          "14 no. 7")  # fmt: skip
    @pytest.mark.parametrize(
        ("selector", "expected"),
        [
            ({}, "bacd"),
            ({"id": "a"}, "a"),
            ({"n": 1}, "a"),
            ({"n": 1.0}, "a"),
            ({"n": "1"}, ""),
            ({"on": True}, "cd"),
            ({"on": 1}, "cd"),
            ({"n": None}, "c"),
            ({"list": ["p", "q"]}, "b"),
            ({"list": "p"}, ""),
            ({"list": []}, "a"),
            ({"deep": {"a": {"b": 1}}}, "b"),
            ({"t": "x", "n": 2}, "b"),
            ({"n": {"$in": [1, 2]}}, "ba"),
            ({"n": {"$in": []}}, ""),
            ({"n": {"$nin": [1]}}, "bcd"),
            ({"list": {"$contains": "p"}}, "b"),
            ({"deep": {"$contains": "a"}}, "ba"),
            ({"t": {"$contains": "x"}}, "bc"),
            ({"n": {"$contains": 1}}, ""),
            ({"n": {"$gt": 1}}, "b"),
            ({"n": {"$ge": 1, "$lt": 2}}, "a"),
            ({"n": {"$le": 1}}, "a"),
            ({"mixed": {"$gt": 8}}, "ac"),
            ({"mixed": {"$gt": "1"}}, "b"),
            ({"t": {"$lt": "y"}}, "bcd"),
            ({"n": {"$ne": 1}}, "bcd"),
            ({"none": {"$ne": 1}}, "bacd"),
            ({"n": {"$exists": True}}, "bac"),
            ({"n": {"$exists": False}}, "d"),
            ({"deep.a.b": 1}, "ba"),
            ({"deep.a.b": 2}, "a"),
            ({"deep.a.b": {"$ne": 2}}, "bcd"),
            ({"deep..b": 1}, ""),
            ({"list.0": "p"}, ""),
        ],
    )
    def test_what_a_condition_selects(self, ids: Ids, selector: Any, expected: str) -> None:
        assert "".join(ids(q(selector))) == expected

    @rows("6 condition: refused", "13 no. 2")
    @pytest.mark.parametrize(
        "selector",
        [{"n": {"$regex": "x"}}, {"n": {"$gt": 1, "x": 2}}, {"n": {"$in": 5}}, {"n": {"$nin": "x"}}, {"$or": []}, [],
         5, "x", None],
    )  # fmt: skip
    def test_what_is_refused(self, api: Api, selector: Any) -> None:
        for path in (DEVICES, "/cfg_mgr/configs"):
            assert api.get(f"{path}?{q(selector)}").status == 400


class TestParameters:
    @rows("6 q", "6 q64")
    def test_the_two_forms_of_a_selector(self, ids: Ids, api: Api) -> None:
        text = json.dumps({"t": "x", "X_~~": {"$exists": False}})
        packed = base64.b64encode(text.encode()).decode()
        for form in (quote(packed), packed.rstrip("="), base64.urlsafe_b64encode(text.encode()).decode()):
            assert ids(f"q64={form}&q=nonsense") == ["b", "c"]
        assert len(ids("q=")) == len(ids("q64=&q=")) == 4
        for bad in ("q=%7B", "q=x", "q64=%25", "q64=e30x!", "q=%7B%7D%7B%7D", "q=NaN"):
            assert api.get(f"{DEVICES}?{bad}").status == 400, bad

    @rows("6 fields")
    def test_fields(self, api: Api, ids: Ids) -> None:
        def shown(fields: str) -> Any:
            return api.get(f"{DEVICES}?fields={fields}&{q({'id': 'b'})}").document["devices"][0]

        assert shown("n,none,,t") == {"id": "b", "n": 2, "t": "x"}
        assert shown("deep.a.b") == {"id": "b", "deep": {"a": {"b": 1}}}
        assert shown("") == {"id": "b"}
        assert ids("fields=t") == ["b", "a", "c", "d"]

    @rows("6 skip limit", "13 no. 2", "14 no. 8")
    def test_pages(self, api: Api, ids: Ids) -> None:
        assert ids("skip=1&limit=2") == ["a", "c"]
        assert ids("limit=0") == ids("skip=0") == ["b", "a", "c", "d"]
        assert ids("skip=9") == []
        for bad in ("x", "-1", "1.5", "1e3", "%D9%A1"):
            assert api.get(f"{DEVICES}?limit={bad}").status == api.get(f"{DEVICES}?skip={bad}").status == 400

    @rows("6 sort sort_ord", "6 order of work", "13 no. 3", "14 no. 8")
    def test_order(self, api: Api, ids: Ids) -> None:
        assert ids("sort=id") == ["a", "b", "c", "d"]
        assert ids("sort=id&sort_ord=desc") == ["d", "c", "b", "a"]
        assert ids("sort=n") == ["c", "d", "a", "b"]
        assert ids("sort=t") == ["d", "b", "c", "a"]
        assert ids("sort=t&sort_ord=DESC") == ["a", "b", "c", "d"]
        assert ids("sort=none") == ids("sort=") == ids("sort_ord=desc") == ["b", "a", "c", "d"]
        assert ids("sort=n&fields=t&skip=1&limit=2") == ["d", "a"]
        assert api.get(f"{DEVICES}?sort=id&sort_ord=up").status == 400

    @rows("6 recurse")
    @pytest.mark.parametrize(("value", "count"), [("true", 1), ("TRUE", 1), ("1", 1), ("yes", 0), ("", 0), ("on", 0)])
    def test_recurse(self, api: Api, sub: str, value: str, count: int) -> None:
        api.call("POST", DEVICES, {"device": {"id": "below"}}, Wazo_Tenant=sub)
        assert len(api.get(f"{DEVICES}?recurse={value}").document["devices"]) == count

    @rows("6 a parameter given twice")
    def test_the_first_of_two_counts(self, ids: Ids) -> None:
        assert ids("limit=1&limit=2") == ["b"]

    @rows("6 tenant condition")
    def test_a_tenant_in_the_selector_is_overruled(self, api: Api, ids: Ids, sub: str) -> None:
        api.call("POST", DEVICES, {"device": {"id": "below"}}, Wazo_Tenant=sub)
        assert ids(q({"tenant_uuid": sub})) == []
        token = api.made_token("#", tenant=sub)
        master = {"tenant_uuid": api.world.house.tenants.master}
        assert api.get(f"{DEVICES}?recurse=true&{q(master)}", token=token).document == {"devices": []}

    @rows("6 condition: a value", "6 fields")
    def test_configs_know_the_same(self, api: Api) -> None:
        def found(query: str) -> list[str]:
            return [each["id"] for each in api.get(f"/cfg_mgr/configs?{query}").document["configs"]]

        assert found(q({"parent_ids": {"$contains": "base"}})) == ["autoprov"]
        assert found(q({"X_type": "internal"}) + "&sort=id&fields=X_type") == ["autoprov", "base"]
        assert found(q({"raw_config.sip_lines.1.password": "autoprov"})) == ["autoprov"]
        fields = api.get(f"/cfg_mgr/configs?fields=raw_config.ntp_ip&{q({'id': 'base'})}").document["configs"]
        assert fields == [{"id": "base", "raw_config": {"ntp_ip": "192.0.2.1"}}]

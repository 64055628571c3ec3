"""Documents at the door (REST contract, sections 8 and 9.1)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.model.documents import check_config, check_device, new_id

TEXTS = ("sn", "uuid", "vendor", "model", "version", "plugin", "config", "description")
FULL = {
    "id": "0a1b",
    "mac": "00:1b:63:84:45:e6",
    "ip": "192.0.2.7",
    **dict.fromkeys(TEXTS, "text"),
    "options": {"switchboard": True, "x": None},
    "added": "auto",
    "configured": True,
    "is_new": False,
    "tenant_uuid": "t",
    "remote_state_sip_username": "1001",
    "X_any": [1, None],
    "any other": {"a": None},
}


@pytest.mark.parametrize("document", [{}, FULL, dict.fromkeys((*TEXTS, "mac", "ip", "options")), {"X_a": None}])
def test_devices_come_back_as_sent_in_their_order(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    checked = check_device(document)
    assert list(checked.items()) == list(before.items())
    checked["added_later"] = 1
    assert document == before


@pytest.mark.parametrize("check", [check_device, check_config])
def test_a_null_id_is_absent(check: Any) -> None:
    assert "id" not in check({"id": None, "parent_ids": [], "raw_config": {}})


BAD_IDS = [
    *("", ".", "..", "a/b", "/", "a\n", "\x7f", "\x9f", "x" * 129, "\ud800"),
    *(5, 0, True, False, [], {}, ["a"]),
]


@pytest.mark.parametrize("value", BAD_IDS)
@pytest.mark.parametrize("check", [check_device, check_config])
def test_ids_that_are_refused(check: Any, value: Any) -> None:
    with pytest.raises(InvalidInput, match="id"):
        check({"id": value, "parent_ids": [], "raw_config": {}})


@pytest.mark.parametrize("value", ["a", "x" * 128, "...", "..a", "é ü", "a\\b", "a%2Fb", "a b"])
@pytest.mark.parametrize("check", [check_device, check_config])
def test_ids_that_are_accepted(check: Any, value: str) -> None:
    assert check({"id": value, "parent_ids": [], "raw_config": {}})["id"] == value


BAD_MACS = [
    *("", "00:1B:63:84:45:E6", "001b638445e6", "00-1b-63-84-45-e6", "0:1b:63:84:45:e6", "00:1b:63:84:45"),
    *("00:1b:63:84:45:e6\n", "00:1b:63:84:45:e6:00", "00:1b:63:84:45:eg", 5, True, [], {}),
]
BAD_IPS = [
    *("", "192.0.2", "192.0.2.256", "192.0.2.07", "10.7", " 192.0.2.7", "192.0.2.7\n", "2001:db8::7", "١.2.3.4"),
    *(5, 3221225991, True, [], {}),
]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("mac", value) for value in BAD_MACS),
        *(("ip", value) for value in BAD_IPS),
        *((name, value) for name in TEXTS for value in (5, False, [], {"a": 1})),
        *(("options", value) for value in ([], "x", 0, False)),
    ],
)
def test_bad_members_of_a_device_are_named(member: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"device\.{member}\b"):
        check_device({**FULL, member: value})


@pytest.mark.parametrize("document", [None, [], [1], "x", 5, True])
def test_anything_but_an_object_is_refused(document: Any) -> None:
    with pytest.raises(InvalidInput, match="device must be an object"):
        check_device(document)
    with pytest.raises(InvalidInput, match="config must be an object"):
        check_config(document)


CONFIG = {
    "id": "k",
    "parent_ids": ["base", "gone", "k", "base"],
    "raw_config": {"ntp_ip": None, "X_a": {"b": None}},
    "role": "other",
    "transient": True,
    "deletable": False,
    "label": None,
    "X_type": "internal",
    "any other": [None],
}


@pytest.mark.parametrize(
    "document",
    [
        {"parent_ids": [], "raw_config": {}},
        CONFIG,
        {**CONFIG, "role": None, "transient": None, "deletable": None},
        {**CONFIG, "X_type": None},
        {**CONFIG, "X_type": ["device"]},
    ],
)
def test_configs_come_back_as_sent(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    checked = check_config(document)
    assert list(checked.items()) == list(before.items())
    assert document == before


def test_configs_of_type_device_lose_nulls_at_every_depth() -> None:
    document = {
        "id": None,
        "X_type": "device",
        "role": None,
        "parent_ids": ["base"],
        "raw_config": {"ntp_ip": None, "sip_lines": None, "X_a": {"b": None, "c": [{"d": None, "e": 0}, None]}},
        "X_b": {"c": {"d": None}},
    }
    before = copy.deepcopy(document)
    assert check_config(document) == {
        "X_type": "device",
        "parent_ids": ["base"],
        "raw_config": {"X_a": {"c": [{"e": 0}, None]}},
        "X_b": {"c": {}},
    }
    assert document == before


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("parent_ids", value) for value in (None, "base", {}, 5, [1], [None], [["a"]])),
        *(("raw_config", value) for value in (None, [], "x", 5, {"foo": 1}, {"ntp_enabled": True})),
        *(("role", value) for value in (5, True, [], {})),
        *((name, value) for name in ("transient", "deletable") for value in (0, 1, "true", [], {})),
    ],
)
@pytest.mark.parametrize("kind", ["internal", "device"])
def test_bad_members_of_a_config_are_named(member: str, value: Any, kind: str) -> None:
    with pytest.raises(InvalidInput, match=rf"\b{member}\b"):
        check_config({**CONFIG, "X_type": kind, member: value})


@pytest.mark.parametrize("member", ["parent_ids", "raw_config"])
def test_mandatory_members_of_a_config(member: str) -> None:
    with pytest.raises(InvalidInput, match=member):
        check_config({name: value for name, value in CONFIG.items() if name != member})


def test_new_ids_are_32_hex_digits_and_all_different() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in ids)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from([*FULL, *CONFIG]) | st.text(max_size=5)


@given(JSON | st.dictionaries(MEMBERS, JSON, max_size=5))
@settings(max_examples=200, deadline=None)
def test_any_json_is_either_kept_or_refused(document: Any) -> None:
    for check in (check_device, check_config):
        before = copy.deepcopy(document)
        try:
            checked = check(document)
        except InvalidInput:
            continue
        finally:
            assert document == before
        if document.get("X_type") != "device":
            assert checked == {key: value for key, value in document.items() if (key, value) != ("id", None)}

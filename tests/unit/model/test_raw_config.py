"""Parameters of phones (REST contract, section 9.2; legacy plugin contract, section 8)."""

from __future__ import annotations

import copy
import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.model.raw_config import STANDARD, check_raw_config, completed, without_nulls

SERVERS = ("proxy", "backup_proxy", "registrar", "backup_registrar", "outbound_proxy")
HOSTS = (
    *("ip", "dns_ip", "ntp_ip", "syslog_ip", "X_xivo_phonebook_ip"),
    *(f"sip_{server}_ip" for server in SERVERS),
)
PORTS = ("http_port", "tftp_port", "syslog_port", *(f"sip_{server}_port" for server in SERVERS))
BOOLS = ("dns_enabled", "ntp_enabled", "vlan_enabled", "syslog_enabled", "sip_subscribe_mwi")
EXTENSIONS = (
    *("dnd", "fwd_unconditional", "fwd_no_answer", "fwd_busy", "fwd_disable_all", "park"),
    *("pickup_group", "pickup_call", "voicemail"),
)
TEXTS = (
    *("admin_username", "admin_password", "user_username", "user_password", "sip_local_certificate", "sip_local_key"),
    *(f"exten_{name}" for name in EXTENSIONS),
)
CERTIFICATES = ("sip_servers_root_and_intermediate_certificates", "sip_local_root_and_intermediate_certificates")
LINE_TEXTS = ("username", "auth_username", "password", "display_name", "number", "voicemail")
NEEDED = {"dns_enabled": "dns_ip", "ntp_enabled": "ntp_ip", "vlan_enabled": "vlan_id", "syslog_enabled": "syslog_ip"}
WITH_NEEDED = {"dns_ip": "192.0.2.1", "ntp_ip": "192.0.2.1", "vlan_id": 7, "syslog_ip": "192.0.2.1"}

GOOD_HOSTS = ["192.0.2.7", "2001:db8::7", "pbx", "pbx.example.org", "pbx.example.org.", "my_host-1", ""]
BAD_HOSTS = [" ", "a b", "192.0.2.7 ", "a\n", "a..b", "-a", "http://a", "a/b", "x" * 300, 5, True, ["a"], {}]
GOOD_PORTS = [(1, 1), (65535, 65535), ("5060", 5060), ("080", 80)]
BAD_PORTS = [0, -1, 65536, "0", "65536", "", " 80", "80 ", "٨٠", "0x50", 80.0, 80.5, True, [80], "9" * 5000]
TRUE = [True, 1, "1", "true", "True", "YES", "on", "Y", "t"]
FALSE = [False, 0, "0", "false", "FALSE", "no", "Off", "n", "F"]
BAD_BOOLS = [2, -1, 1.0, "", "2", "maybe", " true", [], {}]
BAD_TEXTS = [True, False, ["a"], {"a": 1}]


def _cases() -> list[tuple[str, Any, Any]]:
    cases: list[tuple[str, Any, Any]] = []
    cases += [(name, value, value) for name in HOSTS for value in GOOD_HOSTS]
    cases += [(name, value, number) for name in PORTS for value, number in GOOD_PORTS]
    cases += [
        (name, value, flag) for name in BOOLS for flag, words in ((True, TRUE), (False, FALSE)) for value in words
    ]
    cases += [
        (name, value, text) for name in TEXTS for value, text in (("a b", "a b"), ("", ""), (5, "5"), (1.5, "1.5"))
    ]
    cases += [(name, value, value) for name in CERTIFICATES for value in ([], ["-----BEGIN", "x"])]
    cases += [("syslog_level", value, value) for value in ("critical", "error", "warning", "info", "debug")]
    cases += [("sip_dtmf_mode", value, value) for value in ("RTP-in-band", "RTP-out-of-band", "SIP-INFO")]
    cases += [("sip_srtp_mode", value, value) for value in ("disabled", "preferred", "required")]
    cases += [("sip_transport", value, value) for value in ("udp", "tcp", "tls")]
    cases += [("protocol", value, value) for value in ("SIP", "SCCP")]
    cases += [(name, *pair) for name in ("vlan_id", "vlan_pc_port_id") for pair in ((0, 0), ("0", 0), (4094, 4094))]
    cases += [("vlan_priority", 0, 0), ("vlan_priority", "7", 7)]
    cases += [("config_version", 3, 3), ("config_version", "12", 12)]
    cases += [("timezone", value, value) for value in ("Europe/Paris", "America/Argentina/Ushuaia", "UTC", "")]
    cases += [("locale", value, value) for value in ("fr_FR", "en_US")]
    urls = ("http://192.0.2.7:8667", "HTTPS://pbx.example.org/a?b", "http://[2001:db8::7]:80/")
    cases += [("http_base_url", value, value) for value in urls]
    return cases


def _refused() -> list[tuple[str, Any]]:
    cases: list[tuple[str, Any]] = []
    cases += [(name, value) for name in HOSTS for value in BAD_HOSTS]
    cases += [(name, value) for name in PORTS for value in BAD_PORTS]
    cases += [(name, value) for name in BOOLS for value in BAD_BOOLS]
    cases += [(name, value) for name in TEXTS for value in BAD_TEXTS]
    cases += [(name, value) for name in CERTIFICATES for value in ("x", [1], [None], {}, 5)]
    cases += [("syslog_level", value) for value in ("Warning", "", "notice", 3)]
    cases += [("sip_dtmf_mode", value) for value in ("sip-info", "", 1, [])]
    cases += [("sip_srtp_mode", value) for value in ("Required", "", True)]
    cases += [("sip_transport", value) for value in ("UDP", "", "sctp")]
    cases += [("protocol", value) for value in ("sip", "IAX", "", 1)]
    cases += [(name, value) for name in ("vlan_id", "vlan_pc_port_id") for value in (-1, 4095, "4095", 1.0, True, "")]
    cases += [("vlan_priority", value) for value in (-1, 8, "8", False)]
    cases += [("config_version", value) for value in (1.5, True, "1.5", "v1", "", [])]
    cases += [
        ("timezone", value) for value in ("Europe/Nowhere", "europe/paris", "../UTC", "Europe", "localtime", 1, [])
    ]
    cases += [("locale", value) for value in ("fr_FR.UTF-8", "fr_FRA", "fr", "FR_fr", "fr_FR\n", "", 5)]
    bad_urls = ("ftp://a", "pbx", "http://", "http://:80/", "http://a b/", "http://a:99999", "http://[a", "//a", "", 5)
    cases += [("http_base_url", value) for value in bad_urls]
    return cases


@pytest.mark.parametrize(("name", "value", "expected"), _cases())
def test_values_are_kept_as_sent_and_converted_for_plugins(name: str, value: Any, expected: Any) -> None:
    raw = {**WITH_NEEDED, name: value}
    if name in NEEDED.values() and value == "":
        raw = {name: value}
    checked = check_raw_config(raw)
    assert checked == raw
    assert type(checked[name]) is type(value)
    converted = completed(raw)[name]
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(("name", "value"), _refused())
def test_refused_values_name_their_member(name: str, value: Any) -> None:
    for check in (check_raw_config, completed):
        with pytest.raises(InvalidInput, match=rf"\b{name}\b"):
            check({**WITH_NEEDED, name: value})


def test_the_table_is_complete() -> None:
    own = {*HOSTS, *PORTS, *BOOLS, *TEXTS, *CERTIFICATES, *(case[0] for case in _cases())}
    assert own | {"sip_lines", "sccp_call_managers", "funckeys"} == STANDARD


NOT_NULL = ("syslog_port", "syslog_level", "sip_lines", "sccp_call_managers", "funckeys")


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_null_is_a_value_for_all_but_five(name: str) -> None:
    if name in NOT_NULL:
        with pytest.raises(InvalidInput, match=name):
            check_raw_config({name: None})
    else:
        assert check_raw_config({name: None}) == {name: None}
    assert completed({name: None}) == completed({})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("foo", "X_"),
        ("x_foo", "X_"),
        ("_foo", "X_"),
        ("_comment", "reserved"),
        ("XX_", "reserved"),
        ("XX_lines", "reserved"),
        ("sip.lines", "sip_lines"),
        ("vlan.id", "vlan_id"),
        ("sip", "sip_"),
        ("vlan", "vlan_"),
        ("X-foo", "X-foo"),
        ("X_a b", "X_a b"),
        ("X_é", "X_é"),
        ("X_a\n", "X_a"),
        ("1", "1"),
        ("", "name"),
    ],
)
def test_names_that_are_refused(name: str, hint: str) -> None:
    for check in (check_raw_config, completed):
        with pytest.raises(InvalidInput, match=hint):
            check({name: {}})


@pytest.mark.parametrize("value", [None, 1, "a", [1], {"XX_b": None, "b": [{"c": 1}]}])
def test_own_names_are_free(value: Any) -> None:
    assert check_raw_config({"X_a": value, "X_": 1}) == {"X_a": value, "X_": 1}


@pytest.mark.parametrize("raw", [None, [], "a", 5, True])
def test_anything_but_an_object_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidInput, match="raw_config must be an object"):
        check_raw_config(raw)


@pytest.mark.parametrize(("name", "needed"), NEEDED.items())
def test_enabled_needs_its_address(name: str, needed: str) -> None:
    for missing in ({}, {needed: None}) if needed == "vlan_id" else ({}, {needed: None}, {needed: ""}):
        for yes in (True, 1, "yes"):
            with pytest.raises(InvalidInput, match=needed):
                check_raw_config({name: yes, **missing})
            with pytest.raises(InvalidInput, match=needed):
                completed({name: yes, **missing})
        for no in (False, "off", None):
            check_raw_config({name: no, **missing})
    check_raw_config({name: True, needed: WITH_NEEDED[needed]})


@pytest.mark.parametrize("value", [0, "0"])
def test_vlan_0_is_a_value(value: Any) -> None:
    assert completed({"vlan_enabled": 1, "vlan_id": value})["vlan_id"] == 0


GOOD_LINES = [
    {},
    {"1": {}, "0": {}, "007": {"username": "a"}},
    {"1": dict.fromkeys((*LINE_TEXTS, "dtmf_mode", "srtp_mode", "proxy_ip", "proxy_port"), None)},
    {"1": {f"{server}_ip": "" for server in SERVERS}},
    {"1": {f"{server}_port": "5060" for server in SERVERS}},
    {"1": {"dtmf_mode": "SIP-INFO", "srtp_mode": "required", "number": 1001, "foo": [True], "X_a": None}},
]


@pytest.mark.parametrize("lines", GOOD_LINES)
def test_lines_are_kept_as_sent(lines: Any) -> None:
    assert check_raw_config({"sip_lines": lines}) == {"sip_lines": lines}


@pytest.mark.parametrize("name", ["sip_lines", "sccp_call_managers", "funckeys"])
def test_shape_of_the_numbered_objects(name: str) -> None:
    assert check_raw_config({name: []}) == {name: []}
    assert completed({name: []})[name] == {}
    for bad in ([{}], "x", 1, True, {"a": {}}, {"-1": {}}, {"": {}}, {"1 ": {}}, {"١": {}}, {"1": []}, {"1": 5}):
        with pytest.raises(InvalidInput, match=name):
            check_raw_config({name: bad})
    with pytest.raises(InvalidInput, match=rf"{name}\.1"):
        check_raw_config({name: {"1": None}})


BAD_LINES = [
    *((f"{server}_ip", value) for server in SERVERS for value in ("a b", 5)),
    *((f"{server}_port", value) for server in SERVERS for value in (0, 65536, "x", True, 5060.5)),
    *((name, value) for name in LINE_TEXTS for value in (True, [], {})),
    ("dtmf_mode", "inband"),
    ("srtp_mode", ""),
]


@pytest.mark.parametrize(("member", "value"), BAD_LINES)
def test_bad_members_of_a_line_are_named(member: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"sip_lines\.3\.{member}\b"):
        check_raw_config({"sip_lines": {"3": {member: value}}})


@pytest.mark.parametrize(
    "manager", [{"ip": "192.0.2.1"}, {"ip": "a.example", "port": "2000"}, {"ip": "a", "port": None}]
)
def test_call_managers(manager: Any) -> None:
    assert check_raw_config({"sccp_call_managers": {"1": manager}})["sccp_call_managers"]["1"] == manager


@pytest.mark.parametrize(
    "manager", [{}, {"ip": None}, {"ip": ""}, {"ip": "a b"}, {"ip": "a", "port": 0}, {"port": 2000}]
)
def test_call_managers_without_address_or_with_a_bad_one(manager: Any) -> None:
    with pytest.raises(InvalidInput, match=r"sccp_call_managers\.1"):
        check_raw_config({"sccp_call_managers": {"1": manager}})


@pytest.mark.parametrize(
    "key",
    [
        {"type": "park"},
        {"type": "park", "value": None, "label": None, "line": None},
        {"type": "blf", "value": "1002", "label": "Al", "line": 2},
        {"type": "speeddial", "value": 1002, "label": 5, "line": "2"},
    ],
)
def test_function_keys(key: Any) -> None:
    assert check_raw_config({"funckeys": {"1": key}}) == {"funckeys": {"1": key}}


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"type": None},
        {"type": "BLF", "value": "1"},
        {"type": "blf"},
        {"type": "blf", "value": ""},
        {"type": "speeddial", "value": None},
        {"type": "speeddial", "value": True},
        {"type": "park", "label": []},
        {"type": "park", "line": True},
        {"type": "park", "line": 1.0},
        {"type": "park", "line": {}},
    ],
)
def test_function_keys_that_are_refused(key: Any) -> None:
    with pytest.raises(InvalidInput, match=r"funckeys\.12"):
        check_raw_config({"funckeys": {"12": key}})


def test_defaults_for_plugins() -> None:
    assert completed({}) == {
        "sip_srtp_mode": "disabled",
        "sip_transport": "udp",
        "sip_lines": {},
        "sccp_call_managers": {},
        "funckeys": {},
    }


@pytest.mark.parametrize(
    ("raw", "level", "port"),
    [
        ({"syslog_enabled": True, "syslog_ip": "a"}, "warning", 514),
        ({"syslog_enabled": "on", "syslog_ip": "a", "syslog_port": "5514", "syslog_level": "info"}, "info", 5514),
        ({"syslog_enabled": False, "syslog_ip": "a"}, None, None),
        ({"syslog_ip": "a"}, None, None),
    ],
)
def test_syslog_defaults_only_when_enabled(raw: Any, level: Any, port: Any) -> None:
    result = completed(raw)
    assert (result.get("syslog_level"), result.get("syslog_port")) == (level, port)


def test_registrar_follows_proxy_and_user_name_follows_name() -> None:
    lines = {
        "1": {"proxy_ip": "p", "username": "u"},
        "2": {"proxy_ip": "p", "registrar_ip": "r", "username": "u", "auth_username": "a"},
        "3": {"proxy_ip": "p", "registrar_ip": "", "auth_username": None, "username": 7},
        "4": {"proxy_ip": "", "username": None},
    }
    result = completed({"sip_proxy_ip": "q", "sip_lines": lines})
    assert result["sip_registrar_ip"] == "q"
    assert result["sip_lines"] == {
        "1": {"proxy_ip": "p", "username": "u", "registrar_ip": "p", "auth_username": "u"},
        "2": {"proxy_ip": "p", "registrar_ip": "r", "username": "u", "auth_username": "a"},
        "3": {"proxy_ip": "p", "registrar_ip": "p", "username": "7", "auth_username": "7"},
        "4": {"proxy_ip": ""},
    }
    assert "sip_registrar_ip" not in completed({"sip_proxy_ip": ""})
    assert completed({"sip_proxy_ip": "q", "sip_registrar_ip": "r"})["sip_registrar_ip"] == "r"


def test_function_keys_get_a_line_and_keep_the_given_one() -> None:
    keys = {"1": {"type": "park"}, "2": {"type": "blf", "value": 5, "line": "2"}, "3": {"type": "park", "line": None}}
    assert completed({"funckeys": keys})["funckeys"] == {
        "1": {"type": "park", "line": 1},
        "2": {"type": "blf", "value": "5", "line": "2"},
        "3": {"type": "park", "line": 1},
    }


def test_plugins_get_plain_containers_of_their_own() -> None:
    raw = {"X_a": {"b": [{"c": 1}]}, "sip_lines": {"1": {"X_d": {"e": 1}}}, "funckeys": {"1": {"type": "park"}}}
    before = copy.deepcopy(raw)
    result = completed(MappingProxyType(raw))
    result["X_a"]["b"][0]["c"] = 2
    result["sip_lines"]["1"]["X_d"]["e"] = 2
    result["funckeys"]["1"]["XX_x"] = 1
    assert raw == before
    assert type(result) is dict
    assert type(result["sip_lines"]) is dict


def test_checking_changes_nothing() -> None:
    raw = {"sip_lines": {"1": {"proxy_port": "5060"}}, "funckeys": {"1": {"type": "blf", "value": 5}}, "ntp_ip": None}
    before = json.dumps(raw)
    check_raw_config(raw)
    assert json.dumps(raw) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
RAW = st.dictionaries(st.sampled_from([*sorted(STANDARD), "X_a", "X_b"]) | st.text(max_size=6), JSON, max_size=4)


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(member is None or _has_null(member) for member in value.values())
    return isinstance(value, list) and any(map(_has_null, value))


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_no_null_member_is_left_at_any_depth(value: Any) -> None:
    cleaned = without_nulls(value)
    assert not _has_null(cleaned)
    assert without_nulls(cleaned) == cleaned
    assert _has_null(value) or cleaned == value


@given(RAW)
@settings(max_examples=200, deadline=None)
def test_any_json_is_either_kept_or_refused(raw: dict[str, Any]) -> None:
    try:
        checked = check_raw_config(raw)
    except InvalidInput:
        return
    assert checked == raw
    result = completed(raw)
    assert not _has_null(result)
    assert completed(result) == result

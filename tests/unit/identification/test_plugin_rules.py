"""Rules of plugins join the server's own; broken ones are left out and reported."""

from __future__ import annotations

from typing import Any

import pytest

from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.rules import Rule, Where
from provisiond.identification.safety import pattern_problem
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol

ACME = Rule(
    where=Where.USER_AGENT,
    literal="AcmePhone",
    pattern=r"AcmePhone/(?P<model>\w+) (?P<version>[\d.]+) (?P<mac>[\da-f]{12})",
    vendor="Acme",
)


def _http(path: str = "/x", agent: str = "", **query: str) -> PhoneRequest:
    return PhoneRequest(protocol=Protocol.HTTP, path=path, query=query, headers={"User-Agent": agent} if agent else {})


def test_a_rule_recognises_a_phone_the_server_does_not_know(knowledge: Knowledge) -> None:
    identifier = Identifier(knowledge, {"acme": [ACME]})
    assert identifier.identify(_http(agent="AcmePhone/A1 2.0.1 020304a0b0c0")) == DeviceInfo(
        vendor="Acme", model="A1", version="2.0.1", mac="02:03:04:a0:b0:c0"
    )
    assert identifier.problems == ()


def test_rules_read_path_query_and_vendor_class(knowledge: Knowledge) -> None:
    rules = [
        Rule(where=Where.PATH, literal="/acme-", pattern=r"/acme-(?P<model>\w+)\.cfg$", vendor="Acme"),
        Rule(where=Where.QUERY, literal="acme", pattern="^acme-(?P<sn>[0-9]+)$", vendor="Acme", argument="id"),
        Rule(where=Where.DHCP_VENDOR_CLASS, literal="acme", pattern="^acme (?P<model>[A-Z0-9]+)", vendor="Acme"),
    ]
    identifier = Identifier(knowledge, {"acme": rules})
    assert identifier.identify(_http("/folder%2Facme-B2.cfg")) == DeviceInfo(vendor="Acme", model="B2")
    assert identifier.identify(_http(id="ACME-77")) == DeviceInfo(vendor="Acme", sn="77")
    assert identifier.identify(_http(other="ACME-77")) == DeviceInfo()
    dhcp = PhoneRequest(protocol=Protocol.DHCP, dhcp={60: "acme C3"}, chaddr="02:03:04:a0:b0:c0")
    assert identifier.identify(dhcp) == DeviceInfo(vendor="Acme", model="C3", mac="02:03:04:a0:b0:c0")


def test_names_the_server_knows_come_back_in_its_spelling(knowledge: Knowledge) -> None:
    rule = Rule(where=Where.PATH, literal="/special", pattern="/special", vendor="LINKSYS", model="spa-942")
    assert Identifier(knowledge, {"a": [rule]}).identify(_http("/special")) == DeviceInfo(
        vendor="Cisco", model="SPA942"
    )


def test_a_rule_never_beats_the_servers_knowledge_of_another_vendors_phone(knowledge: Knowledge) -> None:
    greedy = [
        Rule(where=Where.USER_AGENT, literal="sip", pattern="(?P<version>99)?sip", vendor="Acme", model="All"),
        Rule(where=Where.PATH, literal=".cfg", pattern=r"\.cfg$", vendor="Acme", model="All"),
    ]
    identifier, alone = Identifier(knowledge, {"greedy": greedy}), Identifier(knowledge)
    for request in (
        _http("/0015654aa937.cfg", "Yealink SIP-T46G 28.72.0.1 00:15:65:4a:a9:37"),
        _http("/aastra.cfg"),
        _http("/snomD785.htm", "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33)"),
    ):
        assert identifier.identify(request) == alone.identify(request)


def test_a_rule_beats_a_mere_address_prefix(knowledge: Knowledge) -> None:
    """A phone built by one maker and sold by another has the prefix of the maker."""
    identifier = Identifier(knowledge, {"acme": [ACME]})
    info = identifier.identify(_http("/0c383ea0b0c0.cfg", "AcmePhone/A1 2.0.1 0c383ea0b0c0"))
    assert (info.vendor, info.mac) == ("Acme", "0c:38:3e:a0:b0:c0")


def test_a_rule_fills_in_what_the_server_does_not_say_of_the_same_vendor(knowledge: Knowledge) -> None:
    rule = Rule(
        where=Where.USER_AGENT,
        literal="SIP-T99X",
        pattern=r"SIP-T99X-(?P<model>\w+) (?P<version>[\d.]+)",
        vendor="yealink",
    )
    agent = "Yealink SIP-T99X-Lite 200.1.2.3 80:5e:c0:01:02:03"
    assert Identifier(knowledge).identify(_http(agent=agent)).model == "T99X-Lite"
    info = Identifier(knowledge, {"new": [rule]}).identify(_http(agent=agent))
    assert (info.vendor, info.model, info.version) == ("Yealink", "Lite", "200.1.2.3")


def test_rules_without_vendor_add_to_whatever_phone_it_is(knowledge: Knowledge) -> None:
    rule = Rule(where=Where.QUERY, literal="sn-", pattern="^sn-(?P<sn>[0-9]{4,12})$", argument="serial")
    info = Identifier(knowledge, {"serials": [rule]}).identify(_http("/aastra.cfg", serial="sn-4711"))
    assert info == DeviceInfo(vendor="Aastra", sn="4711")


def test_the_order_of_plugins_does_not_depend_on_the_mapping(knowledge: Knowledge) -> None:
    one = Rule(where=Where.PATH, literal="/shared", pattern="/shared", vendor="One")
    two = Rule(where=Where.PATH, literal="/shared", pattern="/shared", vendor="Two")
    for rules in ({"a": [one], "b": [two]}, {"b": [two], "a": [one]}):
        assert Identifier(knowledge, rules).identify(_http("/shared")).vendor == "One"


def test_rules_can_be_exchanged(knowledge: Knowledge) -> None:
    identifier = Identifier(knowledge, {"acme": [ACME]})
    identifier.use_plugin_rules({})
    assert identifier.identify(_http(agent="AcmePhone/A1 2.0.1 020304a0b0c0")) == DeviceInfo()


def _rule(**changes: Any) -> Rule:
    members: dict[str, Any] = {"where": Where.PATH, "literal": "/acme", "pattern": "/acme"}
    return Rule(**{**members, **changes})


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (_rule(literal="ab"), "less than 3 characters"),
        (_rule(literal=None), "not a text"),
        (_rule(pattern=b"/acme"), "not a text"),
        (_rule(vendor=3), "not a text"),
        (_rule(pattern="/acme("), "not a regular expression"),
        (_rule(pattern="/acme" * 500), "longer than"),
        (_rule(pattern="/acme(a+)+b"), "exponential"),
        (_rule(pattern="/acme(?P<colour>.)"), "unknown group 'colour'"),
        (_rule(where="body"), "no part of a request"),
        (_rule(where=Where.QUERY), "names no argument"),
        ("not a rule", "not a Rule"),
    ],
    ids=lambda value: value if isinstance(value, str) else "rule",
)
def test_unusable_rules_are_reported_and_the_others_work(knowledge: Knowledge, rule: Any, reason: str) -> None:
    identifier = Identifier(knowledge, {"acme": [rule, ACME], "other": [rule]})
    assert [problem.plugin for problem in identifier.problems] == ["acme", "other"]
    assert reason in identifier.problems[0].sentence
    assert "Rule 1 of plugin acme" in identifier.problems[0].sentence
    assert identifier.identify(_http(agent="AcmePhone/A1 2.0.1 020304a0b0c0")).vendor == "Acme"


def test_rules_that_are_no_sequence_are_reported(knowledge: Knowledge) -> None:
    rules: Any = {"acme": 7}
    assert len(Identifier(knowledge, rules).problems) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a*)*",
        "(a|a)*b",
        "(?:ab|a|b)*c",
        "(.*)*x",
        "([a-z]+[0-9]*)+$",
        r"(\d+\.?)+x",
        r"(\s*\w+\s*)*;",
        "((?:a+){2})+",
        "(a{0,40}){0,40}b",
        "(?:a?){60}a{60}",
        "(x+x+)+y",
        "a*a*a*b",
        ".*a.*b.*c",
        "(?:.*a|.*b).*c.*",
        r"(a)\1",
    ],
)
def test_expressions_that_can_take_very_long_are_refused(pattern: str) -> None:
    assert pattern_problem(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}",
        r"\d+(?:\.\d+)*",
        r"^Foo (?P<model>\S+) (?P<version>[\d.]+) (?P<mac>[\da-f]{12})$",
        r"^(?P<a>\w+)/(?P<b>\w+)/(?P<c>\w+)",
        r"\d+\s+\d+\s+\d+\s+x",
        "(?:a|b|cd){1,3}",
        "(?!0{12})[0-9a-f]{12}(?<!x)",
        ".*foo.*",
        "(?>a+)b",
        "(?i:x)[^;]{0,40}y",
    ],
)
def test_ordinary_expressions_are_accepted(pattern: str) -> None:
    assert pattern_problem(pattern) is None

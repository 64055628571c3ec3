"""Nothing in a request raises, hangs or slows down the answer."""

from __future__ import annotations

import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.phone_cases import recorded, request_of

from provisiond.identification import safety
from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.rulebook import expanded, own_rules
from provisiond.identification.rules import Where
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.model.identifiers import is_mac, is_phone_mac

KNOWLEDGE = Knowledge.shipped()
IDENTIFIER = Identifier(KNOWLEDGE)
CASES = [request_of(case) for case in recorded("identification.jsonl", "traps.jsonl")]
FRAGMENTS = sorted(
    {
        piece
        for request in CASES
        for text in (request.path, request.user_agent)
        for piece in re.split("([^0-9A-Za-z])", text)
    }
)

bytes_as_text = st.text(st.characters(max_codepoint=255), max_size=80)
pieces = st.lists(st.sampled_from(FRAGMENTS) | bytes_as_text, max_size=12).map("".join)
requests = st.builds(
    PhoneRequest,
    protocol=st.sampled_from(Protocol),
    method=st.sampled_from(["GET", "PUT", "RRQ", "SUBSCRIBE", ""]),
    path=pieces | st.text(max_size=60),
    query=st.dictionaries(st.sampled_from(["mac", "uuid", "MAC", "x"]) | bytes_as_text, pieces, max_size=3),
    headers=st.dictionaries(
        st.sampled_from(["User-Agent", "Event", "o", "X"]), pieces | st.text(max_size=60), max_size=3
    ),
    dhcp=st.dictionaries(st.sampled_from([12, 43, 60, 77]), pieces, max_size=3),
    chaddr=st.none() | pieces,
    peer=st.none() | st.ip_addresses().map(str) | bytes_as_text,
)


@settings(max_examples=400, deadline=None)
@given(requests)
def test_any_request_gets_a_sane_answer(request: PhoneRequest) -> None:
    info = IDENTIFIER.identify(request)
    assert info.vendor is None or info.vendor in KNOWLEDGE.vendors
    assert info.mac is None or (is_mac(info.mac) and is_phone_mac(info.mac))
    assert info.model is None or (info.vendor is not None and len(info.model) <= 32)
    assert info.version is None or (info.version[0].isdigit() and len(info.version) <= 64)
    assert IDENTIFIER.identify(request) == info


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CASES), st.integers(0, 200), st.characters(max_codepoint=255))
def test_one_strange_byte_in_a_recorded_request_raises_nothing(case: PhoneRequest, place: int, byte: str) -> None:
    def spoiled(text: str) -> str:
        return text[:place] + byte + text[place:]

    info = IDENTIFIER.identify(
        PhoneRequest(
            protocol=case.protocol,
            path=spoiled(case.path),
            headers={name: spoiled(value) for name, value in case.headers.items()},
            dhcp={number: spoiled(value) for number, value in case.dhcp.items()},
            chaddr=spoiled(case.chaddr) if case.chaddr else None,
        )
    )
    assert isinstance(info, DeviceInfo)


HOSTILE = [
    *(
        unit * 20_000
        for unit in ("A", "a0", "0", "-", ".", "/", "\\", "%", "%41", "snom", "snom ", "1.", "00:", "\0", "é")
    ),
    *(
        brand + filler * 20_000
        for brand in ("Yealink SIP-", "snom", "Grandstream Model HW ", "/SEP", "FileTransport Poly")
        for filler in ("T", "1.2.", "0a:", " ", "-", "UA/", "a-")
    ),
    "".join(f"/snom{number}-{number}" for number in range(5000)),
    "(" * 30_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_oversized_input_is_answered_at_once(text: str) -> None:
    """The bound is generous: a backtracking expression would need minutes or centuries."""
    started = time.process_time()
    for protocol in Protocol:
        IDENTIFIER.identify(
            PhoneRequest(
                protocol=protocol,
                path=text,
                query={"mac": text, "uuid": text},
                headers={"User-Agent": text, "Event": "ua-profile;" + text},
                dhcp={60: text, 77: text},
                chaddr=text,
                peer=text,
            )
        )
    assert time.process_time() - started < 1


@pytest.mark.parametrize("where", list(Where))
def test_the_servers_own_expressions_cannot_backtrack_badly(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "MAX_PATTERN_LENGTH", 1_000_000)
    for rule in own_rules(KNOWLEDGE, where):
        assert safety.pattern_problem(rule.expression.pattern) is None, rule.expression.pattern[:200]


@pytest.mark.parametrize("where", list(Where))
def test_every_own_rule_has_literals_in_lower_case(where: Where) -> None:
    for rule in own_rules(KNOWLEDGE, where):
        assert rule.literals
        assert all(literal and literal == literal.lower() for literal in rule.literals)
        assert rule.vendor in KNOWLEDGE.vendors


def test_the_literal_of_a_rule_stands_in_everything_it_matches() -> None:
    """Without the literals the recorded requests give the same hits: the prefilter loses nothing."""
    for where, texts in (
        (Where.USER_AGENT, [request.user_agent for request in CASES]),
        (Where.PATH, [request.path for request in CASES]),
        (Where.DHCP_VENDOR_CLASS, [request.dhcp.get(60, "") for request in CASES]),
    ):
        rules = own_rules(KNOWLEDGE, where)
        for text in texts:
            for rule in rules:
                if rule.expression.search(text):
                    assert any(literal in text.lower() for literal in rule.literals), (rule, text)


def test_placeholders_of_the_data_are_all_known() -> None:
    vendor = KNOWLEDGE.vendors["Snom"]
    for rules in KNOWLEDGE.rules.values():
        for raw in rules:
            assert not re.search("%[A-Z]+%", expanded(raw["pattern"], vendor)), raw


def test_a_printable_soup_never_names_a_phone() -> None:
    soup = string.printable * 3
    assert (
        IDENTIFIER.identify(PhoneRequest(protocol=Protocol.HTTP, path=soup, headers={"User-Agent": soup}))
        == DeviceInfo()
    )

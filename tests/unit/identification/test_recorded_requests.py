"""Every recorded request is identified exactly: what is expected is claimed, and nothing without right."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.support.phone_cases import DATA, claimed, complaints, recorded

from provisiond.identification.extract import Identifier
from provisiond.identification.values import PhoneRequest, Protocol

GIVEN = recorded("identification.jsonl", "traps.jsonl")
MORE = recorded("more-requests.jsonl")


@pytest.mark.parametrize("case", GIVEN + MORE, ids=lambda case: case["id"])
def test_recorded_request(identifier: Identifier, case: dict[str, Any]) -> None:
    assert complaints(case, claimed(identifier, case)) == []


def test_every_case_is_there_once_and_names_its_source() -> None:
    assert (len(GIVEN), len({case["id"] for case in GIVEN + MORE})) == (457 + 125, len(GIVEN + MORE))
    assert all(case["source"] for case in MORE)


def test_the_check_finds_wrong_missing_and_unfounded_claims() -> None:
    case = {"expect": {"vendor": "Snom", "mac": "00:04:13:00:00:01"}, "allow": {"model": ["320"]}}
    assert complaints(case, {"vendor": "Snom", "mac": "00:04:13:00:00:01", "model": "320"}) == []
    assert len(complaints(case, {"vendor": "Yealink", "model": "T20P", "version": "1.0"})) == 4


SEQUENCES: list[dict[str, Any]] = yaml.safe_load((DATA / "boot-sequences.yaml").read_text("utf-8"))["sequences"]


def _filled(template: str, example: dict[str, Any]) -> str:
    mac = str(example["mac"])
    pairs = [mac[index : index + 2] for index in range(0, 12, 2)]
    forms = {
        "MAC": mac.upper(),
        "MAC10": mac.upper()[2:],
        "mac_colon": ":".join(pairs),
        "MAC_colon": ":".join(pairs).upper(),
        "MAC_DASH": "-".join(pairs).upper(),
        "mac_underscore": "_".join(pairs),
    }
    return template.format_map({**forms, **{key: str(value) for key, value in example.items()}})


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence["id"])
def test_no_step_of_a_boot_sequence_contradicts_the_phone(identifier: Identifier, sequence: dict[str, Any]) -> None:
    """Some steps say nothing; together they name the vendor and the address, and none names another phone."""
    example = sequence["example"]
    mac = _filled("{mac_colon}", example)
    seen = set()
    for step in sequence["steps"]:
        path, _, query = _filled(step["path"], example).partition("?")
        request = PhoneRequest(
            protocol=Protocol(step["protocol"]),
            method=step["method"],
            path=path,
            query=dict(pair.split("=") for pair in query.split("&")) if query else {},
            headers={"User-Agent": _filled(step["user_agent"], example)} if step["user_agent"] else {},
        )
        info = identifier.identify(request)
        assert info.vendor in (None, sequence["vendor"]), step
        assert info.mac in (None, mac), step
        assert info.model is None or info.model in {*map(str, sequence["models"]), str(example["model"])}, step
        if step["user_agent"] and "{model" in step["user_agent"]:
            assert (info.vendor, info.model) == (sequence["vendor"], str(example["model"])), step
        seen |= {info.vendor, info.mac}
    assert {sequence["vendor"], mac} <= seen


WITH_CLASS = [sequence for sequence in SEQUENCES if 60 in (sequence["dhcp"].get("sends") or {})]


@pytest.mark.parametrize("sequence", WITH_CLASS, ids=lambda sequence: sequence["id"])
def test_the_vendor_class_of_a_boot_sequence_names_the_vendor(identifier: Identifier, sequence: dict[str, Any]) -> None:
    sent = sequence["dhcp"]["sends"][60]
    example = {**sequence["example"], "model": str(sequence["example"]["model"])}
    text = _filled(sent, example)
    info = identifier.identify(PhoneRequest(protocol=Protocol.DHCP, dhcp={60: text}, chaddr="02:00:00:00:00:01"))
    assert info.vendor == sequence["vendor"], text
    assert info.model in (example["model"], *(() if "{model}" in sent else (None,)))

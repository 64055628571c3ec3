"""The shipped knowledge, and reading addresses and versions."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.phone_cases import DATA

from provisiond.identification.clues import path_macs, path_segments, uri_mac
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.matcher import CompiledRule, Matcher
from provisiond.identification.text import clean_version, folded, macs_in, phone_mac, tidy

MAC = "00:04:13:2a:b0:c0"
DIGITS = "0004132ab0c0"


def test_all_vendors_and_models_are_there(knowledge: Knowledge) -> None:
    listed = json.loads((DATA / "vendors.json").read_text("utf-8"))["vendors"]
    assert {name: set(entry["models"]) for name, entry in listed.items()} == {
        name: set(vendor.models) for name, vendor in knowledge.vendors.items()
    }
    assert (len(knowledge.vendors), sum(len(vendor.models) for vendor in knowledge.vendors.values())) == (35, 586)


def test_no_spelling_stands_for_two_models_or_two_vendors(knowledge: Knowledge) -> None:
    owners: dict[str, str] = {}
    for vendor in knowledge.vendors.values():
        for name in (vendor.name, *vendor.aliases):
            assert owners.setdefault(folded(name), vendor.name) == vendor.name
        models: dict[str, str] = {}
        for model, aliases in vendor.models.items():
            for name in (model, *aliases):
                assert models.setdefault(folded(name), model) == model, (vendor.name, name)


def test_the_longest_prefix_decides(knowledge: Knowledge) -> None:
    with (DATA / "vendor-ouis.csv").open(encoding="utf-8") as lines:
        listed = {row["oui"]: row["vendor"] for row in csv.DictReader(lines)}
    assert dict(knowledge.prefixes) == listed
    for prefix, vendor in listed.items():
        for filler in "3a":
            digits = prefix.ljust(12, filler)
            longest = max((other for other in listed if digits.startswith(other)), key=len)
            assert vendor == listed[longest] or len(longest) > len(prefix)
            mac = ":".join(digits[index : index + 2] for index in range(0, 12, 2))
            assert knowledge.vendor_of_mac(mac) == listed[longest]
    assert knowledge.vendor_of_mac("80:5e:cc:00:00:01") is None


def test_unknown_names_come_back_as_they_were(knowledge: Knowledge) -> None:
    assert knowledge.canonical("Acme", "A 1") == ("Acme", "A 1")
    assert knowledge.canonical("SNOM", "no such") == ("Snom", "no such")
    assert knowledge.canonical("snom") == ("Snom", None)
    assert knowledge.canonical(None, "320") == (None, "320")


SPELLINGS = [
    DIGITS,
    DIGITS.upper(),
    MAC,
    MAC.replace(":", "-"),
    MAC.replace(":", "_"),
    MAC.replace(":", "."),
    "0004.132a.b0c0",
    "0004-132a-b0c0",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_of_an_address_is_read(text: str) -> None:
    assert phone_mac(text) == MAC
    assert list(macs_in(f"({text}) x-{text}.cfg")) == [MAC, MAC]


@pytest.mark.parametrize(
    "text",
    [
        "",
        DIGITS[:-1],
        DIGITS + "0",
        "00:04:13-2a:b0:c0",
        "00:0413:2ab0:c0",
        "000:4:13:2a:b0:c0",
        "00:04:13:2a:b0:c0:dd",
        "g004132ab0c0",
        "000000000000",
        "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:01:4b",
        "0004132ab0c\u0660",
    ],
)
def test_what_is_no_address_of_a_phone_is_not_read(text: str) -> None:
    assert phone_mac(text) is None
    assert list(macs_in(f"x {text} y")) == []


@pytest.mark.parametrize("text", ["550e8400-e29b-41d4-a716-0004132ab0c0", f"x{DIGITS}", f"{DIGITS}x", f"{DIGITS}00"])
def test_an_address_must_stand_free(text: str) -> None:
    assert list(macs_in(text)) == []


@given(st.text(max_size=40))
def test_reading_an_address_never_raises_and_is_exact(text: str) -> None:
    mac = phone_mac(text)
    assert mac is None or mac.replace(":", "") == "".join(filter(str.isalnum, text)).lower()


@pytest.mark.parametrize(
    ("sent", "version"),
    [
        ("V0.7.10", "0.7.10"),
        ("R6.2", "6.2"),
        ("fw2.72", "2.72"),
        ("MPP-11-1-0-MSR4", "11-1-0-MSR4"),
        ("83.V2.65.0+build.a546b91", "83.V2.65.0"),
        ("6.1.5(a)", "6.1.5(a)"),
        (" 1.0 ", "1.0"),
        ("", None),
        ("+build", None),
        ("Vision", None),
        ("1" * 65, None),
    ],
)
def test_versions_lose_markers_and_build_metadata(sent: str, version: str | None) -> None:
    assert clean_version(sent) == version


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/a//b/./c.cfg", ("a", "b", "c.cfg")),
        (".\\SEP1.cnf.xml", ("SEP1.cnf.xml",)),
        ("/a%2Fb%5Cc", ("a", "b", "c")),
        ("/%zz%", ("%zz%",)),
        ("x.cfg\0", ("x.cfg",)),
        ("", ()),
        ("///", ()),
        ("/" + "a/" * 5000 + "b.cfg", ("a",) * 253 + ("b.cfg",)),
    ],
)
def test_paths_are_taken_apart_as_phones_mean_them(path: str, segments: tuple[str, ...]) -> None:
    assert path_segments(path) == segments


@pytest.mark.parametrize(
    ("path", "macs"),
    [
        (f"/{DIGITS}.cfg", [MAC]),
        (f"/cfg{DIGITS}.xml", [MAC]),
        ("/0a0b0c0d0e0f-phone.cfg", ["0a:0b:0c:0d:0e:0f"]),
        ("/0a0b0c0d0e0f/x.cfg", []),
        ("/x-0a0b0c0d0e0f.cfg", []),
        (f"/{DIGITS}/x.cfg", [MAC]),
        (f"/0a0b0c0d0e0f/{DIGITS}.cfg", [MAC]),
        (f"/{DIGITS}/0080f0a0b0c0.cfg", ["00:80:f0:a0:b0:c0", MAC]),
        ("/202410231530.cfg", []),
        ("/001565123456.cfg", ["00:15:65:12:34:56"]),
        ("/", []),
    ],
)
def test_addresses_in_a_path_the_most_telling_first(knowledge: Knowledge, path: str, macs: list[str]) -> None:
    assert list(path_macs(path_segments(path), knowledge)) == macs


@pytest.mark.parametrize(
    "uri",
    [
        f"sip:MAC%3a{DIGITS}@224.0.1.75",
        f"sip:MAC%3A{DIGITS.upper()}@local",
        f"sip:MAC{DIGITS}@224.0.1.75",
        f"sip:mac:{DIGITS}@x",
        f"SIPS:MAC-{MAC.replace(':', '-')}@x",
        f"sip:{DIGITS}@x",
    ],
)
def test_the_address_in_a_request_uri(uri: str) -> None:
    assert uri_mac(uri) == MAC


@pytest.mark.parametrize(
    "uri", ["sip:1001@224.0.1.75", "", f"http://{DIGITS}@x", f"sip:x{DIGITS}@y", f"sip:MAC%3a{DIGITS}0@x"]
)
def test_other_request_uris_hold_no_address(uri: str) -> None:
    assert uri_mac(uri) is None


def test_texts_are_tidied_and_cut() -> None:
    assert tidy(' "Yealink\t SIP-T46G\x00 \x17" ') == "Yealink SIP-T46G"
    assert tidy("\u00ef\u00bb\u00bfFanvil") == "Fanvil"
    assert len(tidy("x" * 9000)) == 512


def test_a_matcher_gives_hits_in_the_order_of_its_rules() -> None:
    import re

    rules = tuple(
        CompiledRule(literals=literals, expression=re.compile(pattern), vendor=vendor)
        for literals, pattern, vendor in (
            (("zeb", "bra"), "z(?P<model>.)", "first"),
            (("eb",), "nothing", "second"),
            (("ra",), "(?P<model>x)?ra$", "third"),
        )
    )
    hits = list(Matcher(rules).hits("a zebra"))
    assert [hit.rule.vendor for hit in hits] == ["first", "third"]
    assert [hit.get("model") for hit in hits] == ["e", None]
    assert list(Matcher(rules).hits("")) == []

"""Devices are found by any spelling of vendor and model."""

from __future__ import annotations

from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device
from provisiond.model.query import matches, parse_query
from provisiond.provisioning.aliases import spellings_of, with_aliases
from provisiond.provisioning.foreign import combined, respelled

KNOWLEDGE = Knowledge.shipped()


def finds(query: str, **document: str) -> bool:
    widened = with_aliases(parse_query({"q": query}), KNOWLEDGE)
    return matches(widened.selector, document)


def test_the_servers_spelling_finds_those_of_plugins() -> None:
    vendor = next(each for each in KNOWLEDGE.vendors.values() if each.aliases and any(each.models.values()))
    model, aliases = next((model, aliases) for model, aliases in vendor.models.items() if aliases)
    assert finds(f'{{"vendor": "{vendor.name}"}}', vendor=vendor.aliases[0])
    assert finds(f'{{"vendor": "{vendor.aliases[0]}"}}', vendor=vendor.name)
    assert finds(f'{{"model": "{model}"}}', model=aliases[0])
    assert spellings_of("model", model, KNOWLEDGE)[0] == model


def test_nothing_else_is_widened() -> None:
    assert not finds('{"vendor": "Snom"}', vendor="Aastra")
    assert finds('{"vendor": "Nobody"}', vendor="Nobody")
    assert not finds('{"vendor": {"$ne": "Snom"}}', vendor="Snom")
    query = parse_query({"q": '{"mac": "x"}'})
    assert with_aliases(query, KNOWLEDGE) is query
    assert with_aliases(query, None) is query


def test_devices_are_kept_in_the_words_of_their_plugin() -> None:
    native = DeviceInfo(vendor="Snom", model="D785", version="10.1", mac="m", ip="192.0.2.7")
    votes = {"vendor": "snom", "model": "785", "mac": "other"}
    foreign = combined(native, votes, foreign=True)
    assert (foreign.vendor, foreign.model, foreign.version, foreign.mac, foreign.ip) == (
        "snom",
        "785",
        None,
        "m",
        "192.0.2.7",
    )
    assert combined(native, votes, foreign=False) == native
    assert combined(native, {}, foreign=True) is native
    assert combined(DeviceInfo(mac="m"), {"vendor": "Acme"}, foreign=False).vendor == "Acme"
    device = Device({"id": "d", "vendor": "Snom", "model": "D785"})
    assert respelled(device, DeviceInfo(vendor="SNOM", model="d785"), KNOWLEDGE) == {"vendor": "SNOM", "model": "d785"}
    assert respelled(device, DeviceInfo(vendor="Aastra", model="D785"), KNOWLEDGE) == {}
    assert respelled(device, DeviceInfo(), KNOWLEDGE) == {}

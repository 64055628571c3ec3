"""From an info to the device it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import frozen

from provisiond.identification.knowledge import Knowledge
from provisiond.identification.retrieve import Ambiguous, contradicts, retrieve
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device

MAC, OTHER_MAC = "00:15:65:00:00:01", "00:15:65:00:00:02"


def device(name: str, **members: Any) -> Device:
    return Device({"id": name, **members})


@frozen
class Directory:
    devices: tuple[Device, ...]

    def _by(self, name: str, value: str) -> Sequence[Device]:
        return [device for device in self.devices if getattr(device, name) == value]

    def by_mac(self, mac: str) -> Sequence[Device]:
        return self._by("mac", mac)

    def by_sn(self, sn: str) -> Sequence[Device]:
        return self._by("sn", sn)

    def by_uuid(self, uuid: str) -> Sequence[Device]:
        return self._by("uuid", uuid)

    def by_ip(self, ip: str) -> Sequence[Device]:
        return self._by("ip", ip)


def found(info: DeviceInfo, *devices: Device) -> str | list[str] | None:
    result = retrieve(info, Directory(devices))
    if isinstance(result, Ambiguous):
        return [device.id for device in result.devices]
    return result.id if result else None


MANY = (
    device("by-ip", ip="10.0.0.1"),
    device("by-uuid", uuid="u1"),
    device("by-sn", sn="s1"),
    device("by-mac", mac=MAC),
)


def test_mac_comes_before_serial_before_uuid_before_ip() -> None:
    assert found(DeviceInfo(mac=MAC, sn="s1", uuid="u1", ip="10.0.0.1"), *MANY) == "by-mac"
    assert found(DeviceInfo(mac=OTHER_MAC, sn="s1", uuid="u1", ip="10.0.0.1"), *MANY) == "by-sn"
    assert found(DeviceInfo(mac=OTHER_MAC, sn="s2", uuid="u1", ip="10.0.0.1"), *MANY) == "by-uuid"
    assert found(DeviceInfo(mac=OTHER_MAC, sn="s2", uuid="u2", ip="10.0.0.1"), *MANY) == "by-ip"
    assert found(DeviceInfo(mac=OTHER_MAC, sn="s2", uuid="u2", ip="10.0.0.2"), *MANY) is None


def test_an_info_without_anything_finds_nothing() -> None:
    assert found(DeviceInfo(), *MANY, device("bare")) is None


@pytest.mark.parametrize(
    ("stored", "info"),
    [
        ({"mac": OTHER_MAC}, DeviceInfo(mac=MAC)),
        ({"vendor": "Snom"}, DeviceInfo(vendor="Yealink")),
        ({"vendor": "Snom", "model": "320"}, DeviceInfo(vendor="Snom", model="360")),
        ({"sn": "s1"}, DeviceInfo(sn="s2")),
        ({"uuid": "u1"}, DeviceInfo(uuid="u2")),
    ],
)
def test_a_contradicting_device_is_not_found_by_ip(stored: dict[str, Any], info: DeviceInfo) -> None:
    other = device("other", ip="10.0.0.1", **stored)
    with_ip = info.filled_from(DeviceInfo(ip="10.0.0.1"))
    assert contradicts(other, with_ip)
    assert found(with_ip, other) is None
    assert found(with_ip, other, device("right", ip="10.0.0.1")) == "right"


def test_what_one_side_does_not_know_contradicts_nothing() -> None:
    known = device("known", ip="10.0.0.1", mac=MAC, vendor="Snom", model="320", version="8.4")
    assert found(DeviceInfo(ip="10.0.0.1"), known) == "known"
    assert found(DeviceInfo(ip="10.0.0.1", vendor="Snom", version="10.1"), known) == "known"
    assert found(DeviceInfo(ip="10.0.0.1", mac=MAC), device("bare", ip="10.0.0.1")) == "bare"


def test_several_possible_devices_at_one_address_are_ambiguous() -> None:
    pair = (device("a", ip="10.0.0.1"), device("b", ip="10.0.0.1", vendor="Snom"))
    assert found(DeviceInfo(ip="10.0.0.1", vendor="Snom"), *pair) == ["a", "b"]
    assert found(DeviceInfo(ip="10.0.0.1", vendor="Yealink"), *pair) == "a"


def test_a_serial_number_of_another_phone_is_passed_over() -> None:
    masked = device("masked", sn="CCQ1", mac=OTHER_MAC)
    assert found(DeviceInfo(mac=MAC, sn="CCQ1"), masked) is None
    assert found(DeviceInfo(sn="CCQ1"), masked) == "masked"


def test_of_two_devices_with_one_mac_the_one_that_fits_is_taken() -> None:
    pair = (device("snom", mac=MAC, vendor="Snom"), device("yealink", mac=MAC, vendor="Yealink"))
    assert found(DeviceInfo(mac=MAC, vendor="Yealink"), *pair) == "yealink"
    assert found(DeviceInfo(mac=MAC, vendor="Htek"), *pair) == "snom"


def test_a_mac_decides_even_when_the_phone_was_registered_as_another() -> None:
    assert found(DeviceInfo(mac=MAC, vendor="Yealink"), device("wrong", mac=MAC, vendor="Snom")) == "wrong"


def test_other_spellings_are_the_same(knowledge: Knowledge) -> None:
    registered = device("x", ip="10.0.0.1", vendor="linksys", model="SPA-942", mac=MAC.upper())
    info = DeviceInfo(ip="10.0.0.1", vendor="Cisco", model="SPA942", mac=MAC)
    assert contradicts(registered, info)
    assert not contradicts(registered, info, knowledge)
    assert retrieve(info, Directory((registered,)), knowledge) == registered
    assert not contradicts(device("y", vendor="snom", model="d-785"), DeviceInfo(vendor="Snom", model="D785"))

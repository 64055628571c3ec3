"""What a request changes about devices."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.identification.update import displaced, needs_configuring, new_document, remote_state, updated
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device

MAC = "00:15:65:00:00:01"
texts = st.none() | st.sampled_from(["a", "b", "10.0.0.1"])
infos = st.builds(DeviceInfo, **dict.fromkeys(("vendor", "model", "version", "mac", "sn", "uuid", "ip"), texts))
documents = st.dictionaries(st.sampled_from(["vendor", "model", "version", "mac", "ip", "sn"]), texts)


def device(**members: Any) -> Device:
    return Device({"id": "d", **members})


def test_an_address_alone_makes_no_device() -> None:
    assert new_document(DeviceInfo(ip="10.0.0.1")) is None
    assert new_document(DeviceInfo()) is None


def test_a_recognised_phone_makes_a_device() -> None:
    info = DeviceInfo(vendor="Snom", mac=MAC, ip="10.0.0.1")
    assert new_document(info) == {"vendor": "Snom", "mac": MAC, "ip": "10.0.0.1", "added": "auto"}
    assert new_document(DeviceInfo(vendor="Snom")) == {"vendor": "Snom", "added": "auto"}


def test_missing_members_are_added_and_null_counts_as_missing() -> None:
    info = DeviceInfo(vendor="Snom", model="320", mac=MAC)
    assert updated(device(vendor="Snom", model=None), info) == {"model": "320", "mac": MAC}


def test_only_ip_and_version_follow_the_phone() -> None:
    stored = device(vendor="Snom", model="320", version="8.4", ip="10.0.0.1", mac=MAC)
    info = DeviceInfo(vendor="Snom", model="360", version="10.1", ip="10.0.0.2", mac=MAC)
    assert updated(stored, info) == {"version": "10.1", "ip": "10.0.0.2"}


def test_what_is_the_same_is_no_change() -> None:
    info = DeviceInfo(vendor="Snom", version="8.4", ip="10.0.0.1")
    assert updated(device(vendor="Snom", version="8.4", ip="10.0.0.1"), info) == {}


def test_the_version_of_another_vendors_phone_is_not_taken() -> None:
    info = DeviceInfo(vendor="Yealink", version="66.86.0.15", ip="10.0.0.2")
    assert updated(device(vendor="Snom", version="8.4"), info) == {"ip": "10.0.0.2"}
    assert updated(device(vendor="yealink", version="8.4"), info)["version"] == "66.86.0.15"


@given(documents, infos)
def test_an_update_is_settled_after_one_round(document: dict[str, Any], info: DeviceInfo) -> None:
    stored = device(**document)
    changes = updated(stored, info)
    assert changes.items() <= info.claims().items()
    assert updated(stored.with_members(**changes), info) == {}


@pytest.mark.parametrize("name", ["plugin", "config", "mac", "uuid", "vendor", "model", "version", "options"])
def test_these_changes_make_the_files_anew(name: str) -> None:
    assert needs_configuring({name: "x", "ip": "10.0.0.1"})


def test_a_new_address_does_not_make_the_files_anew() -> None:
    assert not needs_configuring({"ip": "10.0.0.1", "description": "x", "sn": "1"})
    assert not needs_configuring({})


class Addresses:
    def __init__(self, *devices: Device) -> None:
        self._devices = devices

    def by_ip(self, ip: str) -> list[Device]:
        return [device for device in self._devices if device.ip == ip]

    def _none(self, _value: str) -> list[Device]:
        return []

    by_mac = by_sn = by_uuid = _none


def test_an_address_is_taken_away_from_the_others() -> None:
    a, b, c = (Device({"id": name, "ip": ip}) for name, ip in (("a", "10.0.0.1"), ("b", "10.0.0.1"), ("c", "10.0.0.2")))
    directory = Addresses(a, b, c)
    assert displaced("a", "10.0.0.1", directory, nat=False) == (b,)
    assert displaced(None, "10.0.0.1", directory, nat=False) == (a, b)
    assert displaced("a", "10.0.0.1", directory, nat=True) == ()
    assert displaced("a", None, directory, nat=False) == ()


RAW = {"sip_lines": {"1": {"username": "u100"}, "2": {"username": "u200"}}}


@pytest.mark.parametrize("path", ["/00085D2DB07C.cfg", "/Aastra/00085D2DB07C.cfg", "Aastra\\00085D2DB07C.cfg"])
def test_fetching_the_trigger_file_tells_which_account_runs(path: str) -> None:
    configured = device(configured=True)
    changes = remote_state(configured, path, "00085D2DB07C.cfg", RAW)
    assert changes == {"remote_state_sip_username": "u100"}
    assert remote_state(configured.with_members(**changes), path, "00085D2DB07C.cfg", RAW) == {}


@pytest.mark.parametrize(
    ("stored", "path", "trigger", "raw_config"),
    [
        ({"configured": False}, "/a.cfg", "a.cfg", RAW),
        ({"configured": True}, "/b.cfg", "a.cfg", RAW),
        ({"configured": True}, "/a.cfg/b", "a.cfg", RAW),
        ({"configured": True}, "/", "a.cfg", RAW),
        ({"configured": True}, "/a.cfg", None, RAW),
        ({"configured": True}, "/a.cfg", "a.cfg", {}),
        ({"configured": True}, "/a.cfg", "a.cfg", {"sip_lines": {"2": {"username": "u200"}}}),
        ({"configured": True}, "/a.cfg", "a.cfg", {"sip_lines": {"1": {}}}),
    ],
)
def test_nothing_else_changes_the_remote_state(
    stored: dict[str, Any], path: str, trigger: str | None, raw_config: dict[str, Any]
) -> None:
    assert remote_state(device(**stored), path, trigger, raw_config) == {}

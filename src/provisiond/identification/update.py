"""What a request changes about devices, as values: nothing is stored here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from provisiond.identification.clues import path_segments
from provisiond.identification.retrieve import DirectoryView
from provisiond.identification.text import folded
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device

CONFIGURING_MEMBERS = frozenset({"plugin", "config", "mac", "uuid", "vendor", "model", "version", "options"})
"""Members whose change means that a device's files have to be made again (REST contract, section 8)."""

_FOLLOWED = ("ip", "version")


def new_document(info: DeviceInfo, *, anyone: bool = False) -> dict[str, Any] | None:
    """Return the document of a device for a phone that nobody registered, without id; None when none may be made.

    An info that holds nothing but an address reveals no phone.

    :param anyone: True to make one for an address alone, too, as other servers of the family do.
    """
    claims = info.claims()
    return {**claims, "added": "auto"} if claims.keys() - (set() if anyone else {"ip"}) else None


def updated(device: Device, info: DeviceInfo) -> dict[str, Any]:
    """Return the members of a device that a request changes, with their new values.

    What the device lacks is added; ``ip`` and ``version`` follow the phone. The version of a phone of another vendor
    is not taken.
    """
    known, told = device.vendor, info.vendor
    foreign = known is not None and told is not None and known != told and folded(known) != folded(told)
    changes: dict[str, Any] = {}
    for name, value in info.claims().items():
        stored = device.document.get(name)
        if name == "version" and foreign:
            continue
        if stored is None or (name in _FOLLOWED and stored != value):
            changes[name] = value
    return changes


def needs_configuring(changes: Collection[str]) -> bool:
    """Tell whether a change of these members means that the device's files have to be made again."""
    return not CONFIGURING_MEMBERS.isdisjoint(changes)


def displaced(device_id: str | None, ip: str | None, directory: DirectoryView, *, nat: bool) -> tuple[Device, ...]:
    """Return the devices that lose their ``ip`` because another device now has it.

    :param device_id: the device that was seen, or None when it is about to be created.
    :param ip: where it was seen.
    :param nat: True when phones share addresses; then nobody loses anything.
    """
    if nat or not ip:
        return ()
    return tuple(device for device in directory.by_ip(ip) if device.id != device_id)


def remote_state(device: Device, path: str, trigger: str | None, raw_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change of ``remote_state_sip_username`` that a delivered file means; empty when it means none.

    A configured device that fetched its trigger file now runs the account of SIP line 1.

    :param path: requested path or TFTP file name; its base name is compared.
    :param trigger: base name of the device's trigger file, or None when its plugin names none.
    :param raw_config: the flattened raw_config of the device.
    """
    segments = path_segments(path)
    if not device.configured or trigger is None or not segments or segments[-1] != trigger:
        return {}
    lines = raw_config.get("sip_lines")
    line = lines.get("1") if isinstance(lines, Mapping) else None
    username = line.get("username") if isinstance(line, Mapping) else None
    if not isinstance(username, str) or device.document.get("remote_state_sip_username") == username:
        return {}
    return {"remote_state_sip_username": username}

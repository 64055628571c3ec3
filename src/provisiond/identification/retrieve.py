"""From what a request revealed to the device it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from provisiond.identification.knowledge import Knowledge
from provisiond.identification.text import folded
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device

_CERTAIN = ("mac", "sn", "uuid")


class DirectoryView(Protocol):
    """What retrieval needs of the directory: the devices that have one value, in a stable order."""

    def by_mac(self, mac: str) -> Sequence[Device]:
        """Return the devices with this hardware address."""

    def by_sn(self, sn: str) -> Sequence[Device]:
        """Return the devices with this serial number."""

    def by_uuid(self, uuid: str) -> Sequence[Device]:
        """Return the devices with this UUID."""

    def by_ip(self, ip: str) -> Sequence[Device]:
        """Return the devices last seen at this address."""


@frozen
class Ambiguous:
    """More than one device could have sent the request, and only the address speaks for them."""

    devices: tuple[Device, ...]


def retrieve(
    info: DeviceInfo, directory: DirectoryView, knowledge: Knowledge | None = None
) -> Device | Ambiguous | None:
    """Return the device that sent a request, :class:`Ambiguous`, or None when no device did.

    Looks by MAC, then serial number, then UUID; the first that finds a device decides. Only then by IP, among the
    devices that do not contradict the info.

    :param knowledge: lets other spellings of vendors and models count as the same.
    """
    if info.mac and (found := directory.by_mac(info.mac)):
        return next((device for device in found if not contradicts(device, info, knowledge)), found[0])
    for device in (
        *(directory.by_sn(info.sn) if info.sn else ()),
        *(directory.by_uuid(info.uuid) if info.uuid else ()),
    ):
        if not contradicts(device, info, knowledge):
            return device
    candidates = directory.by_ip(info.ip) if info.ip else ()
    possible = tuple(device for device in candidates if not contradicts(device, info, knowledge))
    if len(possible) > 1:
        return Ambiguous(possible)
    return possible[0] if possible else None


def contradicts(device: Device, info: DeviceInfo, knowledge: Knowledge | None = None) -> bool:
    """Tell whether this device cannot have sent the request: both know a value, and it differs.

    Compared are MAC, serial number, UUID, vendor and model, regardless of letter case, blanks, hyphens and underscores.
    """
    for name in _CERTAIN:
        stored, revealed = getattr(device, name), getattr(info, name)
        if stored and revealed and stored.casefold() != revealed.casefold():
            return True
    vendor, model = device.vendor, device.model
    if info.vendor in (vendor, None) and info.model in (model, None):
        # Nearly every request of a known phone: whatever the same names mean, they mean the same.
        return False
    stored_names = _names(vendor, model, knowledge)
    revealed_names = _names(info.vendor, info.model, knowledge)
    return any(a and b and a != b for a, b in zip(stored_names, revealed_names, strict=True))


def _names(vendor: str | None, model: str | None, knowledge: Knowledge | None) -> tuple[str, str]:
    if knowledge is not None:
        vendor, model = knowledge.canonical(vendor, model)
    return folded(vendor or ""), folded(model or "")

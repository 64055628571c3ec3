"""Two views of one phone: the server's own, and that of the extractors of plugins of the older interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import evolve

from provisiond.identification.knowledge import Knowledge
from provisiond.identification.text import folded
from provisiond.identification.values import DeviceInfo, PhoneRequest
from provisiond.model.device import Device

MAX_MET = 200_000
_NAMES = ("vendor", "model", "version")


class ForeignEyes(Protocol):
    """Recognises phones in the words of existing plugins (``legacy.recognition``)."""

    def runs(self, plugin_id: str | None) -> bool: ...
    def forget(self) -> None: ...
    async def votes(self, request: PhoneRequest) -> Mapping[str, str]: ...


def combined(native: DeviceInfo, votes: Mapping[str, str], *, foreign: bool) -> DeviceInfo:
    """Return what is known of a phone, in the words of whoever serves it.

    :param votes: what the extractors revealed.
    :param foreign: True for a phone that a plugin of the older interface serves: it spells vendor and model in its own
        way, and counts on seeing them so.
    """
    if not votes:
        return native
    seen = evolve(DeviceInfo(**votes), ip=native.ip, mac=native.mac or votes.get("mac"))
    if not foreign:
        return native.filled_from(seen)
    own = evolve(native, **dict.fromkeys(_NAMES)) if seen.vendor else native
    return seen.filled_from(own)


def respelled(device: Device, info: DeviceInfo, knowledge: Knowledge | None) -> dict[str, str]:
    """Return vendor and model of a device in the spelling of ``info``, as far as only the spelling differs."""
    if info.vendor is None or device.vendor is None:
        return {}
    stored: tuple[str | None, str | None] = (device.vendor, device.model)
    seen: tuple[str | None, str | None] = (info.vendor, info.model)
    if knowledge is not None:
        stored, seen = knowledge.canonical(*stored), knowledge.canonical(*seen)
    changes: dict[str, str] = {}
    if folded(stored[0] or "") != folded(seen[0] or ""):
        return changes
    if device.vendor != info.vendor:
        changes["vendor"] = info.vendor
    if device.model and info.model and device.model != info.model and folded(stored[1] or "") == folded(seen[1] or ""):
        changes["model"] = info.model
    return changes


class Acquaintance:
    """Which devices were looked at through foreign eyes since the server started."""

    def __init__(self, eyes: ForeignEyes | None, knowledge: Knowledge | None) -> None:
        self._eyes = eyes
        self._knowledge = knowledge
        self._met: set[tuple[str, str | None]] = set()

    def serves(self, plugin_id: str | None) -> bool:
        """Tell whether a plugin of the older interface serves the devices of this plugin id."""
        return self._eyes is not None and self._eyes.runs(plugin_id)

    def concerns(self, device: Device, info: DeviceInfo) -> bool:
        """Tell whether the extractors have to be asked about a request of a known device."""
        if not self.serves(device.plugin):
            return False
        known = (device.id, device.plugin) in self._met
        return not known or (info.version is not None and info.version != device.version)

    def met(self, device: Device) -> None:
        """Note that a device was looked at."""
        if self.serves(device.plugin):
            if len(self._met) >= MAX_MET:
                self._met.clear()
            self._met.add((device.id, device.plugin))

    async def votes(self, request: PhoneRequest) -> Mapping[str, str]:
        """Return what the extractors reveal; empty when there are none."""
        return {} if self._eyes is None else await self._eyes.votes(request)

    def respelled(self, device: Device, info: DeviceInfo) -> dict[str, str]:
        """Return what only spells differently in the words of the plugin that serves a device."""
        return respelled(device, info, self._knowledge) if self.serves(device.plugin) else {}

"""Letting plugins undo what they did for devices; only those of the older interface keep anything that needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from provisiond.identification.update import CONFIGURING_MEMBERS
from provisiond.model.device import Device


class Undoing(Protocol):
    """The part of the plugin host that undoes (``plugins.registry.PluginRegistry``)."""

    def undoes(self, plugin_id: str) -> bool: ...
    async def deconfigure(self, plugin_id: str, device: Device) -> None: ...


class Deconfiguring:
    """Has each configured device undone once, by the plugin that configured it, before it is configured again.

    A plugin is shown the device as it was when its files were made, even when it has changed several times since.
    """

    def __init__(self, host: Undoing) -> None:
        self._host = host
        self._former: dict[str, Device] = {}
        self._undone: set[str] = set()

    def replaced(self, old: Device, new: Mapping[str, Any]) -> None:
        """Remember a device as it was, because it changes."""
        if not old.configured or old.id in self._former:
            return
        if not any(self._host.undoes(str(plugin)) for plugin in (old.plugin, new.get("plugin"))):
            return
        if any(old.document.get(name) != new.get(name) for name in CONFIGURING_MEMBERS):
            self._former[old.id] = old

    async def undo(self, device: Device) -> None:
        """Have what was done for a device undone, if it is configured and that has not happened yet. Never raises.

        :param device: as it is now.
        """
        former = self._former.pop(device.id, device)
        if device.id in self._undone:
            self._undone.discard(device.id)
        elif former.configured and former.plugin is not None and self._host.undoes(former.plugin):
            await self._host.deconfigure(former.plugin, former)

    async def undo_early(self, device: Device) -> None:
        """Do the same now, while the plugin is still the one that did it; the next :meth:`undo` then does nothing."""
        if device.configured:
            await self.undo(device)
            self._undone.add(device.id)

    def forget(self, device_ids: Iterable[str]) -> None:
        """Forget devices that nothing is to be undone for any more."""
        for device_id in device_ids:
            self._former.pop(device_id, None)
            self._undone.discard(device_id)

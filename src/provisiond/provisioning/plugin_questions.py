"""What plugins of the older interface may ask of the server while they work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from provisiond.errors import InvalidInput, NotFound, Unavailable
from provisiond.model.device import Device
from provisiond.model.documents import check_device
from provisiond.model.operation import OperationProgress
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.synchronization import Notifier
from provisiond.sdk import SipNotify

MAX_FOUND = 1_000
_OWN = frozenset({"id", "configured", "is_new", "tenant_uuid"})


class ChangedDevices(Protocol):
    """Stores changes of devices (``provisioning.devices``)."""

    async def change(self, device_id: str, changes: Mapping[str, Any]) -> None: ...


class PluginPackageWork(Protocol):
    """Works on the packages of plugins (``packages.firmware.service``)."""

    async def install(self, plugin_id: str, package: str, progress: OperationProgress) -> None: ...
    async def upgrade(self, plugin_id: str, package: str, progress: OperationProgress) -> None: ...
    async def uninstall(self, plugin_id: str, package: str) -> None: ...


class PluginQuestions:
    """Answers plugins; made before the rooms that it needs, which :meth:`connect` brings."""

    def __init__(self) -> None:
        self._directory: Directory | None = None
        self._devices: ChangedDevices | None = None
        self._packages: PluginPackageWork | None = None
        self._notifier: Notifier | None = None

    def connect(
        self,
        directory: Directory,
        devices: ChangedDevices,
        packages: PluginPackageWork | None,
        notifier: Notifier | None,
    ) -> None:
        """Bring the rooms that answers come from."""
        self._directory = directory
        self._devices = devices
        self._packages = packages
        self._notifier = notifier

    async def answer(self, kind: str, members: Mapping[str, Any]) -> Any:
        """Return the answer to a question, as JSON.

        :raises InvalidInput: when a plugin asks for what cannot be.
        :raises Unavailable: while the server cannot do it.
        """
        known = {
            "notify": self._notify,
            "dev_update": self._update,
            "dev_retrieve": self._retrieve,
            "dev_find": self._find,
            "package": self._package,
        }
        answer = known.get(kind)
        if answer is None:
            raise InvalidInput(f"plugins cannot ask for {kind[:40]!r}")
        return await answer(members)

    async def _notify(self, members: Mapping[str, Any]) -> None:
        if self._notifier is None:
            raise Unavailable("this server has no way to reach phones")
        extra = tuple(str(line) for line in members.get("extra", ()))
        action = SipNotify(str(members.get("event")), extra)
        peer = members.get("peer")
        if peer is None:
            await self._notifier.perform(Device({"id": "", "ip": str(members.get("ip"))}), action, {})
            return
        device = self._with_account(str(peer)) or Device({"id": ""})
        await self._notifier.perform(device, action, {"sip_lines": {"1": {"username": str(peer)}}})

    def _with_account(self, account: str) -> Device | None:
        directory = self._directory
        for device_id in directory.ids() if directory is not None else ():
            device = directory.get(device_id) if directory is not None else None
            if device is not None and device.document.get("remote_state_sip_username") == account:
                return device
        return None

    async def _update(self, members: Mapping[str, Any]) -> None:
        changes = members.get("changes")
        if self._devices is None or not isinstance(changes, Mapping):
            raise InvalidInput("the plugin's change of a device is not right")
        allowed = {str(name): value for name, value in changes.items() if name not in _OWN}
        check_device({"id": "x", **allowed})
        await self._devices.change(str(members.get("id")), allowed)

    async def _retrieve(self, members: Mapping[str, Any]) -> dict[str, Any] | None:
        device = self._directory.get(str(members.get("id"))) if self._directory is not None else None
        return dict(device.document) if device is not None else None

    async def _find(self, members: Mapping[str, Any]) -> list[dict[str, Any]]:
        selector = members.get("selector")
        if self._directory is None or not isinstance(selector, Mapping) or not selector:
            raise InvalidInput("devices are found by the values of their members")
        found: list[dict[str, Any]] = []
        for device_id in self._directory.ids():
            device = self._directory.get(device_id)
            if device is not None and all(device.document.get(key) == value for key, value in selector.items()):
                found.append(dict(device.document))
            if len(found) >= MAX_FOUND:
                break
        return found

    async def _package(self, members: Mapping[str, Any]) -> None:
        plugin_id, package = str(members.get("plugin")), str(members.get("package"))
        if self._packages is None:
            raise NotFound(f'packages of plugin "{plugin_id}"')
        if members.get("word") == "uninstall":
            await self._packages.uninstall(plugin_id, package)
        elif members.get("word") == "upgrade":
            await self._packages.upgrade(plugin_id, package, OperationProgress())
        else:
            await self._packages.install(plugin_id, package, OperationProgress())

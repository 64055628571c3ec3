"""Telling phones to fetch their files again."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from provisiond.errors import NotFound, PluginProblem, Unavailable
from provisiond.model.device import Device
from provisiond.model.operation import OperationProgress
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.ports import PluginHost
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.tenants import Scope
from provisiond.sdk import HttpAction, NotSupported, SccpReset, SipNotify
from provisiond.store.operations import StoredOperation

RESOURCE = "/dev_mgr/synchronize"


class Notifier(Protocol):
    """A way to reach phones."""

    async def perform(self, device: Device, action: SipNotify | HttpAction | SccpReset) -> None:
        """Make the phone do it; raises a ProvisiondError with the reason when that is not possible."""


class Synchronization:
    """Makes phones fetch again, as operations.

    :param notifier: reaches phones; None while the server has no way to do so.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        flattening: Flattening,
        host: PluginHost,
        rendering: Rendering,
        operations: Operations,
        notifier: Notifier | None,
    ) -> None:
        self._directory = directory
        self._flattening = flattening
        self._host = host
        self._rendering = rendering
        self._operations = operations
        self._notifier = notifier

    async def start(self, device_id: str, scope: Scope) -> StoredOperation:
        """Begin to synchronize a device; the operation fails with the reason when that is not possible.

        :raises NotFound: when there is no such device inside the scope's tree.
        """
        device = self._directory.get(device_id)
        if device is None or not scope.sees(device):
            raise NotFound(f'device "{device_id}"')
        return await self._operations.start(RESOURCE, partial(self._synchronize, device_id))

    async def _synchronize(self, device_id: str, progress: OperationProgress) -> None:
        await self._rendering.settled(device_id)
        device = self._directory.get(device_id)
        if device is None:
            raise NotFound(f'device "{device_id}"')
        if not device.configured or device.plugin is None:
            reason = self._rendering.problem(device_id)
            raise PluginProblem("the device is not configured" + (f": {reason}" if reason else ""))
        raw_config = await self._flattening.of(device)
        action = await self._host.synchronize(device.plugin, device, raw_config)
        if isinstance(action, NotSupported):
            raise PluginProblem(action.reason)
        if self._notifier is None:
            raise Unavailable("this server has no way to reach phones")
        await self._notifier.perform(device, action)

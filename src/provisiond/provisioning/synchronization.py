"""Telling phones to fetch their files again, one or many."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Protocol

from provisiond.errors import NotFound, PluginProblem, ProvisiondError, Unavailable
from provisiond.model.device import Device
from provisiond.model.operation import OperationProgress
from provisiond.provisioning.currency import telling_files
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.operations import Operations
from provisiond.provisioning.ports import PluginHost
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.sync_steps import ANSWERED, SyncSteps
from provisiond.provisioning.sync_waves import Pace, Waves
from provisiond.provisioning.tenants import Scope
from provisiond.sdk import HttpAction, NotSupported, SccpReset, SipNotify
from provisiond.store.operations import StoredOperation

RESOURCE = "/dev_mgr/synchronize"
MANY = "/dev_mgr/synchronize_many"


class Notifier(Protocol):
    """A way to reach phones."""

    async def perform(
        self, device: Device, action: SipNotify | HttpAction | SccpReset, raw_config: Mapping[str, Any]
    ) -> str:
        """Make the phone do it and return what it answered; raises a ProvisiondError with the reason otherwise."""


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
        steps: SyncSteps,
        waves: Waves,
    ) -> None:
        self._directory = directory
        self._flattening = flattening
        self._host = host
        self._rendering = rendering
        self._operations = operations
        self._notifier = notifier
        self._steps = steps
        self._waves = waves

    async def start(self, device_id: str, scope: Scope) -> StoredOperation:
        """Begin to synchronize a device; the operation fails with the reason when that is not possible.

        :raises NotFound: when there is no such device inside the scope's tree.
        """
        device = self._seen(device_id, scope)
        work = partial(self._synchronize, device_id)
        return await self._operations.start(RESOURCE, work, tenant_uuid=device.tenant_uuid)

    async def start_many(self, device_ids: Collection[str], scope: Scope, pace: Pace) -> StoredOperation:
        """Begin to synchronize devices at a pace; the operation counts them and fails when too many do.

        :raises NotFound: naming the first that is not inside the scope's tree; then nothing begins.
        """
        for device_id in device_ids:
            self._seen(device_id, scope)
        wanted = list(dict.fromkeys(device_ids))

        async def work(progress: OperationProgress) -> None:
            await self._waves.run(wanted, self._told, pace, progress)

        return await self._operations.start(MANY, work, tenant_uuid=scope.tenant_uuid)

    def steps(self, device_id: str, scope: Scope) -> list[dict[str, Any]]:
        """Return the steps of a device's last synchronization.

        :raises NotFound: when there is no such device inside the scope's tree.
        """
        self._seen(device_id, scope)
        return self._steps.documents(device_id)

    def _seen(self, device_id: str, scope: Scope) -> Device:
        device = self._directory.get(device_id)
        if device is None or not scope.sees(device):
            raise NotFound(f'device "{device_id}"')
        return device

    async def _synchronize(self, device_id: str, progress: OperationProgress) -> None:
        await self._told(device_id)

    async def _told(self, device_id: str) -> None:
        try:
            sentence = await self._performed(device_id)
        except ProvisiondError as problem:
            self._steps.fail(device_id, problem.sentence)
            raise
        self._steps.note(device_id, ANSWERED, sentence)

    async def _performed(self, device_id: str) -> str:
        await self._rendering.settled(device_id)
        device = self._directory.get(device_id)
        if device is None:
            raise NotFound(f'device "{device_id}"')
        files = await self._rendering.device_files(device)
        if not device.configured or device.plugin is None or files is None:
            reason = self._rendering.problem(device_id)
            raise PluginProblem("the device is not configured" + (f": {reason}" if reason else ""))
        raw_config = await self._flattening.of(device)
        action = await self._host.synchronize(device.plugin, device, raw_config)
        if action is None:
            self._steps.begin(device_id, "the plugin has told the phone", telling_files(files))
            return "the plugin has told the phone"
        if isinstance(action, NotSupported):
            raise PluginProblem(action.reason)
        if self._notifier is None:
            raise Unavailable("this server has no way to reach phones")
        self._steps.begin(device_id, _sentence(action), telling_files(files))
        return await self._notifier.perform(device, action, raw_config)


def _sentence(action: SipNotify | HttpAction | SccpReset) -> str:
    if isinstance(action, SipNotify):
        return f'the event "{action.event}" is sent'
    if isinstance(action, HttpAction):
        return "a request to the phone itself is sent"
    return "Asterisk is asked to " + ("restart" if action.restart else "reset") + " the phone"

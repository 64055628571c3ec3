"""What the server itself learns about devices: in memory at once, in the store soon."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.errors import ProvisiondError
from provisiond.model.device import Device
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.ports import Clock, StoredDevices

log = Logger()
INTERVAL = 1.0
RETRY_INTERVAL = 5.0


def with_changes(device: Device, changes: Mapping[str, Any]) -> Device:
    """Return the device with these members; a member whose new value is None is taken away."""
    document = {**device.document, **changes}
    return Device({key: value for key, value in document.items() if not (key in changes and value is None)})


class Sightings:
    """Changes of devices that nobody waits for: ``ip``, ``version``, ``configured``, ``remote_state_sip_username``.

    The directory has them at once. They are written together, at most once a second, each device once.

    :param store: writes many changes in one transaction; a value None takes the member away.
    """

    def __init__(self, directory: Directory, store: StoredDevices, clock: Clock) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock
        self._pending: dict[str, dict[str, Any]] = {}
        self._batch: Mapping[str, Mapping[str, Any]] = {}
        self._in_flight: Deferred[None] | None = None
        self._planned: Any = None
        self._last_seen: dict[str, float] = {}

    def seen(self, device_id: str) -> None:
        """Note that the phone asked for something now; kept in memory only."""
        self._last_seen[device_id] = self._clock.seconds()

    def last_seen(self, device_id: str) -> float | None:
        """Return when the phone asked last, in seconds since the epoch; None when not since the start."""
        return self._last_seen.get(device_id)

    def note(self, device_id: str, changes: Mapping[str, Any]) -> Device | None:
        """Change members of a device; None takes a member away.

        :return: the changed device, or None when there is no such device.
        """
        device = self._directory.get(device_id)
        if device is None or not changes:
            return device
        device = with_changes(device, changes)
        self._directory.put(device)
        self._add(device_id, changes)
        return device

    def unwritten(self, device_id: str) -> dict[str, Any]:
        """Return the changes of a device that are not known to be in the store yet."""
        return {**self._batch.get(device_id, {}), **self._pending.get(device_id, {})}

    @asynccontextmanager
    async def superseding(self, device_id: str) -> AsyncIterator[None]:
        """Let somebody write the whole document of a device, or delete it, in place of what is pending for it.

        It begins when nothing of that device is being written, so that no older change arrives later. What was pending
        and still holds at the end, because nothing was written in its place, is pending again.
        """
        while self._in_flight is not None:
            await self._joined(self._in_flight)
        dropped = self._pending.pop(device_id, {})
        try:
            yield
        finally:
            device = self._directory.get(device_id)
            if device is not None:
                held = {name: value for name, value in dropped.items() if device.document.get(name) == value}
                self._add(device_id, {**held, **self._pending.get(device_id, {})})

    def forget(self, device_id: str) -> None:
        """Forget a device that was deleted."""
        self._pending.pop(device_id, None)
        self._last_seen.pop(device_id, None)

    async def flush(self) -> None:
        """Write what is pending now. What the store refuses stays pending and is tried again later."""
        while self._in_flight is not None:
            await self._joined(self._in_flight)
        if self._pending:
            await self._write()

    def _write_now(self) -> None:
        self._planned = None
        Deferred.fromCoroutine(self.flush())

    def _add(self, device_id: str, changes: Mapping[str, Any]) -> None:
        if not changes:
            return
        self._pending.setdefault(device_id, {}).update(changes)
        if self._planned is None and self._in_flight is None:
            self._planned = self._clock.callLater(INTERVAL, self._write_now)

    async def _write(self) -> None:
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        batch, self._pending = self._pending, {}
        self._batch = batch
        done = self._in_flight = Deferred()
        delay = INTERVAL
        try:
            await self._store.write_sightings(batch)
        except Exception as error:
            _tell(error, len(batch))
            delay = RETRY_INTERVAL
            for device_id, changes in batch.items():
                self._pending[device_id] = {**changes, **self._pending.get(device_id, {})}
        self._in_flight, self._batch = None, {}
        if self._pending:
            self._planned = self._clock.callLater(delay, self._write_now)
        done.callback(None)

    @staticmethod
    async def _joined(running: Deferred[None]) -> None:
        waiter: Deferred[None] = Deferred()

        def pass_on(result: None) -> None:
            waiter.callback(None)

        running.addCallback(pass_on)
        await waiter


def _tell(error: Exception, count: int) -> None:
    told = "changes of {count} devices could not be written, they are tried again"
    if isinstance(error, ProvisiondError):
        log.error(f"{told}: {{reason}}", count=count, reason=error.sentence)
    else:
        log.failure(told, count=count)

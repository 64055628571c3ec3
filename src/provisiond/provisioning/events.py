"""What happened, told to whoever listens in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

log = Logger()


@frozen
class DeviceSeen:
    """A phone asked for something."""

    device_id: str
    created: bool
    ip: str | None


@frozen
class DeviceChanged:
    """A device's document was written by an administrator or a program, or it was deleted."""

    device_id: str
    action: str
    tenant_uuid: str | None


@frozen
class DeviceConfigured:
    """The files of a device were made, or could not be made (``problem`` then holds the sentence)."""

    device_id: str
    configured: bool
    problem: str | None


@frozen
class DeviceSynchronized:
    """A phone that was told to fetch got on: ``sent``, ``answered``, ``fetched``, or ``failed``.

    :param sentence: what it answered, which file it fetched, or why it failed.
    """

    device_id: str
    step: str
    sentence: str


@frozen
class ConfigChanged:
    """A config was created, replaced or deleted."""

    config_id: str
    action: str


@frozen
class OperationChanged:
    """A long work got on, or ended.

    :param progress: the operation's text, e.g. ``install|progress(download|progress;10/100)``.
    :param error: why it failed, one sentence; None while it has not.
    :param tenant_uuid: tenant whose devices it is about; None when it concerns everybody.
    """

    resource_path: str
    operation_id: int
    state: str
    progress: str = ""
    error: str | None = None
    tenant_uuid: str | None = None


@frozen
class PluginChanged:
    """A plugin was installed, upgraded, reloaded, uninstalled, or failed to load."""

    plugin_id: str
    action: str


@frozen
class PluginProblemSeen:
    """Something went wrong with a plugin that had not gone wrong before.

    :param device_id: the device whose files or synchronization it was; None when it concerns the whole plugin.
    """

    plugin_id: str
    problem: str
    sentence: str
    device_id: str | None


@frozen
class ExtensionProgress:
    """An extension is being installed or uninstalled.

    :param kind: ``install`` or ``uninstall``.
    :param status: name of the step, in the end ``completed`` or ``error``.
    :param errors: what went wrong, None while nothing has.
    :param tenant_uuid: the master tenant, whose business extensions are.
    """

    uuid: str
    kind: str
    status: str
    progress: str
    errors: dict[str, Any] | None = None
    tenant_uuid: str | None = None


Event = (
    ExtensionProgress
    | DeviceSeen
    | DeviceChanged
    | DeviceConfigured
    | DeviceSynchronized
    | ConfigChanged
    | OperationChanged
    | PluginChanged
    | PluginProblemSeen
)


class Subscription:
    """Events for one listener, oldest first; a slow listener loses the oldest ones, never delays the others."""

    def __init__(self, limit: int, closed: Callable[[Subscription], None]) -> None:
        self._limit = limit
        self._closed = closed
        self._queue: deque[Event] = deque()
        self._waiting: Deferred[None] | None = None
        self.lost = 0

    async def next(self) -> Event:
        """Return the next event; waits for one. One caller at a time."""
        while not self._queue:
            self._waiting = Deferred()
            await self._waiting
        return self._queue.popleft()

    def pending(self) -> tuple[Event, ...]:
        """Take all events that wait."""
        events = tuple(self._queue)
        self._queue.clear()
        return events

    def close(self) -> None:
        """Stop listening. May be called twice."""
        self._closed(self)

    def offer(self, event: Event) -> None:
        """Queue an event, dropping the oldest when the queue is full (``lost`` counts them)."""
        if len(self._queue) >= self._limit:
            self._queue.popleft()
            self.lost += 1
        self._queue.append(event)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


class Events:
    """Publishes events to subscriptions with bounded queues and to plain listeners."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._listeners: list[Callable[[Event], None]] = []

    def subscribe(self, limit: int = 1000) -> Subscription:
        """Return a new subscription.

        :param limit: events kept for a listener that does not read, 1 or more.
        """
        subscription = Subscription(limit, self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    def listen(self, callback: Callable[[Event], None]) -> None:
        """Call ``callback`` with each event, at once; what it raises is logged."""
        self._listeners.append(callback)

    def publish(self, event: Event) -> None:
        """Hand the event to everybody. Never raises, never waits."""
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.failure("a listener for events failed")

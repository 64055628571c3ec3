"""Calls of plugins in the background: those for several devices go together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from provisiond.errors import ProvisiondError
from provisiond.model.device import Device
from provisiond.plugins.values import RenderedFile
from provisiond.provisioning.ports import Clock

AT_ONCE = 4


class ManyFiles(Protocol):
    """The part of the plugin host that makes files of several devices (``plugins.registry.PluginRegistry``)."""

    def undoes(self, plugin_id: str) -> bool: ...
    async def files_of_many(
        self, plugin_id: str, asked: Sequence[tuple[Device, Mapping[str, Any]]]
    ) -> Sequence[Sequence[RenderedFile] | ProvisiondError]: ...


@frozen(eq=False)
class _Asked:
    device: Device
    raw_config: Mapping[str, Any]
    answer: Deferred[Sequence[RenderedFile]]


class Gathering:
    """Asks plugins for the files of devices, with one call for those that are asked for in the same turn.

    A call to another process costs the same for one device and for a few. They stay few, so that a phone that asks
    for one of them meanwhile does not wait long; one whose device has not been asked for yet does not wait for the
    others at all (:meth:`hurry`). Plugins of the older interface may take long for each device, and are asked for one
    at a time.

    :param calls: how many calls run at a time, 1 or more.
    """

    def __init__(self, host: ManyFiles, clock: Clock, calls: int) -> None:
        self._host = host
        self._clock = clock
        self._calls = calls
        self._waiting: dict[str, deque[_Asked]] = {}
        self._urgent: dict[str, bool] = {}
        self._running = 0
        self._is_planned = False

    @contextmanager
    def expecting(self, device_id: str) -> Iterator[None]:
        """Let :meth:`hurry` count for a device meanwhile."""
        self._urgent.setdefault(device_id, False)
        try:
            yield
        finally:
            self._urgent.pop(device_id, None)

    def hurry(self, device_id: str) -> None:
        """Ask for this device alone and at once, if it is expected and was not asked for yet."""
        if device_id not in self._urgent:
            return
        self._urgent[device_id] = True
        for plugin_id, waiting in tuple(self._waiting.items()):
            for asked in tuple(waiting):
                if asked.device.id == device_id:
                    waiting.remove(asked)
                    Deferred.fromCoroutine(self._answer(plugin_id, [asked]))
            if not waiting:
                del self._waiting[plugin_id]

    async def device_files(
        self, plugin_id: str, device: Device, raw_config: Mapping[str, Any]
    ) -> Sequence[RenderedFile]:
        """Return the files of a device, soon.

        :raises PluginProblem: when the plugin is not loaded or cannot make them.
        """
        asked = _Asked(device, raw_config, Deferred())
        if self._urgent.get(device.id):
            await self._answer(plugin_id, [asked])
        else:
            self._waiting.setdefault(plugin_id, deque()).append(asked)
            self._plan()
        return await asked.answer

    def _plan(self) -> None:
        if self._waiting and self._running < self._calls and not self._is_planned:
            self._is_planned = True
            self._clock.callLater(0, self._begin)

    def _begin(self) -> None:
        self._is_planned = False
        if not self._waiting:
            return
        plugin_id, waiting = next(iter(self._waiting.items()))
        count = 1 if self._host.undoes(plugin_id) else AT_ONCE
        taken = [waiting.popleft() for _ in range(min(count, len(waiting)))]
        # Who still waits goes behind the devices of other plugins.
        del self._waiting[plugin_id]
        if waiting:
            self._waiting[plugin_id] = waiting
        self._running += 1
        Deferred.fromCoroutine(self._called(plugin_id, taken))
        self._plan()

    async def _called(self, plugin_id: str, taken: Sequence[_Asked]) -> None:
        try:
            await self._answer(plugin_id, taken)
        finally:
            self._running -= 1
            self._plan()

    async def _answer(self, plugin_id: str, taken: Sequence[_Asked]) -> None:
        answers: Sequence[Sequence[RenderedFile] | Exception]
        try:
            answers = await self._host.files_of_many(plugin_id, [(each.device, each.raw_config) for each in taken])
        except Exception as error:
            answers = [error] * len(taken)
        for each, answer in zip(taken, answers, strict=True):
            if isinstance(answer, Exception):
                each.answer.errback(answer)
            else:
                each.answer.callback(answer)

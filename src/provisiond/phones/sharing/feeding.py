"""What the owner tells its fronts of by itself, so that they know devices and plugins without asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, Protocol

from provisiond.model.device import Device
from provisiond.provisioning.changes import Changes
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.file_sets import FileSet
from provisiond.provisioning.generation import Generation
from provisiond.provisioning.ports import Clock

DEVICES_AT_ONCE: Final = 200
MAX_NAMED: Final = 1_000


class Rendering(Protocol):
    """Gives fresh sets of files (``provisioning.rendering``)."""

    async def device_files(self, device: Device) -> FileSet | None: ...
    async def common_files(self, plugin_id: str) -> FileSet: ...


class Listener(Protocol):
    """The owner's end of the link to a front."""

    def tell(self, header: Mapping[str, Any]) -> None: ...


class Feeding:
    """Tells every front of all devices, then of each change, with the number of the state that this leads to.

    A front whose number is that in shared memory knows everything that was acknowledged to anybody.

    :param devices_of: returns the ids of the devices whose files depend on a config.
    :param state: returns what fronts have to know besides devices, as JSON members: plugins, rules, networks.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        changes: Changes,
        generation: Generation,
        rendering: Rendering,
        devices_of: Callable[[str], Iterable[str]],
        state: Callable[[], Mapping[str, Any]],
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._generation = generation
        self._rendering = rendering
        self._devices_of = devices_of
        self._state = state
        self._clock = clock
        self._fronts: dict[Listener, Iterator[str] | None] = {}
        self._changed: dict[str, None] = {}
        self._stale: dict[str, None] = {}
        self._all_stale = False
        self._state_changed = False
        self._expected = False
        self._planned: Any = None
        directory.follow(self._device_changed)
        changes.listen(self._noted)
        generation.listen(self._advanced)

    async def files(self, kind: str, name: str) -> FileSet | None:
        """Return the set of files of a device, or the one that the devices of a plugin share; None without one.

        :param kind: ``device`` or ``common``.
        """
        if kind == "common":
            return await self._rendering.common_files(name)
        device = self._directory.get(name)
        return None if device is None else await self._rendering.device_files(device)

    def attach(self, front: Listener) -> None:
        """Begin to tell a front; it asks for :meth:`more` until it knows all devices."""
        self._fronts[front] = self._directory.ids()
        self.more(front)

    def detach(self, front: Listener) -> None:
        """Tell a front no more."""
        self._fronts.pop(front, None)

    def more(self, front: Listener) -> None:
        """Tell a front of the next devices; after the last ones, that it knows all."""
        left = self._fronts.get(front)
        if left is None:
            return
        ids = list(islice(left, DEVICES_AT_ONCE))
        if ids:
            front.tell({"kind": "feed", "put": self._documents(ids), "more": True})
            return
        self._fronts[front] = None
        number = None if self._planned is not None else self._generation.number
        front.tell({"kind": "feed", "state": self._state(), "filled": True, "number": number})

    def state_changed(self) -> None:
        """Tell of plugins, rules and networks again."""
        self._state_changed = True
        self._plan()

    # Inside

    def _device_changed(self, device_id: str) -> None:
        self._expected = True
        if self._fronts:
            self._changed[device_id] = None

    def _noted(self, kind: str, name: str) -> None:
        self._expected = True
        if not self._fronts or self._all_stale:
            return
        if kind == "device":
            self._stale[name] = None
        elif kind == "config":
            self._stale.update(dict.fromkeys(islice(self._devices_of(name), MAX_NAMED)))
        if kind not in ("device", "config") or len(self._stale) >= MAX_NAMED:
            self._all_stale = True
            self._stale.clear()

    def _advanced(self, number: int) -> None:
        if not self._expected and self._fronts:
            # Whoever changed something did not say what.
            self._all_stale = self._state_changed = True
        self._expected = False
        self._plan()

    def _plan(self) -> None:
        if self._planned is None and self._fronts:
            self._planned = self._clock.callLater(0, self._tell)

    def _tell(self) -> None:
        self._planned = None
        ids = list(islice(self._changed, DEVICES_AT_ONCE))
        for each in ids:
            del self._changed[each]
        header: dict[str, Any] = {"kind": "feed", "put": self._documents(ids)}
        header["gone"] = [each for each in ids if each not in self._directory]
        header["stale"] = self._all_stale or list(self._stale)
        if self._state_changed:
            header["state"] = self._state()
        self._stale.clear()
        self._all_stale = self._state_changed = False
        if not self._changed:
            header["number"] = self._generation.number
        else:
            self._plan()
        for front in tuple(self._fronts):
            front.tell(header)

    def _documents(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        found = (self._directory.get(each) for each in ids)
        return [dict(device.document) for device in found if device is not None]

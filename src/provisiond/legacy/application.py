"""What plugins may ask of the server."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed

from provisiond.legacy.surroundings import Surroundings

MAX_HANDED: Final = 2_000


class Application:
    """The object that plugins get as ``app``.

    :param nat: 1 when phones share addresses, else 0.
    """

    def __init__(self, here: Surroundings, nat: int = 0) -> None:
        self._here = here
        self._handed: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.nat = nat

    @property
    def proxies(self) -> dict[str, str]:
        """The proxies, as a live mapping."""
        return self._here.proxies

    def handed(self, device: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of a device for a plugin, and remember what it looked like."""
        device_id = str(device.get("id"))
        self._handed[device_id] = copy.deepcopy(dict(device))
        self._handed.move_to_end(device_id)
        if len(self._handed) > MAX_HANDED:
            self._handed.popitem(last=False)
        return copy.deepcopy(dict(device))

    def dev_update(
        self, device: Mapping[str, Any], pre_update_hook: Callable[..., Any] | None = None
    ) -> Deferred[None]:
        """Store what a plugin has changed in the device that it was given, and nothing else."""
        known = self._handed.get(str(device.get("id")), {})
        changes = {key: value for key, value in device.items() if known.get(key) != value}
        changes |= {key: None for key in known if key not in device}
        if not changes:
            return succeed(None)
        return self._asked("dev_update", id=str(device.get("id")), changes=copy.deepcopy(changes))

    def dev_retrieve(self, id: str) -> Deferred[Any]:
        """Return a device, or None."""
        return self._asked("dev_retrieve", id=id)

    def dev_find(self, selector: Mapping[str, Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Return the devices whose members equal those of the selector."""
        return self._asked("dev_find", selector=dict(selector))

    def dev_find_one(self, selector: Mapping[str, Any]) -> Deferred[Any]:
        """Return the first device whose members equal those of the selector, or None."""
        return self.dev_find(selector).addCallback(lambda found: found[0] if found else None)

    def _asked(self, kind: str, **members: Any) -> Deferred[Any]:
        if self._here.bridge is None:
            raise RuntimeError("there is no server to ask")
        asked: Deferred[Any] = self._here.bridge.deferred(kind, **members)
        return asked

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"provisiond offers no app.{name} to plugins")

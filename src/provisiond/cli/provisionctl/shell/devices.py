"""``devices`` and what ``devices['…']`` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from provisiond.cli.provisionctl.choosing import with_assigned, without
from provisiond.cli.provisionctl.shell.work import Server, selector
from provisiond.client.selection import Selection
from provisiond.client.values import Device as Document

Members = dict[str, Any]


class Device:
    """One device."""

    def __init__(self, server: Server, device_id: str) -> None:
        self._server = server
        self.id = device_id

    def __repr__(self) -> str:
        """Return how it was got."""
        return f"devices[{self.id!r}]"

    def get(self) -> Members:
        """Return the document."""
        return dict(self._server.client.devices.get(self.id).members)

    def set(self, values: Mapping[str, Any] | None = None, **members: Any) -> None:
        """Set members: ``set(config="alice")`` or ``set({"options.switchboard": True})``."""
        self._change(lambda found: with_assigned(found, {**(values or {}), **members}))

    def unset(self, *names: str) -> None:
        """Remove members."""
        self._change(lambda found: without(found, names))

    def reconfigure(self) -> None:
        """Make its files anew."""
        self._server.client.devices.reconfigure(self.id)

    def synchronize(self) -> None:
        """Make the phone fetch its files again."""
        self._server.finish(self.id, lambda: self._server.client.devices.synchronize(self.id))

    def _change(self, changed: Callable[[Any], Members]) -> None:
        found = self._server.client.devices.get(self.id).members
        self._server.client.devices.replace(Document(changed(found)))


class Devices:
    """The devices of the tenant; ``devices['…']`` is one of them."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __repr__(self) -> str:
        """Tell how many there are."""
        return f"<{self.count()} devices; devices.using_mac('…'), devices.find(vendor='Snom'), devices.add({{…}})>"

    def __getitem__(self, device_id: str) -> Device:
        """Return a device by its id."""
        return Device(self._server, self._server.client.devices.get(device_id).id)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids."""
        return iter(self.ids())

    def ids(self) -> list[str]:
        """Return all ids."""
        return [each["id"] for each in self.find(fields=("id",))]

    def get(self, device_id: str) -> Members:
        """Return a document."""
        return self[device_id].get()

    def add(self, document: Mapping[str, Any]) -> str:
        """Add a device and return its id."""
        return self._server.client.devices.create(Document(dict(document)))

    def update(self, document: Mapping[str, Any]) -> None:
        """Replace a device by a document with its id."""
        self._server.client.devices.replace(Document(dict(document)))

    def remove(self, device_id: str) -> None:
        """Delete a device."""
        self._server.client.devices.delete(device_id)

    def remove_all(self) -> None:
        """Delete every device of the tenant."""
        for each in self.ids():
            self.remove(each)

    def reconfigure(self, device_id: str) -> None:
        """Make a device's files anew."""
        self[device_id].reconfigure()

    def synchronize(self, device_id: str) -> None:
        """Make a phone fetch its files again."""
        self[device_id].synchronize()

    def find(self, q: Members | None = None, fields: Iterable[str] = (), **members: Any) -> list[Members]:
        """Return the devices that have these members; ``__`` stands for a dot."""
        selection = Selection(q=selector(q, members), fields=tuple(fields))
        return [dict(each.members) for each in self._server.client.devices.list(selection)]

    def count(self, q: Members | None = None, **members: Any) -> int:
        """Return how many there are."""
        return len(self.find(q, ("id",), **members))

    def using_plugin(self, plugin_id: str) -> list[Members]:
        """Return the devices of a plugin."""
        return self.find(plugin=plugin_id)

    def using_mac(self, mac: str) -> Device:
        """Return the device with a MAC address, however it is written.

        :raises LookupError: when there is none, or several.
        """
        digits = "".join(each for each in mac.lower() if each not in ":-. ")
        written = ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))
        found = self.find(mac=written, fields=("id",))
        if len(found) != 1:
            raise LookupError(f"{len(found) or 'no'} devices have the MAC address {written}")
        return Device(self._server, str(found[0]["id"]))

"""All known devices in memory, by everything a phone may be found by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from provisiond.model.device import Device
from provisiond.provisioning.generation import Generation

_SHARED_MEMBERS = frozenset(
    {"vendor", "model", "version", "plugin", "tenant_uuid", "added", "remote_state_sip_username"}
)
_INDEXED_MEMBERS = ("mac", "sn", "uuid", "ip", "plugin", "config")

_OWN_NOTES = frozenset({"configured", "remote_state_sip_username"})
"""Members that the server notes and that no request is recognised by."""
MAX_UNPACKED = 20_000

Record = tuple[tuple[str, ...], tuple[Any, ...]]


class _Index:
    """Ids by value; a value that one device has costs one dictionary entry."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[str, str | dict[str, None]] = {}

    def add(self, value: str, device_id: str) -> None:
        known = self._ids.get(value)
        if known is None:
            self._ids[value] = device_id
        elif isinstance(known, str):
            if known != device_id:
                self._ids[value] = {known: None, device_id: None}
        else:
            known[device_id] = None

    def remove(self, value: str, device_id: str) -> None:
        known = self._ids.get(value)
        if isinstance(known, dict):
            known.pop(device_id, None)
            if not known:
                del self._ids[value]
        elif known == device_id:
            del self._ids[value]

    def ids(self, value: str) -> tuple[str, ...]:
        known = self._ids.get(value)
        if known is None:
            return ()
        return (known,) if isinstance(known, str) else tuple(known)


class Directory:
    """Devices in memory, found without waiting.

    It holds what the store holds, plus sightings that are not written yet. It implements the view that
    ``identification.retrieve`` looks devices up in. A hundred thousand devices take less than 200 MB: documents are
    kept as tuples that share their member names and repeated values.
    """

    def __init__(self, generation: Generation | None = None) -> None:
        self._generation = generation or Generation()
        self._records: dict[str, Record] = {}
        self._devices: dict[str, Device] = {}
        self._shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._shared: dict[str, str] = {}
        self._indexes = {name: _Index() for name in _INDEXED_MEMBERS}
        self._tally: dict[tuple[str, bool], int] = {}
        self._replaced: Callable[[Device, Mapping[str, Any]], None] = lambda old, new: None
        self._followers: list[Callable[[str], None]] = []

    def listen(self, replaced: Callable[[Device, Mapping[str, Any]], None]) -> None:
        """Call back with the old device and the new document before a device that tells of itself otherwise is put."""
        self._replaced = replaced

    def follow(self, follower: Callable[[str], None]) -> None:
        """Call ``follower`` with the id of each device that changes or goes, before the generation grows.

        Not for members that only the server notes.
        """
        self._followers.append(follower)

    async def fill(self, batches: AsyncIterator[Sequence[Device]]) -> None:
        """Take over all devices of the store, batch by batch."""
        async for batch in batches:
            for device in batch:
                self.put(device)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, device_id: object) -> bool:
        return device_id in self._records

    def ids(self) -> Iterator[str]:
        """Return the ids of all devices in the order they came; a snapshot."""
        return iter(tuple(self._records))

    def get(self, device_id: str) -> Device | None:
        """Return the device with this id."""
        known = self._devices.get(device_id)
        if known is not None:
            return known
        record = self._records.get(device_id)
        if record is None:
            return None
        if len(self._devices) >= MAX_UNPACKED:
            self._devices.clear()
        device = self._devices[device_id] = _device(record)
        return device

    def by_mac(self, mac: str) -> Sequence[Device]:
        """Return the devices with this MAC address, the one known longest first."""
        return self._found("mac", mac)

    def by_sn(self, sn: str) -> Sequence[Device]:
        """Return the devices with this serial number, the one known longest first."""
        return self._found("sn", sn)

    def by_uuid(self, uuid: str) -> Sequence[Device]:
        """Return the devices with this UUID, the one known longest first."""
        return self._found("uuid", uuid)

    def by_ip(self, ip: str) -> Sequence[Device]:
        """Return the devices whose last known address is this one."""
        return self._found("ip", ip)

    def using_plugin(self, plugin_id: str) -> tuple[str, ...]:
        """Return the ids of the devices that name this plugin; the empty text stands for no plugin."""
        return self._indexes["plugin"].ids(plugin_id)

    def using_config(self, config_id: str) -> tuple[str, ...]:
        """Return the ids of the devices that name this config."""
        return self._indexes["config"].ids(config_id)

    def tally(self) -> Mapping[tuple[str, bool], int]:
        """Return how many devices there are by plugin, the empty text for none, and by whether they are configured."""
        return dict(self._tally)

    def put(self, device: Device) -> None:
        """Add the device, or replace the one with its id."""
        document = device.document
        known = self._records.get(device.id)
        is_telling = known is None or _telling(dict(zip(*known, strict=True))) != _telling(document)
        if known is not None and is_telling:
            self._replaced(_device(known), document)
        self._unindex(device.id)
        names = tuple(document)
        values = tuple(self._compact(name, value) for name, value in document.items())
        self._records[device.id] = (self._shapes.setdefault(names, names), values)
        for name in _INDEXED_MEMBERS:
            value = document.get(name)
            if isinstance(value, str):
                self._indexes[name].add(value, device.id)
        if device.plugin is None:
            self._indexes["plugin"].add("", device.id)
        self._count(document, 1)
        if is_telling:
            self._tell(device.id)

    def remove(self, device_id: str) -> None:
        """Forget the device; nothing happens when it is not known."""
        self._unindex(device_id)
        self._records.pop(device_id, None)
        self._tell(device_id)

    def _tell(self, device_id: str) -> None:
        for follower in self._followers:
            follower(device_id)
        self._generation.advance()

    def _found(self, name: str, value: str) -> tuple[Device, ...]:
        found = (self.get(device_id) for device_id in self._indexes[name].ids(value))
        return tuple(device for device in found if device is not None)

    def _unindex(self, device_id: str) -> None:
        self._devices.pop(device_id, None)
        record = self._records.get(device_id)
        if record is None:
            return
        document: Mapping[str, Any] = dict(zip(*record, strict=True))
        for name in _INDEXED_MEMBERS:
            value = document.get(name)
            if isinstance(value, str):
                self._indexes[name].remove(value, device_id)
        self._indexes["plugin"].remove("", device_id)
        self._count(document, -1)

    def _count(self, document: Mapping[str, Any], change: int) -> None:
        key = (str(document.get("plugin") or ""), document.get("configured") is True)
        count = self._tally.get(key, 0) + change
        if count:
            self._tally[key] = count
        else:
            self._tally.pop(key, None)

    def _compact(self, name: str, value: Any) -> Any:
        if name in _SHARED_MEMBERS and isinstance(value, str):
            return self._shared.setdefault(value, value)
        return value


def _telling(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _OWN_NOTES}


def _device(record: Record) -> Device:
    return Device(dict(zip(*record, strict=True)))

"""Devices, and what their phones get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from provisiond.client.bulk import Lines, exported, exporting, importing
from provisiond.client.faces import Asked, Resource, Stream, Streamed, Way
from provisiond.client.messages import Conversation, Decoder, Request, checked, flags, path
from provisiond.client.operations import begun
from provisiond.client.selection import ALL, Selection
from provisiond.client.values import Device, Imported, Operation

Steps = list[dict[str, Any]]
MANAGER: Final = "dev_mgr"
COLLECTION: Final = f"/{MANAGER}/devices"


@frozen(kw_only=True)
class Lease:
    """What a DHCP server reports of a phone.

    :param op: ``commit``, ``expiry`` or ``release``.
    :param ip: IPv4 address.
    :param mac: needed for ``commit``.
    :param options: each three decimal digits (the option's code) and its bytes as hex joined by dots.
    """

    op: str
    ip: str
    mac: str | None = None
    options: Sequence[str] = ()


class Devices(Resource[Way]):
    """Phones that the server knows."""

    @Asked
    def list(self, selection: Selection = ALL, *, recurse: bool = False) -> Conversation[list[Device]]:
        """Return the devices of the tenant that are selected.

        :param recurse: with those of the tenants below.
        """
        query = (*selection.arguments(), *flags(recurse=recurse))
        answer = yield Request(method="GET", path=COLLECTION, query=query)
        return [Device(each) for each in checked(answer).member("devices")]

    @Streamed
    def each(self, q: Mapping[str, Any] | None = None, *, recurse: bool = False) -> Stream[Device]:
        """Return the devices one after another, however many there are."""
        return Stream(request=exporting(MANAGER, "jsonl", q, recurse=recurse), decoder=_device_lines)

    @Asked
    def get(self, device_id: str) -> Conversation[Device]:
        """Return a device, its pending work finished.

        :raises NotFound: when there is none inside the tenant's tree.
        """
        answer = yield Request(method="GET", path=COLLECTION + path(device_id))
        return Device(checked(answer).member("device"))

    @Asked
    def create(self, device: Device) -> Conversation[str]:
        """Store a new device and return its id; its files are made when this returns.

        :raises Refused: when a member is wrong, or the id is used.
        """
        answer = yield Request(method="POST", path=COLLECTION, document={"device": device.members})
        return str(checked(answer).member("id"))

    @Asked
    def replace(self, device: Device) -> Conversation[None]:
        """Replace a whole device: what the document lacks is gone afterwards.

        :raises NotFound: when there is no device with its id.
        :raises Refused: when a member is wrong.
        """
        answer = yield Request(method="PUT", path=COLLECTION + path(device.id), document={"device": device.members})
        checked(answer)

    @Asked
    def delete(self, device_id: str) -> Conversation[None]:
        """Delete a device with its files.

        :raises NotFound: when there is none.
        """
        answer = yield Request(method="DELETE", path=COLLECTION + path(device_id))
        checked(answer)

    @Asked
    def reconfigure(self, device_id: str) -> Conversation[None]:
        """Make a device's files anew; whether that worked tells its member ``configured``.

        :raises Refused: when there is no such device.
        """
        answer = yield Request(method="POST", path=f"/{MANAGER}/reconfigure", document={"id": device_id})
        checked(answer)

    @Asked
    def synchronize(self, device_id: str) -> Conversation[Operation]:
        """Begin to make a phone fetch its files again.

        :raises NotFound: when there is no such device.
        """
        answer = yield Request(method="POST", path=f"/{MANAGER}/synchronize", document={"id": device_id})
        return begun(answer)

    @Asked
    def synchronize_many(
        self,
        device_ids: Sequence[str],
        *,
        rate: float | None = None,
        window: int | None = None,
        max_failures: int | None = None,
    ) -> Conversation[Operation]:
        """Begin to make phones fetch their files again, at a pace.

        :param rate: phones a second.
        :param window: phones at a time.
        :param max_failures: failures in a row after which the rest is left alone.
        :raises NotFound: when one of the devices does not exist; then none is told.
        """
        given = {"rate": rate, "window": window, "max_failures": max_failures}
        pace = {name: value for name, value in given.items() if value is not None}
        document = {"ids": [*device_ids], **pace}
        return begun((yield Request(method="POST", path=f"/{MANAGER}/synchronize_many", document=document)))

    @Asked
    def synchronization(self, device_id: str) -> Conversation[Steps]:
        """Return the steps of a device's last synchronization: ``step``, ``at``, ``sentence``; oldest first.

        :raises NotFound: when there is no such device.
        """
        answer = yield Request(method="GET", path=f"/{MANAGER}/devices" + path(device_id, "synchronization"))
        steps: Steps = checked(answer).member("steps")
        return steps

    @Asked
    def report_lease(self, lease: Lease) -> Conversation[None]:
        """Report what a DHCP server did; the server looks into it after its answer.

        :raises Refused: when a member is wrong.
        """
        document: dict[str, Any] = {"op": lease.op, "ip": lease.ip, "options": [*lease.options]}
        if lease.mac is not None:
            document["mac"] = lease.mac
        answer = yield Request(method="POST", path=f"/{MANAGER}/dhcpinfo", document={"dhcp_info": document})
        checked(answer)

    @Asked
    def fitting_plugins(self, device_id: str) -> Conversation[tuple[str, ...]]:
        """Return the plugins that are not installed and would serve a device, the best first."""
        answer = yield Request(method="GET", path=COLLECTION + path(device_id, "plugins"))
        return tuple(str(each) for each in checked(answer).member("plugins"))

    @Asked
    def import_rows(
        self, content: bytes, form: str = "jsonl", *, mode: str = "create", dry_run: bool = False
    ) -> Conversation[Imported]:
        """Store many devices, all or none.

        :param form: ``jsonl`` or ``csv``.
        :param mode: ``create`` refuses ids that are used, ``replace`` those that are not, ``upsert`` neither.
        :param dry_run: check everything and store nothing.
        :raises RowsRefused: when rows are wrong; each is named.
        """
        return importing(MANAGER, content, form, mode, dry_run)

    @Streamed
    def export(
        self, form: str = "jsonl", q: Mapping[str, Any] | None = None, *, recurse: bool = False
    ) -> Stream[bytes]:
        """Return all devices as the bytes of a file, in pieces.

        :param form: ``jsonl`` or ``csv``.
        """
        return exported(MANAGER, form, q, recurse=recurse)


class _DeviceLines:
    """Makes devices out of JSON lines."""

    def __init__(self) -> None:
        self._lines = Lines()

    def feed(self, data: bytes) -> Any:
        return map(Device, self._lines.feed(data))

    def end(self) -> Any:
        return map(Device, self._lines.end())


def _device_lines() -> Decoder[Device]:
    return _DeviceLines()

"""Stored devices."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from provisiond.errors import AlreadyExists, NotFound
from provisiond.model.device import Device
from provisiond.model.query import Query
from provisiond.store import feed
from provisiond.store.database import Database
from provisiond.store.listing import BATCH, Shape, Walk, as_document, as_text, walked
from provisiond.store.schema import DEVICE_TEXTS, devices
from provisiond.store.selecting import without_tenant
from provisiond.store.texts import column_value, document_text

T = TypeVar("T")
# Made once: to make a statement anew takes several times as long as the database takes for it.
_SELECT: Final = select(devices.c.document).where(devices.c.id == bindparam("wanted"))
_SELECT_MANY: Final = select(devices.c.id, devices.c.document).where(
    devices.c.id.in_(bindparam("wanted", expanding=True))
)
_INSERT: Final = insert(devices)
_UPDATE: Final = update(devices).where(devices.c.id == bindparam("wanted"))


def _row(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "document": document_text(device.document),
        **{name: column_value(device.document.get(name)) for name in DEVICE_TEXTS},
        "configured": device.configured,
        "is_new": device.is_new,
    }


def _get(connection: Connection, device_id: str) -> Device | None:
    text = connection.execute(_SELECT, {"wanted": device_id}).scalar_one_or_none()
    return None if text is None else Device(json.loads(text))


def _insert(connection: Connection, device: Device) -> None:
    try:
        connection.execute(_INSERT, _row(device))
    except IntegrityError:
        raise AlreadyExists(f'a device with the id "{device.id}" exists already') from None
    feed.note(connection, "device", device.id, "insert")


def _replace(connection: Connection, device: Device) -> None:
    done = connection.execute(_UPDATE, {"wanted": device.id, **_row(device)})
    if done.rowcount == 0:
        raise NotFound(f'device "{device.id}"')
    feed.note(connection, "device", device.id, "replace")


def _write_many(connection: Connection, new: Sequence[Device], changed: Sequence[Device]) -> None:
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        try:
            connection.execute(_INSERT, [_row(device) for device in batch])
        except IntegrityError:
            raise AlreadyExists("the id of one of the devices is used already") from None
        feed.note_many(connection, "device", [device.id for device in batch], "insert")
    for device in changed:
        _replace(connection, device)


def _delete(connection: Connection, device_id: str) -> None:
    if connection.execute(delete(devices).where(devices.c.id == device_id)).rowcount == 0:
        raise NotFound(f'device "{device_id}"')
    feed.note(connection, "device", device_id, "delete")


def _sightings(connection: Connection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    left = iter(changes)
    while ids := list(islice(left, BATCH)):
        found = {row.id: json.loads(row.document) for row in connection.execute(_SELECT_MANY, {"wanted": ids})}
        known = [device_id for device_id in ids if device_id in found]
        if known:
            rows = [_row(_seen(found[device_id], changes[device_id])) for device_id in known]
            connection.execute(_UPDATE, [{"wanted": row["id"], **row} for row in rows])
            feed.note_many(connection, "device", known, "sighting")


def _seen(document: Mapping[str, Any], members: Mapping[str, Any]) -> Device:
    merged = {**document, **members}
    return Device({name: value for name, value in merged.items() if name not in members or value is not None})


def _batch(connection: Connection, after: int) -> tuple[list[Device], int | None]:
    statement = select(devices.c.seq, devices.c.document).where(devices.c.seq > after)
    rows = connection.execute(statement.order_by(devices.c.seq).limit(BATCH)).all()
    return [Device(json.loads(row.document)) for row in rows], rows[-1].seq if len(rows) == BATCH else None


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(devices)).scalar_one())


class DeviceStore:
    """Devices in the database; every write is durable when it returns, and told to the change feed."""

    def __init__(self, database: Database, changes: feed.ChangeFeed) -> None:
        self._database = database
        self._changes = changes

    async def get(self, device_id: str) -> Device | None:
        """Return the device with this id, or None."""
        return await self._database.read(_get, device_id)

    async def insert(self, device: Device) -> None:
        """Store a new device.

        :raises AlreadyExists: when its id is used.
        """
        await self._database.write(_insert, device)
        self._changes.wake()

    async def replace(self, device: Device) -> None:
        """Store a device in the place of the one with its id.

        :raises NotFound: when there is none.
        """
        await self._database.write(_replace, device)
        self._changes.wake()

    async def write_many(self, new: Sequence[Device], changed: Sequence[Device]) -> None:
        """Store new devices, and others in the place of those with their ids: all of them, or none.

        :raises AlreadyExists: when an id of the new ones is used.
        :raises NotFound: when there is none in whose place a changed one goes.
        """
        if new or changed:
            await self._database.write(_write_many, new, changed)
            self._changes.wake()

    async def delete(self, device_id: str) -> None:
        """Forget a device.

        :raises NotFound: when there is none with this id.
        """
        await self._database.write(_delete, device_id)
        self._changes.wake()

    async def find(self, query: Query, tenants: Collection[str] | None) -> list[dict[str, Any]]:
        """Return the documents that a list shows.

        :param tenants: uuids of the tenants whose devices are seen; None: all.
        """
        return await self._database.read(self._walk(query, tenants, as_document).all)

    def stream(self, query: Query, tenants: Collection[str] | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Yield the same as :meth:`find`, batch by batch; memory does not grow with the list."""
        return walked(self._database, self._walk(query, tenants, as_document))

    def texts(self, query: Query, tenants: Collection[str] | None) -> AsyncIterator[Sequence[str]]:
        """Yield the same as :meth:`stream`, each document as its compact JSON."""
        return walked(self._database, self._walk(query, tenants, as_text))

    def _walk(self, query: Query, tenants: Collection[str] | None, shape: Shape[T]) -> Walk[T]:
        asked = query if tenants is None else without_tenant(query)
        return Walk(devices, asked, tenants, shape, sqlite=self._database.is_sqlite)

    async def all(self) -> AsyncIterator[Sequence[Device]]:
        """Yield every device in the order they were created, batch by batch."""
        after: int | None = 0
        while after is not None:
            batch, after = await self._database.read(_batch, after)
            yield batch

    async def write_sightings(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Change members of many devices in one transaction; null removes a member, unknown devices are left out."""
        if changes:
            await self._database.write(_sightings, changes)
            self._changes.wake()

    async def count(self) -> int:
        """Return how many devices there are."""
        return await self._database.read(_count)

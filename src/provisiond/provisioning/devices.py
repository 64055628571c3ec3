"""What can be done with devices (REST contract, section 5.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from provisiond.errors import AlreadyExists, NotFound, UnknownReference
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.update import CONFIGURING_MEMBERS
from provisiond.model.device import Device
from provisiond.model.documents import check_device, new_id
from provisiond.model.query import Query
from provisiond.provisioning.aliases import with_aliases
from provisiond.provisioning.configs import Configs, same_text
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import DeviceChanged, Events
from provisiond.provisioning.ports import Document, StoredDevices
from provisiond.provisioning.rendering import Rendering
from provisiond.provisioning.serial import Serial
from provisiond.provisioning.sightings import Sightings, with_changes
from provisiond.provisioning.tenants import Scope

_WATCHED_MEMBERS = CONFIGURING_MEMBERS | {"tenant_uuid"}


class Devices:
    """Devices as administrators and programs see them, inside a scope of tenants.

    What the server knows alone (``configured``, ``is_new``, ``tenant_uuid``) is never taken from a document.
    """

    def __init__(
        self,
        *,
        store: StoredDevices,
        directory: Directory,
        configs: Configs,
        rendering: Rendering,
        sightings: Sightings,
        events: Events,
        serial: Serial,
        knowledge: Knowledge | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._store = store
        self._directory = directory
        self._configs = configs
        self._rendering = rendering
        self._sightings = sightings
        self._events = events
        self._serial = serial

    async def list(self, query: Query, scope: Scope, *, recurse: bool = False) -> list[Document]:
        """Return the devices of the scope's tenant that a query selects.

        :param recurse: True to include the tenants below.
        """
        await self._sightings.flush()
        return await self._store.find(with_aliases(query, self._knowledge), _tenants(scope, recurse))

    async def stream(self, query: Query, scope: Scope, *, recurse: bool = False) -> AsyncIterator[Sequence[Document]]:
        """Yield the same as :meth:`list`, in batches."""
        await self._sightings.flush()
        async for batch in self._store.stream(with_aliases(query, self._knowledge), _tenants(scope, recurse)):
            yield batch

    async def get(self, device_id: str, scope: Scope) -> Device:
        """Return a device; first its pending work is finished (at most 5 s).

        :raises NotFound: when there is none inside the scope's tree.
        """
        self._visible(device_id, scope)
        await self._rendering.settled(device_id)
        return self._visible(device_id, scope)

    async def create(self, document: object, scope: Scope) -> Device:
        """Store a new device of the scope's tenant and make its files.

        :param document: as sent; gets an id when it has none.
        :return: the device as it is after its files were made, or could not be made.
        :raises InvalidInput: when a member breaks a rule.
        :raises AlreadyExists: when the id is used, by whichever tenant.
        """
        members = check_device(document)
        device = with_tenant({"id": members.get("id") or new_id(), **members}, scope.tenant_uuid, scope, False)
        identities = [("contact", f"{name} {members[name]}") for name in ("mac", "sn", "uuid") if members.get(name)]
        async with self._serial.holding(("device", device.id), *identities):
            if device.id in self._directory:
                raise AlreadyExists(f'device "{device.id}" exists already')
            await self._store.insert(device)
            self.took(device, "created")
        return await self._configured(device.id)

    async def replace(self, device_id: str, document: object, scope: Scope) -> Device:
        """Replace a whole device; a device of the master tenant moves to the scope's tenant.

        :return: the device as it is after its files were made, or could not be made.
        :raises NotFound: when there is none inside the tree or new.
        :raises InvalidInput: when a member breaks a rule.
        """
        async with self._serial.holding(("device", device_id)):
            self._visible(device_id, scope, new=True)
            members = check_device({**document, "id": device_id} if isinstance(document, dict) else document)
            async with self._sightings.superseding(device_id):
                stored = self._visible(device_id, scope, new=True)
                tenant = scope.tenant_uuid if stored.tenant_uuid == scope.master else stored.tenant_uuid
                members, owner = {**members, "id": device_id}, tenant or scope.tenant_uuid
                device = with_tenant(members, owner, scope, stored.configured)
                if not same_text(device.document, stored.document):
                    await self._store.replace(device)
                    self.took(device, "replaced")
        if stored.config != device.config:
            await self._configs.delete_unused(stored.config)
        return await self._configured(device_id)

    async def delete(self, device_id: str, scope: Scope) -> None:
        """Delete a device with its files, and its config if that is transient and nobody else uses it.

        :raises NotFound: when there is none inside the scope's tree.
        """
        async with self._serial.holding(("device", device_id)):
            self._visible(device_id, scope)
            async with self._sightings.superseding(device_id):
                device = self._visible(device_id, scope)
                await self._store.delete(device_id)
                self.lost(device_id)
        await self._configs.delete_unused(device.config)

    async def reconfigure(self, device_id: str, scope: Scope) -> Device:
        """Make a device's files anew; that it failed is told by ``configured`` alone.

        :raises UnknownReference: when there is no such device inside the scope's tree.
        """
        self.referenced(device_id, scope)
        await self._rendering.configure(device_id, again=True)
        return await self._configured(device_id)

    async def assign_plugin(self, device_id: str, plugin_id: str) -> bool:
        """Let this plugin serve a device that has none yet; tell whether that was so. Its files follow."""
        async with self._serial.holding(("device", device_id)):
            device = self._directory.get(device_id)
            if device is None or device.plugin is not None:
                return False
            async with self._sightings.superseding(device_id):
                changed = (self._directory.get(device_id) or device).with_members(plugin=plugin_id)
                await self._store.replace(changed)
                self.took(changed, "replaced")
            return True

    async def change(self, device_id: str, changes: Mapping[str, Any]) -> None:
        """Set members of a device, or remove those whose value is None; the others stay as they are.

        :raises NotFound: when there is no such device.
        """
        async with self._serial.holding(("device", device_id)), self._sightings.superseding(device_id):
            device = self._directory.get(device_id)
            if device is None:
                raise NotFound(f'device "{device_id}"')
            changed = with_changes(device, changes)
            if not same_text(changed.document, device.document):
                await self._store.replace(changed)
                self.took(changed, "replaced")

    def referenced(self, device_id: str, scope: Scope) -> Device:
        """Return a device that a request names in its body.

        :raises UnknownReference: when there is no such device inside the scope's tree.
        """
        device = self._directory.get(device_id)
        if device is None or not scope.sees(device):
            raise UnknownReference(f'device "{device_id}" does not exist')
        return device

    def took(self, device: Device, action: str) -> None:
        """Take over a device that is stored, also one that another process stored."""
        former = self._directory.get(device.id)
        self._directory.put(with_changes(device, self._sightings.unwritten(device.id)))
        if former is None or any(former.document.get(name) != device.document.get(name) for name in _WATCHED_MEMBERS):
            self._rendering.mark(devices=[device.id])
        self._events.publish(DeviceChanged(device.id, action, device.tenant_uuid))

    def lost(self, device_id: str) -> None:
        """Take over that a device is deleted from the store, also by another process."""
        device = self._directory.get(device_id)
        if device is None:
            return
        self._directory.remove(device_id)
        self._sightings.forget(device_id)
        self._rendering.forget(device)
        self._events.publish(DeviceChanged(device_id, "deleted", device.tenant_uuid))

    def _visible(self, device_id: str, scope: Scope, *, new: bool = False) -> Device:
        device = self._directory.get(device_id)
        if device is None or not scope.sees(device, new=new):
            raise NotFound(f'device "{device_id}"')
        return device

    async def _configured(self, device_id: str) -> Device:
        await self._rendering.configure(device_id)
        await self._sightings.flush()
        device = self._directory.get(device_id)
        if device is None:
            raise NotFound(f'device "{device_id}"')
        return device


def _tenants(scope: Scope, recurse: bool) -> frozenset[str]:
    return scope.tree if recurse else frozenset({scope.tenant_uuid})


def with_tenant(members: Document, tenant: str, scope: Scope, configured: bool) -> Device:
    """Return a device of these members and of what the server knows alone."""
    own = {"configured": configured, "is_new": tenant == scope.master, "tenant_uuid": tenant}
    return Device({"id": members["id"], **members, **own})

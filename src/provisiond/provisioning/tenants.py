"""Tenants: who sees what."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from provisiond.errors import InvalidInput, NotFound, Unauthorized, UnknownReference
from provisiond.model.device import Device
from provisiond.provisioning.ports import StoredFacts
from provisiond.store.facts import Tenant

_MASTER = "master_tenant"
_SENTENCE = "Unauthorized"


class StoredTenants(Protocol):
    """The stored tenants."""

    async def all(self) -> Sequence[Tenant]: ...
    async def put(self, tenant: Tenant) -> None: ...
    async def delete(self, tenant_uuid: str) -> None: ...


@frozen(kw_only=True)
class Scope:
    """What one request may see.

    :param tenant_uuid: tenant of the request.
    :param tree: that tenant and every one below it.
    :param master: the master tenant; devices that phones made themselves start there.
    """

    tenant_uuid: str
    tree: frozenset[str]
    master: str

    def sees(self, device: Device, *, new: bool = False) -> bool:
        """Tell whether the device is inside the scope.

        :param new: True when devices of the master tenant count as inside too.
        """
        return device.tenant_uuid in self.tree or (new and device.tenant_uuid == self.master)


class Tenants:
    """The tree of tenants, in memory; look-ups wait for nothing."""

    def __init__(self, store: StoredTenants, facts: StoredFacts) -> None:
        self._store = store
        self._facts = facts
        self._tenants: dict[str, Tenant] = {}
        self.master = ""

    async def load(self) -> None:
        """Read the tenants; the first time, make the master tenant, whose uuid then stays the same."""
        master = await self._facts.get(_MASTER)
        if master is None:
            master = str(uuid.uuid4())
            await self._facts.set(_MASTER, master)
        self.master = master
        self._tenants = {tenant.uuid: tenant for tenant in await self._store.all()}
        if master not in self._tenants:
            await self._keep(Tenant(master, None, "master"))

    def all(self) -> tuple[Tenant, ...]:
        """Return every tenant, the master one too."""
        return tuple(self._tenants.values())

    def tree(self, tenant_uuid: str) -> frozenset[str]:
        """Return the tenant and every one below it; a broken chain of parents never hangs."""
        if tenant_uuid == self.master:
            return frozenset(self._tenants)
        reached = {tenant_uuid}
        while True:
            below = {tenant.uuid for tenant in self._tenants.values() if tenant.parent_uuid in reached} - reached
            if not below:
                return frozenset(reached)
            reached |= below

    def scope(self, owner: str, requested: str | None = None) -> Scope:
        """Return what a token may see.

        :param owner: tenant of the token.
        :param requested: tenant of the ``Wazo-Tenant`` header, or None.
        :raises Unauthorized: when a tenant is unknown, or the requested one is not the owner's or below it.
        """
        chosen = requested or owner
        if chosen not in self._tenants or chosen not in self.tree(owner):
            raise Unauthorized(_SENTENCE)
        return Scope(tenant_uuid=chosen, tree=self.tree(chosen), master=self.master)

    def everything(self) -> Scope:
        """Return the scope of the master tenant."""
        return Scope(tenant_uuid=self.master, tree=self.tree(self.master), master=self.master)

    async def create(self, name: str | None, parent: str | None = None, tenant_uuid: str | None = None) -> Tenant:
        """Add a tenant.

        :param parent: uuid of the tenant above; None for the master tenant.
        :raises UnknownReference: when there is no such parent.
        :raises InvalidInput: when ``tenant_uuid`` is not a UUID or is used.
        """
        above = parent or self.master
        if above not in self._tenants:
            raise UnknownReference(f'tenant "{above}" does not exist')
        chosen = _checked(tenant_uuid) if tenant_uuid is not None else str(uuid.uuid4())
        if chosen in self._tenants:
            raise InvalidInput(f'tenant "{chosen}" exists already')
        return await self._keep(Tenant(chosen, above, name))

    async def delete(self, tenant_uuid: str) -> None:
        """Remove a tenant that has none below it.

        :raises NotFound: when there is no such tenant.
        :raises InvalidInput: for the master tenant, and while others are below it.
        """
        if tenant_uuid not in self._tenants:
            raise NotFound(f'tenant "{tenant_uuid}"')
        if tenant_uuid == self.master:
            raise InvalidInput("the master tenant cannot be deleted")
        if len(self.tree(tenant_uuid)) > 1:
            raise InvalidInput("the tenant has tenants below it")
        await self._store.delete(tenant_uuid)
        self._tenants.pop(tenant_uuid, None)

    async def _keep(self, tenant: Tenant) -> Tenant:
        await self._store.put(tenant)
        self._tenants[tenant.uuid] = tenant
        return tenant


def _checked(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput("a tenant's uuid must be a UUID") from None

"""Tenants: who sees what."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from provisiond.errors import InvalidInput, NotFound, Unauthorized, UnknownReference
from provisiond.model.device import Device
from provisiond.provisioning.ports import StoredFacts
from provisiond.provisioning.serial import Serial
from provisiond.store.facts import Tenant

_MASTER = "master_tenant"
_SENTENCE = "Unauthorized"
_LIST = ("tenants", "")
MAX_NAME = 200


class StoredTenants(Protocol):
    """The stored tenants."""

    async def all(self) -> Sequence[Tenant]: ...
    async def put(self, tenant: Tenant) -> None: ...
    async def delete(self, tenant_uuid: str) -> None:
        """Forget a tenant with its tokens and parameters; refused while it has devices or tenants below it."""


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
        self._trees: dict[str, frozenset[str]] = {}
        self._serial = Serial()
        self.master = ""

    async def load(self, first_master: str | None = None) -> None:
        """Read the tenants; the first time, make the master tenant, whose uuid then stays the same.

        :param first_master: uuid of the master tenant when it is made now; by default a random one.
        """
        async with self._serial.holding(_LIST):
            master = await self._facts.get(_MASTER)
            if master is None:
                master = first_master or str(uuid.uuid4())
                await self._facts.set(_MASTER, master)
            self.master = master
            self._take({tenant.uuid: tenant for tenant in await self._store.all()})
            if master not in self._tenants:
                await self._keep(Tenant(master, None, "master"))

    def all(self) -> tuple[Tenant, ...]:
        """Return every tenant, the master one too."""
        return tuple(self._tenants.values())

    def tree(self, tenant_uuid: str) -> frozenset[str]:
        """Return the tenant and every one below it; a broken chain of parents never hangs."""
        if tenant_uuid not in self._trees:
            self._trees[tenant_uuid] = self._tree(tenant_uuid)
        return self._trees[tenant_uuid]

    def _tree(self, tenant_uuid: str) -> frozenset[str]:
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
        chosen = requested.lower() if requested else owner
        if owner not in self._tenants or chosen not in self._tenants or chosen not in self.tree(owner):
            raise Unauthorized(_SENTENCE)
        return Scope(tenant_uuid=chosen, tree=self.tree(chosen), master=self.master)

    def everything(self) -> Scope:
        """Return the scope of the master tenant."""
        return Scope(tenant_uuid=self.master, tree=self.tree(self.master), master=self.master)

    def get(self, tenant_uuid: str) -> Tenant | None:
        """Return a tenant, or None."""
        return self._tenants.get(tenant_uuid)

    async def create(self, name: str | None, parent: str | None = None, tenant_uuid: str | None = None) -> Tenant:
        """Add a tenant.

        :param name: at most 200 printable characters, or None.
        :param parent: uuid of the tenant above; None for the master tenant.
        :raises UnknownReference: when there is no such parent.
        :raises InvalidInput: when a member breaks a rule, or ``tenant_uuid`` is not a UUID or is used.
        """
        above = parent or self.master
        chosen = _checked(tenant_uuid) if tenant_uuid is not None else str(uuid.uuid4())
        _check_name(name)
        async with self._serial.holding(_LIST):
            if above not in self._tenants:
                raise UnknownReference(f'tenant "{above[:100]}" does not exist')
            if chosen in self._tenants:
                raise InvalidInput(f'tenant "{chosen}" exists already')
            return await self._keep(Tenant(chosen, above, name))

    async def change(self, tenant_uuid: str, name: str | None, parent: str | None = None) -> Tenant:
        """Rename a tenant, and move it below another.

        :param parent: uuid of the tenant above; None leaves it where it is.
        :raises NotFound: when there is no such tenant.
        :raises UnknownReference: when there is no such parent.
        :raises InvalidInput: when the name breaks a rule, when the tenant would come below itself, and when the master
            tenant would come below another.
        """
        _check_name(name)
        async with self._serial.holding(_LIST):
            tenant = self._named(tenant_uuid)
            above = parent or tenant.parent_uuid
            if above is not None and above not in self._tenants:
                raise UnknownReference(f'tenant "{above[:100]}" does not exist')
            if above is not None and above in self.tree(tenant_uuid):
                raise InvalidInput("parent_uuid: a tenant cannot come below itself")
            return await self._keep(Tenant(tenant_uuid, above, name))

    async def learn(self, rows: Sequence[tuple[str, str | None, str | None]]) -> None:
        """Take over tenants of an authentication service: uuid, name, uuid of the tenant above.

        A tenant whose parent nobody knows comes below the master tenant. What is not a UUID is passed over, and so is a
        parent that would make a circle.
        """
        for tenant_uuid, name, parent in rows:
            if tenant_uuid != self.master and _is_uuid(tenant_uuid):
                await self._learn_one(tenant_uuid, name, parent, {row[0] for row in rows})

    async def _learn_one(self, tenant_uuid: str, name: str | None, parent: str | None, coming: set[str]) -> None:
        async with self._serial.holding(_LIST):
            old = self._tenants.get(tenant_uuid)
            above = old.parent_uuid if old is not None else self.master
            if parent is not None and parent not in self.tree(tenant_uuid) and parent in {*self._tenants, *coming}:
                above = parent if _is_uuid(parent) else above
            if name is None or not name.isprintable() or len(name) > MAX_NAME:
                name = old.name if old is not None else None
            tenant = Tenant(tenant_uuid, above, name)
            if tenant != old:
                await self._keep(tenant)

    async def delete(self, tenant_uuid: str) -> None:
        """Remove a tenant that has no devices and none below it, with its tokens and its provisioning key.

        :raises NotFound: when there is no such tenant.
        :raises InvalidInput: for the master tenant, and while devices are in it or others are below it.
        """
        async with self._serial.holding(_LIST):
            self._named(tenant_uuid)
            if tenant_uuid == self.master:
                raise InvalidInput("the master tenant cannot be deleted")
            if len(self.tree(tenant_uuid)) > 1:
                raise InvalidInput("the tenant has tenants below it")
            await self._store.delete(tenant_uuid)
            self._take({key: tenant for key, tenant in self._tenants.items() if key != tenant_uuid})

    def _named(self, tenant_uuid: str) -> Tenant:
        tenant = self._tenants.get(tenant_uuid)
        if tenant is None:
            raise NotFound(f'tenant "{tenant_uuid[:100]}"')
        return tenant

    async def _keep(self, tenant: Tenant) -> Tenant:
        await self._store.put(tenant)
        self._take({**self._tenants, tenant.uuid: tenant})
        return tenant

    def _take(self, tenants: dict[str, Tenant]) -> None:
        self._tenants, self._trees = tenants, {}


def _checked(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput("a tenant's uuid must be a UUID") from None


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _check_name(name: str | None) -> None:
    if name is not None and (not name.strip() or len(name) > MAX_NAME or not name.isprintable()):
        raise InvalidInput(f"a tenant's name must have 1 to {MAX_NAME} printable characters")

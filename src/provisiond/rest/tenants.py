"""Tenants (ours, beyond the contract)."""

from __future__ import annotations

from typing import Any

from provisiond.errors import InvalidInput, NotFound, UnknownReference
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.tenants import Tenants
from provisiond.rest.answers import NO_CONTENT, Answer, address
from provisiond.rest.bodies import Body
from provisiond.rest.routing import Call, route
from provisiond.store.facts import Tenant

UNKNOWN = {404: "No such tenant at or below the request's."}


class NewTenant(Body):
    """A tenant to be added; ``parent_uuid`` defaults to the request's tenant."""

    name: str = ""
    uuid: str | None = None
    parent_uuid: str | None = None


class TenantBody(Body):
    """A tenant."""

    tenant: NewTenant


class TenantResources:
    """What programs can do with the tenants at and below their own."""

    def __init__(self, tenants: Tenants, directory: Directory) -> None:
        self._tenants = tenants
        self._directory = directory

    @route("GET", "/tenants", "provd.tenants.read", "List the request's tenant and those below it")
    async def list_tenants(self, call: Call) -> Answer:
        """Return the tenants."""
        rows = [_row(tenant) for tenant in self._tenants.all() if tenant.uuid in call.scope.tree]
        return Answer(document={"tenants": rows})

    @route(
        "POST",
        "/tenants",
        "provd.tenants.create",
        "Add a tenant below the request's",
        body=TenantBody,
        statuses={201: "Added; Location names it.", 400: "A member is wrong, or the uuid is used."},
    )
    async def create(self, call: Call) -> Answer:
        """Add a tenant."""
        wanted = call.body_as(TenantBody).tenant
        parent = wanted.parent_uuid or call.scope.tenant_uuid
        if parent not in call.scope.tree:
            raise UnknownReference(f'tenant "{parent[:100]}" does not exist')
        tenant = await self._tenants.create(wanted.name[:200] or None, parent, wanted.uuid)
        return Answer(status=201, location=address(call.prefix, "tenants", tenant.uuid), document={"uuid": tenant.uuid})

    @route("GET", "/tenants/<uuid>", "provd.tenants.{uuid}.read", "Get a tenant", statuses=UNKNOWN)
    async def get(self, call: Call) -> Answer:
        """Return one tenant."""
        return Answer(document={"tenant": _row(self._visible(call))})

    @route(
        "DELETE",
        "/tenants/<uuid>",
        "provd.tenants.{uuid}.delete",
        "Remove a tenant that has no devices and none below it",
        statuses={204: "Removed.", 400: "It is the master tenant, or still in use.", **UNKNOWN},
    )
    async def delete(self, call: Call) -> Answer:
        """Remove a tenant."""
        tenant = self._visible(call)
        if any(self._is_of(device_id, tenant.uuid) for device_id in tuple(self._directory.ids())):
            raise InvalidInput("the tenant has devices; move or delete them first")
        await self._tenants.delete(tenant.uuid)
        return NO_CONTENT

    def _is_of(self, device_id: str, tenant_uuid: str) -> bool:
        device = self._directory.get(device_id)
        return device is not None and device.tenant_uuid == tenant_uuid

    def _visible(self, call: Call) -> Tenant:
        for tenant in self._tenants.all():
            if tenant.uuid == call.arguments["uuid"] and tenant.uuid in call.scope.tree:
                return tenant
        raise NotFound(f'tenant "{call.arguments["uuid"][:100]}"')


def _row(tenant: Tenant) -> dict[str, Any]:
    return {"uuid": tenant.uuid, "parent_uuid": tenant.parent_uuid, "name": tenant.name}

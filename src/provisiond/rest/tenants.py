"""Tenants (ours, beyond the contract)."""

from __future__ import annotations

from typing import Any

from provisiond.errors import InvalidInput, NotFound, UnknownReference
from provisiond.provisioning.tenants import Tenants
from provisiond.rest.answers import NO_CONTENT, Answer, address
from provisiond.rest.bodies import Body
from provisiond.rest.our_documents import CreatedTenant, TenantAnswer, TenantList
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


class ChangedTenant(Body):
    """A tenant as it shall be; without ``parent_uuid`` it stays where it is."""

    name: str = ""
    parent_uuid: str | None = None


class ChangedTenantBody(Body):
    """A tenant to be changed."""

    tenant: ChangedTenant


class TenantResources:
    """What programs can do with the tenants at and below their own."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    @route(
        "GET",
        "/tenants",
        "provd.tenants.read",
        "List the request's tenant and those below it",
        response=TenantList,
    )
    async def list_tenants(self, call: Call) -> Answer:
        """Return the tenants."""
        rows = [_row(tenant, call) for tenant in self._tenants.all() if tenant.uuid in call.scope.tree]
        return Answer(document={"tenants": rows})

    @route(
        "POST",
        "/tenants",
        "provd.tenants.create",
        "Add a tenant below the request's",
        body=TenantBody,
        statuses={201: "Added; Location names it.", 400: "A member is wrong, or the uuid is used."},
        response=CreatedTenant,
    )
    async def create(self, call: Call) -> Answer:
        """Add a tenant."""
        wanted = call.body_as(TenantBody).tenant
        if wanted.uuid is not None and call.scope.tenant_uuid != call.scope.master:
            # Whether a uuid is used tells of other tenants.
            raise InvalidInput("uuid: only the master tenant may choose it")
        _check_parent(call, wanted.parent_uuid)
        parent = wanted.parent_uuid or call.scope.tenant_uuid
        tenant = await self._tenants.create(wanted.name or None, parent, wanted.uuid)
        return Answer(status=201, location=address(call.prefix, "tenants", tenant.uuid), document={"uuid": tenant.uuid})

    @route(
        "GET",
        "/tenants/<uuid>",
        "provd.tenants.{uuid}.read",
        "Get a tenant",
        statuses=UNKNOWN,
        response=TenantAnswer,
    )
    async def get(self, call: Call) -> Answer:
        """Return one tenant."""
        return Answer(document={"tenant": _row(self._visible(call), call)})

    @route(
        "PUT",
        "/tenants/<uuid>",
        "provd.tenants.{uuid}.update",
        "Rename a tenant, or move it below another",
        body=ChangedTenantBody,
        statuses={204: "Changed.", 400: "A member is wrong, or it would come below itself.", **UNKNOWN},
    )
    async def change(self, call: Call) -> Answer:
        """Change a tenant's name and, when ``parent_uuid`` is given, its place."""
        wanted = call.body_as(ChangedTenantBody).tenant
        tenant = self._visible(call)
        _check_parent(call, wanted.parent_uuid)
        moved = wanted.parent_uuid if wanted.parent_uuid != tenant.parent_uuid else None
        await self._tenants.change(tenant.uuid, wanted.name or None, moved)
        return NO_CONTENT

    @route(
        "DELETE",
        "/tenants/<uuid>",
        "provd.tenants.{uuid}.delete",
        "Remove a tenant that has no devices and none below it",
        statuses={204: "Removed.", 400: "It is the master tenant, or still in use.", **UNKNOWN},
    )
    async def delete(self, call: Call) -> Answer:
        """Remove a tenant with its tokens and its provisioning key."""
        await self._tenants.delete(self._visible(call).uuid)
        return NO_CONTENT

    def _visible(self, call: Call) -> Tenant:
        uuid = call.arguments["uuid"]
        tenant = self._tenants.get(uuid)
        if tenant is None or uuid not in call.scope.tree:
            raise NotFound(f'tenant "{uuid[:100]}"')
        return tenant


def _check_parent(call: Call, parent: str | None) -> None:
    if parent is not None and parent not in call.scope.tree:
        raise UnknownReference(f'tenant "{parent[:100]}" does not exist')


def _row(tenant: Tenant, call: Call) -> dict[str, Any]:
    """Return a tenant; who is above the request's own tenant is not told."""
    parent = tenant.parent_uuid if tenant.parent_uuid in call.scope.tree else None
    return {"uuid": tenant.uuid, "parent_uuid": parent, "name": tenant.name}

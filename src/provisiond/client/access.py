"""Tokens and tenants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import Conversation, Request, checked, path
from provisiond.client.values import NewToken

Row = dict[str, Any]


class Tokens(Resource[Way]):
    """Tokens of the API. Their text is told once, when they are made."""

    @Asked
    def list(self) -> Conversation[list[Row]]:
        """Return what is known of each token of the tenant and those below."""
        answer = yield Request(method="GET", path="/tokens")
        return list(checked(answer).member("tokens"))

    @Asked
    def get(self, token_id: str) -> Conversation[Row]:
        """Return what is known of a token.

        :raises NotFound: when there is none in the tenant's tree.
        """
        answer = yield Request(method="GET", path="/tokens" + path(token_id))
        return dict(checked(answer).member("token"))

    @Asked
    def create(
        self, name: str, acl: Sequence[str], *, tenant: str | None = None, expires: float | None = None
    ) -> Conversation[NewToken]:
        """Make a token that may at most what one's own may.

        :param acl: patterns, e.g. ``provd.dev_mgr.#``.
        :param tenant: UUID; the request's tenant by default.
        :param expires: seconds since the epoch; None for never.
        :raises Refused: when the ACL grants more than one's own.
        """
        token: Row = {"name": name, "acl": [*acl]}
        if tenant is not None:
            token["tenant_uuid"] = tenant
        if expires is not None:
            token["expires"] = expires
        answer = checked((yield Request(method="POST", path="/tokens", document={"token": token})))
        return NewToken(id=str(answer.member("id")), text=str(answer.member("token")))

    @Asked
    def revoke(self, token_id: str) -> Conversation[None]:
        """Make a token worth nothing.

        :raises NotFound: when there is none in the tenant's tree.
        """
        checked((yield Request(method="DELETE", path="/tokens" + path(token_id))))


class Tenants(Resource[Way]):
    """Tenants at and below one's own."""

    @Asked
    def list(self) -> Conversation[list[Row]]:
        """Return the tenants: ``uuid``, ``parent_uuid``, ``name``."""
        answer = yield Request(method="GET", path="/tenants")
        return list(checked(answer).member("tenants"))

    @Asked
    def get(self, uuid: str) -> Conversation[Row]:
        """Return a tenant.

        :raises NotFound: when there is none in the tenant's tree.
        """
        answer = yield Request(method="GET", path="/tenants" + path(uuid))
        return dict(checked(answer).member("tenant"))

    @Asked
    def create(self, name: str, *, parent: str | None = None, uuid: str | None = None) -> Conversation[str]:
        """Add a tenant and return its UUID.

        :param parent: UUID; the request's tenant by default.
        :param uuid: None lets the server choose.
        """
        tenant = {"name": name, "parent_uuid": parent, "uuid": uuid}
        document = {"tenant": {key: value for key, value in tenant.items() if value is not None}}
        answer = yield Request(method="POST", path="/tenants", document=document)
        return str(checked(answer).member("uuid"))

    @Asked
    def change(self, uuid: str, *, name: str | None = None, parent: str | None = None) -> Conversation[None]:
        """Rename a tenant, or move it with all below it under another.

        :param parent: UUID; None leaves the tenant where it is.
        :raises NotFound: when there is no such tenant in the tenant's tree.
        :raises Refused: when it would come below itself.
        """
        tenant = {"name": name, "parent_uuid": parent}
        document = {"tenant": {key: value for key, value in tenant.items() if value is not None}}
        checked((yield Request(method="PUT", path="/tenants" + path(uuid), document=document)))

    @Asked
    def delete(self, uuid: str) -> Conversation[None]:
        """Remove a tenant that has no devices and none below it.

        :raises Refused: when it has.
        """
        checked((yield Request(method="DELETE", path="/tenants" + path(uuid))))

"""Tokens of the API (ours, beyond the contract)."""

from __future__ import annotations

from typing import Any

from provisiond.errors import NotFound, UnknownReference
from provisiond.provisioning.tokens import Tokens
from provisiond.rest.answers import NO_CONTENT, Answer, address, moment
from provisiond.rest.bodies import Body
from provisiond.rest.our_documents import CreatedToken, TokenAnswer, TokenList
from provisiond.rest.routing import Call, route
from provisiond.store.tokens import StoredToken


class NewToken(Body):
    """A token to be made.

    ``expires`` is in seconds since the epoch; ``tenant_uuid`` defaults to the request's tenant.
    """

    name: str = ""
    acl: list[str]
    tenant_uuid: str | None = None
    expires: float | int | None = None


class TokenBody(Body):
    """A token."""

    token: NewToken


class TokenResources:
    """What programs can do with tokens: never more than their own token allows."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    @route(
        "GET",
        "/tokens",
        "provd.tokens.read",
        "List the tokens of the tenant and those below it",
        response=TokenList,
    )
    async def list_tokens(self, call: Call) -> Answer:
        """Return all that is known of the tokens, but never the tokens themselves."""
        rows = [_row(token) for token in self._tokens.list() if token.tenant_uuid in call.scope.tree]
        return Answer(document={"tokens": rows})

    @route(
        "POST",
        "/tokens",
        "provd.tokens.create",
        "Make a token; it is told this once",
        body=TokenBody,
        statuses={201: "Made; the body holds the token.", 400: "A member is wrong, or grants more than one's own."},
        response=CreatedToken,
    )
    async def create(self, call: Call) -> Answer:
        """Make a token that may at most what the caller may."""
        wanted = call.body_as(TokenBody).token
        tenant = wanted.tenant_uuid or call.scope.tenant_uuid
        if tenant not in call.scope.tree:
            raise UnknownReference(f'tenant "{tenant[:100]}" does not exist')
        expires = float(wanted.expires) if wanted.expires is not None else None
        acl, expires = call.principal.handed_on(wanted.acl, expires)
        text, token = await self._tokens.create(wanted.name, acl, tenant, expires)
        return Answer(
            status=201,
            location=address(call.prefix, "tokens", token.id),
            document={"id": token.id, "token": text},
            headers={"Cache-Control": "no-store"},
        )

    @route(
        "GET",
        "/tokens/<token_id>",
        "provd.tokens.{token_id}.read",
        "Get what is known of a token",
        statuses={404: "No such token in the tenant's tree."},
        response=TokenAnswer,
    )
    async def get(self, call: Call) -> Answer:
        """Return one token's name, rights, tenant and times."""
        return Answer(document={"token": _row(self._visible(call))})

    @route(
        "DELETE",
        "/tokens/<token_id>",
        "provd.tokens.{token_id}.delete",
        "Revoke a token",
        statuses={204: "It is worth nothing any more.", 404: "No such token in the tenant's tree."},
    )
    async def revoke(self, call: Call) -> Answer:
        """Revoke a token at once."""
        await self._tokens.revoke(self._visible(call).id)
        return NO_CONTENT

    def _visible(self, call: Call) -> StoredToken:
        token_id = call.arguments["token_id"]
        for token in self._tokens.list():
            if token.id == token_id and token.tenant_uuid in call.scope.tree:
                return token
        raise NotFound(f'token "{token_id[:100]}"')


def _row(token: StoredToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "acl": list(token.acl),
        "tenant_uuid": token.tenant_uuid,
        "created": moment(token.created),
        "expires": moment(token.expires),
        "last_used": moment(token.last_used),
    }

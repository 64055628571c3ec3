"""What an authentication service tells."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from provisiond.errors import Unauthorized


class UnknownToken(Unauthorized):
    """The service does not know the token, or it has expired."""

    code = "unknown-token"


class Unreadable(Exception):
    """The service answered something else than it should."""


@frozen(kw_only=True)
class Vouched:
    """Whom the service vouches for.

    :param owner: id of the user.
    :param session: id of the session, or None.
    :param acl: patterns as the service has them.
    :param expires: seconds since the epoch, or None.
    """

    owner: str
    session: str | None
    tenant_uuid: str
    acl: tuple[str, ...]
    expires: float | None

    @classmethod
    def read(cls, document: Any) -> Vouched:
        """Return what the answer to a token check holds.

        :raises Unreadable: when the owner or the tenant is missing.
        """
        data = _object(_object(document).get("data"))
        metadata = _object(data.get("metadata") or {})
        acl = data.get("acl") or []
        if not isinstance(acl, list):
            raise Unreadable("acl is no list")
        return cls(
            owner=_text(data.get("auth_id")) or _text(metadata.get("uuid")) or _missing("auth_id"),
            session=_text(data.get("session_uuid")),
            tenant_uuid=(_text(metadata.get("tenant_uuid")) or _missing("metadata.tenant_uuid")).lower(),
            acl=tuple(each for each in acl if isinstance(each, str)),
            expires=_moment(_text(data.get("utc_expires_at"))),
        )


@frozen(kw_only=True)
class ServiceTenant:
    """A tenant of the service.

    :param parent_uuid: the tenant above; None for the topmost.
    """

    uuid: str
    name: str | None
    parent_uuid: str | None

    @classmethod
    def read_all(cls, document: Any) -> tuple[ServiceTenant, ...]:
        """Return the tenants of a list; rows without a uuid are passed over.

        :raises Unreadable: when it is no list of tenants.
        """
        items = _object(document).get("items")
        if not isinstance(items, list):
            raise Unreadable("items is no list")
        rows = [each for each in items if isinstance(each, dict) and _text(each.get("uuid"))]
        return tuple(map(cls._read, rows))

    @classmethod
    def _read(cls, row: Mapping[str, Any]) -> ServiceTenant:
        uuid = str(row["uuid"]).lower()
        parent = (_text(row.get("parent_uuid")) or "").lower()
        # The topmost tenant is its own parent there.
        return cls(uuid=uuid, name=_text(row.get("name")), parent_uuid=parent if parent not in ("", uuid) else None)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable("no object where one should be")
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _missing(member: str) -> str:
    raise Unreadable(f"{member} is missing")


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable("utc_expires_at is no time") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)).timestamp()

"""What a handler gives back, and how it becomes bytes."""

from __future__ import annotations

import datetime
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from attrs import field, frozen

MEDIA_TYPE = "application/vnd.proformatique.provd+json"
PROBLEM_TYPE = "application/problem+json"


def encoded(document: Any) -> bytes:
    """Return the JSON of ``document``: compact, ASCII-escaped, members in stored order."""
    return json.dumps(document, separators=(",", ":"), default=_plain).encode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def moment(seconds: float | None) -> str | None:
    """Return a time, in seconds since the epoch, as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")


def address(prefix: str, *segments: str) -> str:
    """Return an absolute path under ``prefix``; each segment is percent-encoded."""
    return "/".join([prefix, *(quote(segment, safe="") for segment in segments)])


def links(prefix: str, *pairs: tuple[str, str]) -> dict[str, list[dict[str, str]]]:
    """Return a links document.

    :param pairs: relation and path below the prefix, the path already encoded.
    """
    return {"links": [{"rel": rel, "href": prefix + path} for rel, path in pairs]}


@frozen(kw_only=True)
class Answer:
    """An answer to a program.

    :param status: HTTP status.
    :param document: JSON value, or None for no body.
    :param content: body bytes of another media type, instead of a document.
    :param content_type: of the body.
    :param location: value of the Location header.
    :param chunks: pieces of the body, for answers too large to hold at once.
    """

    status: int = 200
    document: Any = None
    content: bytes | None = None
    content_type: str = MEDIA_TYPE
    location: str | None = None
    headers: Mapping[str, str] = field(factory=dict)
    chunks: AsyncIterator[bytes] | None = None

    def body(self) -> bytes:
        """Return the bytes of the body."""
        if self.content is not None:
            return self.content
        return b"" if self.document is None else encoded(self.document)


NO_CONTENT = Answer(status=204)


def created(location: str, document_id: str | None = None) -> Answer:
    """Return a 201 with its Location, and ``{"id": …}`` when an id is given."""
    document = None if document_id is None else {"id": document_id}
    return Answer(status=201, location=location, document=document)


async def listed(member: str, batches: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """Yield the bytes of ``{member: [documents…]}``, one batch at a time."""
    yield b'{"' + member.encode("ascii") + b'":['
    first = True
    async for batch in batches:
        if batch:
            yield (b"" if first else b",") + b",".join(encoded(document) for document in batch)
            first = False
    yield b"]}"

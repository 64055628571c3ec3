"""Imports and exports, shared by devices and configs (ours, beyond the provd API)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from provisiond.client.errors import Unreadable, WrongRequest
from provisiond.client.faces import Stream
from provisiond.client.messages import Conversation, Request, checked, flags
from provisiond.client.selection import selector
from provisiond.client.values import Imported

FORMS: Final = {"jsonl": "application/x-ndjson", "csv": "text/csv"}


class Pieces:
    """Hands the pieces of an answer on as they come."""

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Return the piece itself."""
        return (data,) if data else ()

    def end(self) -> Iterable[bytes]:
        """Return nothing more."""
        return ()


class Lines:
    """Makes documents out of JSON lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Return the documents whose lines are complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return (_document(line) for line in lines if line.strip())

    def end(self) -> Iterator[dict[str, Any]]:
        """Return the document of a last line without an end."""
        rest, self._rest = self._rest, b""
        return (_document(line) for line in (rest,) if line.strip())


def _document(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unreadable("a line of the export is no JSON object")
    return found


def form_type(form: str) -> str:
    """Return the media type of ``jsonl`` or ``csv``.

    :raises WrongRequest: for another form.
    """
    if form not in FORMS:
        raise WrongRequest(f"form: there are {', '.join(FORMS)}")
    return FORMS[form]


def exporting(manager: str, form: str, q: Mapping[str, Any] | None, **more: object) -> Request:
    """Return the request of an export."""
    query = flags(format=form, q=selector(q), **more)
    return Request(method="GET", path=f"/{manager}/export", query=query, accept=form_type(form))


def exported(manager: str, form: str, q: Mapping[str, Any] | None, **more: object) -> Stream[bytes]:
    """Return the stream of an export's bytes."""
    return Stream(request=exporting(manager, form, q, **more), decoder=Pieces)


def importing(manager: str, content: bytes, form: str, mode: str, dry_run: bool) -> Conversation[Imported]:
    """Send rows; all of them are stored or none."""
    answer = yield Request(
        method="POST",
        path=f"/{manager}/import",
        query=flags(mode=mode, dry_run=dry_run),
        content=content,
        content_type=form_type(form),
    )
    document = checked(answer).document
    names = ("rows", "created", "replaced", "unchanged", "dry_run")
    if not set(names) <= set(document):
        raise Unreadable("the answer does not tell what was imported", answer.status)
    return Imported(**{name: document[name] for name in names})

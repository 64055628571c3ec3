"""Server-sent events: what happens at the server, as it happens (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from provisiond.client.errors import Unreadable
from provisiond.client.faces import Resource, Stream, Streamed, Way
from provisiond.client.messages import Request, flags
from provisiond.client.values import Event

MAX_LINE: Final = 1 << 20


class EventLines:
    """Makes events out of the lines of a stream; comments are skipped."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[Event]:
        """Return the events that are complete after this piece.

        :raises Unreadable: for a line without end, or data that is no JSON object.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise Unreadable("the stream of events holds a line without end")
        for line in lines:
            event = self._line(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if event is not None:
                yield event

    def end(self) -> Iterator[Event]:
        """Return nothing: an event that the stream did not finish is none."""
        return iter(())

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._finished()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name:
            self._fields[name] = value
        return None

    def _finished(self) -> Event | None:
        if not self._data:
            return None
        text, kind = "\n".join(self._data), self._fields.pop("event", "message")
        self._data = []
        return Event(kind=kind, id=self._fields.get("id", ""), data=_object(text))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unreadable("the data of an event is no JSON object")
    return found


class Events(Resource[Way]):
    """What happens."""

    @Streamed
    def follow(self, kinds: Sequence[str] = (), *, last_id: str | None = None) -> Stream[Event]:
        """Return the events one after another; the stream goes on until one side ends it.

        The first is ``begin``, or ``lost`` when events since ``last_id`` are forgotten.

        :param kinds: only these; none for all.
        :param last_id: ``id`` of the last event that was read before.
        :raises Unreachable: when the connection breaks; follow again with the last id.
        """
        query = flags(kinds=",".join(kinds), last_event_id=last_id)
        request = Request(method="GET", path="/events", query=query, accept="text/event-stream")
        return Stream(request=request, decoder=EventLines)

"""Server-sent events: what happens, as it happens (ours, beyond the contract)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from attrs import asdict
from twisted.internet.defer import Deferred

from provisiond.errors import InvalidInput, Unavailable
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import Event, Events
from provisiond.provisioning.ports import Clock
from provisiond.provisioning.tenants import Scope
from provisiond.rest.answers import Answer
from provisiond.rest.routing import Call, route

STREAMS: Final = 100
QUEUE: Final = 1_000
HEARTBEAT_SECONDS: Final = 15.0
_BOUNDARY: Final = re.compile(r"(?<!^)(?=[A-Z])")


def kind_of(event: Event) -> str:
    """Return the name of an event's kind, e.g. ``device_seen``."""
    return _BOUNDARY.sub("_", type(event).__name__).lower()


KINDS: Final = frozenset(_BOUNDARY.sub("_", each.__name__).lower() for each in Event.__args__)


class EventStream:
    """The events of one listener as text, with a heartbeat while nothing happens.

    :param wanted: tells whether the listener gets an event.
    :param is_valid: asked at each heartbeat; the stream ends when it says no.
    :param closed: called once when the stream ends.
    """

    def __init__(
        self,
        events: Events,
        clock: Clock,
        wanted: Callable[[Event], bool],
        is_valid: Callable[[], bool],
        closed: Callable[[], None],
    ) -> None:
        self._subscription = events.subscribe(QUEUE)
        self._clock = clock
        self._wanted = wanted
        self._is_valid = is_valid
        self._closed: Callable[[], None] | None = closed
        self._first = True
        self._number = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of text: some events, or a heartbeat."""
        if self._first:
            self._first = False
            return b": what happens from now on\n\n"
        if self._closed is None or not self._is_valid():
            raise StopAsyncIteration
        text = self._pending()
        if not text:
            await self._something()
            text = self._pending()
        return text or b": nothing new\n\n"

    async def aclose(self) -> None:
        """Stop listening."""
        closed, self._closed = self._closed, None
        self._subscription.close()
        if closed is not None:
            closed()

    def _pending(self) -> bytes:
        pieces = []
        for event in self._subscription.pending():
            if self._wanted(event):
                self._number += 1
                pieces.append(f"id: {self._number}\nevent: {kind_of(event)}\ndata: {json.dumps(asdict(event))}\n\n")
        if self._subscription.lost:
            pieces.append(f'event: lost\ndata: {{"events": {self._subscription.lost}}}\n\n')
            self._subscription.lost = 0
        return "".join(pieces).encode("ascii")

    async def _something(self) -> None:
        woken: Deferred[None] = Deferred()
        self._subscription.wake = lambda: None if woken.called else woken.callback(None)
        timer = self._clock.callLater(HEARTBEAT_SECONDS, self._subscription.wake)
        try:
            await woken
        finally:
            self._subscription.wake = None
            if timer.active():
                timer.cancel()


class EventResources:
    """Streams of events."""

    def __init__(self, events: Events, directory: Directory, clock: Clock, is_current: Callable[[str], bool]) -> None:
        self._events = events
        self._directory = directory
        self._clock = clock
        self._is_current = is_current
        self._streams = 0

    @route(
        "GET",
        "/events",
        "provd.events.read",
        "Follow what happens, as server-sent events",
        media_type=None,
        query=("kinds", "recurse"),
        statuses={200: "A stream that goes on until one side ends it.", 400: "An unknown kind."},
    )
    async def follow(self, call: Call) -> Answer:
        """Return a stream of the events that the caller may see."""
        kinds = frozenset(filter(None, call.query.get("kinds", "").split(","))) or KINDS
        if not kinds <= KINDS:
            raise InvalidInput(f"kinds: there are {', '.join(sorted(KINDS))}")
        if self._streams >= STREAMS:
            raise Unavailable(f"{STREAMS} programs follow the events already")
        if call.method == "HEAD":
            return Answer(content=b"", content_type="text/event-stream")
        self._streams += 1
        stream = EventStream(
            self._events,
            self._clock,
            lambda event: kind_of(event) in kinds and self._may_see(event, call.scope),
            lambda: self._is_current(call.principal.id),
            self._ended,
        )
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Answer(chunks=stream, content_type="text/event-stream", headers=headers)

    def _ended(self) -> None:
        self._streams -= 1

    def _may_see(self, event: Event, scope: Scope) -> bool:
        device_id: Any = getattr(event, "device_id", None)
        if device_id is None:
            return True
        tenant = getattr(event, "tenant_uuid", None)
        device = self._directory.get(device_id)
        if device is None:
            return tenant in scope.tree
        return scope.sees(device)

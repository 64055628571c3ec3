"""Server-sent events: what happens, as it happens (ours, beyond the contract)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Final

from attrs import asdict
from twisted.internet.defer import Deferred

from provisiond.errors import InvalidInput, Unavailable
from provisiond.provisioning.event_log import KINDS, EventLog, LoggedEvent
from provisiond.provisioning.holders import Holder
from provisiond.provisioning.ports import Clock
from provisiond.provisioning.tenants import Scope
from provisiond.rest.answers import Answer, encoded, moment
from provisiond.rest.routing import Call, route

STREAMS: Final = 100
AT_ONCE: Final = 200
HEARTBEAT_SECONDS: Final = 15.0
ALL_KINDS: Final = frozenset(KINDS.values())
MEDIA_TYPE: Final = "text/event-stream"


class EventStream:
    """The events of one listener as text, with a heartbeat while nothing happens.

    It reads the log at its own pace. A listener so slow that events it has not read are forgotten is told so, and the
    stream ends; so it does when the listener may listen no more.

    :param last_id: id of the last event that the listener got, or None to begin now.
    :param may_go_on: asked before each piece.
    :param closed: called once when the stream ends.
    """

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        *,
        kinds: Collection[str],
        scope: Scope,
        last_id: str | None,
        may_go_on: Callable[[], bool],
        closed: Callable[[], None],
    ) -> None:
        self._log = log
        self._clock = clock
        self._kinds = kinds
        self._scope = scope
        self._may_go_on = may_go_on
        self._closed: Callable[[], None] | None = closed
        self._position, self._lost = log.position(last_id)
        self._begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of text: some events, or a heartbeat."""
        if self._closed is None or not self._may_go_on():
            raise StopAsyncIteration
        if not self._begun:
            self._begun = True
            return self._beginning()
        text = self._read()
        if not text:
            await self._something()
            text = self._read() if self._may_go_on() else b""
        return text or b": nothing new\n\n"

    async def aclose(self) -> None:
        """End the stream. May be called twice."""
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()

    def _beginning(self) -> bytes:
        begin = f"retry: 5000\nid: {self._log.id_of(self._position)}\nevent: begin\ndata: {{}}\n\n".encode()
        return begin + _LOST if self._lost else begin

    def _read(self) -> bytes:
        if self._position < self._log.oldest - 1:
            closed, self._closed = self._closed, None
            if closed is not None:
                closed()
            return _LOST
        rows, self._position = self._log.after(self._position, AT_ONCE, self._kinds, self._scope)
        return b"".join(_text(self._log.id_of(row.number), row) for row in rows)

    async def _something(self) -> None:
        woken: Deferred[None] = Deferred()

        def wake() -> None:
            if not woken.called:
                woken.callback(None)

        forget = self._log.call_at_next(wake)
        timer = self._clock.callLater(HEARTBEAT_SECONDS, wake)
        await woken
        forget()
        if timer.active():
            timer.cancel()


_LOST: Final = b'event: lost\ndata: {"message":"events were missed; read the lists again"}\n\n'


def _text(event_id: str, row: LoggedEvent) -> bytes:
    data = encoded({"time": moment(row.at), **asdict(row.event)})
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), row.kind.encode(), data)


class EventResources:
    """Streams of events.

    :param is_current: tells whether the token of this holder is neither revoked nor expired.
    """

    def __init__(
        self, log: EventLog, clock: Clock, is_current: Callable[[Holder], bool], streams: int = STREAMS
    ) -> None:
        self._log = log
        self._clock = clock
        self._is_current = is_current
        self._free = streams

    @route(
        "GET",
        "/events",
        "provd.events.read",
        "Follow what happens, as server-sent events",
        media_type=None,
        answers=(MEDIA_TYPE,),
        query=("kinds", "last_event_id"),
        statuses={200: "A stream that goes on until one side ends it.", 400: "An unknown kind."},
    )
    async def follow(self, call: Call) -> Answer:
        """Return a stream of the events that the caller may see."""
        kinds = frozenset(filter(None, call.query.get("kinds", "").split(","))) or ALL_KINDS
        if not kinds <= ALL_KINDS:
            raise InvalidInput(f"kinds: there are {', '.join(sorted(ALL_KINDS))}")
        if call.method == "HEAD":
            return Answer(content=b"", content_type=MEDIA_TYPE)
        if self._free <= 0:
            raise Unavailable("too many programs follow the events already, try again later")
        self._free -= 1
        stream = EventStream(
            self._log,
            self._clock,
            kinds=kinds,
            scope=call.scope,
            last_id=call.headers.get("last-event-id") or call.query.get("last_event_id") or None,
            may_go_on=lambda: self._is_current(call.principal),
            closed=self._ended,
        )
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Answer(chunks=stream, content_type=MEDIA_TYPE, headers=headers)

    def _ended(self) -> None:
        self._free += 1

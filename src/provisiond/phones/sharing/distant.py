"""A front's end of the link: the pipeline of another process, with a memory of the last moment."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from provisiond.errors import StoreProblem, Unavailable
from provisiond.identification.values import PhoneRequest
from provisiond.model.device import Device
from provisiond.phones.content import Content
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept, Remembered
from provisiond.phones.sharing.messages import message, packed_request, parsed, unpacked_answer, unpacked_content
from provisiond.phones.sharing.own_answers import OwnAnswers
from provisiond.phones.sharing.stamps import SharedStamp
from provisiond.plugins.messages import Frames
from provisiond.provisioning.ports import Clock
from provisiond.tftp.source import TransferResult

log = Logger()
UseLevels = Callable[[str, Mapping[str, str]], object]
TELL_SECONDS: Final = 0.5
MAX_TRANSFERS: Final = 20_000
MAX_ANSWERED: Final = 200
MAX_UNTOLD: Final = 20_000
ASK_SECONDS: Final = 60.0


@implementer(IPushProducer)
class DistantPipeline(Protocol):
    """Answers phones with what is known here, else with what the owner says; stands in for ``pipeline.Pipeline``.

    What was answered a moment ago is answered again without finding it anew, as long as the shared stamp says that
    nothing has changed. Twice a second the owner is told what was answered here, unless it takes nothing at the moment:
    then that waits, up to a bound, and who needs an answer of the owner is told in time that there is none.

    :param begin: called with the owner's first message.
    :param ended: called when the owner is gone.
    :param levels: takes the levels of log lines when they change.
    """

    def __init__(
        self,
        stamp: SharedStamp,
        clock: Clock,
        begin: Callable[[dict[str, Any]], None],
        ended: Callable[[], None],
        *,
        levels: UseLevels = lambda level, levels: None,
        now: Callable[[], float] = time.time,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._levels = levels
        self._stamp = stamp
        self._remembered = Remembered(stamp.read)
        self.own: OwnAnswers | None = None
        self._clock = clock
        self._begin = begin
        self._tell_end = ended
        self._now = now
        self._tick = tick
        self._frames = Frames()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Deferred[tuple[dict[str, Any], bytes]]] = {}
        self._repeated: dict[Kept, list[float]] = {}
        self._answered: list[tuple[object, ...]] = []
        self._transfers: list[tuple[str, int, float]] = []
        self._refused: dict[tuple[str, str], int] = {}
        self._sent: list[tuple[str, float]] = []
        self._planned: Any = None
        self._full = False
        self._lost: Deferred[None] = Deferred()

    # The pipeline, as adapters see it

    def again(self, key: Hashable, protocol: str, method: str) -> Kept | None:
        """Return the answer to a request that was just answered, if the same would be given now."""
        started = self._tick()
        kept = self._remembered.get(key, started)
        if kept is None:
            return None
        figures = self._repeated.get(kept)
        if figures is None:
            figures = [0, 0.0]
            if len(self._repeated) < MAX_UNTOLD:
                self._repeated[kept] = figures
            self._plan()
        figures[0] += 1
        figures[1] += self._tick() - started
        return kept

    async def answer(self, request: PhoneRequest, name: str, key: Hashable = None) -> Answer:
        """Return what a phone gets."""
        stamp = self._stamp.read()
        own = None if self.own is None else await self.own.answer(request, name, stamp)
        if own is not None:
            if key is not None and own.kept is not None:
                self._remembered.put(key, own.kept, stamp, self._tick())
            return own
        try:
            header, body = await self.ask({"kind": "answer", "request": packed_request(request), "name": name})
        except Unavailable:
            return Answer(outcome="error")
        answer = unpacked_answer(header, body)
        if key is not None and answer.kept is not None and header["lasts"]:
            self._remembered.put(key, answer.kept, header["stamp"], self._tick())
        return answer

    async def answer_of_plugin(self, request: PhoneRequest) -> Content | None:
        """Return what the plugin itself answers to a request that carries a body; None when it answers none."""
        header, body = await self.ask({"kind": "answer_of_plugin", "request": packed_request(request)})
        return None if header.get("content") is None else unpacked_content(header["content"], body)

    async def may_upload(self, request: PhoneRequest, name: str) -> Device | None:
        """Return the device that may upload this file, or None."""
        header, _ = await self.ask({"kind": "may_upload", "request": packed_request(request), "name": name})
        return None if header.get("device") is None else Device({"id": header["device"]})

    async def uploaded(self, device: Device, name: str, content: bytes) -> None:
        """Keep what a device has uploaded.

        :raises StoreProblem: when the owner could not; it has logged why.
        """
        header, _ = await self.ask({"kind": "uploaded", "device": device.id, "name": name}, content)
        if header.get("outcome") == "error":
            raise StoreProblem("an upload of a phone could not be kept")

    # What is told the owner later

    def answered(self, event: PhoneEvent, name: str, content: Content | None) -> None:
        """Take note of an answer that was found here."""
        kind, etag = ("", "") if content is None else (content.kind, content.etag)
        if len(self._answered) < MAX_UNTOLD:
            self._answered.append((event, name, kind, etag, 1, event.seconds))
        if len(self._answered) >= MAX_ANSWERED and not self._full:
            self._cancel()
            self.tell()
        else:
            self._plan()

    def ended(self, result: TransferResult) -> None:
        """Take note of the end of a TFTP transfer."""
        if len(self._transfers) < MAX_TRANSFERS:
            self._transfers.append((result.outcome, result.retransmissions, result.seconds))
        self._plan()

    def refused(self, protocol: str, reason: str) -> None:
        """Take note of a refusal because of a bound."""
        key = (protocol, reason)
        self._refused[key] = self._refused.get(key, 0) + 1
        self._plan()

    def sent(self, outcome: str, seconds: float) -> None:
        """Take note of the end of sending a large file over HTTP."""
        if len(self._sent) < MAX_TRANSFERS:
            self._sent.append((outcome, seconds))
        self._plan()

    def figures(self, **figures: float) -> None:
        """Tell the owner how much goes on here now."""
        if not self._full:
            self._write({"kind": "figures", "figures": figures})

    def tell(self) -> None:
        """Tell the owner what was noted, or wait until it takes something."""
        self._planned = None
        if self._full:
            self._plan()
            return
        repeated, self._repeated = self._repeated, {}
        answered, self._answered = self._answered, []
        transfers, self._transfers = self._transfers, []
        refused, self._refused = self._refused, {}
        sent, self._sent = self._sent, []
        now = self._now()
        events = answered + [_row(kept, now, int(count), seconds) for kept, (count, seconds) in repeated.items()]
        rows = [(protocol, reason, count) for (protocol, reason), count in refused.items()]
        self._write({"kind": "noted", "events": events, "transfers": transfers, "refused": rows, "sent": sent})

    async def leave(self, seconds: float) -> None:
        """Tell the owner the last, and end the link when that has left, at the latest after so many seconds."""
        self._cancel()
        self.tell()
        if self._lost.called:
            return
        late = self._clock.callLater(seconds, cast(Any, self.transport).abortConnection)
        cast(Any, self.transport).loseConnection()
        await self._lost
        if late.active():
            late.cancel()

    # Called by the transport

    def connectionMade(self) -> None:  # noqa: N802
        """Ask to be told when the owner takes nothing."""
        cast(Any, self.transport).registerProducer(self, True)

    def pauseProducing(self) -> None:  # noqa: N802
        """Called when much waits for the owner."""
        self._full = True

    def resumeProducing(self) -> None:  # noqa: N802
        """Called when the owner has taken what waited."""
        self._full = False

    def stopProducing(self) -> None:  # noqa: N802
        """Called when the owner is gone; :meth:`connectionLost` follows."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take the owner's messages."""
        for payload in self._frames.feed(data):
            header, body = parsed(payload)
            if header.get("kind") == "begin":
                self._begin(header)
                self._write({"kind": "serving"})
                continue
            if header.get("kind") == "levels":
                self._levels(header["level"], header["levels"])
                continue
            if header.get("kind") == "feed":
                self._take(header)
                continue
            waiting = self._waiting.pop(header["id"], None)
            if waiting is not None:
                waiting.callback((header, body))

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        """End with the owner."""
        self._cancel()
        # Who waits may ask for something else at once.
        self._lost.callback(None)
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.errback(Unavailable("the server is stopping"))
        self._tell_end()

    # Inside

    def _plan(self) -> None:
        if self._planned is None:
            self._planned = self._clock.callLater(TELL_SECONDS, self.tell)

    def _cancel(self) -> None:
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None

    def _take(self, header: dict[str, Any]) -> None:
        if self.own is not None:
            self.own.known.take(header)
            if header.get("more"):
                self._write({"kind": "more"})

    async def ask(self, header: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Return what the owner answers.

        :raises Unavailable: when the owner is gone, or does not answer for a minute.
        """
        if self._lost.called:
            raise Unavailable("the server is stopping")
        number = next(self._numbers)
        answer: Deferred[tuple[dict[str, Any], bytes]] = Deferred()
        self._waiting[number] = answer
        late = self._clock.callLater(ASK_SECONDS, self._too_late, number)
        self._write({**header, "id": number}, body)
        try:
            return await answer
        finally:
            if late.active():
                late.cancel()

    def _too_late(self, number: int) -> None:
        self._waiting.pop(number).errback(Unavailable("the server is too busy"))

    def _write(self, header: dict[str, Any], body: bytes = b"") -> None:
        cast(Any, self.transport).write(message(header, body))


def _row(kept: Kept, now: float, count: int, seconds: float) -> tuple[object, ...]:
    content = kept.content
    return (kept.event._replace(time=now), kept.name, content.kind, content.etag, count, seconds)

"""The owner's end of the link to one front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, cast

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger

from provisiond.identification.values import PhoneRequest
from provisiond.identification.values import Protocol as How
from provisiond.metrics import Metrics
from provisiond.model.device import Device
from provisiond.phones.journal import Journal, PhoneEvent
from provisiond.phones.pipeline import Pipeline
from provisiond.phones.plain_requests import name_of, without_key
from provisiond.phones.sharing.feeding import Feeding
from provisiond.phones.sharing.messages import message, packed_answer, packed_content, parsed, unpacked_request
from provisiond.plugins.messages import Frames
from provisiond.provisioning.file_sets import packed

log = Logger()
Figures = Mapping[str, float]


class OwnerEnd(Protocol):
    """Answers what a front asks, and takes note of what it has answered itself.

    :param stamp: the present state of everything.
    :param begin: returns the members of the first message, which tells the front what to serve.
    :param feeding: tells the front what it has to know, or None to be asked for everything.
    :param figures: where the front's figures stand as long as it lives.
    :param is_key: tells whether a text is a tenant's provisioning key, which a path may begin with.
    :param serving: called when the front serves.
    :ivar heard: how often something came from the front.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        journal: Journal,
        metrics: Metrics,
        stamp: Callable[[], int],
        begin: Callable[[], dict[str, Any]],
        serving: Callable[[], None],
        *,
        feeding: Feeding | None = None,
        is_key: Callable[[str], bool] = lambda text: False,
        figures: MutableMapping[OwnerEnd, Figures] | None = None,
    ) -> None:
        self._figures = {} if figures is None else figures
        self._is_key = is_key
        self._feeding = feeding
        self._pipeline = pipeline
        self._journal = journal
        self._metrics = metrics
        self._stamp = stamp
        self._begin = begin
        self._serving = serving
        self._frames = Frames()
        self._lost = False
        self.heard = 0

    def connectionMade(self) -> None:  # noqa: N802
        """Tell the front what to serve."""
        self.tell({"kind": "begin", **self._begin()})
        if self._feeding is not None:
            self._feeding.attach(self)

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        """Note that the front is gone; what it asked is answered to nobody."""
        self._lost = True
        if self._feeding is not None:
            self._feeding.detach(self)
        self._figures.pop(self, None)

    def tell(self, header: Mapping[str, Any]) -> None:
        """Tell the front something that it has not asked for."""
        self._send(header)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take messages; a front that talks nonsense is cut off."""
        self.heard += 1
        try:
            for payload in self._frames.feed(data):
                header, body = parsed(payload)
                self._take(header, body)
        except (ValueError, KeyError, TypeError) as error:
            log.error("a process that serves phones talks nonsense: {error}", error=error)
            cast(Any, self.transport).abortConnection()

    def _take(self, header: dict[str, Any], body: bytes) -> None:
        kind = header["kind"]
        if kind == "noted":
            self._note(header)
            return
        if kind == "serving":
            self._serving()
            return
        if kind == "more":
            if self._feeding is not None:
                self._feeding.more(self)
            return
        if kind == "figures":
            self._figures[self] = {str(name): float(value) for name, value in header["figures"].items()}
            return
        work = {
            "files": self._files,
            "answer": self._answer,
            "answer_of_plugin": self._answer_of_plugin,
            "may_upload": self._may_upload,
            "uploaded": self._uploaded,
        }[kind]
        Deferred.fromCoroutine(work(header, body)).addErrback(lambda failure: self._failed(header, failure))

    def _failed(self, header: dict[str, Any], failure: Any) -> None:
        log.failure("a request of a phone met an error", failure=failure)
        self._send({"id": header["id"], "outcome": "error"})

    async def _answer(self, header: dict[str, Any], body: bytes) -> None:
        stamp = self._stamp()
        answer = await self._pipeline.answer(*self._unkeyed(header))
        members, data = packed_answer(answer, stamp)
        self._send({"id": header["id"], "lasts": answer.lasts, **members}, data)

    async def _files(self, header: dict[str, Any], body: bytes) -> None:
        files = None if self._feeding is None else await self._feeding.files(header["of"], header["name"])
        self._send({"id": header["id"], "found": files is not None}, b"" if files is None else packed(files))

    async def _answer_of_plugin(self, header: dict[str, Any], body: bytes) -> None:
        content = await self._pipeline.answer_of_plugin(unpacked_request(header["request"]))
        members, data = (None, b"") if content is None else packed_content(content)
        self._send({"id": header["id"], "content": members}, data)

    async def _may_upload(self, header: dict[str, Any], body: bytes) -> None:
        device = await self._pipeline.may_upload(*self._unkeyed(header))
        self._send({"id": header["id"], "device": None if device is None else device.id})

    async def _uploaded(self, header: dict[str, Any], body: bytes) -> None:
        await self._pipeline.uploaded(Device({"id": header["device"]}), header["name"], body)
        self._send({"id": header["id"]})

    def _unkeyed(self, header: dict[str, Any]) -> tuple[PhoneRequest, str]:
        """Return request and name without a provisioning key, which fronts do not know."""
        request = unpacked_request(header["request"])
        sent = request.path.encode("latin-1", "replace")
        path = sent if request.protocol is not How.HTTP else without_key(sent, self._is_key)
        if path == sent:
            return request, header["name"]
        return evolve(request, path=path.decode("latin-1")), name_of(path) or ""

    def _note(self, header: dict[str, Any]) -> None:
        for event, name, kind, etag, count, seconds in header["events"]:
            noted = PhoneEvent(*event)._replace(seconds=seconds / count)
            self._pipeline.note_again(noted, name, kind, etag)
            self._journal.note(noted, count)
        for outcome, retransmissions, seconds in header["transfers"]:
            self._metrics.note_transfer(outcome, retransmissions, seconds)
        for outcome, seconds in header["sent"]:
            self._metrics.http_seconds.observe(outcome, seconds=seconds)
        for protocol, reason, count in header["refused"]:
            refused = self._metrics.http_refused if protocol == "http" else self._metrics.tftp_refused
            refused.add(reason, amount=count)

    def _send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        if not self._lost:
            cast(Any, self.transport).write(message(header, body))

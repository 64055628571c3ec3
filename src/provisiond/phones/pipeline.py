"""From a phone's request to its content: the one way that every protocol goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Protocol as TypingProtocol

from attrs import frozen
from twisted.logger import Logger

from provisiond.errors import InvalidInput, ProvisiondError
from provisiond.identification.values import PhoneRequest
from provisiond.model.device import Device
from provisiond.paths import normalized_name
from provisiond.phones.access import Access
from provisiond.phones.content import Content
from provisiond.phones.files import PhoneFiles
from provisiond.phones.journal import Journal, PhoneEvent
from provisiond.phones.remembered import Kept, Remembered
from provisiond.phones.uploads import Uploads

log = Logger()


class Sighting(TypingProtocol):
    """What the first look at a request gave (``provisioning.contact``)."""

    @property
    def device(self) -> Device | None: ...
    @property
    def reason(self) -> str: ...


class Contact(TypingProtocol):
    """Recognises the phone behind a request."""

    async def seen(self, request: PhoneRequest) -> Sighting: ...
    def seen_again(self, device_id: str, ip: str | None) -> None: ...


class UploadRules(TypingProtocol):
    """Knows which uploads a plugin wants (``plugins.registry``)."""

    async def accepts_upload(self, plugin_id: str, name: str) -> bool: ...


class Fetched(TypingProtocol):
    """Is told what a phone has fetched."""

    def fetched(self, device_id: str, name: str, etag: str) -> None: ...


@frozen(kw_only=True)
class Answer:
    """The answer to a phone.

    :param outcome: ``served``, ``not-found``, ``refused`` or ``error``.
    :param kept: what was served, with room for what an adapter makes of it.
    :param lasts: whether the same would be given again as long as nothing changes.
    """

    outcome: str
    content: Content | None = None
    device: Device | None = None
    kept: Kept | None = None
    lasts: bool = True


class Answering(TypingProtocol):
    """What answers phones: the pipeline of this process, or that of another (``sharing.distant``)."""

    def again(self, key: Hashable, protocol: str, method: str) -> Kept | None: ...
    async def answer(self, request: PhoneRequest, name: str, key: Hashable = None) -> Answer: ...
    async def answer_of_plugin(self, request: PhoneRequest) -> Content | None: ...
    async def may_upload(self, request: PhoneRequest, name: str) -> Device | None: ...
    async def uploaded(self, device: Device, name: str, content: bytes) -> None: ...


class Pipeline:
    """Answers phones.

    :param stamp: see :class:`provisiond.phones.remembered.Remembered`; by default nothing is remembered.
    :param now: seconds since the epoch.
    :param tick: seconds of a steady clock.
    """

    def __init__(
        self,
        *,
        contact: Contact,
        files: PhoneFiles,
        access: Access,
        fetched: Fetched,
        journal: Journal,
        upload_rules: UploadRules,
        uploads: Uploads,
        stamp: Callable[[], object] = object,
        now: Callable[[], float] = time.time,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._contact = contact
        self._files = files
        self._access = access
        self._fetched = fetched
        self._journal = journal
        self._upload_rules = upload_rules
        self._uploads = uploads
        self._now = now
        self._tick = tick
        self._remembered = Remembered(stamp)

    def again(self, key: Hashable, protocol: str, method: str) -> Kept | None:
        """Return the answer to a request that was just answered and noted, if the same would be given now; note it.

        :param key: what :meth:`answer` was called with.
        """
        started = self._tick()
        kept = self._remembered.get(key, started)
        if kept is None:
            return None
        former = kept.event
        if kept.is_to_be_noted(started):
            self.note_again(former, kept.name, kept.content.kind, kept.content.etag)
        self._journal.note(former.again(self._now(), protocol, method, self._tick() - started))
        return kept

    def note_again(self, event: PhoneEvent, name: str, kind: str, etag: str) -> None:
        """Note that a phone was given a content that it was given before. Never raises.

        :param event: what was noted then.
        :param kind: of the content, as is ``etag``.
        """
        if event.device is None:
            return
        try:
            self._contact.seen_again(event.device, event.peer)
            if event.method in ("GET", "RRQ") and kind == "rendered":
                self._fetched.fetched(event.device, normalized_name(name), etag)
        except Exception:
            log.failure("that a phone has asked again could not be noted")

    async def answer(self, request: PhoneRequest, name: str, key: Hashable = None) -> Answer:
        """Return what a phone gets. Never raises.

        :param name: the file's name, percent-decoded, as the phone means it.
        :param key: all that the request consists of, its peer included, for :meth:`again`; None when it is not plain.
        """
        started = self._tick()
        stamp = self._remembered.stamp()
        device: Device | None = None
        content: Content | None = None
        if not self._access.admits(request.protocol, request.peer):
            outcome, reason = "refused", "this network may not fetch files"
        else:
            try:
                sighting = await self._contact.seen(request)
                device = sighting.device
                content = None if device is None else await self._files.find(device, name, request)
                name = content.name or name if content is not None else name
                outcome, reason = verdict(device, content, sighting.reason)
            except InvalidInput as error:
                outcome, reason = "not-found", error.sentence
            except (ProvisiondError, OSError) as error:
                outcome, reason = "error", getattr(error, "sentence", type(error).__name__)
            except Exception:
                log.failure("a phone's request met an error")
                outcome, reason = "error", "internal error, see the log"
        if device is not None and content is not None and request.method in ("GET", "RRQ"):
            self._note_fetched(device, name, content)
        ended = self._tick()
        event = self._note(request, device, content, outcome, reason, ended - started)
        if outcome != "served" or content is None:
            return Answer(outcome=outcome, device=device)
        # Each time somebody gets secrets of such a plugin it is told, so these answers are not remembered.
        told = content.sensitive and device is not None and self._files.served(device, request).is_legacy
        if told:
            log.info("security: {peer} got {name}, which holds secrets", peer=request.peer, name=name[:200])
        kept = Kept(event, content, name, ended)
        lasts = not told and content.own is None and not self._is_rewritten(device, request)
        if key is not None and lasts:
            self._remembered.put(key, kept, stamp, ended)
        return Answer(outcome=outcome, content=content, device=device, kept=kept, lasts=lasts)

    def _is_rewritten(self, device: Device | None, request: PhoneRequest) -> bool:
        return device is not None and self._files.served(device, request).rewrites

    async def answer_of_plugin(self, request: PhoneRequest) -> Content | None:
        """Return what the plugin itself answers to a request that carries a body; None when it answers none.

        Never raises.
        """
        started = self._tick()
        try:
            if not self._access.admits(request.protocol, request.peer):
                return None
            device = (await self._contact.seen(request)).device
            if device is None or self._files.served(device, request).kind != "code":
                return None
            content = await self._files.find(device, "", request)
        except ProvisiondError as error:
            log.info("a plugin could not answer a phone: {reason}", reason=error.sentence)
            return None
        except Exception:
            log.failure("a plugin could not answer a phone")
            return None
        self._note(request, device, content, "served", "the plugin has answered", self._tick() - started)
        return content

    async def may_upload(self, request: PhoneRequest, name: str) -> Device | None:
        """Return the device that may upload this file, or None. Never raises."""
        started = self._tick()
        device: Device | None = None
        outcome, reason = "refused", "uploads are not accepted"
        try:
            if self._access.admits(request.protocol, request.peer):
                device = (await self._contact.seen(request)).device
            if await self._wanted(device, normalized_name(name)):
                outcome, reason = "upload", "the plugin accepts it"
        except ProvisiondError as error:
            reason = error.sentence
        except Exception:
            log.failure("a phone's upload met an error")
            outcome, reason = "error", "internal error, see the log"
        self._note(request, device, None, outcome, reason, self._tick() - started)
        return device if outcome == "upload" else None

    async def _wanted(self, device: Device | None, name: str) -> bool:
        if device is None or device.plugin is None or not name:
            return False
        return await self._upload_rules.accepts_upload(device.plugin, name)

    async def uploaded(self, device: Device, name: str, content: bytes) -> None:
        """Keep what a device has uploaded.

        :raises StoreProblem: when it cannot be written.
        """
        await self._uploads.keep(device.id, normalized_name(name), content)

    def _note_fetched(self, device: Device, name: str, content: Content) -> None:
        try:
            if content.kind == "rendered":
                self._fetched.fetched(device.id, normalized_name(name), content.etag)
        except Exception:
            log.failure("that a phone has fetched a file could not be noted")

    def _note(
        self,
        request: PhoneRequest,
        device: Device | None,
        content: Content | None,
        outcome: str,
        reason: str,
        seconds: float,
    ) -> PhoneEvent:
        event = PhoneEvent(
            time=self._now(),
            protocol=request.protocol.value,
            method=request.method,
            peer=request.peer or "",
            path=request.path[:512],
            device=None if device is None else device.id,
            mac=None if device is None else device.mac,
            plugin=None if device is None else device.plugin,
            outcome=outcome,
            reason=reason,
            bytes=0 if content is None else content.size,
            seconds=seconds,
        )
        self._journal.note(event)
        return event


def verdict(device: Device | None, content: Content | None, reason: str) -> tuple[str, str]:
    """Return the outcome of a request and why it is so.

    :param reason: why it is this device, or none.
    """
    if content is not None and content.own is not None and content.own.status < 0:
        return "served", f"the plugin's own answer: {content.own.text}"
    if content is not None:
        return "served", f"{content.kind} file; {reason}" if reason else f"{content.kind} file"
    if device is None:
        return "not-found", reason or "the phone was not recognised"
    if device.plugin is None:
        return "not-found", "no installed plugin serves this phone"
    # Of a phone that was just met the files are not made yet, or were made after it was looked at.
    if device.document.get("configured") is False and reason != "first contact":
        return "not-found", f"{device.plugin} could not make the files of this phone"
    return "not-found", f"{device.plugin} has no such file for this phone"

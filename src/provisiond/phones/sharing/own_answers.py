"""The answers that a front gives by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.logger import Logger

from provisiond.errors import ProvisiondError
from provisiond.identification.values import PhoneRequest
from provisiond.model.device import Device
from provisiond.phones.content import Content
from provisiond.phones.files import PhoneFiles
from provisiond.phones.journal import PhoneEvent
from provisiond.phones.pipeline import Answer, verdict
from provisiond.phones.remembered import Kept
from provisiond.phones.sharing.known import KnownFiles, KnownPhones

log = Logger()


class OwnAnswers:
    """Answers requests of known phones that reveal nothing new; all others are the owner's.

    :param told: takes what is to be noted of each answer.
    """

    def __init__(
        self,
        known: KnownPhones,
        files: KnownFiles,
        told: Callable[[PhoneEvent, str, Content | None], None],
        *,
        now: Callable[[], float] = time.time,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self.known = known
        self._files = PhoneFiles(files, known, now, known)
        self._told = told
        self._now = now
        self._tick = tick

    async def answer(self, request: PhoneRequest, name: str, number: int) -> Answer | None:
        """Return what a phone gets; None when the owner has to say it.

        :param number: of the state of everything that phones get, as it is now.
        """
        if not self.known.knows(number):
            return None
        started = self._tick()
        try:
            device = self.known.found(request)
            content = None if device is None else await self._files.find(device, name, request)
        except (ProvisiondError, OSError):
            return None
        except Exception:
            log.failure("a phone's request met an error, the owner is asked")
            return None
        if device is None:
            return None
        if content is not None and content.name:
            name = content.name
        return self._noted(request, name, device, content, self._tick() - started)

    def _noted(
        self, request: PhoneRequest, name: str, device: Device, content: Content | None, seconds: float
    ) -> Answer:
        outcome, reason = verdict(device, content, "known device")
        event = PhoneEvent(
            self._now(),
            request.protocol.value,
            request.method,
            request.peer or "",
            request.path[:512],
            device.id,
            device.mac,
            device.plugin,
            outcome,
            reason,
            0 if content is None else content.size,
            seconds,
        )
        self._told(event, name, content)
        if content is None:
            return Answer(outcome=outcome, device=device)
        return Answer(
            outcome=outcome, content=content, device=device, kept=Kept(event, content, name, self._tick()), lasts=True
        )

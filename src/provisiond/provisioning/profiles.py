"""Where a phone finds its files, for phones that ask before they know any server."""

from __future__ import annotations

from functools import partial
from typing import Final

from twisted.logger import Logger

from provisiond.errors import ProvisiondError
from provisiond.identification.values import PhoneRequest
from provisiond.provisioning.contact import Contact
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.newcomers import Newcomers
from provisiond.provisioning.rendering import Rendering

log = Logger()
# Snom's phones take the address of the file itself; others add their own file names to it.
# Source: Snom Service Hub, "Plug and Play"; Yealink, Fanvil, Grandstream and Akuvox provisioning guides.
WHOLE_ADDRESS: Final = frozenset({"Snom"})


class Profiles:
    """Recognises phones and tells where their files are."""

    def __init__(self, contact: Contact, flattening: Flattening, rendering: Rendering, newcomers: Newcomers) -> None:
        self._contact = contact
        self._newcomers = newcomers
        self._flattening = flattening
        self._rendering = rendering

    async def locate(self, request: PhoneRequest) -> str | None:
        """Return the address that a phone shall fetch from, with its tenant's key if there is one.

        None when the phone cannot be told from others, when no plugin serves it, or when it has no configuration, so
        that another server of the site may answer; and when it is one of too many new ones. A new one becomes a
        device: the address that it is told may depend on its files.
        """
        sighting = await self._contact.seen(request, partial(self._newcomers.take_in, request.peer or ""))
        device = sighting.device
        if device is None or device.plugin is None:
            return None
        try:
            base = (await self._flattening.of(device)).get("http_base_url")
        except ProvisiondError as problem:
            log.info("device {device} has no profile: {problem}", device=device.id, problem=problem.sentence)
            return None
        if not isinstance(base, str):
            return None
        base = base.rstrip("/")
        if device.vendor in WHOLE_ADDRESS:
            files = await self._rendering.device_files(device)
            names = [name for name, file in files.files.items() if file.trigger] if files is not None else []
            if names:
                return f"{base}/{names[0]}"
        return f"{base}/"

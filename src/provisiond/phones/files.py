"""Which bytes a device gets under a name: rendered for it, shared by its plugin, or lying in the plugin's folder."""

from __future__ import annotations

import os
import posixpath
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from provisiond.identification.values import PhoneRequest
from provisiond.identification.values import Protocol as PhoneProtocol
from provisiond.model.device import Device
from provisiond.paths import UnsafeName, contained, normalized_name
from provisiond.phones.content import Content
from provisiond.phones.plugin_answers import asked_content, rewritten_name
from provisiond.phones.remembered import static_etag
from provisiond.plugins.values import RenderedFile, ServedBy, content_type_of

MAX_REMEMBERED: Final = 20_000
NATIVE: Final = ServedBy()


class Files(Protocol):
    """All files of a device, by name (``provisioning.file_sets``)."""

    @property
    def files(self) -> Mapping[str, RenderedFile]: ...


class Rendering(Protocol):
    """Gives fresh rendered files (``provisioning.rendering``)."""

    async def device_files(self, device: Device) -> Files | None: ...
    async def device_file(self, device: Device, name: str) -> RenderedFile | None: ...
    async def common_file(self, plugin_id: str, name: str) -> RenderedFile | None: ...


class Roots(Protocol):
    """Knows where a plugin's static files lie (``plugins.registry``)."""

    def static_root(self, plugin_id: str) -> Path: ...


class Serving(Protocol):
    """Knows how plugins serve phones, and asks those that answer by themselves (``plugins.registry``)."""

    def served_by(self, plugin_id: str, protocol: str) -> ServedBy: ...
    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[Mapping[str, Any], bytes]: ...


def is_hidden(name: str) -> bool:
    """Tell whether a name is never served: parts that begin with a dot, and files that are not complete."""
    return any(part.startswith(".") for part in name.split("/")) or name.endswith((".tmp", ".part"))


class PhoneFiles:
    """Finds the content for a device and a file name; the same on every protocol.

    :param serving: None where every plugin lets the server serve its files.
    """

    def __init__(
        self,
        rendering: Rendering,
        roots: Roots,
        now: Callable[[], float] = time.time,
        serving: Serving | None = None,
    ) -> None:
        self._serving = serving
        self._rendering = rendering
        self._roots = roots
        self._now = now
        self._first_seen: OrderedDict[str, float] = OrderedDict()

    async def find(self, device: Device, name: str, request: PhoneRequest | None = None) -> Content | None:
        """Return the content, or None when this device has no such file.

        :param name: as the phone sent it, percent-decoded.
        :param request: what the phone sent; plugins of the older interface may want to see it.
        :raises UnsafeName: when the name tries to leave its directory.
        """
        if device.plugin is None:
            return None
        served = self.served(device, request)
        if served.kind == "none":
            return None
        if self._serving is not None and request is not None:
            if served.kind == "code":
                made = await self._rendering.device_files(device)
                return await asked_content(self._serving, device, request, made.files if made is not None else {})
            if served.rewrites:
                name = await rewritten_name(self._serving, device, request) or name
        if request is not None and request.protocol is PhoneProtocol.TFTP and served.is_legacy:
            name = posixpath.normpath(name.lstrip("/"))
        relative = normalized_name(name)
        if not relative or is_hidden(relative):
            return None
        relative = served.prefix + relative
        rendered = await self._rendering.device_file(device, relative)
        if rendered is not None:
            return self._rendered(rendered, "rendered")
        common = await self._rendering.common_file(device.plugin, relative)
        if common is not None:
            return self._rendered(common, "common")
        return self._static(device.plugin, relative)

    def served(self, device: Device, request: PhoneRequest | None) -> ServedBy:
        """Return how the plugin of a device serves the protocol of a request."""
        protocol = "tftp" if request is not None and request.protocol is PhoneProtocol.TFTP else "http"
        return NATIVE if self._serving is None else self._serving.served_by(device.plugin or "", protocol)

    def _rendered(self, file: RenderedFile, kind: str) -> Content:
        modified = self._first_seen.get(file.etag)
        if modified is None:
            modified = self._first_seen[file.etag] = self._now()
            if len(self._first_seen) > MAX_REMEMBERED:
                self._first_seen.popitem(last=False)
        return Content(
            size=len(file.content),
            etag=file.etag,
            modified=modified,
            content_type=file.content_type,
            kind=kind,
            data=file.content,
            sensitive=file.sensitive,
            trigger=file.trigger,
            name=file.name,
        )

    def _static(self, plugin_id: str, name: str) -> Content | None:
        try:
            root = self._roots.static_root(plugin_id)
            # Most of what phones ask for is not there, and one look tells.
            os.stat(f"{root}/{name}")
            path = contained(root, name)
            status = path.stat()
        except UnsafeName:
            raise
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return Content(
            size=status.st_size,
            etag=static_etag(status),
            modified=status.st_mtime,
            content_type=content_type_of(name, b"\0"),
            kind="static",
            path=path,
        )

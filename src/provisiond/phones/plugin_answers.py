"""Answers that plugins of the older interface give by code of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

from provisiond.identification.values import PhoneRequest
from provisiond.identification.values import Protocol as PhoneProtocol
from provisiond.legacy.wire import PhoneRequest as PluginRequest
from provisiond.legacy.wire import as_bytes, tftp_packet
from provisiond.model.device import Device
from provisiond.phones.content import SILENCE, Content, OwnAnswer
from provisiond.plugins.values import RenderedFile

_DROPPED = frozenset({"content-length", "transfer-encoding", "connection", "server", "date"})


class Asking(Protocol):
    """Asks plugins (``plugins.registry``)."""

    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[Mapping[str, Any], bytes]: ...


async def asked_content(
    plugins: Asking, device: Device, request: PhoneRequest, rendered: Mapping[str, RenderedFile]
) -> Content:
    """Return what the plugin of a device answers to a request.

    :param rendered: the files of the device; the plugin finds them where it wrote them.
    :raises PluginProblem: when it cannot answer at all.
    """
    document = {key: value for key, value in device.document.items() if value is not None}
    files = {name: file.content for name, file in rendered.items()}
    if request.protocol is PhoneProtocol.TFTP:
        name = request.path.encode("latin-1", "replace")
        packet = tftp_packet(name, request.mode.encode("latin-1"), as_bytes(request.options))
        header, body = await plugins.ask("tftp", device.plugin or "", packet, request.peer or "", document, files)
        code = int(header.get("code", 0))
        status = 0 if header.get("served") is True else SILENCE if code < 0 else -1 - code
        return _content(body, OwnAnswer(status=status, text=str(header.get("text", ""))[:200]), len(body))
    header, body = await plugins.ask("web", device.plugin or "", for_plugin(request), document, files)
    headers = tuple((str(name), str(value)) for name, value in header["headers"] if str(name).lower() not in _DROPPED)
    # What a GET would have brought is told by the plugin's resource alone.
    size = _length(header["headers"]) if request.method == "HEAD" else len(body)
    return _content(body, OwnAnswer(status=int(header["status"]), headers=headers), size)


async def rewritten_name(plugins: Asking, device: Device, request: PhoneRequest) -> str | None:
    """Return the file name that a plugin makes of a request's path; None when it leaves it alone."""
    header, _ = await plugins.ask("path", device.plugin or "", for_plugin(request))
    path = header.get("path")
    return unquote(path) if isinstance(path, str) else None


def for_plugin(request: PhoneRequest) -> PluginRequest:
    """Return a request in the form in which processes of plugins take it."""
    return PluginRequest(
        method=request.method,
        path=request.path.encode("latin-1", "replace"),
        query=request.raw_query.encode("latin-1", "replace"),
        headers=tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()),
        body=request.body,
        peer=request.peer or "",
    )


def _length(headers: Sequence[Sequence[str]]) -> int:
    told = (value for name, value in headers if name.lower() == "content-length" and value.isdecimal())
    return int(next(told, 0))


def _content(body: bytes, own: OwnAnswer, size: int) -> Content:
    return Content(size=size, etag="", modified=0.0, content_type="", kind="plugin", data=body, own=own)

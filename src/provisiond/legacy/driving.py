"""Having the services of plugins answer phones: walks Twisted's resources, and calls TFTP services."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from attrs import frozen
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from provisiond.legacy.surface.servers.http import HTTPNoListingFileService
from provisiond.legacy.surface.servers.tftp.service import TFTPFileService
from provisiond.legacy.web_requests import MAX_ANSWER, WebAnswer, made_request
from provisiond.legacy.wire import PhoneRequest

log = Logger()
ANSWER_SECONDS: Final = 10.0
FAILED: Final = WebAnswer(status=500, headers=(("Content-Type", "text/plain"),), body=b"internal error\n")


@frozen(kw_only=True)
class Service:
    """How one protocol of a plugin is served.

    :param kind: ``none``, ``files``, or ``code`` when the plugin answers by itself.
    :param root: of ``files``: relative to the plugin's directory.
    :param rewrites: True when the plugin wants to look at paths before files are looked up.
    """

    kind: str = "none"
    root: str = ""
    rewrites: bool = False

    def row(self) -> dict[str, Any]:
        """Return it as JSON members."""
        return {"kind": self.kind, "root": self.root, "rewrites": self.rewrites}


def http_service(plugin: Any, directory: Path) -> Service:
    """Return how a plugin serves HTTP."""
    service = getattr(plugin, "http_service", None)
    if service is None:
        return Service()
    if isinstance(service, HTTPNoListingFileService):
        root = _relative(service.path, directory)
        return Service(kind="code") if root is None else Service(kind="files", root=root, rewrites=_rewrites(service))
    return Service(kind="code")


def tftp_service(plugin: Any, directory: Path) -> Service:
    """Return how a plugin serves TFTP."""
    service = getattr(plugin, "tftp_service", None)
    if service is None:
        return Service()
    if type(service) is TFTPFileService:
        root = _relative(service.path, directory)
        return Service(kind="code") if root is None else Service(kind="files", root=root)
    return Service(kind="code")


def _rewrites(service: Any) -> bool:
    return callable(getattr(service, "path_preprocess", None))


def _relative(path: Any, directory: Path) -> str | None:
    text = os.path.abspath(os.fsdecode(path))
    return os.path.relpath(text, directory) if Path(text).is_relative_to(directory) else None


def rewritten(service: Any, sent: PhoneRequest) -> str | None:
    """Return the path that a plugin makes of a request's path, percent-encoded; None when it cannot.

    :param service: its ``path_preprocess`` assigns ``path`` and ``postpath``, the latter in texts or bytes.
    """
    request, _ = made_request(sent, None)
    try:
        service.path_preprocess(request)
        segments = _parts(request)
    except Exception as error:
        log.warn("path_preprocess raised {error}", error=type(error).__name__)
        return None
    return "/" + "/".join(quote_from_bytes(unquote_to_bytes(part), safe="") for part in segments if part)


def _parts(request: Any) -> list[bytes]:
    return [_bytes(part) for part in request.postpath or ()]


def _bytes(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode("utf-8", "surrogateescape")
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    raise TypeError(f"a plugin gave {type(data).__name__} instead of bytes")


class _InBytes:
    """A plugin's resource, as Twisted has a request rendered by it: what it returns may be a text as well."""

    def __init__(self, resource: Any) -> None:
        self._resource = resource

    def render(self, request: Any) -> Any:
        """Return what the resource returns, in bytes, or NOT_DONE_YET."""
        result = self._resource.render(request)
        return result if result is NOT_DONE_YET else _bytes(result)


async def web_answer(service: Any, sent: PhoneRequest, prov_dev: Mapping[str, Any] | None, reactor: Any) -> WebAnswer:
    """Return what a plugin's own resource answers. Never raises."""
    request, channel = made_request(sent, prov_dev)
    try:
        request.render(_InBytes(await _walked(service, request)))  # type: ignore[no-untyped-call]
        await channel.finished.addTimeout(ANSWER_SECONDS, reactor)
    except TimeoutError:
        return WebAnswer(status=504, headers=(("Content-Type", "text/plain"),), body=b"no answer in time\n")
    except (Exception, SystemExit):
        log.failure("a plugin's resource raised")
        return FAILED
    return channel.answer()


async def _walked(service: Any, request: Any) -> Any:
    if hasattr(service, "path_preprocess"):
        service.path_preprocess(request)
    resource = service
    while request.postpath and not resource.isLeaf:
        segment = request.postpath.pop(0)
        request.prepath.append(segment)
        resource = await maybeDeferred(resource.getChildWithDefault, segment, request)
    return resource


class TftpAnswer:
    """The response object of TFTP services; the first answer counts."""

    def __init__(self) -> None:
        self.done: Deferred[tuple[bytes | None, int, str]] = Deferred()

    def accept(self, fobj: Any) -> None:
        """Serve a binary file."""
        try:
            content = fobj.read(MAX_ANSWER + 1)
        finally:
            fobj.close()
        self._answer(content, 0, "")

    def reject(self, errcode: bytes, errmsg: Any) -> None:
        """Refuse."""
        text = errmsg.decode("ascii", "replace") if isinstance(errmsg, bytes) else str(errmsg)
        self._answer(None, int.from_bytes(errcode, "big"), text)

    def ignore(self) -> None:
        """Say nothing."""
        self._answer(None, -1, "the plugin ignores this request")

    def _answer(self, content: bytes | None, code: int, text: str) -> None:
        if self.done.called:
            raise ValueError("this request was answered already")
        self.done.callback((content, code, text))


async def tftp_answer(
    service: Any, packet: Mapping[str, Any], peer: str, prov_dev: Mapping[str, Any] | None, reactor: Any
) -> tuple[bytes | None, int, str]:
    """Return content, or None with code and text of the refusal; code -1 stands for silence. Never raises."""
    answer = TftpAnswer()
    device = None if prov_dev is None else dict(prov_dev)
    try:
        service.handle_read_request({"address": (peer, 0), "packet": dict(packet), "prov_dev": device}, answer)
        return await answer.done.addTimeout(ANSWER_SECONDS, reactor)
    except TimeoutError:
        return None, -1, "the plugin did not answer"
    except (Exception, SystemExit):
        log.failure("a plugin's TFTP service raised")
        return None, 0, "internal error"

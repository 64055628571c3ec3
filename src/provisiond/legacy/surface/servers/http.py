"""Services that answer requests over HTTP."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

with warnings.catch_warnings():
    # Twisted's own module uses names that Twisted has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from twisted.web.static import File

IHTTPService = IResource


class HTTPNoListingFileService(File):
    """A directory of files; the server serves it itself, by its own rules, and never lists it."""

    def __init__(
        self,
        path: Any,
        defaultType: str = "text/html",  # noqa: N803
        ignoredExts: Sequence[str] = (),  # noqa: N803
        registry: Any = None,
        allowExt: Any = 0,  # noqa: N803
    ) -> None:
        super().__init__(path, defaultType, ignoredExts, registry, allowExt)

    def directoryListing(self) -> Any:  # noqa: N802
        """Refuse."""
        return self.forbidden

    def getChild(self, path: Any, request: Any) -> Any:  # noqa: N802
        """Return a file, or what stands for none; hidden and incomplete files are none."""
        if not path or path.startswith(b".") or path.endswith(b".tmp"):
            return self.childNotFound
        return super().getChild(path, request)  # type: ignore[no-untyped-call]


class BaseHTTPHookService(Resource):
    """Does something before another resource answers."""

    def __init__(self, service: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._service = service

    def _next_service(self, path: Any, request: Any) -> Any:
        if getattr(self._service, "isLeaf", False):
            request.postpath.insert(0, request.prepath.pop())
            return self._service
        return self._service.getChildWithDefault(path, request)

    def render(self, request: Any) -> Any:
        """Have the other resource answer."""
        return self._service.render(request)


class HTTPHookService(BaseHTTPHookService):
    """Calls ``_pre_handle`` first."""

    def _pre_handle(self, path: Any, request: Any) -> None:
        """Do nothing; to be overridden."""

    def getChild(self, path: Any, request: Any) -> Any:  # noqa: N802
        """Call the hook, then ask the other resource."""
        self._pre_handle(path, request)
        return self._next_service(path, request)


class HTTPAsyncHookService(BaseHTTPHookService):
    """Calls ``_pre_handle`` first and waits for its Deferred."""

    def _pre_handle(self, path: Any, request: Any) -> Any:
        """Do nothing; to be overridden."""

    def getChild(self, path: Any, request: Any) -> Deferred[Any]:  # noqa: N802
        """Call the hook, wait, then ask the other resource."""
        waiting: Deferred[Any] = maybeDeferred(self._pre_handle, path, request)
        waiting.addCallback(lambda _: self._next_service(path, request))
        return waiting


class HTTPLogService(HTTPHookService):
    """Logs a line before another resource answers."""

    def __init__(self, logger: Callable[[str], None], service: Any) -> None:
        super().__init__(service)
        self._logger = logger

    def _pre_handle(self, path: Any, request: Any) -> None:
        self._logger(f"HTTP request from {request.getClientAddress().host} - {request.method!r} {request.uri!r}")


__all__ = [
    "NOT_DONE_YET",
    "BaseHTTPHookService",
    "HTTPAsyncHookService",
    "HTTPHookService",
    "HTTPLogService",
    "HTTPNoListingFileService",
    "IHTTPService",
]

"""Proxies that may change while the server runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.request import BaseHandler, Request


class DynProxyHandler(BaseHandler):
    """A handler of urllib that reads the mapping of proxies at each request."""

    handler_order = 100

    def __init__(self, proxies: Mapping[str, str] | None) -> None:
        self._proxies = proxies if proxies is not None else {}

    def _sent_by_proxy(self, request: Request) -> None:
        proxy = self._proxies.get(request.type)
        if proxy:
            kind, _, host = proxy.rpartition("://")
            request.set_proxy(host, kind or request.type)

    def http_open(self, request: Request) -> Any:
        """Send an HTTP request by the proxy, if there is one."""
        self._sent_by_proxy(request)

    def https_open(self, request: Request) -> Any:
        """Send an HTTPS request by the proxy, if there is one."""
        self._sent_by_proxy(request)

    def ftp_open(self, request: Request) -> Any:
        """Send an FTP request by the proxy, if there is one."""
        self._sent_by_proxy(request)

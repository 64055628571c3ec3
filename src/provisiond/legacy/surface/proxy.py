"""Proxies that may change while the server runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.request import ProxyHandler, Request


class DynProxyHandler(ProxyHandler):
    """A handler of urllib that reads the mapping of proxies at each request; the environment's count for nothing."""

    def __init__(self, proxies: Mapping[str, str] | None) -> None:
        super().__init__({})
        self._proxies = proxies if proxies is not None else {}

    def _sent_by_proxy(self, request: Request) -> Any:
        proxy = self._proxies.get(request.type)
        return self.proxy_open(request, proxy, request.type) if proxy else None

    def http_open(self, request: Request) -> Any:
        """Send an HTTP request by the proxy, if there is one."""
        return self._sent_by_proxy(request)

    def https_open(self, request: Request) -> Any:
        """Send an HTTPS request by the proxy, if there is one."""
        return self._sent_by_proxy(request)

    def ftp_open(self, request: Request) -> Any:
        """Send an FTP request by the proxy, if there is one."""
        return self._sent_by_proxy(request)

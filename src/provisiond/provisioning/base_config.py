"""The parameters that every device inherits from the server itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def base_raw_config(http_base_url: str, tftp_port: int, administrator: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base raw_config (REST contract, section 9.4).

    :param http_base_url: URL that phones reach the server at, e.g. ``http://192.0.2.1:8667``.
    :param tftp_port: 1 to 65535.
    :param administrator: what the administrator put there; wins.
    """
    address = {"tftp_port": tftp_port, "http_base_url": http_base_url.rstrip("/")}
    document = {**address, **administrator}
    parts = urlsplit(str(document["http_base_url"]))
    ours = {"ip": parts.hostname or "", "http_port": parts.port or DEFAULT_PORTS.get(parts.scheme, 80)}
    return {**ours, **document}


def with_key(raw_config: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a copy in which ``http_base_url`` carries a tenant's provisioning key."""
    return {**raw_config, "http_base_url": f"{str(raw_config.get('http_base_url', '')).rstrip('/')}/{key}"}

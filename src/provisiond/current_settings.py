"""The settings as they are now, and what is made of them."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from attrs import define

from provisiond.identification.values import Protocol
from provisiond.provisioning.base_config import base_raw_config
from provisiond.settings import Settings

BACKLOG = 4_096


@define
class CurrentSettings:
    """The settings as they are now, for what asks each time.

    :param number: grows with each change.
    """

    value: Settings
    number: int = 0


def own_address() -> str:
    """Return the address of the default route, or the loopback address when there is none; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def endpoint_port(endpoint: str, default: int) -> int:
    """Return the port of an endpoint text such as ``tcp:8667``."""
    kind, _, rest = endpoint.partition(":")
    text = rest.split(":")[0]
    return int(text) if kind in ("tcp", "tcp6", "ssl") and text.isdigit() else default


def with_backlog(endpoint: str) -> str:
    """Return an endpoint that lets many clients knock at once, unless it says itself how many may."""
    kind = endpoint.partition(":")[0]
    return endpoint if kind not in ("tcp", "tcp6") or ":backlog=" in endpoint else f"{endpoint}:backlog={BACKLOG}"


def networks(settings: Settings) -> dict[Protocol, list[str]]:
    """Return the networks that may fetch files, by protocol."""
    return {Protocol.HTTP: settings.http.allow, Protocol.TFTP: settings.tftp.allow}


def base_of(settings: Settings) -> dict[str, Any]:
    """Return the base raw_config; see :func:`provisiond.provisioning.base_config.base_raw_config`."""
    host = settings.general.advertised_ip or own_address()
    return base_raw_config(
        settings.general.advertised_http_url or f"http://{host}:{endpoint_port(settings.http.listen, 8667)}",
        int(settings.tftp.listen[0].rpartition(":")[2]) if settings.tftp.listen else 69,
        settings.general.base_raw_config,
    )


def parameter_defaults(settings: Settings) -> dict[str, Any]:
    """Return the values of parameters that nobody set."""
    return {"plugin_server": settings.general.plugin_server}


def unwritable_directory(settings: Settings) -> Path | None:
    """Return the first directory of the settings that cannot be made or written, or None."""
    for directory in (settings.general.state_dir, settings.general.cache_dir):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / f".write-test-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError:
            return directory
    return None

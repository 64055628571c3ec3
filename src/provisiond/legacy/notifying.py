"""The service that tells phones to fetch their files, as plugins call it: it blocks, in their own threads."""

from __future__ import annotations

from typing import ClassVar

from provisiond.legacy.surroundings import Bridge


class SyncService:
    """Fronts whatever way the server has to reach phones, under the type that plugins know."""

    TYPE: ClassVar[str] = "AsteriskAMI"

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def sip_notify_by_ip(self, ip: str, event: str, extra_vars: list[str] | None = None) -> None:
        """Send a NOTIFY to a phone by its address."""
        self._bridge.blocking("notify", ip=ip, event=event, extra=list(extra_vars or ()))

    def sip_notify_by_peer(self, peer: str, event: str, extra_vars: list[str] | None = None) -> None:
        """Send a NOTIFY to a phone by its account."""
        self._bridge.blocking("notify", peer=peer, event=event, extra=list(extra_vars or ()))

    sip_notify = sip_notify_by_ip

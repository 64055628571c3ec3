"""Having phones fetch their files again."""

from __future__ import annotations

from typing import Any

from twisted.internet import threads
from twisted.internet.defer import Deferred, fail

from provisiond.legacy.surroundings import HERE

_SHARED_ACCOUNT_LENGTH = 10


class SynchronizeException(Exception):
    """The phone cannot be told."""


class AMIError(Exception):
    """The telephone system refused."""


def register_sync_service(sync_service: Any) -> None:
    """Take this service from now on."""
    HERE.sync_service = sync_service


def unregister_sync_service() -> None:
    """Have no service from now on."""
    HERE.sync_service = None


def get_sync_service() -> Any:
    """Return the service that tells phones, or None; its methods block."""
    return HERE.sync_service


def _is_shared(account: str) -> bool:
    return account.startswith("ap") and len(account) == _SHARED_ACCOUNT_LENGTH


def standard_sip_synchronize(
    device: dict[str, Any], event: str = "check-sync", extra_vars: list[str] | None = None
) -> Deferred[None]:
    """Send a SIP NOTIFY to the phone, by its account or else by its address; the work is done in a thread."""
    service = HERE.sync_service
    if service is None:
        return fail(SynchronizeException("Incompatible sync service: None"))
    peer = device.get("remote_state_sip_username")
    if peer and not _is_shared(peer):
        return threads.deferToThread(service.sip_notify_by_peer, peer, event, extra_vars)
    ip = device.get("ip")
    if ip:
        return threads.deferToThread(service.sip_notify_by_ip, ip, event, extra_vars)
    return fail(SynchronizeException("the device has neither a known account nor an address"))

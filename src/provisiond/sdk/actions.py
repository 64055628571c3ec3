"""What the server shall do to make a phone fetch its files again."""

from __future__ import annotations

from attrs import frozen


@frozen
class SipNotify:
    """Send a SIP NOTIFY with this event to the phone (RFC 3265).

    :param event: value of the Event header, e.g. ``check-sync`` or ``check-sync;reboot=true``.
    :param extra: further lines ``Name=value``, in order and as often as given: ``Content-type=…`` names the type of the
        body, each ``Content=…`` is a line of it, all others are headers.
    """

    event: str
    extra: tuple[str, ...] = ()


@frozen
class HttpAction:
    """Send an HTTP request to the phone itself.

    :param path: absolute path with query; the host is always the device's own address.
    :param method: ``GET`` or ``POST``.
    :param username: for digest or basic authentication, or None.
    :param password: likewise; never logged.
    """

    path: str
    method: str = "GET"
    username: str | None = None
    password: str | None = None


@frozen
class SccpReset:
    """Have the call manager reset or restart an SCCP phone.

    :param device_name: name the phone registers with, e.g. ``SEP001B54000005``.
    :param restart: True for a restart, False for a full reset.
    """

    device_name: str
    restart: bool = False


@frozen
class NotSupported:
    """The phone cannot be told.

    :param reason: one sentence for the administrator.
    """

    reason: str


SyncAction = SipNotify | HttpAction | SccpReset | NotSupported

"""What can be wrong with a server, each kind with its weight and its cure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attrs import frozen


class Severity(StrEnum):
    """How much a trouble matters: an error stops something now, a warning will, a notice asks to be looked at."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@frozen(kw_only=True)
class Kind:
    """A kind of trouble.

    :param cure: one sentence: what an administrator does about it.
    :param unready: True when a load balancer should send nobody here as long as it lasts.
    """

    severity: Severity
    cure: str
    unready: bool = False


_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "ami-unreachable": Kind(
            severity=_WARNING, cure="Check asterisk_ami in the settings, Asterisk's manager.conf and the way to it."
        ),
        "certificate-ending": Kind(
            severity=_WARNING, cure="Renew the certificate, then send SIGHUP (systemctl reload provisiond)."
        ),
        "certificate-ended": Kind(
            severity=_ERROR, cure="Renew the certificate, then send SIGHUP (systemctl reload provisiond)."
        ),
        "database-corrupt": Kind(
            severity=_ERROR, cure="Stop the server and restore the last backup; keep the damaged file.", unready=True
        ),
        "database-failing": Kind(severity=_ERROR, cure="Look at the log of the server and of the database."),
        "database-full": Kind(severity=_ERROR, cure="Make room where the database lies."),
        "database-locked": Kind(
            severity=_ERROR, cure="End the other program that holds the database open for writing."
        ),
        "database-read-only": Kind(
            severity=_ERROR, cure="Make the place of the database writable for the server's user."
        ),
        "database-slow": Kind(
            severity=_WARNING, cure="Look for other load on the disk or the database, or wait for large imports to end."
        ),
        "database-unreachable": Kind(
            severity=_ERROR, cure="Start the database server, and check database.url and the way to it.", unready=True
        ),
        "descriptors-low": Kind(
            severity=_WARNING, cure="Raise LimitNOFILE of the service, or lower max_transfers and max_connections."
        ),
        "devices-unconfigured": Kind(
            severity=_NOTICE,
            cure="See provisionctl device list --query '{\"configured\": false}' and provisionctl device show.",
        ),
        "directory-unwritable": Kind(severity=_ERROR, cure="Make the directory exist and belong to the server's user."),
        "disk-full": Kind(severity=_ERROR, cure="Remove what is not needed, or give the file system more room."),
        "disk-low": Kind(severity=_WARNING, cure="Remove what is not needed, or give the file system more room."),
        "disk-read-only": Kind(severity=_ERROR, cure="Look at the kernel's log for the reason, and mount it writable."),
        "feed-behind": Kind(
            severity=_WARNING, cure="Look at the log; changes that other programs make to the database wait meanwhile."
        ),
        "firmware-missing": Kind(
            severity=_NOTICE, cure="Install what the phones need with provisionctl firmware install."
        ),
        "not-answering": Kind(severity=_ERROR, cure="Look for a disk, a mount or a database that hangs."),
        "phones-turned-away": Kind(
            severity=_WARNING,
            cure="Raise the setting that is named, or give the server more processors; phones come back by themselves.",
        ),
        "plugin-problem": Kind(
            severity=_WARNING, cure="See provisionctl plugin problems; upgrade, correct or reload the plugin."
        ),
        "port-closed": Kind(severity=_ERROR, cure="Restart the server, and look at its log for why.", unready=True),
        "repository-old": Kind(severity=_WARNING, cure="Update the list of plugins with provisionctl plugin update."),
        "repository-unreachable": Kind(
            severity=_WARNING, cure="Check the repository's address, the proxies and the way to it, then update again."
        ),
        "server-busy": Kind(
            severity=_WARNING, cure="Look for what takes the processors; consider more general.workers."
        ),
        "settings-refused": Kind(
            severity=_WARNING, cure="Correct the settings (provisiond --check tells what), then send SIGHUP again."
        ),
        "worker-down": Kind(
            severity=_WARNING, cure="Look at the log for why the process ended; it is started again by itself."
        ),
    }
)
"""Every kind of trouble by its code."""


@frozen(kw_only=True)
class Trouble:
    """One thing that is wrong now.

    :param code: a key of :data:`KINDS`.
    :param sentence: what is wrong, in words, without secrets.
    :param about: which of several things of its kind, e.g. the name of a repository; None when there is only one.
    :param since: when it was first seen, in seconds since the epoch.
    """

    code: str
    sentence: str
    about: str | None = None
    since: float = 0.0

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return KINDS[self.code]

    @property
    def key(self) -> tuple[str, str | None]:
        """What makes it the same trouble when it is seen again."""
        return self.code, self.about

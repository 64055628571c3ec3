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


_UNREADY: Final = frozenset({"database-corrupt", "database-unreachable", "port-closed"})


def _kinds(severity: Severity, cures: Mapping[str, str]) -> dict[str, Kind]:
    return {code: Kind(severity=severity, cure=cure, unready=code in _UNREADY) for code, cure in cures.items()}


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **_kinds(
            Severity.ERROR,
            {
                "certificate-ended": "Renew the certificate, then send SIGHUP (systemctl reload provisiond).",
                "database-corrupt": "Stop the server and restore the last backup; keep the damaged file.",
                "database-failing": "Look at the log of the server and of the database.",
                "database-full": "Make room where the database lies.",
                "database-locked": "End the other program that holds the database open for writing.",
                "database-read-only": "Make the place of the database writable for the server's user.",
                "database-unreachable": "Start the database server, and check database.url and the way to it.",
                "directory-unwritable": "Make the directory exist and belong to the server's user.",
                "disk-full": "Remove what is not needed, or give the file system more room.",
                "disk-read-only": "Look at the kernel's log for the reason, and mount it writable.",
                "not-answering": "Look for a disk, a mount or a database that hangs.",
                "port-closed": "Restart the server, and look at its log for why.",
            },
        ),
        **_kinds(
            Severity.WARNING,
            {
                "ami-unreachable": "Check asterisk_ami in the settings, Asterisk's manager.conf and the way to it.",
                "auth-service-failing": (
                    "Check rest_api.auth in the settings, the service and the way to it; "
                    "the server's own tokens count meanwhile."
                ),
                "certificate-ending": "Renew the certificate, then send SIGHUP (systemctl reload provisiond).",
                "database-slow": "Look for other load on the disk or the database, or wait for large imports to end.",
                "descriptors-low": "Raise LimitNOFILE of the service, or lower max_transfers and max_connections.",
                "disk-low": "Remove what is not needed, or give the file system more room.",
                "feed-behind": "Look at the log; changes that other programs make to the database wait meanwhile.",
                "phones-turned-away": (
                    "Raise the setting that is named, or give the server more processors; "
                    "phones come back by themselves."
                ),
                "plugin-problem": "See provisionctl plugin problems; upgrade, correct or reload the plugin.",
                "repository-old": "Update the list of plugins with provisionctl plugin update.",
                "repository-unreachable": (
                    "Check the repository's address, the proxies and the way to it, then update again."
                ),
                "server-busy": "Look for what takes the processors; consider more general.workers.",
                "settings-refused": "Correct the settings (provisiond --check tells what), then send SIGHUP again.",
                "worker-down": "Look at the log for why the process ended; it is started again by itself.",
            },
        ),
        **_kinds(
            Severity.NOTICE,
            {
                "devices-unconfigured": (
                    "See provisionctl device list --filter plugin --filter configured=false, "
                    "and provisionctl device show."
                ),
                "devices-unserved": (
                    "See provisionctl device list --filter '!plugin'; provisionctl device plugins names the plugins "
                    "that would serve one."
                ),
                "firmware-missing": "Install what the phones need with provisionctl firmware install.",
            },
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

"""File descriptors: as many as the system gives, and no more transfers than they suffice for."""

from __future__ import annotations

import os
import resource
from typing import Final

from twisted.logger import Logger

log = Logger()
RESERVED: Final = 1_024


def used_descriptors() -> tuple[int, int]:
    """Return how many files this process has open, and how many it may. Blocks for a moment when they are many."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return len(os.listdir("/proc/self/fd")) - 1, soft


def allowed_transfers(wanted: int, others: int = 0) -> int:
    """Raise the limit of open files as far as it goes, and return how many transfers it allows at once.

    :param wanted: transfers that the settings ask for.
    :param others: connections that may be open besides; they come second when there is not enough for all.
    :return: ``wanted``, or less, with a line in the log that says how to get more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + RESERVED
    if soft != resource.RLIM_INFINITY and soft < enough + others:
        raised = enough + others if hard == resource.RLIM_INFINITY else min(enough + others, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    if soft == resource.RLIM_INFINITY or soft >= enough:
        return wanted
    allowed = max(1, soft - min(RESERVED, soft // 2))
    log.warn(
        "only {allowed} TFTP transfers at once instead of {wanted}: this process may open {soft} files; raise "
        "LimitNOFILE of the service",
        allowed=allowed,
        wanted=wanted,
        soft=soft,
    )
    return allowed

"""File descriptors: as many as the system gives, and no more at once than they suffice for."""

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


def room_for(transfers: int, connections: int) -> tuple[int, int]:
    """Raise the limit of open files as far as it goes; return how many transfers and connections it allows at once.

    :param transfers: that the settings ask for.
    :param connections: likewise.
    :return: the same, or fewer of both, with a line in the log that says how to get more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = transfers + connections
    if soft != resource.RLIM_INFINITY and soft < wanted + RESERVED:
        soft = wanted + RESERVED if hard == resource.RLIM_INFINITY else min(wanted + RESERVED, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted + RESERVED:
        return transfers, connections
    room = soft - min(RESERVED, soft // 2)
    allowed = max(1, room * transfers // wanted), max(1, room * connections // wanted)
    log.warn(
        "only {transfers} TFTP transfers and {connections} HTTP connections at once, instead of {wanted} in all: this "
        "process may open {soft} files; raise LimitNOFILE of the service, or lower tftp.max_transfers and "
        "http.max_connections",
        transfers=allowed[0],
        connections=allowed[1],
        wanted=wanted,
        soft=soft,
    )
    return allowed

"""A listening port that several processes take connections from."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.tcp import Port

ACCEPTS_PER_TURN: Final = 4


class SharedPort(Port):
    """Takes few connections in a turn of the reactor, so that the others get theirs.

    Twisted takes all that wait: of phones that come back at once, most would be with the process that woke up first.
    A process that has much to do has fewer turns and takes fewer.
    """

    @property
    def numberAccepts(self) -> int:  # noqa: N802
        """Connections that are taken in a turn; Twisted would adapt it."""
        return ACCEPTS_PER_TURN

    @numberAccepts.setter
    def numberAccepts(self, number: int) -> None:  # noqa: N802
        """Keep it as it is."""


def share(port: Any) -> None:
    """Let other processes take connections from a TCP port that listens already."""
    port.__class__ = SharedPort

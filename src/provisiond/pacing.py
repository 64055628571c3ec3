"""Writing long bodies at the reader's pace, and reading none that come in crumbs."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

MOST_PIECES: Final = 1_000
LEAST_PIECE: Final = 64


class TooManyPieces(Exception):
    """A body comes in pieces so small that taking them stops everything else."""


def check_pieces(count: int, size: int) -> None:
    """Let a body come in large pieces, and in a bounded number of small ones.

    :param count: how many pieces have come.
    :param size: how many bytes they have together.
    :raises TooManyPieces: when they are too many.
    """
    if count > MOST_PIECES + size // LEAST_PIECE:
        raise TooManyPieces


@implementer(IPushProducer)
class Pace:
    """Lets a writer wait while a connection is full; register it as the streaming producer of the request."""

    def __init__(self) -> None:
        self._waiting: Deferred[None] | None = None
        self._paused = False
        self.gone = False

    @property
    def paused(self) -> bool:
        """True while the connection is full."""
        return self._paused

    def pauseProducing(self) -> None:  # noqa: N802
        """Called when the connection is full."""
        self._paused = True

    def resumeProducing(self) -> None:  # noqa: N802
        """Called when there is room again."""
        self._paused = False
        self._wake()

    def stopProducing(self) -> None:  # noqa: N802
        """Called when the connection has gone."""
        self.gone = True
        self._paused = False
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def ready(self) -> None:
        """Return when more may be written, or when the connection has gone (``gone`` is then True)."""
        while self._paused and not self.gone:
            self._waiting = Deferred()
            await self._waiting

"""Writing long bodies at the reader's pace."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


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

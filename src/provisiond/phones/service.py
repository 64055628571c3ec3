"""The HTTP service for phones: its connections, their deadlines, and what it does when there is too much to do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory
from zope.interface import implementer

from provisiond.phones.bounds import MAX_CONNECTIONS, MAX_WAITING, HttpBounds
from provisiond.phones.complete_connections import PhoneSite
from provisiond.phones.connections import IDLE_SECONDS, NEVER, PhoneConnection
from provisiond.phones.file_sending import FileSending, Told
from provisiond.phones.http import PhoneFilesResource
from provisiond.phones.pipeline import Answering
from provisiond.phones.small_files import SmallFiles
from provisiond.phones.wires import DateLine
from provisiond.provisioning.ports import Clock, Threads

SWEEP_SECONDS: Final = 1.0
# A connection on which nothing was asked for so long gives its place up when there is none left.
SILENT_SECONDS: Final = 1.0
LOOKED_AT: Final = 1_000


@implementer(IProtocolNegotiationFactory)
class PhoneService(Factory):
    """Makes connections that answer plain requests themselves and leave the others to twisted.web.

    :param trusted_proxies: how many proxies stand in front.
    :param max_connections: open at a time; one more takes the place of one on which nothing is asked, or is told 503
        and closed.
    :param max_waiting: requests that wait for a file to be made; meanwhile other requests that nobody has just asked
        are told 503, to come again. So are those that ask for large files while these take four fifths of the
        connections.
    :param is_key: tells whether a text is a tenant's provisioning key, which a path may begin with.
    :param refused: told the reason of each such refusal: ``connections`` or ``busy``.
    :ivar seconds: of the clock that deadlines are told by.
    :param sent: told how sending each large file ended, and how long it took.
    """

    noisy = False

    def __init__(
        self,
        pipeline: Answering,
        threads: Threads,
        clock: Clock,
        *,
        trusted_proxies: int = 0,
        max_connections: int = MAX_CONNECTIONS,
        max_waiting: int = MAX_WAITING,
        is_key: Callable[[str], bool] = lambda text: False,
        refused: Callable[[str], None] = lambda reason: None,
        sent: Told = lambda outcome, seconds: None,
    ) -> None:
        self.pipeline = pipeline
        self.small_files = SmallFiles(threads)
        self.file_sending = FileSending(threads, sent)
        self.dates = DateLine(clock.seconds)
        self.trusted_proxies = trusted_proxies
        self.bounds = HttpBounds(max_connections, max_waiting, refused)
        self.stopping = False
        self._clock = clock
        self.seconds: Callable[[], float] = clock.seconds
        # In the order in which they were opened, or found to be in use.
        self._connections: dict[PhoneConnection, None] = {}
        self.is_key = is_key
        self._resource = PhoneFilesResource(
            pipeline, threads, trusted_proxies=trusted_proxies, is_key=is_key, bounds=self.bounds
        )
        self._site: Any = PhoneSite(self._resource, clock)
        self._sweep: Any = None
        self._swept_at = 0.0
        self._empty: Deferred[None] | None = None

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._connections)

    @property
    def waiting(self) -> int:
        """Requests that wait for their answer to be made now."""
        return self.bounds.waiting

    def buildProtocol(self, addr: Any) -> PhoneConnection:  # noqa: N802
        """Return a connection."""
        return PhoneConnection(self)

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802
        """Return what TLS clients may speak (RFC 7301)."""
        return [b"http/1.1"]

    def follow(self, trusted_proxies: int) -> None:
        """Believe so many proxies from now on."""
        self.trusted_proxies = self._resource.trusted_proxies = trusted_proxies

    async def stop(self, seconds: float) -> None:
        """Close idle connections, and wait at most so long until the others have the answer they wait for."""
        self.stopping = True
        for connection in tuple(self._connections):
            connection.close_when_idle()
        if self._connections:
            self._empty = Deferred()
            timer = self._clock.callLater(seconds, self._abort_all)
            await self._empty
            if timer.active():
                timer.cancel()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    # For connections

    def opened(self, connection: PhoneConnection) -> bool:
        """Count a connection; False means that there are too many."""
        self._connections[connection] = None
        if len(self._connections) > self.bounds.connections:
            self._make_room()
        if self._sweep is None:
            self._sweep = self._clock.callLater(SWEEP_SECONDS, self._swept)
        return self.bounds.admits_connection(len(self._connections))

    def closed(self, connection: PhoneConnection) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)
        if not self._connections and self._empty is not None and not self._empty.called:
            self._empty.callback(None)

    def complete_channel(self) -> Any:
        """Return twisted.web's end of a connection."""
        return self._site.buildProtocol(None)

    def is_idle(self, channel: Any) -> bool:
        """Tell whether twisted.web's end of a connection waits for a request."""
        # What negotiates the protocol holds the channel that was chosen.
        return not getattr(channel, "_channel", channel).requests

    def soon(self, call: Callable[[], None]) -> None:
        """Call when the others have had their turn."""
        self._clock.callLater(0, call)

    def _make_room(self) -> None:
        latest = self.seconds() - SILENT_SECONDS
        for connection in tuple(islice(self._connections, LOOKED_AT)):
            del self._connections[connection]
            if connection.silent_since() <= latest:
                connection.abort()
                return
            # It is looked at again after all others.
            self._connections[connection] = None

    def _abort_all(self) -> None:
        for connection in tuple(self._connections):
            connection.abort()

    def _swept(self) -> None:
        # It ends a second after the last connection: phones that come one by one don't plan and cancel it each.
        self._sweep = self._clock.callLater(SWEEP_SECONDS, self._swept) if self._connections else None
        now = self._clock.seconds()
        was_set_back, self._swept_at = now < self._swept_at, now
        if was_set_back:
            # What was due by a clock that has been set back would be due much too late.
            for connection in self._connections:
                if connection.deadline != NEVER:
                    connection.deadline = min(connection.deadline, now + IDLE_SECONDS)
        for connection in [each for each in self._connections if each.deadline <= now]:
            connection.expired()

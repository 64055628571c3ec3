"""The transfers that run now: their sockets, their deadlines, their ends."""

from __future__ import annotations

import errno
import select
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from attrs import define
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from provisiond.tftp import packets
from provisiond.tftp.image import Image, Outgoing, Run
from provisiond.tftp.lines import Line, OwnLine, SharedLine
from provisiond.tftp.options import Agreement
from provisiond.tftp.pool import Address, SocketPool
from provisiond.tftp.receiving import WriteTransfer
from provisiond.tftp.source import TransferResult
from provisiond.tftp.transfer import Outcome, ReadTransfer, Tick

log = Logger()

EVENTS_PER_TURN: Final = 256
# So many are read before the first is answered. Sending to a client that sleeps costs as much again to wake it; packets
# that leave right after one another mostly meet a processor that is awake.
AT_ONCE: Final = 64
TICK_SECONDS: Final = 0.02
# With more transfers than these deadlines are looked at less often, as they are where there is none.
MANY: Final = 1_000
SLOW_TICK_SECONDS: Final = 0.05
# The kernel has no memory for a packet at the moment.
FOR_NOW: Final = (errno.ENOBUFS, errno.ENOMEM)
_TICK: Final = Tick()


class Reactor(Protocol):
    """The parts of the reactor that the service uses."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> Any: ...  # noqa: N802
    def addReader(self, reader: Any) -> None: ...  # noqa: N802
    def removeReader(self, reader: Any) -> Any: ...  # noqa: N802


class Key(NamedTuple):
    """What repeated requests have in common."""

    peer: Address
    filename: str
    write: bool


@define(eq=False, slots=True)
class Running:
    """One transfer with all that belongs to it.

    :param image: what is sent; None for an upload.
    :param started: seconds of the reactor's clock.
    """

    key: Key
    request: packets.Request
    agreement: Agreement
    machine: ReadTransfer | WriteTransfer
    local: str
    started: float
    image: Image | None = None
    line: Line | None = None


# A transfer, and what is to be sent to its client.
Due = tuple[Running, Outgoing]


@implementer(IReadDescriptor)
class Reader:
    """Lets the reactor watch one descriptor.

    :param ready: called when there is something to read; what it raises is logged and goes no further.
    """

    def __init__(self, fd: int, ready: Callable[[], None]) -> None:
        self._fd = fd
        self._ready = ready

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def doRead(self) -> None:  # noqa: N802
        """Read."""
        # An exception here would make the reactor forget this descriptor and end the service.
        try:
            self._ready()
        except Exception:
            log.failure("the TFTP service met an error")

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Note that the reactor gave up on the descriptor."""
        log.error("the reactor dropped a TFTP descriptor: {reason}", reason=reason)

    def logPrefix(self) -> str:  # noqa: N802
        """Return a name for logs."""
        return "tftp"


class Transfers:
    """Runs transfers; one epoll watches all their sockets, and the reactor watches that.

    :param ended: told about each transfer when it is over.
    :param ports: range of source ports, or None for any.
    """

    def __init__(
        self, reactor: Reactor, ended: Callable[[Running], None], *, ports: tuple[int, int] | None = None
    ) -> None:
        self._reactor = reactor
        self._ended = ended
        self._epoll = select.epoll()
        self._pool = SocketPool(self._epoll, ports=ports)
        self._reader = Reader(self._epoll.fileno(), self._ready)
        self._by_fd: dict[int, Running] = {}
        self._by_key: dict[Key, Running] = {}
        self._by_peer: dict[Address, Running] = {}
        # First packets that wait for those of others; None where they don't.
        self._held: list[Due] | None = None
        self._tick: Any = None
        self._ticked_at = 0.0

    def __len__(self) -> int:
        """Return how many transfers run."""
        return len(self._by_key)

    @property
    def by_key(self) -> Mapping[Key, Running]:
        """What runs now, by the requests that it answers."""
        return self._by_key

    def __iter__(self) -> Iterator[Running]:
        """Iterate over the transfers that run now."""
        return iter(tuple(self._by_key.values()))

    @property
    def sockets(self) -> int:
        """Open transfer sockets, idle ones included."""
        return len(self._pool)

    def start(self) -> None:
        """Begin to watch."""
        self._reactor.addReader(self._reader)
        self._tick = self._reactor.callLater(TICK_SECONDS, self._ticked)

    def close(self) -> None:
        """Stop watching and close every socket; what still runs has been ended before."""
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        self._reactor.removeReader(self._reader)
        self._pool.close()
        self._epoll.close()

    def begin(self, running: Running, shared: SharedLine | None = None) -> None:
        """Send the first packets of a transfer and go on from there.

        :param shared: the line to use instead of a socket of the transfer's own.
        :raises OSError: when no socket can be had, or the content cannot be read; nothing runs then. What cannot be
            sent ends the transfer.
        """
        self._by_key[running.key] = running
        try:
            running.line = self._own_line(running) if shared is None else self._shared_line(running, shared)
            due = [(running, each) for each in running.machine.start(running.started)]
        except BaseException:
            self._forget(running)
            raise
        if self._held is None:
            self._send(due)
        else:
            self._held += due

    def together(self, work: Callable[[], None]) -> None:
        """Do some work; the first packets of transfers that begin within leave at its end, one after the other."""
        held = self._held = []
        try:
            work()
        finally:
            self._held = None
            self._send(held)

    def _own_line(self, running: Running) -> OwnLine:
        line = self._pool.take(running.local, running.key.peer)
        self._by_fd[line.fd] = running
        return line

    def _shared_line(self, running: Running, line: SharedLine) -> SharedLine:
        former = self._by_peer.get(running.key.peer)
        if former is not None:
            former.machine.abort()
            self.end(former)
        self._by_peer[running.key.peer] = running
        return line

    def of_peer(self, peer: Address) -> Running | None:
        """Return the transfer with this peer over a listening socket."""
        return self._by_peer.get(peer)

    def handle(self, running: Running, datagram: bytes, now: float) -> None:
        """Go on with a transfer after one datagram of its client; never raises."""
        machine = running.machine
        try:
            block = packets.acknowledged_block(datagram)
            if block < 0:
                running.line.send(machine.handle(packets.parse(datagram), now))  # type: ignore[union-attr]
            else:
                outgoing = machine.acknowledged(block, now)
                if outgoing is not None:
                    running.line.put(outgoing)  # type: ignore[union-attr]
        except packets.MalformedPacket:
            return
        except Exception as error:
            self._broken(running, error)
        if machine.outcome is not None:
            self.end(running)

    def end(self, running: Running) -> None:
        """Give back what a transfer holds, and tell that it is over."""
        if self._by_key.get(running.key) is running:
            self._forget(running)
            self._ended(running)

    def _forget(self, running: Running) -> None:
        del self._by_key[running.key]
        if self._by_peer.get(running.key.peer) is running:
            del self._by_peer[running.key.peer]
        if isinstance(running.line, OwnLine):
            self._by_fd.pop(running.line.fd, None)
            self._pool.give_back(running.local, running.line)
        if running.image is not None:
            running.image.close()

    def break_off(self, running: Running, sentence: str) -> None:
        """End a transfer that is under way, and tell its client why as far as it can be told. Never raises."""
        self._abort(running, sentence)
        self.end(running)

    def _broken(self, running: Running, error: Exception) -> None:
        if isinstance(error, OSError) and error.errno in FOR_NOW:
            # As good as lost: it is sent again later.
            return
        if isinstance(error, OSError):
            log.warn("a TFTP transfer was ended: {error}", error=error.strerror or str(error))
        else:
            log.failure("a TFTP transfer met an error")
        self._abort(running, "the file can no longer be read")

    def _abort(self, running: Running, sentence: str) -> None:
        running.machine.abort()
        try:
            if running.line is not None:
                running.line.send([packets.error(packets.ErrorCode.UNDEFINED, sentence)])
        except OSError:
            log.debug("a client could not be told that its transfer was ended")

    def _send(self, due: Iterable[Due]) -> None:
        for running, outgoing in due:
            # The socket of one that has ended meanwhile may be another's.
            if running.machine.outcome is not None:
                continue
            try:
                running.line.put(outgoing)  # type: ignore[union-attr]
            except Exception as error:
                self._broken(running, error)
                if running.machine.outcome is not None:
                    self.end(running)

    def _ready(self) -> None:
        left = EVENTS_PER_TURN
        while left > 0 and not self._epoll.closed:
            events = self._epoll.poll(0, AT_ONCE)
            self._take(events)
            # While several were answered more have come in, and a look is cheaper than another turn of the reactor.
            left = left - len(events) if len(events) > 1 else 0

    def _take(self, events: list[tuple[int, int]]) -> None:
        now = self._reactor.seconds()
        find = self._by_fd.get
        due: list[Due] = []
        for fd, _ in events:
            running = find(fd)
            if running is None:
                self._pool.drop(fd)
                continue
            line: OwnLine = running.line  # type: ignore[assignment]
            machine = running.machine
            try:
                datagram = line.receive(machine.longest)
            except BlockingIOError:
                continue
            except OSError:
                # The client's port is closed: it has gone away.
                machine.abort()
                self.end(running)
                continue
            # Nearly every datagram is an acknowledgement that lets one packet go: that is done without another call.
            if len(datagram) != 4 or datagram[1] != packets.ACK or datagram[0]:
                self.handle(running, datagram, now)
                continue
            try:
                outgoing = machine.acknowledged(datagram[2] << 8 | datagram[3], now)
                if outgoing is None:
                    if machine.outcome is not None:
                        self.end(running)
                elif type(outgoing) is Run:
                    line.put(outgoing)
                else:
                    due.append((running, outgoing))
            except Exception as error:
                self._broken(running, error)
                if machine.outcome is not None:
                    self.end(running)
        self._send(due)

    def _ticked(self) -> None:
        now = self._reactor.seconds()
        was_set_back, self._ticked_at = now < self._ticked_at, now
        for running in tuple(self._by_key.values()):
            # What was due by a clock that has been set back is due by none that is known.
            if was_set_back:
                running.machine.deadline = min(running.machine.deadline, now)
            if running.machine.deadline <= now:
                self._late(running, now)
        # The last one may have been all that was waited for with closing.
        if not self._epoll.closed:
            pause = TICK_SECONDS if 0 < len(self._by_key) <= MANY else SLOW_TICK_SECONDS
            self._tick = self._reactor.callLater(pause, self._ticked)

    def _late(self, running: Running, now: float) -> None:
        try:
            assert running.line is not None
            running.line.send(running.machine.handle(_TICK, now))
        except Exception as error:
            self._broken(running, error)
        if running.machine.outcome is not None:
            self.end(running)


def result(running: Running, now: float) -> TransferResult:
    """Return what came of a transfer that is over now."""
    machine, agreement = running.machine, running.agreement
    size, outcome = machine.bytes_acknowledged, machine.outcome or Outcome.ABORTED
    # What a class of named members checks and fills in takes longer than to make a tuple of them.
    members = (
        running.request.filename,
        running.key.peer[0],
        size,
        size // agreement.block_size + 1,
        agreement.block_size,
        agreement.window_size,
        machine.retransmissions,
        now - running.started,
        machine.round_trip,
        # Its plain text: an enumeration's member takes longer to look up than the rest of this.
        outcome.value,
    )
    return tuple.__new__(TransferResult, members)

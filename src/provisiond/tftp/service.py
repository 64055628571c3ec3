"""The TFTP service: requests in, transfers out, a thin adapter between sockets and state machines."""

from __future__ import annotations

import mmap
import select
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from provisiond.tftp import packets, sockets
from provisiond.tftp.limits import Bounds, Occupancy, TokenBuckets
from provisiond.tftp.netascii import from_netascii, to_netascii
from provisiond.tftp.options import IPV6_OVERHEAD, Limits, negotiated
from provisiond.tftp.receiving import WriteTransfer
from provisiond.tftp.source import ContentSource, ReadRequest, Refusal, TransferResult, Upload
from provisiond.tftp.transfer import Image, Outcome, ReadTransfer, Tick

log = Logger()

REQUESTS_PER_TURN = 32
EVENTS_PER_TURN = 256
TICK_SECONDS = 0.05
MAX_NETASCII = 16 * 1024 * 1024
PATH_MTU = 1500


class Reactor(Protocol):
    """The parts of the reactor that the service uses."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> Any: ...  # noqa: N802
    def addReader(self, reader: Any) -> None: ...  # noqa: N802
    def removeReader(self, reader: Any) -> Any: ...  # noqa: N802


@frozen
class _Key:
    """Repeated requests have the same key."""

    peer: tuple[Any, ...]
    filename: str
    write: bool


@define(eq=False)
class _Running:
    """A transfer with its socket."""

    key: _Key
    sock: socket.socket
    machine: ReadTransfer | WriteTransfer
    request: packets.Request
    size: int
    block_size: int
    window_size: int
    started: float
    mapped: mmap.mmap | None = None


@implementer(IReadDescriptor)
class _Reader:
    """Lets the reactor watch one descriptor."""

    def __init__(self, fd: int, ready: Callable[[], None]) -> None:
        self._fd = fd
        self._ready = ready

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:  # noqa: N802
        # An exception here would make the reactor forget this descriptor and end the service.
        try:
            self._ready()
        except Exception:
            log.failure("the TFTP service met an error")

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        log.error("the reactor dropped a TFTP descriptor: {reason}", reason=reason)

    def logPrefix(self) -> str:  # noqa: N802
        return "tftp"


class TftpService:
    """Answers read requests on some addresses.

    :param addresses: ``address:port`` each; IPv6 addresses in brackets.
    :param source: makes the content.
    :param limits: what is agreed to of the options.
    :param bounds: how much is served at once.
    """

    def __init__(
        self,
        reactor: Reactor,
        addresses: Sequence[str],
        source: ContentSource,
        *,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        bounds = bounds or Bounds()
        self._reactor = reactor
        self._addresses = tuple(addresses)
        self._source = source
        self._limits = limits or Limits()
        self._occupancy = Occupancy(bounds)
        self._buckets = TokenBuckets(bounds.requests_per_second, bounds.burst)
        self._listening: list[socket.socket] = []
        self._readers: list[_Reader] = []
        self._epoll: select.epoll | None = None
        self._running: dict[int, _Running] = {}
        self._pending: set[_Key] = set()
        self._by_key: dict[_Key, _Running] = {}
        self._tick: Any = None
        self._drained: Deferred[None] | None = None

    @property
    def ports(self) -> list[int]:
        """The ports that are listened on, in the order of the addresses."""
        return [int(sock.getsockname()[1]) for sock in self._listening]

    @property
    def transfers(self) -> int:
        """Transfers that run now."""
        return len(self._running)

    def bind(self) -> None:
        """Take the addresses without answering yet.

        :raises StartProblem: when one cannot be listened on; none is kept then.
        """
        try:
            for text in self._addresses:
                self._listening.append(sockets.listening(text))
        except BaseException:
            self._close_listening()
            raise

    def start(self) -> None:
        """Begin to answer; binds first if that has not been done."""
        if not self._listening:
            self.bind()
        self._epoll = select.epoll()
        self._readers = [_Reader(self._epoll.fileno(), self._transfers_ready)]
        for sock in self._listening:
            self._readers.append(_Reader(sock.fileno(), lambda sock=sock: self._requests_ready(sock)))  # type: ignore[misc]
        for reader in self._readers:
            self._reactor.addReader(reader)
        self._tick = self._reactor.callLater(TICK_SECONDS, self._ticked)

    async def stop(self, seconds: float = 5.0) -> None:
        """Take no more requests, let transfers finish for at most ``seconds``, then end them."""
        for reader in self._readers[1:]:
            self._reactor.removeReader(reader)
        self._close_listening()
        if self._running:
            self._drained = Deferred()
            timer = self._reactor.callLater(seconds, self._abort_all)
            await self._drained
            if timer.active():
                timer.cancel()
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        if self._epoll is not None:
            self._reactor.removeReader(self._readers[0])
            self._epoll.close()
            self._epoll = None

    def _close_listening(self) -> None:
        for sock in self._listening:
            sock.close()
        self._listening = []

    def _abort_all(self) -> None:
        for running in tuple(self._running.values()):
            running.machine.abort()
            sockets.send_all(running.sock, [packets.error(packets.ErrorCode.UNDEFINED, "the server is stopping")])
            self._end(running)

    def _requests_ready(self, sock: socket.socket) -> None:
        for _ in range(REQUESTS_PER_TURN):
            try:
                datagram, peer, local = sockets.received(sock)
            except BlockingIOError:
                return
            except OSError:
                continue
            try:
                self._datagram(sock, datagram, peer, local)
            except packets.MalformedPacket:
                continue
            except Exception:
                log.failure("a TFTP request could not be taken")

    def _datagram(self, sock: socket.socket, datagram: bytes, peer: tuple[Any, ...], local: str) -> None:
        packet = packets.parse(datagram)
        if not isinstance(packet, packets.Request):
            return
        key = _Key(peer, packet.filename, packet.write)
        if key in self._pending or key in self._by_key:
            return
        host = str(peer[0])
        if not self._buckets.take(host, self._reactor.seconds()):
            return
        if packet.mode not in ("octet", "netascii"):
            self._refuse(sock, peer, local, packets.ErrorCode.ILLEGAL_OPERATION, "this mode is not supported")
        elif not packet.utf8:
            self._refuse(sock, peer, local, packets.ErrorCode.NOT_FOUND, "file not found")
        elif not self._occupancy.enter(host):
            self._refuse(sock, peer, local, packets.ErrorCode.UNDEFINED, "the server is busy, try again")
        else:
            self._pending.add(key)
            Deferred.fromCoroutine(self._serve(key, packet, local))

    def _refuse(self, sock: socket.socket, peer: tuple[Any, ...], local: str, code: int, message: str) -> None:
        try:
            with sockets.connected(local, peer) as answering:
                answering.send(packets.error(code, message))
        except OSError:
            log.debug("an error packet could not be sent to {peer}", peer=peer[0])

    async def _serve(self, key: _Key, packet: packets.Request, local: str) -> None:
        host = str(key.peer[0])
        request = ReadRequest(filename=packet.filename, mode=packet.mode, peer=host, local=local)
        started = False
        try:
            started = await self._begin(key, packet, request)
        except Refusal as refusal:
            self._refused(key, request, refusal.number, refusal.sentence)
        except OSError as error:
            log.warn("a TFTP transfer could not begin: {error}", error=error.strerror)
            self._refused(key, request, packets.ErrorCode.UNDEFINED, "the server cannot serve this now")
        except Exception:
            log.failure("the content of a TFTP transfer could not be made")
            self._refused(key, request, packets.ErrorCode.UNDEFINED, "internal error")
        finally:
            self._pending.discard(key)
            if not started:
                self._occupancy.leave(host)

    def _refused(self, key: _Key, request: ReadRequest, code: int, message: str) -> None:
        if self._listening:
            self._refuse(self._listening[0], key.peer, request.local, code, message)

    async def _begin(self, key: _Key, packet: packets.Request, request: ReadRequest) -> bool:
        if packet.write:
            if not self._source.accepts(request):
                raise Refusal(packets.ErrorCode.ACCESS_VIOLATION, "uploads are not accepted")
            agreement = negotiated(packet.options, size=None, limits=self._capped(request.local, window=1))
            return self._launch(key, packet, request, WriteTransfer(agreement), 0, agreement.block_size, 1, None)
        content = await self._source.read(request)
        view, mapped = _opened(content, packet.mode)
        agreement = negotiated(packet.options, size=len(view), limits=self._capped(request.local))
        image = Image(view, agreement.block_size)
        machine = ReadTransfer(image, agreement)
        return self._launch(
            key, packet, request, machine, len(view), agreement.block_size, agreement.window_size, mapped
        )

    def _capped(self, local: str, window: int | None = None) -> Limits:
        block_size = self._limits.block_size
        if ":" in local and block_size <= PATH_MTU:
            block_size = min(block_size, PATH_MTU - IPV6_OVERHEAD)
        return Limits(block_size=block_size, window_size=window or self._limits.window_size)

    def _launch(
        self,
        key: _Key,
        packet: packets.Request,
        request: ReadRequest,
        machine: ReadTransfer | WriteTransfer,
        size: int,
        block_size: int,
        window_size: int,
        mapped: mmap.mmap | None,
    ) -> bool:
        if self._epoll is None or not self._listening:
            raise Refusal(packets.ErrorCode.UNDEFINED, "the server is stopping")
        sock = sockets.connected(request.local, key.peer)
        now = self._reactor.seconds()
        running = _Running(key, sock, machine, packet, size, block_size, window_size, now, mapped)
        self._running[sock.fileno()] = running
        self._by_key[key] = running
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        sockets.send_all(sock, machine.start(now))
        return True

    def _transfers_ready(self) -> None:
        if self._epoll is None:
            return
        for fd, _ in self._epoll.poll(0, EVENTS_PER_TURN):
            running = self._running.get(fd)
            if running is None:
                continue
            try:
                self._progress(running)
            except Exception:
                log.failure("a TFTP transfer met an error")
                running.machine.abort()
                self._end(running)

    def _progress(self, running: _Running) -> None:
        try:
            datagram = running.sock.recv(65536)
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            # The client's port is closed: it has gone away.
            running.machine.abort()
            self._end(running)
            return
        try:
            packet = packets.parse(datagram)
        except packets.MalformedPacket:
            return
        sockets.send_all(running.sock, running.machine.handle(packet, self._reactor.seconds()))
        if running.machine.outcome is not None:
            self._end(running)

    def _ticked(self) -> None:
        now = self._reactor.seconds()
        for running in tuple(self._running.values()):
            if running.machine.deadline <= now:
                sockets.send_all(running.sock, running.machine.handle(Tick(), now))
                if running.machine.outcome is not None:
                    self._end(running)
        self._tick = self._reactor.callLater(TICK_SECONDS, self._ticked)

    def _end(self, running: _Running) -> None:
        fd = running.sock.fileno()
        if self._running.pop(fd, None) is None:
            return
        self._by_key.pop(running.key, None)
        if self._epoll is not None:
            self._epoll.unregister(fd)
        running.sock.close()
        self._occupancy.leave(str(running.key.peer[0]))
        self._report(running)
        if self._drained is not None and not self._running and not self._drained.called:
            self._drained.callback(None)

    def _report(self, running: _Running) -> None:
        machine = running.machine
        outcome = machine.outcome or Outcome.ABORTED
        result = TransferResult(
            filename=running.request.filename,
            peer=str(running.key.peer[0]),
            bytes=machine.bytes_acknowledged,
            blocks=machine.bytes_acknowledged // running.block_size + 1,
            block_size=running.block_size,
            window_size=running.window_size,
            retransmissions=machine.retransmissions,
            seconds=self._reactor.seconds() - running.started,
            round_trip=machine.round_trip,
            outcome=outcome.value,
        )
        try:
            self._source.ended(result)
        except Exception:
            log.failure("the end of a TFTP transfer could not be noted")
        if isinstance(machine, WriteTransfer) and outcome is Outcome.DONE:
            content = machine.content
            if running.request.mode == "netascii":
                content = from_netascii(content)
            upload = Upload(filename=running.request.filename, peer=str(running.key.peer[0]), content=content)
            Deferred.fromCoroutine(self._source.uploaded(upload)).addErrback(
                lambda failure: log.failure("an upload could not be taken", failure=failure)
            )


def _opened(content: bytes | Path, mode: str) -> tuple[memoryview, mmap.mmap | None]:
    if isinstance(content, Path):
        with content.open("rb") as file:
            size = content.stat().st_size
            if mode == "netascii" and size > MAX_NETASCII:
                raise Refusal(packets.ErrorCode.UNDEFINED, "the file is too large for netascii, use octet")
            if mode == "netascii" or size == 0:
                content = file.read()
            else:
                mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
                return memoryview(mapped), mapped
    return memoryview(to_netascii(content) if mode == "netascii" else content), None

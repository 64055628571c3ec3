"""The TFTP service: requests in, transfers out, a thin adapter between sockets and state machines."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.tftp import packets, sockets
from provisiond.tftp.eager import Waiting, result_of
from provisiond.tftp.images import DEFAULT_MEMORY, Images, Threads
from provisiond.tftp.limits import Bounds, Gate
from provisiond.tftp.lines import SharedLine
from provisiond.tftp.netascii import from_netascii
from provisiond.tftp.options import Limits
from provisiond.tftp.packets import ErrorCode
from provisiond.tftp.preparing import BUSY, Preparation
from provisiond.tftp.queue import Asked, RequestQueue
from provisiond.tftp.receiving import WriteTransfer
from provisiond.tftp.running import Key, Reactor, Reader, Running, Transfers, result
from provisiond.tftp.sockets import Address, Given
from provisiond.tftp.source import ContentSource, Refusal, Silence, Upload
from provisiond.tftp.transfer import Outcome

log = Logger()

REQUESTS_PER_TURN: Final = 32
# Far more are read than begun: the kernel's buffer is small, and a repetition that was read is recognised.
READ_PER_TURN: Final = 512
# What they have sent is kept in memory until they are done.
MAX_UPLOADS: Final = 64
_MODES: Final = ("octet", "netascii")


class TftpService:
    """Answers requests on some addresses.

    :param addresses: ``address:port`` each; IPv6 addresses in brackets.
    :param source: makes the content.
    :param threads: where large files are read.
    :param limits: what is agreed to of the options.
    :param bounds: how much is served at once.
    :param ports: range of ports to send from; None for any.
    :param single_port: answer from the listening port instead (a firewall between may let nothing else through).
    :param image_memory: bytes of prepared files kept in memory.
    :param refused: told the reason of each refusal because of a bound: ``busy``, ``peer`` or ``rate``.
    """

    def __init__(
        self,
        reactor: Reactor,
        addresses: Sequence[str],
        source: ContentSource,
        threads: Threads,
        *,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        ports: tuple[int, int] | None = None,
        single_port: bool = False,
        image_memory: int = DEFAULT_MEMORY,
        refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._reactor = reactor
        self._addresses = tuple(addresses)
        self._source = source
        self._gate = Gate(bounds or Bounds())
        self._images = Images(threads, image_memory)
        self._preparation = Preparation(source, self._images, limits or Limits(), self._gate.occupancy, refused)
        self._single_port = single_port
        self._tell_refused = refused
        self._listening: list[socket.socket] = []
        self._spare: dict[str, list[socket.socket]] = {}
        self._given: set[str] = set()
        self._readers: dict[socket.socket, Reader] = {}
        self._pending: set[Key] = set()
        self._queue = RequestQueue()
        self._begun = 0
        self._next_turn: Any = None
        self._transfers: Transfers | None = None
        self._served: Mapping[Key, Running] = {}
        self._ports = ports
        self._stopping = False
        self._drained: Deferred[None] | None = None

    @property
    def ports(self) -> list[int]:
        """The ports that are listened on, in the order of the addresses."""
        return [int(sock.getsockname()[1]) for sock in self._listening]

    @property
    def transfers(self) -> int:
        """Transfers that run now."""
        return 0 if self._transfers is None else len(self._transfers)

    @property
    def sockets(self) -> int:
        """Open transfer sockets, idle ones included."""
        return 0 if self._transfers is None else self._transfers.sockets

    @property
    def image_bytes(self) -> int:
        """Memory of files that are kept ready, in bytes."""
        return self._images.used

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self._queue)

    @property
    def admitted(self) -> int:
        """Requests and transfers that count for the bounds now."""
        return self._gate.occupancy.total

    def adopt(self, listening: Sequence[socket.socket]) -> None:
        """Answer on sockets that are bound already, in place of :meth:`bind`."""
        self._listening = list(listening)

    def bind(self, *, shared: bool = False, given: Given = lambda host, port: []) -> None:
        """Take the addresses without answering yet.

        :param shared: let :meth:`more_sockets` be bound to them too.
        :param given: returns sockets that are bound to an address already; they are taken instead.
        :raises StartProblem: when one cannot be listened on; none is kept then.
        """
        try:
            for text in self._addresses:
                _, host, port = sockets.split_address(text)
                ready = [sockets.prepared(sock) for sock in given(host, port)]
                first, *self._spare[text] = ready or [sockets.listening(text, shared=shared)]
                self._listening.append(first)
                if ready:
                    self._given.add(text)
        except BaseException:
            self._close_listening()
            raise

    def more_sockets(self) -> list[socket.socket]:
        """Return further sockets on the same addresses and ports, for another process.

        Where sockets were given there is one as long as there are some left; those left at the end are read here.

        :raises StartProblem: when they cannot be had.
        """
        more = []
        for text, port in zip(self._addresses, self.ports, strict=True):
            if self._spare[text]:
                more.append(self._spare[text].pop())
            elif text not in self._given:
                more.append(sockets.listening(f"{text.rpartition(':')[0]}:{port}", shared=True))
        self.leave(more)
        return more

    def start(self) -> None:
        """Begin to answer; binds first if that has not been done."""
        if not self._listening:
            self.bind()
        self._transfers = Transfers(self._reactor, self._report, ports=self._ports)
        self._served = self._transfers.by_key
        self._transfers.start()
        self.attend([*self._listening, *(sock for spare in self._spare.values() for sock in spare)])

    def attend(self, listening: Sequence[socket.socket]) -> None:
        """Answer requests that come in on these sockets too, until :meth:`leave`; only while the service runs."""
        if self._transfers is None or self._stopping:
            return
        for sock in listening:
            own = "" if sockets.is_wildcard(sock) else sock.getsockname()[0]
            ready = partial(self._transfers.together, partial(self._requests_ready, sock, own))
            reader = self._readers[sock] = Reader(sock.fileno(), ready)
            self._reactor.addReader(reader)

    def leave(self, listening: Sequence[socket.socket]) -> None:
        """Leave these sockets to others."""
        for sock in listening:
            reader = self._readers.pop(sock, None)
            if reader is not None:
                self._reactor.removeReader(reader)

    async def stop(self, seconds: float = 5.0) -> None:
        """Take no more requests, answer those taken and let transfers finish for at most ``seconds``, then end them."""
        self._stopping = True
        self._queue.clear()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        if self._transfers is None:
            self._close_listening()
            return
        if not self._single_port:
            # What comes in now waits in the sockets, for the next server if it is given the same ones.
            self.leave(tuple(self._readers))
        if len(self._transfers) or self._pending:
            self._drained = Deferred()
            timer = self._reactor.callLater(seconds, self._abort_all)
            await self._drained
            if timer.active():
                timer.cancel()
        self.leave(tuple(self._readers))
        self._close_listening()
        self._transfers.close()
        self._transfers = None

    def _close_listening(self) -> None:
        for sock in (*self._listening, *(sock for spare in self._spare.values() for sock in spare)):
            sock.close()
        self._listening, self._spare = [], {}

    def _abort_all(self) -> None:
        assert self._transfers is not None
        for running in self._transfers:
            self._transfers.break_off(running, "the server is stopping")
        self._pending.clear()
        self._tell_drained()

    def _requests_ready(self, sock: socket.socket, own: str) -> None:
        """Read requests; ``own`` is the address of the socket, or empty where each datagram must tell it."""
        self._begun = 0
        local, now = own, self._reactor.seconds()
        for _ in range(READ_PER_TURN):
            try:
                if own:
                    datagram, peer = sock.recvfrom(sockets.MAX_REQUEST_DATAGRAM)
                else:
                    datagram, peer, local = sockets.received(sock)
            except BlockingIOError:
                return
            except OSError:
                continue
            try:
                self._datagram(sock, datagram, peer, local, now)
            except packets.MalformedPacket:
                continue
            except Exception:
                log.failure("a TFTP request could not be taken")

    def _datagram(self, sock: socket.socket, datagram: bytes, peer: Address, local: str, now: float) -> None:
        assert self._transfers is not None
        packet = packets.parse(datagram)
        if type(packet) is not packets.Request:
            self._foreign(sock, datagram, peer, local, packet)
            return
        key = tuple.__new__(Key, (peer, packet.filename, packet.write))
        if self._stopping or key in self._served or key in self._pending:
            return
        queued = len(self._queue)
        if queued and self._queue.again(key, now):
            return
        if not self._gate.may_ask(peer[0], now):
            self._tell_refused("rate")
        elif packet.mode not in _MODES:
            self._refuse(sock, peer, local, ErrorCode.ILLEGAL_OPERATION, "this mode is not supported")
        elif queued or self._begun >= REQUESTS_PER_TURN:
            self._let_wait(Asked(sock, key, packet, local, now))
        else:
            self._enter(sock, key, packet, local, now)

    def _let_wait(self, asked: Asked) -> None:
        if not self._gate.occupancy.has_room(len(self._queue)):
            if not self._queue.made_room(asked.at):
                self._turn_away(asked.sock, asked.key.peer, asked.local)
                return
            self._tell_refused("gone")
        self._queue.add(asked)
        if self._next_turn is None:
            self._next_turn = self._reactor.callLater(0, self._take_turns)

    def _take_turns(self) -> None:
        assert self._transfers is not None
        self._next_turn = None
        self._transfers.together(self._begin_waiting)
        if self._queue:
            self._next_turn = self._reactor.callLater(0, self._take_turns)

    def _begin_waiting(self) -> None:
        now = self._reactor.seconds()
        for _ in range(REQUESTS_PER_TURN):
            asked, gone = self._queue.taken(now)
            for _ in range(gone):
                self._tell_refused("gone")
            if asked is None:
                return
            try:
                self._enter(asked.sock, asked.key, asked.packet, asked.local, now)
            except Exception:
                log.failure("a TFTP request could not be taken")

    def _enter(self, sock: socket.socket, key: Key, packet: packets.Request, local: str, now: float) -> None:
        self._begun += 1
        if self._gate.occupancy.enter(key.peer[0]):
            self._serve(sock, key, packet, local, now)
        else:
            self._turn_away(sock, key.peer, local)

    def _turn_away(self, sock: socket.socket, peer: Address, local: str) -> None:
        self._tell_refused("peer" if self._gate.occupancy.is_greedy(str(peer[0])) else "busy")
        self._refuse(sock, peer, local, ErrorCode.UNDEFINED, BUSY)

    def _foreign(self, sock: socket.socket, datagram: bytes, peer: Address, local: str, packet: packets.Packet) -> None:
        running = self._transfers.of_peer(peer) if self._transfers is not None else None
        stray = self._single_port and isinstance(packet, packets.Ack | packets.Data)
        if running is not None and self._transfers is not None:
            self._transfers.handle(running, datagram, self._reactor.seconds())
        elif stray and self._gate.may_be_told_no(str(peer[0]), self._reactor.seconds()):
            self._refuse(sock, peer, local, ErrorCode.UNKNOWN_TRANSFER, "unknown transfer")

    def _refuse(self, sock: socket.socket, peer: Address, local: str, code: int, message: str) -> None:
        # The listening socket answers: no socket of its own is spent on a refusal.
        try:
            SharedLine(sock, peer, sockets.leaving_from(local)).send([packets.error(code, message)])
        except OSError as error:
            log.debug("a client could not be refused: {error}", error=error.strerror or str(error))

    def _serve(self, sock: socket.socket, key: Key, packet: packets.Request, local: str, now: float) -> None:
        """Answer a request that the gate has let in; most are answered without waiting for anything."""
        try:
            running = self._preparation.at_once(key, packet, local, now)
            if running is not None:
                self._begin(sock, running)
                return
        except Exception as error:
            self._not_begun(sock, key, local, error)
            return
        try:
            result_of(self._answer(sock, key, packet, local))
        except Waiting as waiting:
            self._await_end(key, waiting.rest, "a TFTP request could not be answered")

    def _await_end(self, key: Key, work: Coroutine[Any, Any, Any], failed: str) -> None:
        self._pending.add(key)
        ended = Deferred.fromCoroutine(work).addErrback(lambda failure: log.failure(failed, failure=failure))
        ended.addBoth(lambda _: self._has_ended(key))

    def _has_ended(self, key: Key) -> None:
        self._pending.discard(key)
        self._tell_drained()

    def _tell_drained(self) -> None:
        if self._drained is not None and not self._drained.called and not self.transfers and not self._pending:
            self._drained.callback(None)

    async def _answer(self, sock: socket.socket, key: Key, packet: packets.Request, local: str) -> None:
        try:
            self._begin(sock, await self._preparation.later(key, packet, local, self._reactor.seconds))
        except Exception as error:
            self._not_begun(sock, key, local, error)

    def _not_begun(self, sock: socket.socket, key: Key, local: str, error: Exception) -> None:
        self._gate.occupancy.leave(str(key.peer[0]))
        if isinstance(error, Silence):
            return
        if isinstance(error, Refusal):
            code, message = error.number, error.sentence
        elif isinstance(error, OSError):
            log.warn("a TFTP transfer could not begin: {error}", error=error.strerror or str(error))
            code, message = ErrorCode.UNDEFINED, "the server cannot serve this now"
        else:
            log.failure("the content of a TFTP transfer could not be made")
            code, message = ErrorCode.UNDEFINED, "internal error"
        self._refuse_once_prepared(sock, key, local, code, message)

    def _begin(self, sock: socket.socket, running: Running) -> None:
        if self._transfers is None:
            if running.image is not None:
                running.image.close()
            raise Refusal(ErrorCode.UNDEFINED, "the server is stopping")
        if running.request.write and sum(each.request.write for each in self._transfers) >= MAX_UPLOADS:
            self._tell_refused("busy")
            raise Refusal(ErrorCode.UNDEFINED, BUSY)
        line = SharedLine(sock, running.key.peer, sockets.leaving_from(running.local)) if self._single_port else None
        self._transfers.begin(running, line)

    def _refuse_once_prepared(self, sock: socket.socket, key: Key, local: str, code: ErrorCode, message: str) -> None:
        if sock.fileno() < 0:
            return
        if code is ErrorCode.NOT_FOUND and not self._gate.may_be_told_no(str(key.peer[0]), self._reactor.seconds()):
            self._tell_refused("rate")
            return
        self._refuse(sock, key.peer, local, code, message)

    def _report(self, running: Running) -> None:
        self._gate.occupancy.leave(running.key.peer[0])
        try:
            self._source.ended(result(running, self._reactor.seconds()))
        except Exception:
            log.failure("the end of a TFTP transfer could not be noted")
        if isinstance(running.machine, WriteTransfer) and running.machine.outcome is Outcome.DONE:
            self._take_upload(running, running.machine.content)
        if self._stopping:
            self._tell_drained()

    def _take_upload(self, running: Running, content: bytes) -> None:
        if running.request.mode == "netascii":
            content = from_netascii(content)
        upload = Upload(filename=running.request.filename, peer=str(running.key.peer[0]), content=content)
        self._await_end(running.key, self._source.uploaded(upload), "an upload could not be taken")

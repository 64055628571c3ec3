"""Sending a NOTIFY and awaiting the last word on it, over UDP, TCP and TLS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from OpenSSL.SSL import Connection
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import DatagramProtocol, Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.errors import Unavailable
from provisiond.sip.digest import Credentials
from provisiond.sip.messages import MalformedSip, SipRequest, SipResponse, parse_datagram
from provisiond.sip.stream import SipStream
from provisiond.sip.transaction import T1, ClientTransaction, Outcome
from provisiond.sync.notify_request import Notification, SipTarget

log = Logger()
CONNECT_SECONDS: Final = 10


class Wire(Protocol):
    """Carries messages to one peer."""

    reliable: bool

    def send(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class Exchange:
    """One notification over one wire, to its end; fires ``done`` once.

    :param clock: Twisted's clock.
    :param t1: seconds of the first wait for a response.
    """

    def __init__(self, clock: Any, notification: Notification, wire: Wire, *, t1: float = T1) -> None:
        self.done: Deferred[SipResponse] = Deferred(lambda _: self._end())
        self._clock = clock
        self._notification = notification
        self._wire = wire
        self._t1 = t1
        self._call: Any = None
        self._over = False
        self._send(notification.first())

    def received(self, message: SipRequest | SipResponse) -> None:
        """Take a message from the peer; what does not answer this notification is ignored."""
        if self._over or not isinstance(message, SipResponse) or not self._notification.fits(message):
            return
        if not self._transaction.response(message.status):
            return
        again = self._notification.next(message)
        if again is not None:
            self._send(again)
            return
        self._end()
        self.done.callback(message)

    def failed(self, sentence: str) -> None:
        """End the exchange with a reason."""
        if not self._over:
            self._end()
            self.done.errback(Failure(Unavailable(sentence)))

    def _send(self, request: SipRequest) -> None:
        self._data = request.encode()
        self._transaction = ClientTransaction(self._clock.seconds(), reliable=self._wire.reliable, t1=self._t1)
        self._wire.send(self._data)
        self._wait()

    def _wait(self) -> None:
        self._stop_waiting()
        moment = self._transaction.next_event()
        if moment is not None:
            self._call = self._clock.callLater(max(0.0, moment - self._clock.seconds()), self._due)

    def _due(self) -> None:
        self._call = None
        if self._transaction.due(self._clock.seconds()):
            self._wire.send(self._data)
        if self._transaction.outcome is Outcome.TIMED_OUT:
            self.failed("the phone did not answer")
        else:
            self._wait()

    def _stop_waiting(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _end(self) -> None:
        self._over = True
        self._stop_waiting()
        self._wire.close()


class _Datagrams(DatagramProtocol):
    """A socket that exchanges datagrams with one address only; the kernel drops what comes from elsewhere."""

    reliable = False

    def __init__(self, host: str, port: int) -> None:
        self._peer = host, port
        self.exchange: Exchange | None = None

    def startProtocol(self) -> None:  # noqa: N802
        assert self.transport is not None
        self.transport.connect(*self._peer)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        try:
            message = parse_datagram(datagram)
        except MalformedSip as problem:
            log.debug("a datagram of {peer} was ignored: {problem}", peer=self._peer[0], problem=problem.sentence)
            return
        if self.exchange is not None:
            self.exchange.received(message)

    def connectionRefused(self) -> None:  # noqa: N802
        self._refused()

    def stopProtocol(self) -> None:  # noqa: N802
        # Twisted's epoll reactor takes the answer "port unreachable" for the end of the socket.
        self._refused()

    def _refused(self) -> None:
        if self.exchange is not None:
            self.exchange.failed("the phone refuses SIP: nothing listens on that port")

    def send(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.stopListening()


class _Stream(StreamProtocol):
    """A connection that carries one exchange."""

    reliable = True

    def __init__(self) -> None:
        self.exchange: Exchange | None = None
        self._stream = SipStream()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        try:
            for message in self._stream.feed(data):
                if self.exchange is not None:
                    self.exchange.received(message)
        except MalformedSip as problem:
            if self.exchange is not None:
                self.exchange.failed(f"the phone answered with something else than SIP: {problem.sentence}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        if self.exchange is not None:
            self.exchange.failed("the phone closed the connection without an answer")

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def close(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()


class SipSending:
    """Sends notifications.

    :param reactor: UDP, TCP, names and time.
    :param verify: False accepts any certificate; phones have their vendor's at best.
    :param t1: seconds of the first wait for a response.
    """

    def __init__(self, reactor: Any, *, verify: bool = False, t1: float = T1) -> None:
        self._reactor = reactor
        self._verify = verify
        self._t1 = t1

    async def notify(
        self, target: SipTarget, event: str, credentials: Credentials | None = None, extra: Sequence[str] = ()
    ) -> SipResponse:
        """Send a NOTIFY, again where needed, and return the final response.

        :param extra: further header fields and lines of a body, as in :class:`provisiond.sdk.SipNotify`.

        :raises Unavailable: with the reason when there is none, after 64 times ``t1`` seconds at most.
        """
        wire, local = await (self._datagrams(target) if target.transport == "udp" else self._connected(target))
        exchange = Exchange(
            self._reactor, Notification(target, event, local, credentials, extra=extra), wire, t1=self._t1
        )
        wire.exchange = exchange
        return await exchange.done

    async def _datagrams(self, target: SipTarget) -> tuple[_Datagrams, tuple[str, int]]:
        host = await self._address(target.host)
        wire = _Datagrams(host, target.port)
        try:
            port = self._reactor.listenUDP(0, wire, interface="::" if ":" in host else "")
        except OSError as error:
            raise Unavailable(f"no socket for SIP: {error.strerror}") from error
        local = port.getHost()
        return wire, (local.host, local.port)

    async def _address(self, host: str) -> str:
        try:
            return str(await self._reactor.resolve(host))
        except Exception as error:
            raise Unavailable(f'the name "{host}" has no address') from error

    async def _connected(self, target: SipTarget) -> tuple[_Stream, tuple[str, int]]:
        endpoint: Any = HostnameEndpoint(self._reactor, target.host, target.port, timeout=CONNECT_SECONDS)
        if target.transport == "tls":
            endpoint = wrapClientTLS(self._tls(target.host), endpoint)
        try:
            wire = await endpoint.connect(Factory.forProtocol(_Stream))
        except Exception as error:
            raise Unavailable(f"the phone cannot be reached over {target.transport.upper()}") from error
        local = wire.transport.getHost()
        return wire, (local.host, local.port)

    def _tls(self, host: str) -> Any:
        return optionsForClientTLS(host) if self._verify else _Unverified()


class _Unverified:
    """Connects over TLS to whoever answers: a phone has no name to check."""

    def clientConnectionForTLS(self, protocol: Any) -> Any:  # noqa: N802
        return Connection(CertificateOptions(verify=False).getContext(), None)

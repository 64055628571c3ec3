"""The multicast socket of SIP plug-and-play, and the pace at which phones are answered."""

from __future__ import annotations

import errno
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from provisiond.errors import ProvisiondError
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.pnp.conversations import Conversations, Datagram, Peer, Subscription, bare
from provisiond.sip.messages import MalformedSip, SipRequest, parse_datagram

log = Logger()
IPV4_GROUP: Final = "224.0.1.75"
MAX_PER_SECOND: Final = 200
# Each may mean a new device with its files: more at a time would keep everybody else waiting. Phones ask again.
MAX_AT_ONCE: Final = 50
Locate = Callable[[PhoneRequest], Awaitable[str | None]]


class PnpProblem(ProvisiondError):
    """The multicast group cannot be joined."""

    code = "pnp"


def phone_request(request: SipRequest, peer: Peer) -> PhoneRequest:
    """Return a SUBSCRIBE as what it tells about the phone."""
    headers = dict(reversed(request.headers))
    headers["event"] = request.first("event") or ""
    return PhoneRequest(
        protocol=Protocol.PNP, method=request.method, path=request.uri, headers=headers, peer=bare(peer)
    )


class PnpService:
    """Answers phones that ask a multicast group for their profile.

    :param reactor: UDP and time.
    :param locate: returns the address of a phone's profile, or None when it shall not be answered.
    :param groups: multicast addresses, IPv4 or IPv6; an IPv6 one may name its interface, as in ``ff02::75%eth0``.
    :param port: of the group, usually 5060.
    :param interface: address of the interface that joins IPv4 groups; None leaves it to the kernel.
    :param allow: networks whose phones are answered; empty means all.
    :param given: returns sockets that are bound to a group already; the first is taken, which others keep open.
    """

    def __init__(
        self,
        reactor: Any,
        locate: Locate,
        *,
        groups: Sequence[str] = (IPV4_GROUP,),
        port: int = 5060,
        interface: str | None = None,
        allow: Sequence[str] = (),
        given: Callable[[str, int], Sequence[socket.socket]] = lambda group, port: (),
    ) -> None:
        self._reactor = reactor
        self._locate = locate
        self._groups = tuple(groups)
        self._port = port
        self._interface = interface
        self._allow = [ip_network(each, strict=False) for each in allow]
        self._given = given
        self._conversations = Conversations(self._contact, lambda: secrets.token_hex(8))
        self._ports: list[Any] = []
        self._senders: dict[int, Any] = {}
        self._call: Any = None
        self._second, self._this_second = 0, 0
        self._at_once = 0
        self._stopped = False
        self.ignored = 0

    def start(self) -> None:
        """Join the groups.

        :raises PnpProblem: when one cannot be joined; then none is.
        """
        try:
            for group in self._groups:
                self._listen(group)
        except OSError as error:
            self.stop()
            reason = error.strerror or str(error)
            raise PnpProblem(f"cannot listen for SIP plug-and-play on port {self._port}: {reason}") from None
        log.info("answers SIP plug-and-play on {groups}", groups=", ".join(self._groups))

    def stop(self) -> None:
        """Leave the groups; who is being looked up gets no answer any more."""
        self._stopped = True
        if self._call is not None and self._call.active():
            self._call.cancel()
        for port in (*self._ports, *self._senders.values()):
            port.stopListening()
        self._ports, self._senders = [], {}

    def _listen(self, group: str) -> None:
        family = socket.AF_INET6 if ":" in group else socket.AF_INET
        receiver = _Receiver(self._received, group.partition("%")[2])
        given = self._given(group.partition("%")[0], self._port)
        with given[0] if given else _bound(family, group, self._port) as listener:
            _join(listener, group, self._interface)
            self._ports.append(self._reactor.adoptDatagramPort(listener.fileno(), family, receiver))
        if family not in self._senders:
            anywhere = "::" if family == socket.AF_INET6 else self._interface or ""
            self._senders[family] = self._reactor.listenUDP(0, _Receiver(self._received), interface=anywhere)

    def _contact(self, peer: str) -> Peer:
        family = socket.AF_INET6 if ":" in peer else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(_place((peer, 9)))
            local: Peer = probe.getsockname()[:2]
        return bare(local), self._senders[family].getHost().port

    def _received(self, data: bytes, peer: Peer) -> None:
        if not self._taken(peer):
            self.ignored += 1
            return
        try:
            message = parse_datagram(data)
        except MalformedSip as problem:
            log.debug("ignored a datagram of {peer}: {problem}", peer=peer[0], problem=problem.sentence)
            return
        sent, subscription = self._conversations.received(message, peer, self._reactor.seconds())
        self._send(sent)
        if subscription is not None:
            self._begin(subscription)

    def _begin(self, subscription: Subscription) -> None:
        if self._at_once >= MAX_AT_ONCE:
            self.ignored += 1
            self._conversations.forget(subscription.key)
            return
        self._at_once += 1
        answering = Deferred.fromCoroutine(self._answer(subscription))
        answering.addErrback(lambda failure: log.failure("a phone could not be answered", failure))
        answering.addBoth(lambda _: self._ended())

    def _ended(self) -> None:
        self._at_once -= 1

    def _taken(self, peer: Peer) -> bool:
        if self._allow and not any(ip_address(bare(peer)) in network for network in self._allow):
            return False
        second = int(self._reactor.seconds())
        if second != self._second:
            self._second, self._this_second = second, 0
        self._this_second += 1
        return self._this_second <= MAX_PER_SECOND

    async def _answer(self, subscription: Subscription) -> None:
        url = await self._locate(phone_request(subscription.request, subscription.peer))
        if self._stopped:
            return
        try:
            self._send(self._conversations.told(subscription.key, url, self._reactor.seconds()))
        except MalformedSip as problem:
            log.debug("{peer} cannot be answered: {problem}", peer=subscription.peer[0], problem=problem.sentence)
            return
        outcome = f"its profile is at {url}" if url else "it is not answered"
        log.info("{peer} asked for its profile: {outcome}", peer=subscription.peer[0], outcome=outcome)
        self._plan()

    def _send(self, datagrams: Sequence[Datagram]) -> None:
        for each in datagrams:
            family = socket.AF_INET6 if ":" in each.peer[0] else socket.AF_INET
            self._senders[family].write(each.data, _place(each.peer))

    def _plan(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        moment = self._conversations.next_event()
        if moment is not None:
            self._call = self._reactor.callLater(max(0.0, moment - self._reactor.seconds()), self._due)

    def _due(self) -> None:
        self._send(self._conversations.due(self._reactor.seconds()))
        self._plan()


def _place(peer: Peer) -> tuple[Any, ...]:
    """Return where the socket module sends to; it knows the interface of a link-local address by number only."""
    host, _, zone = peer[0].partition("%")
    return (host, peer[1], 0, socket.if_nametoindex(zone)) if zone else peer


class _Receiver(DatagramProtocol):
    """Hands datagrams on.

    :param zone: the interface of a group: link-local peers are answered there.
    """

    def __init__(self, received: Callable[[bytes, Peer], None], zone: str = "") -> None:
        self._received = received
        self._zone = zone

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        host = f"{addr[0]}%{self._zone}" if self._zone and ip_address(addr[0]).is_link_local else addr[0]
        self._received(datagram, (host, addr[1]))


def _bound(family: int, group: str, port: int) -> socket.socket:
    """Return a socket that hears a group only, so that a SIP server on the same host keeps its port."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            address, index = _group_and_interface(group)
            made.bind((address, port, 0, index))
        else:
            made.bind((group, port))
    except BaseException:
        made.close()
        raise
    return made


def _group_and_interface(group: str) -> tuple[str, int]:
    address, _, zone = group.partition("%")
    return address, socket.if_nametoindex(zone) if zone else 0


def _join(sock: socket.socket, group: str, interface: str | None) -> None:
    sock.setblocking(False)
    try:
        if sock.family == socket.AF_INET6:
            address, index = _group_and_interface(group)
            joined = socket.inet_pton(socket.AF_INET6, address) + struct.pack("@I", index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
        else:
            joined = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton(interface or "0.0.0.0"))  # noqa: S104
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    except OSError as error:
        # A socket that outlives servers is still in the group that a former one joined.
        if error.errno != errno.EADDRINUSE:
            raise

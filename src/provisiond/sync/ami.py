"""Asterisk's manager interface as a way to phones: connected when needed, with back-off, a bounded queue and one place.

Source: Asterisk documentation of the actions PJSIPNotify, SIPnotify and Command; chan-sccp's SCCPDeviceRestart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger

from provisiond.errors import InvalidInput, Unavailable
from provisiond.sdk import SccpReset, SipNotify
from provisiond.sync.ami_connection import ANSWER_SECONDS, AmiConnection, AmiUser, Lines
from provisiond.sync.ami_contacts import CONTACT, own_contacts
from provisiond.sync.ami_messages import AmiMessage

log = Logger()
MAX_WAITING: Final = 1_000
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
LINE_BREAK: Final = "the account or the event holds a line break"
# Event to the section of Asterisk's own sip_notify.conf that sends it.
NOTIFY_TYPES: Final = {
    "check-sync": "polycom-check-cfg",
    "check-sync;reboot=false": "snom-check-cfg",
    "check-sync;reboot=true": "snom-reboot",
    "resync": "sipura-check-cfg",
    "reboot_now": "linksys-cold-restart",
    "restart_now": "linksys-warm-restart",
}


@frozen(kw_only=True)
class AmiPlace:
    """Where Asterisk's manager interface is.

    :param port: usually 5038, or 5039 with TLS.
    """

    host: str
    port: int
    user: AmiUser
    tls: bool = False


class Ami:
    """Performs actions one after another; reconnects by itself, at most once in a pause that grows to a minute.

    :param reactor: TCP, names and time.
    :param answer_seconds: how long the greeting, and each answer, may take.
    """

    def __init__(
        self,
        reactor: Any,
        place: AmiPlace,
        *,
        max_waiting: int = MAX_WAITING,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._reactor = reactor
        self._place = place
        self._turn = DeferredLock()
        self._max_waiting = max_waiting
        self._answer_seconds = answer_seconds
        self._connection: AmiConnection | None = None
        self._pause = 0.0
        self._not_before = 0.0
        self._reason = ""

    async def perform(self, lines: Lines) -> AmiMessage:
        """Send an action and return its response.

        :raises Unavailable: when Asterisk cannot be reached, or too many actions wait already.
        """
        answer: AmiMessage = await self._through(lambda connection: connection.act(lines))
        return answer

    async def perform_listed(self, lines: Lines, event: str) -> tuple[AmiMessage, Sequence[AmiMessage]]:
        """Send an action that is answered by a list; return its response and the list's events of one name.

        :raises Unavailable: as :meth:`perform`.
        """
        found: tuple[AmiMessage, Sequence[AmiMessage]] = await self._through(
            lambda connection: connection.act_listed(lines, event)
        )
        return found

    async def _through(self, act: Callable[[AmiConnection], Deferred[Any]]) -> Any:
        if len(self._turn.waiting) >= self._max_waiting:
            raise Unavailable("too many requests wait for Asterisk's manager interface")
        async with self._turn:
            connection = await self._connected()
            try:
                answer = await act(connection)
            except Unavailable as problem:
                if not connection.lost:
                    # It stalls: what waits must not wait for it as long, one after another.
                    connection.close()
                    self._rest(problem)
                raise
            self._pause = 0.0
            return answer

    async def problem(self) -> str | None:
        """Connect unless that is done or was refused a moment ago; return why not, or None when connected."""
        if self._turn.locked:
            return self._reason if self._pause else None
        async with self._turn:
            try:
                await self._connected()
            except Unavailable as problem:
                return problem.sentence
        return None

    async def stop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    async def _connected(self) -> AmiConnection:
        if self._connection is not None and not self._connection.lost:
            return self._connection
        now = self._reactor.seconds()
        wait = self._not_before - now
        # A clock that was set back makes no pause longer.
        if 0 < wait < 2 * self._pause:
            raise Unavailable(f"{self._reason}; the next attempt is in {wait:.0f} seconds")
        try:
            self._connection = await self._opened()
        except Unavailable as problem:
            self._rest(problem)
            raise
        return self._connection

    def _rest(self, problem: Unavailable) -> None:
        self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
        self._not_before, self._reason = self._reactor.seconds() + self._pause, problem.sentence

    async def _opened(self) -> AmiConnection:
        place = self._place
        endpoint: Any = HostnameEndpoint(self._reactor, place.host, place.port, timeout=10)
        if place.tls:
            endpoint = wrapClientTLS(optionsForClientTLS(place.host), endpoint)
        factory = Factory.forProtocol(lambda: AmiConnection(self._reactor, self._answer_seconds))
        try:
            connection: AmiConnection = await endpoint.connect(factory)
        except Exception as error:
            raise Unavailable("Asterisk's manager interface cannot be reached") from error
        try:
            await connection.login(place.user)
        except Unavailable:
            connection.close()
            raise
        log.info("connected to Asterisk's manager interface")
        return connection


def _variables(action: SipNotify) -> list[tuple[str, str]]:
    lines = [f"Event={action.event}", *action.extra]
    return [("Variable", line) for line in lines if not set(line) & {"\r", "\n"}]


class AmiNotifier:
    """Has Asterisk notify its phones.

    :param channel: ``pjsip`` or ``sip``, the driver that the phones register with.
    """

    def __init__(self, ami: Ami, channel: str) -> None:
        self._ami = ami
        self._channel = channel

    async def problem(self) -> str | None:
        """See :meth:`Ami.problem`."""
        return await self._ami.problem()

    async def notify(self, address: str | None, account: str | None, action: SipNotify) -> str:
        """Send a NOTIFY to an account, else to an address; return what came of it.

        :raises Unavailable: with what Asterisk says when it refuses.
        """
        if self._channel == "sip":
            peer = account or address
            if peer is None:
                raise Unavailable("the device has neither an account nor an address")
            return _said(await self._told_by_older(peer, action))
        said = ""
        for target in await self._targets(address, account):
            said = _said(await self._performed([("Action", "PJSIPNotify"), target, *_variables(action)]), target[0])
        return said

    async def _targets(self, address: str | None, account: str | None) -> list[tuple[str, str]]:
        """Return who is told: one phone, also where several share the account."""
        if account and address:
            shown = await self._listed([("Action", "PJSIPShowEndpoint"), ("Endpoint", account)])
            own = own_contacts(shown, address)
            return [("URI", uri) for uri in own] or [("Endpoint", account)]
        if account:
            return [("Endpoint", account)]
        if address:
            host = f"[{address}]" if ":" in address else address
            return [("URI", f"sip:anonymous@{host}")]
        raise Unavailable("the device has neither an account nor an address")

    async def _told_by_older(self, peer: str, action: SipNotify) -> AmiMessage:
        """Notify through ``chan_sip``; where that has no action for it yet, by its command for the console."""
        answer = await self._performed([("Action", "SIPnotify"), ("Channel", f"SIP/{peer}"), *_variables(action)])
        if not _is_unknown(answer):
            return answer
        kind = NOTIFY_TYPES.get(action.event)
        if kind is None or not re.fullmatch(r"[A-Za-z0-9._-]+", peer):
            raise Unavailable(f'this Asterisk has no action SIPnotify, and no notify type for "{action.event}"')
        return await self._performed([("Action", "Command"), ("Command", f"sip notify {kind} {peer}")])

    async def reset(self, action: SccpReset) -> str:
        """Restart or reset an SCCP phone; return what came of it.

        :raises Unavailable: with what Asterisk says when it refuses.
        """
        kind = "restart" if action.restart else "reset"
        if not action.device_name.isalnum():
            raise InvalidInput("the plugin's SCCP reset names no valid device")
        lines = [("Action", "SCCPDeviceRestart"), ("Devicename", action.device_name), ("Type", kind)]
        answer = await self._performed(lines)
        if _is_unknown(answer):
            answer = await self._performed([("Action", "Command"), ("Command", f"sccp {kind} {action.device_name}")])
        return _said(answer)

    async def _listed(self, lines: Lines) -> Sequence[AmiMessage]:
        """Return the contacts of an endpoint; none when Asterisk does not tell them.

        Other events of the list hold passwords: they are not kept.
        """
        try:
            return (await self._ami.perform_listed(lines, CONTACT))[1]
        except ValueError as error:
            raise InvalidInput(LINE_BREAK) from error

    async def _performed(self, lines: Lines) -> AmiMessage:
        try:
            return await self._ami.perform(lines)
        except ValueError as error:
            raise InvalidInput(LINE_BREAK) from error


def _is_unknown(answer: AmiMessage) -> bool:
    return not answer.succeeded and "invalid/unknown command" in answer.get("Message").lower()


def _said(answer: AmiMessage, target: str = "") -> str:
    message = " ".join(answer.get("Message").split())[:200]
    if not answer.succeeded:
        # Source: Asterisk documentation of PJSIPNotify: only the default outbound endpoint sends to a URI.
        cure = "; default_outbound_endpoint in pjsip.conf must name an endpoint" if target == "URI" else ""
        raise Unavailable(f"Asterisk refused: {message or 'no reason given'}{cure}")
    return f"Asterisk answered: {message or 'done'}"

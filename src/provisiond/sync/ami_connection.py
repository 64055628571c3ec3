"""One connection to Asterisk's manager interface: greeting, login, actions and their responses by ActionID."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.errors import Unavailable
from provisiond.sync.ami_messages import AmiMessage, AmiStream, challenge_key, encoded

log = Logger()
ANSWER_SECONDS: Final = 10.0
MAX_LISTED: Final = 200
Lines = Sequence[tuple[str, str]]


@frozen
class AmiUser:
    """Who logs in.

    :param challenge: True for the MD5 challenge, False sends the password as it is.
    """

    name: str
    secret: str
    challenge: bool = True

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"AmiUser({self.name!r})"


@define
class _Listing:
    """A list that an action is answered by.

    Source: Asterisk documentation, "AMI v2 Specification", action responses that are lists: ``EventList: start`` in
    the response, ``EventList: Complete`` in the last event.
    """

    event: str
    found: list[AmiMessage] = field(factory=list)
    response: AmiMessage | None = None

    def ended_by(self, message: AmiMessage) -> AmiMessage | None:
        """Take a message of the action; return its response when the list is whole, or there is none."""
        if message.get("Response"):
            self.response = message
            return None if message.get("EventList").lower() == "start" else message
        if message.get("Event") == self.event and len(self.found) < MAX_LISTED:
            self.found.append(message)
        return self.response if message.get("EventList").lower() in ("complete", "cancelled") else None


class AmiConnection(Protocol):
    """Speaks to Asterisk; once it is lost every action that waits fails.

    :param clock: Twisted's clock.
    """

    def __init__(self, clock: Any, seconds: float = ANSWER_SECONDS) -> None:
        self.greeted: Deferred[None] = Deferred()
        self.lost = False
        self._clock = clock
        self._seconds = seconds
        self._stream = AmiStream()
        self._waiting: dict[str, Deferred[AmiMessage]] = {}
        self._listing: dict[str, _Listing] = {}
        self._number = 0

    def connectionMade(self) -> None:  # noqa: N802
        self.greeted.addTimeout(self._seconds, self._clock)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        before = self._stream.greeting
        try:
            for message in self._stream.feed(data):
                self._take(message)
        except Unavailable as problem:
            self._fail(problem)
            self.close()
            return
        if before is None and self._stream.greeting is not None and not self.greeted.called:
            self.greeted.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        self._fail(Unavailable("Asterisk's manager interface closed the connection"))

    async def login(self, user: AmiUser) -> None:
        """Log in, once.

        :raises Unavailable: when Asterisk does not greet, refuses, or does not answer.
        """
        try:
            await self.greeted
        except Unavailable:
            raise
        except Exception:
            raise Unavailable("Asterisk's manager interface does not greet") from None
        secret: tuple[tuple[str, str], ...] = (("Secret", user.secret),)
        if user.challenge:
            answer = await self.act([("Action", "Challenge"), ("AuthType", "MD5")])
            challenge = answer.get("Challenge")
            if not answer.succeeded or not challenge:
                raise Unavailable("Asterisk's manager interface gives no login challenge")
            secret = (("AuthType", "MD5"), ("Key", challenge_key(challenge, user.secret)))
        answer = await self.act([("Action", "Login"), ("Username", user.name), *secret, ("Events", "off")])
        if not answer.succeeded:
            raise Unavailable("Asterisk's manager interface refuses the login: check user and password in manager.conf")

    def act(self, lines: Lines) -> Deferred[AmiMessage]:
        """Send an action; fires with its response, or fails with the reason.

        :param lines: keys and values without ActionID, ``Action`` first.
        """
        if self.lost:
            waiting: Deferred[AmiMessage] = Deferred()
            waiting.errback(Unavailable("Asterisk's manager interface is not connected"))
            return waiting
        self._number += 1
        key = f"provisiond-{self._number}"
        data = encoded([lines[0], ("ActionID", key), *lines[1:]])
        waiting = Deferred(lambda _: self._forget(key))
        self._waiting[key] = waiting
        transport: Any = self.transport
        transport.write(data)
        waiting.addTimeout(self._seconds, self._clock, onTimeoutCancel=_no_answer)
        return waiting

    def act_listed(self, lines: Lines, event: str) -> Deferred[tuple[AmiMessage, Sequence[AmiMessage]]]:
        """Send an action that is answered by a list; fires with its response and the list, or fails with the reason.

        :param event: name of the events that are kept, others of the list are passed over; at most ``MAX_LISTED``.
        """
        listing = _Listing(event)

        def ended(response: AmiMessage) -> tuple[AmiMessage, Sequence[AmiMessage]]:
            return response, tuple(listing.found)

        acting = self.act(lines)
        if not self.lost:
            self._listing[f"provisiond-{self._number}"] = listing
        return acting.addCallback(ended)

    def close(self) -> None:
        """End the connection at once; it is lost from now on."""
        self.lost = True
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def _take(self, message: AmiMessage) -> None:
        key = message.get("ActionID")
        listing = self._listing.get(key)
        response = message if message.get("Response") else None
        if listing is not None:
            response = listing.ended_by(message)
        if response is not None:
            self._listing.pop(key, None)
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                waiting.callback(response)

    def _forget(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._listing.pop(key, None)

    def _fail(self, problem: Unavailable) -> None:
        self.lost = True
        if not self.greeted.called:
            self.greeted.errback(problem)
        waiting, self._waiting, self._listing = self._waiting, {}, {}
        for each in waiting.values():
            each.errback(problem)


def _no_answer(_: Any, seconds: float) -> Any:
    raise Unavailable(f"Asterisk's manager interface did not answer within {seconds:g} seconds")

"""SUBSCRIBE in, 200 and NOTIFY out: one state machine for all phones, without input or output.

Sources: RFC 3261 (dialogs, transactions), RFC 6665 (SUBSCRIBE, NOTIFY), RFC 6080 (Event ``ua-profile``), as far as
phones use them: they subscribe with Expires 0 and take one NOTIFY whose body is an address.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from provisiond.sip.fields import address_of, bracketed, event_of, parse_uri, parse_via
from provisiond.sip.messages import MalformedSip, SipRequest, SipResponse
from provisiond.sip.transaction import ClientTransaction, Outcome

MAX_CONVERSATIONS: Final = 2_000
KEPT_SECONDS: Final = 40.0
EVENT: Final = "ua-profile"
Peer = tuple[str, int]


def bare(peer: Peer) -> str:
    """Return a peer's address without the network that a link-local one has behind it."""
    return peer[0].partition("%")[0]


@frozen
class Datagram:
    """Something to send."""

    data: bytes
    peer: Peer


@frozen(kw_only=True)
class Subscription:
    """A phone that wants its profile, to be answered with :meth:`Conversations.told`.

    :param key: which conversation it is.
    :param peer: address and port that the datagram came from.
    """

    key: str
    request: SipRequest
    peer: Peer


@define
class _Conversation:
    began: float
    request: SipRequest
    reply_to: Peer
    responses: bytes = b""
    notify: bytes = b""
    notify_to: Peer | None = None
    branch: str = ""
    transaction: ClientTransaction | None = None
    tag: str = field(default="")


class Conversations:
    """Keeps who asked and what they were told, 2,000 phones and 40 seconds at most.

    :param contact: returns the address and port that a peer sees this server at.
    :param random: returns text that nobody guesses.
    """

    def __init__(
        self, contact: Callable[[str], Peer], random: Callable[[], str], *, max_conversations: int = MAX_CONVERSATIONS
    ) -> None:
        self._contact = contact
        self._random = random
        self._max = max_conversations
        self._kept: OrderedDict[str, _Conversation] = OrderedDict()
        self.refused = 0

    def __len__(self) -> int:
        """Return how many conversations are kept."""
        return len(self._kept)

    def received(
        self, message: SipRequest | SipResponse, peer: Peer, now: float
    ) -> tuple[list[Datagram], Subscription | None]:
        """Take a message of a phone.

        :return: what to send at once, and a subscription that wants its profile; both may be empty.
        """
        self._expire(now)
        if isinstance(message, SipResponse):
            self._answered(message, peer)
            return [], None
        if message.method != "SUBSCRIBE":
            return [], None
        try:
            key, reply_to = _key_of(message), _reply_address(message, peer)
            package = event_of(message.first("event") or "")[0]
            address_of(message.first("to") or "")
        except MalformedSip:
            self.refused += 1
            return [], None
        if key in self._kept:
            kept = self._kept[key]
            return ([Datagram(kept.responses, kept.reply_to)] if kept.responses else []), None
        if package != EVENT:
            # RFC 3261, section 21.5: errors to multicast are not sent; another server may know that event.
            return [], None
        if len(self._kept) >= self._max:
            self.refused += 1
            return [], None
        self._kept[key] = _Conversation(now, message, reply_to, tag=self._random())
        return [], Subscription(key=key, request=message, peer=peer)

    def forget(self, key: str) -> None:
        """Take a subscription for never heard, so that the phone's next try begins anew."""
        self._kept.pop(key, None)

    def told(self, key: str, url: str | None, now: float) -> list[Datagram]:
        """Return the 200 and the NOTIFY that tell a phone where its profile is.

        :param url: None forgets the phone without an answer, so that another server can give one.
        """
        kept = self._kept.get(key)
        if kept is None or kept.responses:
            return []
        if url is None:
            return []
        host, port = self._contact(kept.reply_to[0])
        contact = f"<sip:provisiond@{bracketed(host)}:{port}>"
        answer = kept.request.answer(200, "OK", (("Contact", contact), ("Expires", "0")), kept.tag)
        kept.responses = answer.encode()
        notify = self._notify(kept, url, contact, f"{bracketed(host)}:{port}")
        kept.notify = notify.encode()
        kept.notify_to = _notify_address(kept.request, kept.reply_to)
        kept.transaction = ClientTransaction(now, reliable=False)
        return [Datagram(kept.responses, kept.reply_to), Datagram(kept.notify, kept.notify_to)]

    def due(self, now: float) -> list[Datagram]:
        """Return the NOTIFYs to send again now."""
        again: list[Datagram] = []
        for kept in self._kept.values():
            if kept.transaction is not None and kept.notify_to is not None and kept.transaction.due(now):
                again.append(Datagram(kept.notify, kept.notify_to))
        self._expire(now)
        return again

    def next_event(self) -> float | None:
        """Return when :meth:`due` wants to be called, or None."""
        moments = [each.transaction.next_event() for each in self._kept.values() if each.transaction is not None]
        return min((moment for moment in moments if moment is not None), default=None)

    def _notify(self, kept: _Conversation, url: str, contact: str, local: str) -> SipRequest:
        request = kept.request
        to = request.first("to") or ""
        kept.branch = f"z9hG4bK{self._random()}"
        headers = (
            ("Via", f"SIP/2.0/UDP {local};branch={kept.branch};rport"),
            ("Max-Forwards", "20"),
            ("From", f"{to};tag={kept.tag}" if "tag=" not in to.rpartition(">")[2] else to),
            ("To", request.first("from") or ""),
            ("Call-ID", request.first("call-id") or ""),
            ("CSeq", "1 NOTIFY"),
            ("Contact", contact),
            ("Event", f"{EVENT};effective-by=0"),
            ("Subscription-State", "terminated;reason=timeout"),
            ("Content-Type", "application/url"),
        )
        return SipRequest(method="NOTIFY", uri=_target(request), headers=headers, body=url.encode("utf-8"))

    def _answered(self, response: SipResponse, peer: Peer) -> None:
        via = response.first("via") or ""
        for kept in self._kept.values():
            if kept.transaction is not None and kept.branch and f"branch={kept.branch}" in via:
                if kept.notify_to is not None and bare(kept.notify_to) == bare(peer):
                    kept.transaction.response(response.status)
                return

    def outcome(self, key: str) -> str:
        """Return ``waiting``, ``answered`` or ``timed out``; ``unknown`` for what is no longer kept."""
        kept = self._kept.get(key)
        if kept is None:
            return "unknown"
        return (kept.transaction.outcome if kept.transaction is not None else Outcome.WAITING).value

    def _expire(self, now: float) -> None:
        while self._kept and next(iter(self._kept.values())).began <= now - KEPT_SECONDS:
            self._kept.popitem(last=False)


def _key_of(message: SipRequest) -> str:
    """Return what makes a SUBSCRIBE the same as one before: dialog and sequence (RFC 3261, section 8.2.2.2)."""
    _, parameters = address_of(message.first("from") or "")
    number, method = message.sequence()
    call_id = message.first("call-id")
    if method.upper() != "SUBSCRIBE" or not call_id or not parameters.get("tag"):
        raise MalformedSip("the SUBSCRIBE lacks Call-ID, tag or sequence")
    return f"{call_id}\0{parameters['tag']}\0{number}"


def _reply_address(message: SipRequest, peer: Peer) -> Peer:
    """Return where responses go (RFC 3261, section 18.2.2; RFC 3581): always the address that the request came from."""
    via = parse_via(message.first("via") or "")
    if "rport" in via.parameters:
        return peer
    return peer[0], via.port or 5060


def _notify_address(request: SipRequest, reply_to: Peer) -> Peer:
    """Return where the NOTIFY goes: the phone's Contact if that is the phone's own address, else where it came from."""
    try:
        uri = parse_uri(_target(request))
    except MalformedSip:
        return reply_to
    # A link-local address has the network that it was heard on behind it; the phone does not say that.
    return (reply_to[0], uri.port or 5060) if uri.host == bare(reply_to) else reply_to


def _target(request: SipRequest) -> str:
    try:
        return address_of(request.first("contact") or request.first("from") or "")[0]
    except MalformedSip:
        return request.uri

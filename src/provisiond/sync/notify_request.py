"""The NOTIFY that makes a phone fetch (RFC 3261, RFC 3265), as bytes and back: nothing is sent here."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

from attrs import frozen

from provisiond.sip.digest import Credentials, authorization, best_challenge
from provisiond.sip.fields import bracketed
from provisiond.sip.messages import Headers, MalformedSip, SipRequest, SipResponse, canonical

USER_AGENT: Final = "provisiond"
DEFAULT_PORT: Final = 5060
TLS_PORT: Final = 5061
_OWN: Final = frozenset(
    {"via", "max-forwards", "from", "to", "call-id", "cseq", "contact", "event", "content-length", "subscription-state"}
)
_USER: Final = "-_.!~*'()&=+$,;?/"


def random_text() -> str:
    """Return text that nobody guesses, fit for tags, branches and nonces."""
    return secrets.token_hex(12)


@frozen(kw_only=True)
class SipTarget:
    """Where a NOTIFY goes.

    :param host: address of the phone or of the proxy.
    :param port: 1 to 65535.
    :param transport: ``udp``, ``tcp`` or ``tls``.
    :param uri: the request URI.
    """

    host: str
    port: int
    transport: str
    uri: str


def phone_target(address: str, user: str | None, *, transport: str, port: int) -> SipTarget:
    """Return the target for a phone that is asked directly.

    :param user: the account that the phone expects in the request URI, or None.
    """
    shown = "" if port == DEFAULT_PORT else f":{port}"
    suffix = "" if transport == "udp" else f";transport={transport}"
    uri = sip_uri(user, address) + shown + suffix
    return SipTarget(host=address, port=port, transport=transport, uri=uri)


def sip_uri(user: str | None, host: str) -> str:
    """Return a SIP address without port; what may not stand in its user part is escaped (RFC 3261, section 25.1)."""
    return f"sip:{quote(user, safe=_USER)}@{bracketed(host)}" if user else f"sip:{bracketed(host)}"


class Notification:
    """One NOTIFY and, where it is challenged, its repetition with an answer.

    :param event: value of the Event header field.
    :param extra: further header fields and lines of a body, as in :class:`provisiond.sdk.SipNotify`.
    :param local: address and port that the phone sees this server at.
    """

    def __init__(
        self,
        target: SipTarget,
        event: str,
        local: tuple[str, int],
        credentials: Credentials | None = None,
        *,
        extra: Sequence[str] = (),
        random: Callable[[], str] = random_text,
    ) -> None:
        self._extra, self._body = parts_of(extra)
        self._target = target
        self._event = event
        self._local = f"{bracketed(local[0])}:{local[1]}"
        self._credentials = credentials
        self._random = random
        self._call_id = random()
        self._tag = random()
        self._number = 0
        self._branch = ""
        self._answered = False

    def first(self) -> SipRequest:
        """Return the request to begin with."""
        return self._request()

    def fits(self, response: SipResponse) -> bool:
        """Tell whether a response answers what was sent last (RFC 3261, section 17.1.3)."""
        try:
            number, method = response.sequence()
        except MalformedSip:
            return False
        branch = f"branch={self._branch}"
        via = response.first("via") or ""
        return (number, method.upper()) == (self._number, "NOTIFY") and branch in via

    def next(self, response: SipResponse) -> SipRequest | None:
        """Return the request again with an answer to a challenge; None when the response is the last word."""
        names = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}
        if response.status not in names or self._credentials is None or self._answered:
            return None
        asked, given = names[response.status]
        challenge = best_challenge(response.all(asked))
        if challenge is None:
            return None
        self._answered = True
        value = authorization(
            challenge, self._credentials, method="NOTIFY", uri=self._target.uri, client_nonce=self._random()
        )
        return self._request().with_header(given, value)

    def _request(self) -> SipRequest:
        self._number += 1
        self._branch = f"z9hG4bK{self._random()}"
        target = self._target
        headers = (
            ("Via", f"SIP/2.0/{target.transport.upper()} {self._local};branch={self._branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:provisiond@{self._local}>;tag={self._tag}"),
            ("To", f"<{target.uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} NOTIFY"),
            ("Contact", f"<sip:provisiond@{self._local}>"),
            ("Event", self._event),
            # Nobody subscribed: that is how servers have told phones to fetch since RFC 3265 was young.
            ("Subscription-State", "terminated"),
            ("User-Agent", USER_AGENT),
            *self._extra,
        )
        return SipRequest(method="NOTIFY", uri=target.uri, headers=headers, body=self._body)


def parts_of(extra: Sequence[str]) -> tuple[Headers, bytes]:
    """Return the header fields and the body that lines ``Name=value`` make; each ``Content`` is a line of the body.

    What would replace a field of the request itself is left out.
    """
    headers: list[tuple[str, str]] = []
    body: list[str] = []
    for line in extra:
        name, _, value = line.partition("=")
        if name.strip().lower() == "content":
            body.append(value)
        elif canonical(name.strip()) not in _OWN:
            headers.append((name.strip(), value))
    return tuple(headers), "".join(f"{line}\r\n" for line in body).encode("utf-8")


def meaning(response: SipResponse, event: str) -> str:
    """Return what a final response means, as one sentence for the administrator."""
    status = response.status
    if 200 <= status < 300:
        return f"the phone answered {status}"
    known = {
        401: "it wants a user and a password that the settings do not have, or has others",
        403: "it refuses requests from this server: allow this address in its configuration",
        404: "it has no such account: is the phone registered under another name?",
        407: "the proxy wants a user and a password that the settings do not have, or has others",
        408: "the proxy could not reach it",
        480: "it is not registered at the proxy",
        481: "it takes this only within a subscription: NOTIFY without one is switched off on the phone",
        489: f'it does not know the event "{event}"',
    }
    reason = " ".join(response.reason.split())[:60]
    said = f"the phone answered {status} {reason}".rstrip()
    return f"{said}: {known[status]}" if status in known else said

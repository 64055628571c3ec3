"""SIP messages on a stream: who begins, who ends (RFC 3261, section 18.3)."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from provisiond.sip.messages import MAX_MESSAGE, MalformedSip, SipRequest, SipResponse, content_length, parse_head
from provisiond.sip.messages import split_head as split


class SipStream:
    """Cuts the bytes of a connection into messages; empty lines between them keep a connection alive."""

    def __init__(self) -> None:
        self._held = b""
        self._begun: SipRequest | SipResponse | None = None
        self._missing = 0

    def feed(self, data: bytes) -> Iterator[SipRequest | SipResponse]:
        """Yield the messages that are complete with these bytes.

        :raises MalformedSip: when the bytes are no messages; the connection is of no more use then.
        """
        self._held += data
        while True:
            message = self._next()
            if message is None:
                return
            yield message

    def _next(self) -> SipRequest | SipResponse | None:
        if self._begun is None and not self._begin():
            return None
        message = self._begun
        if message is None or len(self._held) < self._missing:
            return None
        body, self._held = self._held[: self._missing], self._held[self._missing :]
        self._begun = None
        return evolve(message, body=body)

    def _begin(self) -> bool:
        self._held = self._held.lstrip(b"\r\n")
        parts = split(self._held)
        if parts is None:
            if len(self._held) > MAX_MESSAGE:
                raise MalformedSip("the SIP message's header is too large")
            return False
        head, rest = parts
        message = parse_head(head)
        length = content_length(message.headers)
        if length is None:
            raise MalformedSip("a SIP message on a connection needs Content-Length")
        self._begun, self._missing, self._held = message, length, rest
        return True

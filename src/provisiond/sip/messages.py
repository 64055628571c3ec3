"""SIP messages from bytes and to bytes (RFC 3261, sections 7 and 25)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from attrs import evolve, frozen

from provisiond.errors import ProvisiondError

VERSION: Final = "SIP/2.0"
MAX_MESSAGE: Final = 65_535
MAX_HEADERS: Final = 128
MAX_LINE: Final = 8_192
# RFC 3261, section 7.3.3, and RFC 6665, section 8.2.
COMPACT: Final = {
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
}
_TOKEN: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_STATUS: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE)


class MalformedSip(ProvisiondError):
    """Something that is not a SIP message."""

    code = "malformed-sip"


Headers = tuple[tuple[str, str], ...]


def canonical(name: str) -> str:
    """Return the long name of a header field in lower case."""
    lower = name.lower()
    return COMPACT.get(lower, lower)


@frozen(kw_only=True)
class SipMessage:
    """What requests and responses share.

    :param headers: fields in the order of the message, values without folding.
    :param body: exactly as many bytes as Content-Length says.
    """

    headers: Headers = ()
    body: bytes = b""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header field, whichever form its name has."""
        wanted = canonical(name)
        return tuple(value for each, value in self.headers if canonical(each) == wanted)

    def first(self, name: str) -> str | None:
        """Return the first value of a header field, or None."""
        return next(iter(self.all(name)), None)

    def sequence(self) -> tuple[int, str]:
        """Return number and method of CSeq.

        :raises MalformedSip: when there is none, or a wrong one.
        """
        number, _, method = (self.first("cseq") or "").strip().partition(" ")
        method = method.strip()
        if not number.isascii() or not number.isdigit() or int(number) >= 2**31 or not _TOKEN.fullmatch(method):
            raise MalformedSip("the SIP message has no valid CSeq")
        return int(number), method

    def start_line(self) -> str:
        """Return the first line."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """Return the bytes to send; Content-Length is added."""
        lines = [self.start_line(), *(f"{name}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join(lines)
        if any(char in line for line in lines for char in "\r\n\0"):
            raise MalformedSip("a SIP header must not hold a line break")
        return head.encode("utf-8") + b"\r\n\r\n" + self.body


@frozen(kw_only=True)
class SipRequest(SipMessage):
    """A request.

    :param uri: the request URI, as it stands.
    """

    method: str
    uri: str

    def start_line(self) -> str:
        """Return the first line."""
        return f"{self.method} {self.uri} {VERSION}"

    def with_header(self, name: str, value: str) -> SipRequest:
        """Return the request with one more header field."""
        return evolve(self, headers=(*self.headers, (name, value)))

    def answer(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = (), tag: str = "") -> SipResponse:
        """Return a response to this request (RFC 3261, section 8.2.6).

        :param tag: what is added to To where it has no tag yet.
        """
        copied: list[tuple[str, str]] = [("Via", value) for value in self.all("via")]
        for name, shown in (("from", "From"), ("to", "To"), ("call-id", "Call-ID"), ("cseq", "CSeq")):
            value = self.first(name) or ""
            if name == "to" and tag and not has_tag(value):
                value = f"{value};tag={tag}"
            copied.append((shown, value))
        return SipResponse(status=status, reason=reason, headers=(*copied, *headers))


@frozen(kw_only=True)
class SipResponse(SipMessage):
    """A response.

    :param status: 100 to 699.
    """

    status: int
    reason: str = ""

    def start_line(self) -> str:
        """Return the first line."""
        return f"{VERSION} {self.status} {self.reason}"


def has_tag(value: str) -> bool:
    """Tell whether a From or To has a tag; what stands inside a URI's angle brackets is none of it."""
    return re.search(r";\s*tag\s*=", value.rpartition(">")[2], re.IGNORECASE) is not None


def _parsed_headers(text: str) -> Headers:
    lines = [line for line in re.split(r"\r?\n", _FOLD.sub(" ", text)) if line]
    if len(lines) > MAX_HEADERS:
        raise MalformedSip(f"the SIP message has more than {MAX_HEADERS} header fields")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip()
        if not colon or not _TOKEN.fullmatch(name) or len(line) > MAX_LINE:
            raise MalformedSip("the SIP message has a line that is not a header field")
        headers.append((name, value.strip()))
    return tuple(headers)


def content_length(headers: Headers) -> int | None:
    """Return what Content-Length says, or None when there is none.

    :raises MalformedSip: when it is no number, too large, or said twice differently.
    """
    values = {value for name, value in headers if canonical(name) == "content-length"}
    if not values:
        return None
    value = values.pop()
    if values or not value.isascii() or not value.isdigit() or len(value) > 6 or int(value) > MAX_MESSAGE:
        raise MalformedSip("the SIP message has no valid Content-Length")
    return int(value)


def split_head(data: bytes) -> tuple[bytes, bytes] | None:
    """Return head and rest of a message, or None while the empty line between them is missing."""
    found = re.search(rb"\r?\n\r?\n", data)
    return None if found is None else (data[: found.start()], data[found.end() :])


def parse_head(head: bytes) -> SipRequest | SipResponse:
    """Return the message that a first line and header fields make, still without its body.

    :raises MalformedSip: when they make none.
    """
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedSip("the SIP message is not UTF-8") from None
    if "\0" in text:
        raise MalformedSip("the SIP message holds a NUL")
    first, _, rest = text.partition("\n")
    first = first.rstrip("\r")
    if len(first) > MAX_LINE:
        raise MalformedSip("the SIP message's first line is too long")
    headers = _parsed_headers(rest)
    response = _STATUS.fullmatch(first)
    if response is not None:
        return SipResponse(status=int(response[1]), reason=response[2] or "", headers=headers)
    words = first.split(" ")
    if len(words) != 3 or words[2].upper() != VERSION or not words[1] or not _TOKEN.fullmatch(words[0]):
        raise MalformedSip("this is not a SIP message")
    return SipRequest(method=words[0], uri=words[1], headers=headers)


def parse_datagram(data: bytes) -> SipRequest | SipResponse:
    """Return the message in a datagram; what stands behind its body is ignored (RFC 3261, section 18.3).

    :raises MalformedSip: when it holds none, or less than Content-Length says.
    """
    if len(data) > MAX_MESSAGE:
        raise MalformedSip("the SIP message is too large")
    parts = split_head(data.lstrip(b"\r\n"))
    if parts is None:
        raise MalformedSip("the SIP message has no end of its header")
    head, rest = parts
    message = parse_head(head)
    length = content_length(message.headers)
    if length is not None and len(rest) < length:
        raise MalformedSip("the SIP message is shorter than it says")
    return evolve(message, body=rest if length is None else rest[:length])

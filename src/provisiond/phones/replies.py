"""What is answered to a request for a content: status, headers, and which of its bytes; the same for every adapter."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from attrs import frozen

from provisiond.phones.content import Content

Header = Callable[[str], str | None]
RETRY_SECONDS: Final = 5
_SENTENCES: Final = {
    403: "this network may not fetch files",
    404: "file not found",
    405: "this server takes no uploads",
    408: "the request did not come in time",
    416: "the range lies outside of the file",
    500: "internal error",
    503: "the file cannot be made now",
}


@frozen
class Reply:
    """A status line, headers, and what follows them.

    :param headers: without those of the connection and the date.
    :param sentence: the whole body, or None when the bytes of the content are it.
    :param start: first byte of the content.
    :param length: number of bytes of the content.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    sentence: bytes | None = None
    start: int = 0
    length: int = 0


def refusal(status: int, sentence: str | None = None, *headers: tuple[str, str]) -> Reply:
    """Return a reply of one sentence.

    :param sentence: ASCII; by default the one that belongs to the status.
    """
    body = f"{sentence or _SENTENCES[status]}\n".encode("ascii")
    retry = (("Retry-After", str(RETRY_SECONDS)),) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
    kind = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))))
    return Reply(status, (*headers, *retry, *kind), body)


BUSY: Final = refusal(503, "the server is busy, try again")


def refusal_of(outcome: str) -> Reply:
    """Return the reply to a request whose outcome is not a file (``pipeline.Answer.outcome``)."""
    return refusal({"refused": 403, "error": 503}.get(outcome, 404))


def own_reply(content: Content) -> Reply:
    """Return the reply that a plugin has made itself, as it was."""
    assert content.own is not None
    headers = tuple((_printable(name), _printable(value)) for name, value in content.own.headers)
    return Reply(content.own.status, (*headers, ("Content-Length", str(content.size))), content.data or b"")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() and ord(char) < 256 else "?" for char in text)


def reply_with(content: Content, header: Header) -> Reply:
    """Return the reply that gives a content, or the part of it that was asked for, or nothing when it is known.

    :param header: returns the last value of a request header, by its lower-case name (RFC 9110, sections 13 and 14).
    """
    described = (
        ("ETag", content.etag),
        ("Last-Modified", _date(int(content.modified))),
        ("Accept-Ranges", "bytes"),
    )
    if _is_fresh(content, header):
        return Reply(304, described)
    try:
        wanted = byte_range(header("range"), content.size) if _range_holds(content, header) else None
    except ValueError:
        return refusal(416, None, *described, ("Content-Range", f"bytes */{content.size}"))
    if wanted is None:
        length = (("Content-Type", content.content_type), ("Content-Length", str(content.size)))
        return Reply(200, (*described, *length), None, 0, content.size)
    start, end = wanted
    part = (
        ("Content-Type", content.content_type),
        ("Content-Range", f"bytes {start}-{end}/{content.size}"),
        ("Content-Length", str(end - start + 1)),
    )
    return Reply(206, (*described, *part), None, start, end - start + 1)


@lru_cache(maxsize=4_096)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return first and last byte of a Range header with one range, or None to answer with everything.

    :raises ValueError: when the range lies outside (RFC 9110, section 14).
    """
    unit, _, text = (header or "").partition("=")
    if unit.strip().lower() != "bytes" or "," in text:
        return None
    first, dash, last = text.strip().partition("-")
    if not dash or not (first + last).isascii() or not (first + last).isdigit() or len(first + last) > 36:
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise ValueError("empty")
        return size - length, size - 1
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise ValueError("behind the end")
    return start, end


def _is_fresh(content: Content, header: Header) -> bool:
    tags = header("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or content.etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    since = header("if-modified-since")
    return since is not None and _not_after(content.modified, since)


def _range_holds(content: Content, header: Header) -> bool:
    condition = header("if-range")
    if condition is None:
        return True
    return condition.strip() == content.etag if '"' in condition else _not_after(content.modified, condition)


def _not_after(modified: float, date: str) -> bool:
    try:
        return int(modified) <= parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False

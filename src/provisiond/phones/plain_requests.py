"""Heads of plain GET and HEAD requests, read strictly: whatever is not understood completely is not read at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import frozen

MAX_HEAD: Final = 4_096
MAX_HEADERS: Final = 50
MAX_NAME: Final = 2_048
END: Final = b"\r\n\r\n"
_BEGINNINGS: Final = (b"GET /", b"HEAD /")
# Nothing is tried twice: each header begins with a line's end. A group is not repeated possessively, which Debian 12's
# Python 3.11.2 never matches.
_HEAD: Final = re.compile(
    rb"(GET|HEAD) (/[!-~]*+) HTTP/1\.([01])((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+)*)\r\n\r\n\Z"
)
# With any of these a message may end elsewhere, or the connection may go on as something else.
_NOT_PLAIN: Final = frozenset(
    {"content-length", "transfer-encoding", "expect", "upgrade", "te", "trailer", "http2-settings", "proxy-connection"}
)
# With two of these it is not clear which one counts.
_ONCE: Final = frozenset({"host", "connection", "range", "if-range", "if-none-match", "if-modified-since"})


@frozen
class PlainRequest:
    """A GET or HEAD request without a body.

    :param path: as sent, without query.
    :param target: with query.
    :param headers: lower-case names to values, one character a byte; the last of two equal names counts.
    :param persistent: whether the connection may stay open afterwards.
    """

    method: str
    path: bytes
    target: bytes
    headers: Mapping[str, str]
    persistent: bool


def may_be_plain(beginning: bytes | bytearray) -> bool:
    """Tell whether a plain request may begin with these bytes."""
    return any(beginning.startswith(each) or each.startswith(beginning) for each in _BEGINNINGS)


def is_one_head(data: bytes) -> bool:
    """Tell whether bytes are the head of one request and nothing else."""
    return data.endswith(END) and data.find(END) == len(data) - len(END) and len(data) < MAX_HEAD


def plain_request(head: bytes) -> PlainRequest | None:
    """Return the request of a head that ends in an empty line, or None when it is not plain.

    Understood are requests with an absolute path, visible ASCII in it, and headers on one line each (RFC 9112,
    sections 2 to 5). Everything else is for a complete implementation to judge.
    """
    line = _HEAD.match(head)
    if line is None:
        return None
    lines = head[line.end(3) + 2 : -len(END)].decode("latin-1").split("\r\n") if line[4] else ()
    if len(lines) > MAX_HEADERS:
        return None
    headers: dict[str, str] = {}
    for each in lines:
        name, _, value = each.partition(":")
        name = name.lower()
        if name in _NOT_PLAIN or (name in headers and name in _ONCE):
            return None
        headers[name] = value.strip(" \t")
    connection = headers.get("connection", "").lower()
    if connection not in ("", "close", "keep-alive"):
        return None
    persistent = line[3] == b"1" and connection != "close"
    target = line[2]
    return PlainRequest(line[1].decode("ascii"), target.partition(b"?")[0], target, headers, persistent)


def name_of(raw_path: bytes) -> str | None:
    """Return the file name that an HTTP path means, or None when it can mean none.

    Percent-decoded once; a slash that only appears by decoding, and bytes that are not UTF-8, mean no file.
    """
    if len(raw_path) > MAX_NAME or raw_path.endswith(b"/"):
        return None
    if b"%" not in raw_path and raw_path.isascii():
        return raw_path.decode("ascii")
    try:
        segments = [unquote_to_bytes(segment).decode("utf-8") for segment in raw_path.split(b"/")]
    except UnicodeDecodeError:
        return None
    if any("/" in segment for segment in segments):
        return None
    return "/".join(segments)


def without_key(path: bytes, is_key: Callable[[str], bool]) -> bytes:
    """Return a path without the provisioning key that is its first part, however many slashes stand before it.

    :param is_key: tells whether a text is a tenant's provisioning key.
    """
    first, _, rest = path.lstrip(b"/").partition(b"/")
    return b"/" + rest if is_key(unquote_to_bytes(first).decode("utf-8", "replace")) else path


def query_of(target: bytes) -> dict[str, str]:
    """Return the decoded arguments behind the question mark, one character a byte; the first of equal names counts."""
    found: dict[str, str] = {}
    for pair in target.partition(b"?")[2][:4096].split(b"&"):
        name, _, value = pair.partition(b"=")
        if name:
            found.setdefault(_loose(name), _loose(value))
    return found


def _loose(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("latin-1")

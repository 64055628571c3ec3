"""TFTP packets: from bytes to values and back (RFC 1350, RFC 2347)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from attrs import frozen

from provisiond.errors import ProvisiondError

MAX_REQUEST: Final = 1024
MAX_OPTIONS: Final = 32

RRQ: Final = 1
WRQ: Final = 2
DATA: Final = 3
ACK: Final = 4
ERROR: Final = 5
OACK: Final = 6

_HEAD: Final = struct.Struct("!HH")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class ErrorCode(IntEnum):
    """Error codes of RFC 1350, appendix, and RFC 2347."""

    UNDEFINED = 0
    NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TRANSFER = 5
    ALREADY_EXISTS = 6
    NO_SUCH_USER = 7
    BAD_OPTIONS = 8


class MalformedPacket(ProvisiondError):
    """A datagram is not a TFTP packet that a server can use."""

    code = "malformed-packet"


class Request(NamedTuple):
    """A read or write request.

    :param filename: as sent, one character a byte where it is not UTF-8.
    :param utf8: False when the name is not UTF-8.
    :param mode: lower-case: ``octet``, ``netascii`` or whatever was sent.
    :param options: lower-case names to values as sent, in the order they came; the first of two equal names counts.
    """

    write: bool
    filename: str
    mode: str
    options: Mapping[str, str] = _NONE
    utf8: bool = True


@frozen
class Ack:
    """An acknowledgement of the block with this 16-bit number."""

    block: int


@frozen
class Data:
    """A block of data."""

    block: int
    payload: bytes


@frozen
class PeerError:
    """An error packet of the other side."""

    number: int
    message: str


Packet = Request | Ack | Data | PeerError


def _parsed_request(write: bool, content: bytes) -> Request:
    if len(content) > MAX_REQUEST:
        raise MalformedPacket("the request is longer than 1,024 bytes")
    fields = content.split(b"\0")
    count = len(fields)
    if count < 3 or fields[-1]:
        raise MalformedPacket("the request does not end in a NUL byte")
    name, mode = fields[0], fields[1]
    if not name:
        raise MalformedPacket("the request names no file")
    if count > 3 + 2 * MAX_OPTIONS:
        raise MalformedPacket("the request has too many options")
    try:
        text, utf8 = name.decode(), True
    except UnicodeDecodeError:
        text, utf8 = name.decode("latin-1"), False
    mode_text = "octet" if mode == b"octet" else mode.decode("latin-1").lower()
    # What a class of named members checks and fills in takes as long as half of this.
    return tuple.__new__(Request, (write, text, mode_text, _options(fields) if count > 4 else _NONE, utf8))


def _options(fields: list[bytes]) -> dict[str, str]:
    options: dict[str, str] = {}
    for index in range(2, len(fields) - 2, 2):
        options.setdefault(fields[index].decode("latin-1").lower(), fields[index + 1].decode("latin-1"))
    return options


def parse(datagram: bytes) -> Packet:
    """Return the packet in ``datagram``.

    :raises MalformedPacket: for everything that is no RRQ, WRQ, DATA, ACK or ERROR packet.
    """
    if len(datagram) < 4:
        raise MalformedPacket("the datagram is shorter than four bytes")
    if datagram[1] == RRQ and not datagram[0]:
        return _parsed_request(False, datagram[2:])
    opcode, number = _HEAD.unpack_from(datagram)
    if opcode == ACK:
        return Ack(number)
    if opcode == DATA:
        return Data(number, datagram[4:])
    if opcode == WRQ:
        return _parsed_request(True, datagram[2:])
    if opcode == ERROR:
        return PeerError(number, datagram[4:260].split(b"\0")[0].decode("latin-1"))
    raise MalformedPacket(f"the operation {opcode} does not exist")


def acknowledged_block(datagram: bytes) -> int:
    """Return the block that an acknowledgement is of, or -1 for every other datagram.

    The same as :func:`parse`, for the packet that nearly all are.
    """
    if len(datagram) >= 4 and datagram[1] == ACK and datagram[0] == 0:
        return datagram[2] << 8 | datagram[3]
    return -1


def data_head(block: int) -> bytes:
    """Return the four bytes before the payload of a block; the number is taken modulo 65,536."""
    return _HEAD.pack(DATA, block & 0xFFFF)


def ack(block: int) -> bytes:
    """Return an acknowledgement."""
    return _HEAD.pack(ACK, block & 0xFFFF)


def error(code: int, message: str) -> bytes:
    """Return an error packet; the message is cut to 200 ASCII characters."""
    return _HEAD.pack(ERROR, code) + message.encode("ascii", "replace")[:200] + b"\0"


def oack(options: Mapping[str, str]) -> bytes:
    """Return an option acknowledgement (RFC 2347).

    :param options: at least one; an empty one must never be sent.
    """
    assert options, "an empty OACK must never be sent"
    body = b"".join(f"{name}\0{value}\0".encode("ascii") for name, value in options.items())
    return struct.pack("!H", OACK) + body


def request(write: bool, filename: str, mode: str, options: Mapping[str, str] | None = None) -> bytes:
    """Return a read or write request, as a client sends it."""
    pairs = [filename, mode, *(text for pair in (options or {}).items() for text in pair)]
    return struct.pack("!H", WRQ if write else RRQ) + b"".join(text.encode("utf-8") + b"\0" for text in pairs)

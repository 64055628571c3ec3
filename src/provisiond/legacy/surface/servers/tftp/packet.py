"""Numbers of the TFTP protocol (RFC 1350, RFC 2347)."""

from __future__ import annotations

from typing import Any

OP_RRQ = b"\x00\x01"
OP_WRQ = b"\x00\x02"
OP_DATA = b"\x00\x03"
OP_ACK = b"\x00\x04"
OP_ERR = b"\x00\x05"
OP_OACK = b"\x00\x06"

ERR_UNDEF = b"\x00\x00"
ERR_FNF = b"\x00\x01"
ERR_ACCESS = b"\x00\x02"
ERR_ALLOC = b"\x00\x03"
ERR_ILL = b"\x00\x04"
ERR_UNKNWN_TID = b"\x00\x05"
ERR_FEXIST = b"\x00\x06"
ERR_NO_USER = b"\x00\x07"

Packet = dict[str, Any]


class PacketError(Exception):
    """The packet is wrong."""

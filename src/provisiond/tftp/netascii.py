"""The netascii transfer mode (RFC 764, RFC 1350)."""

from __future__ import annotations


def to_netascii(content: bytes) -> bytes:
    """Return ``content`` as it is sent: LF becomes CR LF, a lone CR becomes CR NUL."""
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def from_netascii(content: bytes) -> bytes:
    """Return what ``to_netascii`` was given; CR LF becomes LF, CR NUL becomes CR."""
    return content.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")

"""Hashes of tokens: slow ones that are stored, fast keyed ones that are remembered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


def slow_hash(text: str, work_factor: int) -> str:
    """Return a salted hash of a token: its parameters, salt and digest in one text. Blocks.

    :param work_factor: cost of scrypt (RFC 7914), a power of two.
    """
    salt = secrets.token_bytes(16)
    return f"scrypt${work_factor}${_base64(salt)}${_base64(_digest(text, salt, work_factor))}"


def decoy_hash(work_factor: int) -> str:
    """Return a hash that no token has; checking against it takes as long as against a real one. Does not block."""
    return f"scrypt${work_factor}${_base64(secrets.token_bytes(16))}${_base64(secrets.token_bytes(64))}"


def is_hash_of(hashed: str, text: str) -> bool:
    """Tell whether :func:`slow_hash` made ``hashed`` from this token, in a time that does not tell how near. Blocks."""
    kind, work_factor, salt, digest = hashed.split("$")
    made = _digest(text, base64.b64decode(salt), int(work_factor))
    return kind == "scrypt" and hmac.compare_digest(made, base64.b64decode(digest))


def fast_hash(text: str, key: bytes) -> bytes:
    """Return a keyed hash of a token, for memory only.

    :param key: up to 64 random bytes that never leave this process.
    """
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=32).digest()


def _digest(text: str, salt: bytes, work_factor: int) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=work_factor, r=8, p=1, maxmem=64 * 1024 * 1024)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

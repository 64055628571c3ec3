"""Options of a request: what we agree to (RFC 2347, 2348, 2349, 7440)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

DEFAULT_BLOCK_SIZE: Final = 512
IPV4_OVERHEAD: Final = 32
IPV6_OVERHEAD: Final = 52


@frozen(kw_only=True)
class Limits:
    """What the server agrees to at most.

    :param block_size: greatest block size in bytes, 8–65464.
    :param window_size: greatest window in blocks, 1–65535.
    """

    block_size: int = 1428
    window_size: int = 64


@frozen(kw_only=True)
class Agreement:
    """What both sides use for one transfer.

    :param block_size: bytes of a block.
    :param window_size: blocks sent before an acknowledgement is due.
    :param timeout: seconds, if the client asked for them, else None.
    :param acknowledged: options for the OACK, in the order asked; empty: no OACK is sent.
    """

    block_size: int = DEFAULT_BLOCK_SIZE
    window_size: int = 1
    timeout: int | None = None
    acknowledged: Mapping[str, str] = field(factory=dict)


def _number(text: str, low: int, high: int) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    value = int(text)
    return value if low <= value <= high else None


def block_size_of(asked: Mapping[str, str], limits: Limits) -> int:
    """Return the block size that is agreed to, which has to be known before the content is."""
    number = _number(asked.get("blksize", ""), 8, 65464)
    return DEFAULT_BLOCK_SIZE if number is None else min(number, limits.block_size)


def negotiated(asked: Mapping[str, str], *, size: int | None, limits: Limits) -> Agreement:
    """Return what is agreed to of the options that a client asked for.

    A bad value is left out and the request goes on; an option that wasn't asked for is never acknowledged.

    :param asked: lower-case option names to values.
    :param size: size of the content in bytes after netascii conversion, for ``tsize``; None leaves ``tsize`` out.
    """
    acknowledged: dict[str, str] = {}
    block_size, window_size, timeout = DEFAULT_BLOCK_SIZE, 1, None
    for name, value in asked.items():
        if name == "blksize" and _number(value, 8, 65464) is not None:
            block_size = block_size_of(asked, limits)
            acknowledged[name] = str(block_size)
        elif name == "windowsize" and (number := _number(value, 1, 65535)) is not None:
            window_size = min(number, limits.window_size)
            acknowledged[name] = str(window_size)
        elif name == "timeout" and (number := _number(value, 1, 255)) is not None:
            timeout = number
            acknowledged[name] = str(timeout)
        elif name == "tsize" and size is not None and _number(value, 0, 2**33) is not None:
            acknowledged[name] = str(size)
    return Agreement(block_size=block_size, window_size=window_size, timeout=timeout, acknowledged=acknowledged)

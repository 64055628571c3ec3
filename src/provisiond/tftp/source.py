"""Where the content of transfers comes from, and what is told when one ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from attrs import field, frozen

from provisiond.errors import ProvisiondError
from provisiond.tftp.packets import ErrorCode


class Refusal(ProvisiondError):
    """The request is answered with an error packet.

    :param number: TFTP error code.
    :param sentence: what the packet says; ASCII.
    """

    code = "tftp-refusal"

    def __init__(self, number: ErrorCode, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


class Silence(ProvisiondError):
    """The request is not answered at all, because whoever is to answer wants it so."""

    code = "tftp-silence"


@frozen(kw_only=True)
class ReadRequest:
    """A client asks for a file.

    :param filename: as sent (one character a byte where it was not UTF-8).
    :param peer: address of the client.
    :param local: address that was asked.
    :param mode: lower-case; so are the names of ``options``, whose values are as sent.
    """

    filename: str
    mode: str
    peer: str
    local: str
    options: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Upload:
    """A client has sent a file."""

    filename: str
    peer: str
    content: bytes


class TransferResult(NamedTuple):
    """How one transfer ended: for a log line, a metric and the journal.

    :param seconds: from the first packet sent to the end.
    :param round_trip: smoothed, in seconds, or None.
    :param outcome: value of :class:`provisiond.tftp.transfer.Outcome`, or ``refused``.
    """

    filename: str
    peer: str
    bytes: int
    blocks: int
    block_size: int
    window_size: int
    retransmissions: int
    seconds: float
    round_trip: float | None
    outcome: str


class ContentSource(Protocol):
    """Makes the content of transfers."""

    def at_once(self, filename: str, peer: str) -> bytes | Path | None:
        """Return content that lies ready for a client, or None when it must be awaited.

        :param filename: as sent.
        """

    async def read(self, request: ReadRequest) -> bytes | Path:
        """Return the content: bytes, or a regular file that is mapped, not read.

        :raises Refusal: for an error packet of its own choice.
        :raises Silence: for no packet at all.
        """

    async def accepts(self, request: ReadRequest) -> bool:
        """Tell whether this client may upload this file."""

    async def uploaded(self, upload: Upload) -> None:
        """Take what a client has sent."""

    def ended(self, result: TransferResult) -> None:
        """Take note of the end of a transfer."""

"""One upload of a client, as a pure state machine."""

from __future__ import annotations

from typing import Final

from provisiond.tftp import packets
from provisiond.tftp.image import HEAD, Outgoing
from provisiond.tftp.options import Agreement
from provisiond.tftp.rtt import RetransmissionTimer
from provisiond.tftp.transfer import MAX_TRIES, Event, Outcome, Tick

MAX_UPLOAD: Final = 4 * 1024 * 1024


class WriteTransfer:
    """Receives one file, lock-step, up to four mebibytes."""

    __slots__ = ("_agreement", "_blocks", "_content", "_timer", "_tries", "deadline", "outcome", "retransmissions")

    round_trip: float | None = None

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._timer = RetransmissionTimer(agreement.timeout)
        # One piece: half a million blocks of eight bytes would take six times as much room as their content.
        self._content = bytearray()
        self._blocks = 0
        self._tries = 0
        self.deadline = 0.0
        self.outcome: Outcome | None = None
        self.retransmissions = 0

    @property
    def longest(self) -> int:
        """Bytes to read of a datagram: one more than a block has, so that a longer one is noticed."""
        return self._agreement.block_size + HEAD + 1

    @property
    def content(self) -> bytes:
        """What has been received."""
        return bytes(self._content)

    @property
    def bytes_acknowledged(self) -> int:
        """Bytes that were received."""
        return len(self._content)

    def start(self, now: float) -> list[Outgoing]:
        """Return the packet that lets the client begin."""
        return self._answer(now)

    def handle(self, event: Event, now: float) -> list[Outgoing]:
        """Return the packets to send because of ``event``."""
        if self.outcome is not None:
            return []
        if isinstance(event, packets.Data):
            return self._data(event, now)
        if isinstance(event, packets.PeerError):
            self.outcome = Outcome.REFUSED_BY_CLIENT
        elif isinstance(event, Tick) and now >= self.deadline:
            return self._late(now)
        return []

    def acknowledged(self, number: int, now: float) -> Outgoing | None:
        """Ignore it: who sends data has nothing to acknowledge."""
        return None

    def abort(self) -> None:
        """End the transfer now."""
        self.outcome = self.outcome or Outcome.ABORTED

    def _data(self, data: packets.Data, now: float) -> list[Outgoing]:
        if data.block != (self._blocks + 1) & 0xFFFF:
            repeated = data.block == self._blocks & 0xFFFF
            return [packets.ack(self._blocks)] if repeated and self._blocks else []
        size = len(data.payload)
        if len(self._content) + size > MAX_UPLOAD or size > self._agreement.block_size:
            self.outcome = Outcome.ABORTED
            return [packets.error(packets.ErrorCode.DISK_FULL, "the file is too large")]
        self._content += data.payload
        self._blocks += 1
        self._tries = 0
        if size < self._agreement.block_size:
            self.outcome = Outcome.DONE
        return self._answer(now)

    def _late(self, now: float) -> list[Outgoing]:
        self._tries += 1
        if self._tries >= MAX_TRIES:
            self.outcome = Outcome.TIMED_OUT
            return []
        self._timer.backed_off()
        self.retransmissions += 1
        return self._answer(now)

    def _answer(self, now: float) -> list[Outgoing]:
        self.deadline = now + self._timer.value
        if not self._blocks and self._agreement.acknowledged:
            return [packets.oack(self._agreement.acknowledged)]
        return [packets.ack(self._blocks)]

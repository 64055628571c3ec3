"""One transfer to a client, as a pure state machine: no socket, no clock."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen

from provisiond.tftp import packets
from provisiond.tftp.image import Image, Outgoing
from provisiond.tftp.options import Agreement
from provisiond.tftp.rtt import RetransmissionTimer

# From the least timeout on these take twenty seconds: a phone may be busy for long with erasing its flash, and some
# clients (atftp) speak again only when nothing has come for five seconds: the last two pauses are longer.
MAX_TRIES: Final = 8
# Acknowledgements have four bytes, and of an error's words no more are wanted. Python has room for so many at hand.
LONGEST: Final = 400
# After so many blocks in lock-step one round trip of so many is measured, until something is lost.
SETTLED: Final = 16
SAMPLED: Final = 4


class Outcome(StrEnum):
    """How a transfer ended."""

    DONE = "done"
    TIMED_OUT = "timed-out"
    REFUSED_BY_CLIENT = "refused-by-client"
    ABORTED = "aborted"


@frozen
class Tick:
    """Time has passed."""


Event = packets.Packet | Tick


class ReadTransfer:
    """Sends one image to a client, block by block or window by window.

    Feed it the client's packets and ticks; it gives back the packets to send. Duplicate and older acknowledgements
    never cause data to be sent twice (the sorcerer's apprentice), except that with a window the first repeat of the
    newest one rolls the window back to it (RFC 7440, section 4). Block numbers are unbounded here, so they roll over.
    """

    __slots__ = (
        "_acked",
        "_blocks",
        "_image",
        "_oack",
        "_rolled_back",
        "_sample_from",
        "_sent",
        "_sent_at",
        "_timer",
        "_tries",
        "_window_size",
        "deadline",
        "outcome",
        "retransmissions",
    )

    longest = LONGEST

    def __init__(self, image: Image, agreement: Agreement) -> None:
        self._image = image
        self._blocks = image.blocks
        self._window_size = agreement.window_size
        self._oack = packets.oack(agreement.acknowledged) if agreement.acknowledged else None
        self._timer = RetransmissionTimer(agreement.timeout)
        self._acked = -1 if self._oack else 0
        self._sent = self._acked
        self._sent_at = 0.0
        # The block from which on acknowledgements tell a round trip again (Karn: not those of what was sent twice).
        self._sample_from = -1
        self._tries = 0
        self._rolled_back = False
        self.deadline = 0.0
        self.outcome: Outcome | None = None
        self.retransmissions = 0

    @property
    def bytes_acknowledged(self) -> int:
        """Content bytes that the client has acknowledged."""
        if self._acked == self._blocks:
            return self._image.size
        return max(self._acked, 0) * self._image.block_size

    @property
    def round_trip(self) -> float | None:
        """Smoothed round trip in seconds, or None before the first measurement."""
        return self._timer.smoothed

    def start(self, now: float) -> list[Outgoing]:
        """Return the first packets."""
        return [self._window(now)]

    def handle(self, event: Event, now: float) -> list[Outgoing]:
        """Return the packets to send because of ``event``.

        :param now: seconds of any steadily growing clock.
        """
        if isinstance(event, packets.Ack):
            outgoing = self.acknowledged(event.block, now)
            return [] if outgoing is None else [outgoing]
        if self.outcome is not None:
            return []
        if isinstance(event, Tick):
            return self._passed(now)
        if isinstance(event, packets.PeerError):
            self.outcome = Outcome.REFUSED_BY_CLIENT
        return []

    def abort(self) -> None:
        """End the transfer now."""
        self.outcome = self.outcome or Outcome.ABORTED

    def acknowledged(self, number: int, now: float) -> Outgoing | None:
        """Return what is to be sent because the client has acknowledged the block with this 16-bit number.

        Nearly every packet that comes in is such a one, so this is what :meth:`handle` does for it without the packet
        having to be a value first.
        """
        if self.outcome is not None:
            return None
        acked = self._acked
        ahead = (number - acked) & 0xFFFF
        if ahead == 0 or ahead > self._sent - acked:
            return self._repeated(now) if ahead == 0 else None
        window = self._window_size
        if acked >= self._sample_from:
            self._timer.measured(now - self._sent_at)
            if window == 1 and acked >= SETTLED:
                self._sample_from = acked + SAMPLED
        self._acked = acked = acked + ahead
        self._tries = 0
        if acked == self._blocks:
            self.outcome = Outcome.DONE
            return None
        self._sent_at = now
        self.deadline = now + self._timer.value
        if window == 1:
            self._sent = acked = acked + 1
            return self._image.packet(acked)
        self._rolled_back = False
        last = acked + window
        self._sent = last = last if last < self._blocks else self._blocks
        return self._image.packets(acked + 1, last)

    def _repeated(self, now: float) -> Outgoing | None:
        if self._window_size == 1 or self._rolled_back or self._acked < 1:
            return None
        self._rolled_back = True
        return self._again(now)

    def _passed(self, now: float) -> list[Outgoing]:
        if now < self.deadline:
            return []
        self._tries += 1
        if self._tries >= MAX_TRIES:
            self.outcome = Outcome.TIMED_OUT
            return [packets.error(packets.ErrorCode.UNDEFINED, "no acknowledgement came in time")]
        self._timer.backed_off()
        self._rolled_back = False
        return [self._again(now)]

    def _again(self, now: float) -> Outgoing:
        before = self._sent
        outgoing = self._window(now)
        self._sample_from = self._acked + 1
        self.retransmissions += 1 if self._acked < 0 else min(before, self._sent) - self._acked
        return outgoing

    def _window(self, now: float) -> Outgoing:
        self._sent_at = now
        self.deadline = now + self._timer.value
        if self._acked < 0 and self._oack is not None:
            self._sent = 0
            return self._oack
        self._sent = min(self._acked + self._window_size, self._blocks)
        return self._image.packets(self._acked + 1, self._sent)

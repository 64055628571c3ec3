"""When to send again: a round-trip estimate and its timeouts (RFC 6298; RFC 1123, section 4.2.3.2)."""

from __future__ import annotations

from typing import Final

FIRST: Final = 1.0
# Phones write flash between two blocks, and one tick may pass before a loss is seen.
FLOOR: Final = 0.1
CEILING: Final = 8.0
# The least that the variation counts for (RFC 6298, section 2.3): the tick that deadlines are looked at with, twice.
GRANULARITY: Final = 0.04


class RetransmissionTimer:
    """The timeout of one transfer, in seconds.

    A doubled timeout stays until a round trip has been measured (RFC 6298, section 5; Karn): a client that has become
    slower than the timeout is measured then, instead of being sent everything twice.

    :param timeout: seconds agreed with the client; they are start, floor and ceiling. None adapts.
    """

    __slots__ = ("_ceiling", "_floor", "_spread", "smoothed", "value")

    def __init__(self, timeout: int | None = None) -> None:
        self._floor = FLOOR if timeout is None else float(timeout)
        self._ceiling = CEILING if timeout is None else self._floor
        self._spread = 0.0  # four times the variation
        self.smoothed: float | None = None
        # Seconds from now after which the last packets count as lost. It is read for each packet, so it lies ready.
        self.value = FIRST if timeout is None else self._floor

    def measured(self, sample: float) -> None:
        """Take in a round trip of packets that were sent once (Karn's rule is the caller's)."""
        smoothed = self.smoothed
        if smoothed is None:
            smoothed, spread = sample, sample * 2
        else:
            off = sample - smoothed
            smoothed += off * 0.125
            spread = self._spread * 0.75 + (off if off > 0 else -off)
        self.smoothed = smoothed
        self._spread = spread
        value = smoothed + (spread if spread > GRANULARITY else GRANULARITY)
        floor = self._floor
        if value < floor:
            self.value = floor
        else:
            self.value = value if value < self._ceiling else self._ceiling

    def backed_off(self) -> None:
        """Double the timeout after a loss, up to the ceiling."""
        self.value = min(self.value * 2, self._ceiling)

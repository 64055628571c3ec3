"""When to send again: a round-trip estimate and its timeouts (RFC 6298; RFC 1123, section 4.2.3.2)."""

from __future__ import annotations

from typing import Final

FIRST: Final = 1.0
FLOOR: Final = 0.2
CEILING: Final = 8.0


class RetransmissionTimer:
    """The timeout of one transfer, in seconds.

    :param timeout: seconds agreed with the client; they set the start and the ceiling. None adapts.
    """

    __slots__ = ("_backoff", "_ceiling", "_fixed", "_rto", "smoothed", "value", "variation")

    def __init__(self, timeout: int | None = None) -> None:
        self._fixed = float(timeout) if timeout is not None else None
        self._ceiling = self._fixed if self._fixed is not None else CEILING
        self._rto = self._fixed if self._fixed is not None else FIRST
        self._backoff = 1
        self.smoothed: float | None = None
        self.variation = 0.0
        # Seconds from now after which the last packets count as lost. It is read for each packet, so it lies ready.
        self.value = min(self._rto, self._ceiling)

    def measured(self, sample: float) -> None:
        """Take in a round trip of packets that were sent once (Karn's rule is the caller's)."""
        self._backoff = 1
        smoothed = self.smoothed
        if smoothed is None:
            self.smoothed, self.variation = sample, sample / 2
        else:
            off = smoothed - sample
            self.variation += ((off if off > 0 else -off) - self.variation) * 0.25
            self.smoothed = smoothed - off * 0.125
        if self._fixed is None:
            rto = self.smoothed + 4 * self.variation
            self._rto = rto if rto > FLOOR else FLOOR
        self.value = self._rto if self._rto < self._ceiling else self._ceiling

    def backed_off(self) -> None:
        """Double the timeout after a loss, up to the ceiling."""
        self._backoff = min(self._backoff * 2, 64)
        self.value = min(self._rto * self._backoff, self._ceiling)

    def progressed(self) -> None:
        """Forget the doubling: something new was acknowledged."""
        self._backoff = 1
        self.value = min(self._rto, self._ceiling)

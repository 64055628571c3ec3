"""How much one peer, and all of them, may ask for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from attrs import frozen

MAX_PEERS: Final = 20_000


@frozen(kw_only=True)
class Bounds:
    """Limits of the service.

    :param transfers: at once, in all.
    :param transfers_per_peer: at once with one address.
    :param requests_per_second: of one address, as a steady rate.
    :param burst: requests of one address at once.
    """

    transfers: int = 10_000
    transfers_per_peer: int = 100
    requests_per_second: float = 200.0
    burst: int = 1_000


class TokenBuckets:
    """One token bucket per peer; the peers least recently seen are forgotten."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, peer: str, now: float) -> bool:
        """Take one token; False means that the peer has none left."""
        level, last = self._buckets.pop(peer, (self._burst, now))
        level = min(self._burst, level + (now - last) * self._rate)
        granted = level >= 1
        self._buckets[peer] = (level - 1 if granted else level, now)
        if len(self._buckets) > MAX_PEERS:
            self._buckets.popitem(last=False)
        return granted


class Occupancy:
    """Counts transfers, in all and per peer."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._per_peer: dict[str, int] = {}
        self.total = 0

    def enter(self, peer: str) -> bool:
        """Count one more; False means that a bound is reached."""
        mine = self._per_peer.get(peer, 0)
        if self.total >= self._bounds.transfers or mine >= self._bounds.transfers_per_peer:
            return False
        self._per_peer[peer] = mine + 1
        self.total += 1
        return True

    def leave(self, peer: str) -> None:
        """Count one less."""
        left = self._per_peer[peer] - 1
        self.total -= 1
        if left:
            self._per_peer[peer] = left
        else:
            del self._per_peer[peer]

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
    :param requests_per_second: of one address, as a steady rate; 0 for no bound.
    :param burst: requests of one address at once.
    :param refusals_per_second: not-found answers to one address, as a steady rate; beyond it there is silence.
    :param refusal_burst: not-found answers to one address at once.
    :param firmware_share: part of all transfers that files of plugins (firmware) may take, so that configurations
        always find room.
    """

    transfers: int = 10_000
    transfers_per_peer: int = 100
    requests_per_second: float = 200.0
    burst: int = 1_000
    refusals_per_second: float = 50.0
    refusal_burst: int = 500
    firmware_share: float = 0.8


class TokenBuckets:
    """One token bucket per peer; the peers least recently seen are forgotten."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, peer: str, now: float) -> bool:
        """Take one token; False means that the peer has none left."""
        buckets = self._buckets
        known = buckets.get(peer)
        level = self._burst
        if known is not None:
            # A clock that is set back takes nothing away.
            filled = known[0] + max(0.0, now - known[1]) * self._rate
            if filled < level:
                level = filled
            buckets.move_to_end(peer)
        granted = level >= 1
        buckets[peer] = (level - 1 if granted else level, now)
        if known is None and len(buckets) > MAX_PEERS:
            buckets.popitem(last=False)
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

    def is_greedy(self, peer: str) -> bool:
        """Tell whether one peer has as much as it may have."""
        return self._per_peer.get(peer, 0) >= self._bounds.transfers_per_peer

    def has_room(self, waiting: int) -> bool:
        """Tell whether one more may wait besides so many others until it can be counted."""
        return self.total + waiting < self._bounds.transfers

    def has_room_for_firmware(self) -> bool:
        """Tell whether another large file may be sent; the request that asks has been counted."""
        return self.total <= max(1, int(self._bounds.transfers * self._bounds.firmware_share))

    def leave(self, peer: str) -> None:
        """Count one less."""
        left = self._per_peer[peer] - 1
        self.total -= 1
        if left:
            self._per_peer[peer] = left
        else:
            del self._per_peer[peer]


class Gate:
    """Who may ask, who is answered, and how many at once."""

    def __init__(self, bounds: Bounds) -> None:
        self.occupancy = Occupancy(bounds)
        steady = bounds.requests_per_second
        self._requests = TokenBuckets(steady, bounds.burst) if steady else None
        self._refusals = TokenBuckets(bounds.refusals_per_second, bounds.refusal_burst)

    def may_ask(self, peer: str, now: float) -> bool:
        """Count one request of a peer; False means that it asks too often."""
        return self._requests is None or self._requests.take(peer, now)

    def may_be_told_no(self, peer: str, now: float) -> bool:
        """Count one refusal to a peer; False means that it gets no more of them for now."""
        return self._refusals.take(peer, now)

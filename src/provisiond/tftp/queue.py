"""Requests that wait for their turn when more come in than can be begun at once."""

from __future__ import annotations

import socket
from collections import OrderedDict
from typing import Final

from attrs import define

from provisiond.tftp import packets
from provisiond.tftp.running import Key

PATIENCE: Final = 6.0
SOON: Final = 1.0


@define(eq=False, slots=True)
class Asked:
    """One request that waits.

    :param sock: the listening socket that it came in on.
    :param local: address that was asked.
    :param at: when the client asked last, in seconds of a steady clock.
    """

    sock: socket.socket
    key: Key
    packet: packets.Request
    local: str
    at: float


class RequestQueue:
    """Keeps requests, each once however often its client asks.

    As long as nobody waits for long, who came first is served first. When somebody does, the server is overwhelmed, and
    who asked last is served first: that client is certainly still there, and gets its answer in time, while the others
    ask again and come to the front. In order of coming everybody would be served too late, and work be done for those
    who have left. One that has not asked again for longer than clients wait has gone away, and is forgotten.

    :param soon: seconds that all clients wait without asking again.
    :param patience: seconds after which a client that still wants its file would have asked again (``tftp-hpa`` and
        ``atftp`` do after five).
    """

    def __init__(self, patience: float = PATIENCE, soon: float = SOON) -> None:
        self._patience = patience
        self._soon = soon
        self._waiting: OrderedDict[Key, Asked] = OrderedDict()

    def __len__(self) -> int:
        """Return how many requests wait."""
        return len(self._waiting)

    def again(self, key: Key, now: float) -> bool:
        """Note that a client asks again; False when it does not wait here."""
        asked = self._waiting.get(key)
        if asked is None:
            return False
        asked.at = now
        self._waiting.move_to_end(key)
        return True

    def add(self, asked: Asked) -> None:
        """Let a request wait."""
        self._waiting[asked.key] = asked

    def made_room(self, now: float) -> bool:
        """Give up the place of the client that has not asked for longest, unless even that one has asked just now.

        Most clients repeat after a second or two; one that is more patient gets a place when it asks again.
        """
        oldest = next(iter(self._waiting.values()), None)
        if oldest is None or now - oldest.at <= 2 * self._soon:
            return False
        del self._waiting[oldest.key]
        return True

    def taken(self, now: float) -> tuple[Asked | None, int]:
        """Return the request whose turn it is, if there is one, and how many clients have gone away meanwhile."""
        gone = 0
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            waited = now - oldest.at
            if waited <= self._patience:
                return self._waiting.popitem(last=waited > self._soon)[1], gone
            del self._waiting[oldest.key]
            gone += 1
        return None, gone

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()

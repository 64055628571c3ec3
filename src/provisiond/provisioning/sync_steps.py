"""How far each phone got that was told to fetch: sent, answered, fetched, or failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from functools import partial
from typing import Any, Final

from attrs import asdict, frozen

from provisiond.provisioning.events import DeviceSynchronized, Events
from provisiond.provisioning.fetches import Fetch, Fetches
from provisiond.provisioning.ports import Clock

SENT, ANSWERED, FETCHED, FAILED = "sent", "answered", "fetched", "failed"
MAX_DEVICES: Final = 20_000
WATCHED_SECONDS: Final = 600.0


@frozen(kw_only=True)
class Step:
    """One step.

    :param at: seconds since the epoch.
    """

    step: str
    at: float
    sentence: str


class SyncSteps:
    """Remembers the steps of each device's last synchronization, in memory, those of 20,000 devices at most.

    A phone is watched for its fetch for ten minutes after it was told.
    """

    def __init__(self, fetches: Fetches, events: Events, clock: Clock, max_devices: int = MAX_DEVICES) -> None:
        self._fetches = fetches
        self._events = events
        self._clock = clock
        self._max_devices = max_devices
        self._steps: OrderedDict[str, list[Step]] = OrderedDict()

    def of(self, device_id: str) -> tuple[Step, ...]:
        """Return the steps of the last synchronization, oldest first; empty when there was none."""
        return tuple(self._steps.get(device_id, ()))

    def documents(self, device_id: str) -> list[dict[str, Any]]:
        """Return :meth:`of` as documents."""
        return [asdict(step) for step in self.of(device_id)]

    def begin(self, device_id: str, sentence: str, telling: Collection[str]) -> None:
        """Note that the phone is being told now, and watch for its next fetch.

        :param telling: names of the files whose fetch says that the phone follows.
        """
        self._steps.pop(device_id, None)
        self._steps[device_id] = []
        while len(self._steps) > self._max_devices:
            oldest, _ = self._steps.popitem(last=False)
            self._fetches.expect(oldest, None)
        self.note(device_id, SENT, sentence)
        names, until = frozenset(telling), self._clock.seconds() + WATCHED_SECONDS
        self._fetches.expect(device_id, partial(self._fetched, device_id, names, until))

    def note(self, device_id: str, step: str, sentence: str) -> None:
        """Note a step of the last synchronization."""
        self._steps.setdefault(device_id, []).append(Step(step=step, at=self._clock.seconds(), sentence=sentence))
        self._events.publish(DeviceSynchronized(device_id, step, sentence))

    def fail(self, device_id: str, sentence: str) -> None:
        """Note that the phone could not be told; its fetches are nobody's answer."""
        self._fetches.expect(device_id, None)
        self.note(device_id, FAILED, sentence)

    def _fetched(self, device_id: str, names: frozenset[str], until: float, fetch: Fetch) -> None:
        if fetch.at > until:
            self._fetches.expect(device_id, None)
        elif fetch.file.name in names:
            self._fetches.expect(device_id, None)
            self.note(device_id, FETCHED, f"the phone fetched {fetch.file.name}")

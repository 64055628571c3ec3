"""One value for each request of a phone; log line, metric and journal row are made from it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from provisiond.metrics import Metrics
from provisiond.tallies import Count, Durations

PER_DEVICE: Final = 30
DEVICES: Final = 5_000
OVERALL: Final = 1_000


class PhoneEvent(NamedTuple):
    """What became of one request.

    :param time: seconds since the epoch.
    :param outcome: ``served``, ``not-found``, ``refused``, ``error`` or ``upload``.
    :param reason: one sentence, why.
    :param seconds: until the answer was ready.
    """

    time: float
    protocol: str
    method: str
    peer: str
    path: str
    device: str | None
    mac: str | None
    plugin: str | None
    outcome: str
    reason: str
    bytes: int
    seconds: float

    def again(self, time: float, protocol: str, method: str, seconds: float) -> PhoneEvent:
        """Return the event of the same request that was answered once more."""
        # What a class of named members checks and fills in takes as long as the rest of an event.
        return tuple.__new__(
            PhoneEvent, (time, protocol, method, *self[3:8], "served", self.reason, self.bytes, seconds)
        )

    def row(self) -> dict[str, Any]:
        """Return the event as JSON members."""
        return self._asdict()


class Journal:
    """The last requests, of each device and of all phones, in memory.

    :param line: takes each event to write a log line of it (:class:`provisiond.phones.request_lines.RequestLines`).
    """

    def __init__(self, metrics: Metrics, line: Callable[[PhoneEvent], None] = lambda event: None) -> None:
        self._metrics = metrics
        self._line = line
        self._overall: deque[PhoneEvent] = deque(maxlen=OVERALL)
        self._devices: OrderedDict[str, deque[PhoneEvent]] = OrderedDict()
        self._figures: dict[tuple[str, str], tuple[Count, Durations, Count]] = {}

    def note(self, event: PhoneEvent, times: int = 1) -> None:
        """Take note of one request, or of one that came so many times. Never raises."""
        self._overall.append(event)
        device, protocol = event.device, event.protocol
        if device is not None:
            rows = self._devices.get(device)
            if rows is None:
                rows = self._devices[device] = deque(maxlen=PER_DEVICE)
                if len(self._devices) > DEVICES:
                    self._devices.popitem(last=False)
            else:
                self._devices.move_to_end(device)
            rows.append(event)
        requests, durations, size = self._figures.get((protocol, event.outcome)) or self._figures_of(event)
        requests.value += times
        durations.note(event.seconds, times)
        size.value += event.bytes * times
        self._line(event)

    def _figures_of(self, event: PhoneEvent) -> tuple[Count, Durations, Count]:
        """Return where such events are counted; they are many, so it is looked up once."""
        metrics, protocol = self._metrics, event.protocol
        figures = metrics.phone_requests.of(protocol, event.outcome), metrics.phone_seconds.of(protocol)
        found = self._figures[protocol, event.outcome] = (*figures, metrics.phone_bytes.of(protocol))
        return found

    def of_device(self, device_id: str) -> list[PhoneEvent]:
        """Return the last requests of a device, newest first."""
        return list(reversed(self._devices.get(device_id, ())))

    def overall(self) -> list[PhoneEvent]:
        """Return the last requests of all phones, newest first."""
        return list(reversed(self._overall))

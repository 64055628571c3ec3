"""One value for each request of a phone; log line, metric and journal row are made from it."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any, Final

from attrs import asdict, frozen
from twisted.logger import Logger

from provisiond.metrics import Metrics

log = Logger(namespace="provisiond.phones")
PER_DEVICE: Final = 30
DEVICES: Final = 5_000
OVERALL: Final = 1_000


@frozen(kw_only=True)
class PhoneEvent:
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

    def row(self) -> dict[str, Any]:
        """Return the event as JSON members."""
        return asdict(self)


class Journal:
    """The last requests, of each device and of all phones, in memory."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._overall: deque[PhoneEvent] = deque(maxlen=OVERALL)
        self._devices: OrderedDict[str, deque[PhoneEvent]] = OrderedDict()

    def note(self, event: PhoneEvent) -> None:
        """Take note of one request. Never raises."""
        self._overall.append(event)
        if event.device is not None:
            rows = self._devices.setdefault(event.device, deque(maxlen=PER_DEVICE))
            rows.append(event)
            self._devices.move_to_end(event.device)
            if len(self._devices) > DEVICES:
                self._devices.popitem(last=False)
        self._metrics.phone_requests.labels(event.protocol, event.outcome).inc()
        self._metrics.phone_seconds.labels(event.protocol).observe(event.seconds)
        self._metrics.phone_bytes.labels(event.protocol).inc(event.bytes)
        log.info(
            "{protocol} {method} {path!r} from {peer}: {outcome} ({reason}), device {device} plugin {plugin}, "
            "{bytes} bytes in {duration_ms} ms",
            protocol=event.protocol,
            method=event.method,
            path=event.path,
            peer=event.peer,
            outcome=event.outcome,
            reason=event.reason,
            device=event.device,
            mac=event.mac,
            plugin=event.plugin,
            bytes=event.bytes,
            duration_ms=round(event.seconds * 1000, 1),
        )

    def of_device(self, device_id: str) -> list[PhoneEvent]:
        """Return the last requests of a device, newest first."""
        return list(reversed(self._devices.get(device_id, ())))

    def overall(self) -> list[PhoneEvent]:
        """Return the last requests of all phones, newest first."""
        return list(reversed(self._overall))

"""Every metric of the server, in one table."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Tally:
    """A counter for what happens ten thousand times a second: one dictionary entry for each set of labels, no lock.

    To be used from one thread.

    :param labels: names of the labels.
    """

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._values: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count ``amount`` more for these values of the labels."""
        self._values[labels] = self._values.get(labels, 0) + amount

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give the counts to a scraper."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in tuple(self._values.items()):
            family.add_metric(labels, value)
        yield family


class Spread:
    """A histogram of seconds for what happens ten thousand times a second; to be used from one thread.

    :param labels: names of the labels.
    :param bounds: upper bounds of the buckets, rising; one without bound follows.
    """

    def __init__(
        self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, tuple(labels), tuple(bounds)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def observe(self, *labels: str, seconds: float, times: int = 1) -> None:
        """Count a duration for these values of the labels, as often as it was met."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(self._bounds, seconds)] += times
        self._sums[labels] += seconds * times

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give the buckets to a scraper."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, counts in tuple(self._counts.items()):
            total, buckets = 0, []
            for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric(labels, buckets, self._sums[labels])
        yield family


class Metrics:
    """The metrics of one server; each instance has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.phone_requests = Tally(
            "provisiond_phone_requests",
            "Requests of phones, by protocol and outcome",
            ["protocol", "outcome"],
            self.registry,
        )
        self.phone_seconds = Spread(
            "provisiond_phone_request_seconds",
            "Time from a phone's request to its answer being ready",
            ["protocol"],
            _FAST,
            self.registry,
        )
        self.phone_bytes = Tally("provisiond_phone_bytes", "Bytes of answers to phones", ["protocol"], self.registry)
        self.phone_lines_left_out = Counter(
            "provisiond_phone_log_lines_left_out",
            "Requests of phones that got no log line of their own because there were too many of them",
            registry=self.registry,
        )
        self.tftp_transfers = Tally(
            "provisiond_tftp_transfers", "TFTP transfers that ended, by outcome", ["outcome"], self.registry
        )
        self.tftp_retransmissions = Counter(
            "provisiond_tftp_retransmissions", "TFTP packets that were sent again", registry=self.registry
        )
        self.tftp_seconds = Spread(
            "provisiond_tftp_transfer_seconds", "Duration of TFTP transfers", [], _FAST, self.registry
        )
        self.tftp_refused = Counter(
            "provisiond_tftp_refused",
            "TFTP requests turned away because of a bound: busy or rate",
            ["reason"],
            registry=self.registry,
        )
        self.tftp_running = Gauge("provisiond_tftp_running", "TFTP transfers that run now", registry=self.registry)
        self.tftp_sockets = Gauge(
            "provisiond_tftp_sockets", "Open sockets of TFTP transfers, idle ones included", registry=self.registry
        )
        self.http_connections = Gauge(
            "provisiond_http_connections", "Open HTTP connections of phones", registry=self.registry
        )
        self.http_refused = Tally(
            "provisiond_http_refused",
            "HTTP requests of phones turned away because of a bound: connections or busy",
            ["reason"],
            self.registry,
        )
        self.rest_requests = Counter(
            "provisiond_rest_requests",
            "REST requests, by method and status",
            ["method", "status"],
            registry=self.registry,
        )
        self.extractor_failures = Counter(
            "provisiond_plugin_extractor_failures",
            "Requests that the extractor of a plugin failed at, by plugin",
            ["plugin"],
            registry=self.registry,
        )
        self.devices = Gauge("provisiond_devices", "Known devices", registry=self.registry)
        self.settings_problems = Gauge(
            "provisiond_settings_problems",
            "Problems of the settings file that keep its changes from being followed",
            registry=self.registry,
        )
        self.reactor_lag = Gauge(
            "provisiond_reactor_lag_seconds", "How late the reactor's last tick was", registry=self.registry
        )

    def note_transfer(self, outcome: str, retransmissions: int, seconds: float) -> None:
        """Count a TFTP transfer that has ended."""
        self.tftp_transfers.add(outcome)
        if retransmissions:
            self.tftp_retransmissions.inc(retransmissions)
        self.tftp_seconds.observe(seconds=seconds)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

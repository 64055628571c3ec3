"""Counters and histograms for a busy server: cheap to count, or read only when somebody scrapes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

Figures = Mapping[tuple[str, ...], float]


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

    def counts(self) -> Mapping[tuple[str, ...], float]:
        """Return the counts as they are now, by the values of the labels."""
        return dict(self._values)

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


class Reading:
    """A metric that is read where it is known, when somebody scrapes; costs nothing in between.

    :param labels: names of the labels.
    :param counts: True for a counter, False for what goes up and down.
    """

    def __init__(
        self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry, *, counts: bool = False
    ) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._family = CounterMetricFamily if counts else GaugeMetricFamily
        self._read: Callable[[], Figures] = dict
        registry.register(self)

    def read_with(self, read: Callable[[], Figures]) -> None:
        """Read with this function from now on: values of the labels -> figure."""
        self._read = read

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Give the figures to a scraper."""
        family = self._family(self._name, self._text, labels=self._labels)
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family

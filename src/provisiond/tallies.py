"""Counters and histograms for a busy server: cheap to count, or read only when somebody scrapes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

Figures = Mapping[tuple[str, ...], float]


class Count:
    """One count of a tally, for who counts so often that finding it by its labels would cost more than counting."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Durations:
    """The durations of one set of labels of a spread, for who notes them just as often."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def note(self, seconds: float, times: int) -> None:
        """Count a duration, as often as it was met."""
        self.counts[bisect_left(self._bounds, seconds)] += times
        self.sum += seconds * times


class Tally:
    """A counter for what happens ten thousand times a second: one dictionary entry for each set of labels, no lock.

    To be used from one thread.

    :param labels: names of the labels.
    """

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._counts: dict[tuple[str, ...], Count] = {}
        registry.register(self)

    def of(self, *labels: str) -> Count:
        """Return the count for these values of the labels; add to its value."""
        count = self._counts.get(labels)
        if count is None:
            count = self._counts[labels] = Count()
        return count

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count ``amount`` more for these values of the labels."""
        self.of(*labels).value += amount

    def counts(self) -> Mapping[tuple[str, ...], float]:
        """Return the counts as they are now, by the values of the labels."""
        return {labels: count.value for labels, count in self._counts.items()}

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give the counts to a scraper."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in tuple(self._counts.items()):
            family.add_metric(labels, count.value)
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
        self._durations: dict[tuple[str, ...], Durations] = {}
        registry.register(self)

    def of(self, *labels: str) -> Durations:
        """Return the durations for these values of the labels; note more of them there."""
        durations = self._durations.get(labels)
        if durations is None:
            durations = self._durations[labels] = Durations(self._bounds)
        return durations

    def observe(self, *labels: str, seconds: float, times: int = 1) -> None:
        """Count a duration for these values of the labels, as often as it was met."""
        self.of(*labels).note(seconds, times)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give the buckets to a scraper."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, durations in tuple(self._durations.items()):
            total, buckets = 0, []
            for bound, count in zip((*map(str, self._bounds), "+Inf"), durations.counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric(labels, buckets, durations.sum)
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

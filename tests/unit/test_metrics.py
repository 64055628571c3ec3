"""Metrics: independent registries, every one documented, and figures that are read only when somebody scrapes."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from provisiond.metrics import Metrics
from provisiond.tallies import Reading, Spread

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


def test_each_server_has_metrics_of_its_own() -> None:
    one, other = Metrics(), Metrics()
    one.phone_requests.add("tftp", "served")
    assert b'provisiond_phone_requests_total{outcome="served",protocol="tftp"} 1.0' in one.exposition()
    assert b'protocol="tftp"' not in other.exposition()


def test_every_metric_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for family in Metrics().registry.collect():
        assert f"`{family.name}`" in text, family.name


def test_a_reading_is_asked_at_each_scrape_and_empty_without_a_source() -> None:
    registry = CollectorRegistry()
    gauge = Reading("things", "Things", ["kind"], registry)
    counter = Reading("done", "Done", [], registry, counts=True)
    assert b"things{" not in generate_latest(registry)
    figures = {("a",): 1.0}
    gauge.read_with(lambda: figures)
    counter.read_with(lambda: {(): 7})
    assert b'things{kind="a"} 1.0' in generate_latest(registry)
    figures = {("b",): 2.0}
    shown = generate_latest(registry)
    assert b'things{kind="b"} 2.0' in shown
    assert b'kind="a"' not in shown
    assert b"done_total 7.0" in shown


def test_a_spread_counts_each_duration_in_every_wider_bucket() -> None:
    registry = CollectorRegistry()
    spread = Spread("took", "Took", ["kind"], (0.1, 1.0), registry)
    spread.observe("x", seconds=0.05)
    spread.observe("x", seconds=0.5, times=2)
    spread.observe("x", seconds=5.0)
    lines = generate_latest(registry).decode().splitlines()
    assert [line.rpartition(" ")[2] for line in lines if line.startswith("took_bucket")] == ["1.0", "3.0", "4.0"]
    assert 'took_count{kind="x"} 4.0' in lines
    assert 'took_sum{kind="x"} 6.05' in lines

"""Metrics: independent registries, and every one documented."""

from __future__ import annotations

from pathlib import Path

from provisiond.metrics import Metrics

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

"""Every route is documented."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

from provisiond.metrics import Metrics
from provisiond.rest.application import routed

DOCUMENT = Path(__file__).parents[3] / "docs" / "rest-api.md"


def test_every_route_stands_in_the_document_with_its_acl() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    router = routed(MagicMock(), MagicMock(), Metrics(), MagicMock())
    assert router.others
    for each in [*router.routes, *router.others]:
        acl = f"`{each.acl}`" if each.acl is not None else "none"
        assert f"| `{each.method}` | `{each.path or '/'}` | {acl} |" in text, (each.method, each.path)

"""The limits that the documentation tells are the ones that hold."""

from __future__ import annotations

from pathlib import Path

from provisiond.model.json_text import MAX_DEPTH
from provisiond.provisioning.operations import MAX_RUNNING
from provisiond.rest.connections import (
    BODY_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_SECONDS,
    MAX_HEAD,
    MAX_HEADERS,
)
from provisiond.rest.routing import MAX_ARGUMENT
from provisiond.rest.sending import STALL_SECONDS
from provisiond.rest.site import MAX_CONNECTIONS
from provisiond.settings import RestApiSettings
from provisiond.store.operations import KEPT, KEPT_SECONDS

DOCUMENT = Path(__file__).parents[3] / "docs" / "rest-api.md"


def test_every_limit_stands_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text[text.index("## Limits") : text.index("## Events")]
    assert STALL_SECONDS == IDLE_SECONDS
    assert KEPT_SECONDS == 3600
    for row in (
        f"| request line and headers | {MAX_HEAD // 1024} KiB, {MAX_HEADERS} headers | 431 |",
        f"| body | the setting `rest_api.max_body`, {RestApiSettings().max_body >> 20} MiB;",
        f"| time for the head, however it dribbles | {HEAD_SECONDS:.0f} seconds | 408 |",
        f"| time for the body | {BODY_SECONDS:.0f} seconds | 408 |",
        f"| time without a request, or without taking an answer | {IDLE_SECONDS:.0f} seconds |",
        f"| connections | {MAX_CONNECTIONS:,} | 503",
        f"| id in a path | {MAX_ARGUMENT:,} bytes;",
        f"| JSON | {MAX_DEPTH} levels,",
        f"| running operations | {MAX_RUNNING:,} | 503",
        f"| ended operations | {KEPT:,}, an hour each |",
        f"read on for {LINGER_SECONDS:.0f} seconds",
    ):
        assert row in section

"""How many files the server may open, and what follows from it."""

from __future__ import annotations

import resource

import pytest
from twisted.logger import capturedLogs, eventAsText

from provisiond.descriptors import RESERVED, room_for


class Limits:
    def __init__(self, soft: int, hard: int) -> None:
        self.soft, self.hard = soft, hard

    def get(self, kind: int) -> tuple[int, int]:
        assert kind == resource.RLIMIT_NOFILE
        return self.soft, self.hard

    def set(self, kind: int, limits: tuple[int, int]) -> None:
        assert limits[0] <= self.hard or self.hard == resource.RLIM_INFINITY
        self.soft, self.hard = limits


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "raised"),
    [
        (1_024, 1_000_000, (10_000, 5_000), 15_000 + RESERVED),
        (1_024, resource.RLIM_INFINITY, (10_000, 5_000), 15_000 + RESERVED),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, (10_000, 5_000), resource.RLIM_INFINITY),
        (1_024, 4_096, (2_048, 1_024), 4_096),
        (256, 256, (85, 42), 256),
        (500_000, 500_000, (10_000, 5_000), 500_000),
        (2, 2, (1, 1), 2),
    ],
)
def test_the_limit_is_raised_as_far_as_needed_and_what_it_allows_is_told(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, allowed: tuple[int, int], raised: int
) -> None:
    limits = Limits(soft, hard)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    with capturedLogs() as events:
        assert room_for(10_000, 5_000) == allowed
    assert limits.soft == raised
    sentences = [eventAsText(event, includeTimestamp=False, includeSystem=False) for event in events]
    assert ("LimitNOFILE" in "".join(sentences)) == (allowed != (10_000, 5_000))

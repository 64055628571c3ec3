"""How many files the server may open, and what follows from it."""

from __future__ import annotations

import resource

import pytest

from provisiond.descriptors import RESERVED, allowed_transfers


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
        (1_024, 1_000_000, 10_000, 10_000 + RESERVED),
        (1_024, resource.RLIM_INFINITY, 10_000, 10_000 + RESERVED),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_000, resource.RLIM_INFINITY),
        (1_024, 4_096, 4_096 - RESERVED, 4_096),
        (256, 256, 128, 256),
        (500_000, 500_000, 10_000, 500_000),
    ],
)
def test_the_limit_is_raised_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, allowed: int, raised: int
) -> None:
    limits = Limits(soft, hard)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    assert allowed_transfers(10_000) == allowed
    assert limits.soft == raised

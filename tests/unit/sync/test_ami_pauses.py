"""How often Asterisk is tried when it cannot be reached."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from provisiond.errors import Unavailable
from provisiond.sync.ami import FIRST_PAUSE, Ami, AmiPlace
from provisiond.sync.ami_connection import AmiUser


class Unreachable(Ami):
    """Counts how often it is tried in vain."""

    tries = 0

    async def _opened(self) -> Any:
        self.tries += 1
        raise Unavailable("nobody is there")


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.rightNow = 1_000_000.3
    return clock


@pytest.fixture
def ami(clock: Clock) -> Unreachable:
    return Unreachable(clock, AmiPlace(host="127.0.0.1", port=1, user=AmiUser("u", "s", challenge=False)))


def sentence(ami: Ami) -> str:
    with pytest.raises(Unavailable) as caught:
        ami.perform([("Action", "Ping")]).send(None)
    return caught.value.sentence


def test_the_pause_between_two_attempts_grows(clock: Clock, ami: Unreachable) -> None:
    for tries in (1, 2, 3):
        assert sentence(ami) == "nobody is there"
        assert sentence(ami).startswith("nobody is there; the next attempt is in ")
        clock.advance(FIRST_PAUSE * 2 ** (tries - 1))
        assert ami.tries == tries


def test_a_clock_that_is_set_back_makes_no_pause_longer(clock: Clock, ami: Unreachable) -> None:
    assert sentence(ami) == "nobody is there"
    clock.rightNow -= 3_600
    assert sentence(ami) == "nobody is there"
    assert ami.tries == 2

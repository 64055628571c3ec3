"""A daemon that is killed with SIGKILL in the middle of package work.

By default once in each kind of work that replaces something; with ``PROVISIOND_KILLS`` so often in each kind of work.
``python -m bench.kills`` does it at every file operation, ``test_kill`` at those of the packages without a daemon.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.support.daemon_deaths import ACTIONS, Action, Deaths, dying_daemon, spread

KILLS = int(os.environ.get("PROVISIOND_KILLS", "0"))
CHOSEN = [action for action in ACTIONS if KILLS or action.name.startswith("upgrade")]


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deaths]:
    with dying_daemon(tmp_path_factory.mktemp("deaths")) as made:
        yield made


@pytest.mark.parametrize("action", CHOSEN, ids=lambda action: action.name.replace(" ", "-"))
def test_a_killed_daemon_has_a_whole_plugin_or_none(deaths: Deaths, action: Action) -> None:
    steps = deaths.steps(action)
    assert steps > 2
    for number in spread(steps, KILLS or 1):
        deaths.die(action, number)


def test_the_points_of_death_are_spread() -> None:
    assert spread(10, 1) == [6]
    assert spread(10, 10) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert spread(3, 10) == [1, 2, 3]
    assert len(spread(50, 7)) == 7

"""The API on a world of stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.api import Api
from tests.support.provisioning import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    for call in made.clock.getDelayedCalls():
        call.cancel()


@pytest.fixture
def api(world: World) -> Api:
    return Api(world)

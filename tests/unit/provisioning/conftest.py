from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.provisioning import World


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(**around: object) -> World:
        state_dir = tmp_path / str(len(worlds))
        state_dir.mkdir()
        worlds.append(World(state_dir, **around))
        worlds[-1].start()
        return worlds[-1]

    yield make
    for world in worlds:
        for call in world.clock.getDelayedCalls():
            call.cancel()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()

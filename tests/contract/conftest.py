"""The whole API on stand-ins, with the rows of the contract that a test names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.api import Api
from tests.support.packages import FakePackages
from tests.support.provisioning import PLUGIN, World, run


@pytest.fixture(autouse=True)
def row(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The rows of the contract that this test covers."""
    return getattr(request, "param", ())


@pytest.fixture
def packages() -> FakePackages:
    made = FakePackages()
    made.offer(PLUGIN, "firmware", 60, 40)
    return made


@pytest.fixture
def world(tmp_path: Path, packages: FakePackages) -> Iterator[World]:
    made = World(tmp_path, packages=packages)
    made.start()
    yield made
    for call in made.clock.getDelayedCalls():
        call.cancel()


@pytest.fixture
def api(world: World) -> Api:
    return Api(world)


@pytest.fixture
def sub(world: World) -> str:
    """A tenant below the master tenant."""
    return run(world.house.tenants.create("sub")).uuid

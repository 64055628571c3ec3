"""An administrator in front of an API on stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.administrator import Administrator
from tests.support.api import Api
from tests.support.package_fakes import FakeFiles
from tests.support.packages import FakePackages
from tests.support.provisioning import PLUGIN, World


@pytest.fixture
def packages() -> FakePackages:
    made = FakePackages()
    made.offer(PLUGIN, "firmware", 60, 40)
    made.offer(PLUGIN, "french", 10)
    return made


@pytest.fixture
def world(tmp_path: Path, packages: FakePackages) -> Iterator[World]:
    made = World(tmp_path, packages=packages, file_inspection=FakeFiles())
    made.start()
    yield made
    for call in made.clock.getDelayedCalls():
        call.cancel()


@pytest.fixture
def admin(world: World) -> Administrator:
    return Administrator(Api(world))

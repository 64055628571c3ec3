"""Every shipped plugin passes the checks that its author would run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.vendor_plugins import ROOT, build_family

from provisiond.plugins.testing import check_plugin

FAMILIES = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/build.py"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, Path]]:
    return {family: build_family(family, tmp_path_factory.mktemp(family)) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_wrong_with_it(built: Mapping[str, dict[str, Path]], family: str) -> None:
    assert {name: check_plugin(directory) for name, directory in built[family].items()} == {
        key: [] for key in built[family]
    }

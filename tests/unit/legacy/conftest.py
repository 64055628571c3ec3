from __future__ import annotations

import pytest
from tests.support import legacy_plugins


@pytest.fixture(params=["wazo_provd", "provd"])
def import_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have small plugins import from each of the two names, one after the other."""
    monkeypatch.setattr(legacy_plugins, "IMPORT_NAME", request.param)
    return str(request.param)

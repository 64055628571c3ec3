"""Fixtures and helpers for the tests of identification."""

from __future__ import annotations

import pytest

from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return Knowledge.shipped()


@pytest.fixture(scope="session")
def identifier(knowledge: Knowledge) -> Identifier:
    return Identifier(knowledge)

"""Every row of the contract has a test, and every path of it a route."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import MagicMock

from tests.support.contract import known_rows, named_rows

from provisiond.metrics import Metrics
from provisiond.rest.application import routed
from provisiond.rest.operations import PATHS

_ENDPOINT = re.compile(r"5\.\d (GET|POST|PUT|DELETE) \{P\}(\S*) \d{3}")
_ARGUMENT = re.compile(r"<[^>]*>")


def test_every_row_is_named_by_a_test_and_no_other() -> None:
    named = named_rows(Path(__file__).parent)
    assert sorted(set(known_rows()) - named) == []
    assert sorted(named - set(known_rows())) == []


def test_every_path_of_the_contract_has_a_route() -> None:
    routes = routed(MagicMock(), MagicMock(), Metrics(), MagicMock()).routes
    ours = {(each.method, _ARGUMENT.sub("{}", each.path)) for each in routes if each.prefixed}
    theirs = {
        (match[1], re.sub(r"\{\w+\}", "{}", match[2])) for match in map(_ENDPOINT.fullmatch, known_rows()) if match
    }
    assert len(theirs) >= 40
    assert sorted(theirs - ours) == []


def test_every_route_that_begins_an_operation_lets_it_be_read_and_deleted() -> None:
    routes = routed(MagicMock(), MagicMock(), Metrics(), MagicMock()).routes
    known = {(each.method, each.path) for each in routes}
    for each in routes:
        if "operation" in each.statuses.get(201, ""):
            assert each.path in PATHS
            assert {("GET", f"{each.path}/<number>"), ("DELETE", f"{each.path}/<number>")} <= known

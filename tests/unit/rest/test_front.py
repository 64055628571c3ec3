"""The front: prefixes, slashes, OPTIONS, methods to the letter, ids that stay whole."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.api import Api
from tests.support.provisioning import World, run

from provisiond.rest.front import METHODS, PREFIXES, _within
from provisiond.rest.routing import INNER_PREFIX


@pytest.mark.parametrize(
    ("path", "shown", "inner"),
    [
        ("provd/x", "/provd", "0.2/x"),
        ("0.2/x/y", "/0.2", "0.2/x/y"),
        ("0.2", "/0.2", "0.2"),
        ("api/provd/0.2/x", "/0.2", "0.2/x"),
        ("api/provd/x", "", "api/provd/x"),
        ("api/provd/0.3", "", "api/provd/0.3"),
        ("provd/0.2/x", "/provd", "0.2/0.2/x"),
        ("metrics", "", "metrics"),
        ("", "", ""),
    ],
)
def test_every_prefix_is_one_inside(path: str, shown: str, inner: str) -> None:
    assert _within(path.split("/")) == (shown, inner.split("/"))


@given(st.lists(st.sampled_from(["provd", "0.2", "api", "x", ""]), min_size=1, max_size=6))
def test_a_prefix_is_taken_away_once(segments: list[str]) -> None:
    shown, inner = _within(segments)
    if shown:
        prefix = next(each for each in PREFIXES if tuple(segments[: len(each)]) == each)
        assert inner == [INNER_PREFIX.strip("/"), *segments[len(prefix) :]]
    else:
        assert inner == segments


def statuses(api: Api, paths: Iterable[str], method: str = "GET") -> set[int]:
    return {api.call(method, path, prefix="").status for path in paths}


def test_no_prefix_is_reached_twice(api: Api) -> None:
    assert statuses(
        api, ["/0.2/0.2/status", "/provd/0.2/status", "/api/provd/0.2/0.2/status", "/api/provd/status"]
    ) == {404}
    assert statuses(api, ["/status", "/dev_mgr", "/", "/0.2x/status", "/PROVD/status"]) == {404}
    assert statuses(api, ["/0.2/status", "/provd/status/", "/api/provd/0.2/status", "/metrics", "/metrics/"]) == {200}


def test_a_prefix_may_be_percent_encoded(api: Api) -> None:
    assert statuses(api, ["/%30.2/status", "/p%72ovd/status", "/0.2/st%61tus"]) == {200}


def test_options_tells_the_methods_anywhere(api: Api) -> None:
    for path in ("/", "/0.2/none", "/%00", "/a//b"):
        got = api.call("OPTIONS", path, prefix="", token="")
        assert (got.status, got.headers["allow"], got.content) == (200, METHODS, b"")


@pytest.mark.parametrize("method", ["get", "Get", "options", "pOST", "GET2", "X-Y"])
def test_methods_are_case_sensitive(api: Api, method: str) -> None:
    got = api.call(method, "/status")
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert api.call(method, "/none").status == 404


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_id_its_location_leads_back_to_it(api: Api, world: World, text: str) -> None:
    if text in (".", "..") or any(0x80 <= ord(char) < 0xA0 for char in text):
        return
    world.configs.rows.pop(text, None)
    if world.house.tree is not None and text in world.house.tree:
        run(world.house.configs.delete(text))
    made = api.call("POST", "/cfg_mgr/configs", {"config": {"id": text, "parent_ids": [], "raw_config": {}}})
    assert made.status == 201
    location = made.headers["location"]
    assert location.isascii()
    assert api.get(location, prefix="").document["config"]["id"] == text
    assert api.call("DELETE", location, prefix="").status == 204

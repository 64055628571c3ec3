"""Inheritance of configs (REST contract, section 9.3)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.model.config import Config
from provisiond.model.inheritance import ConfigGraph, laid_over, merged, order_of, over

Configs = Mapping[str, tuple[Sequence[str], Mapping[str, Any]]]
CONTRACT: Configs = {
    "g": ((), {"X_o": "g", "X_d": {"a": "g", "b": "g"}, "X_l": [1, 2]}),
    "p1": (("g",), {"X_o": "p1", "X_d": {"a": "p1"}}),
    "p2": (("g",), {"X_o": "p2", "X_d": {"c": "p2"}, "X_l": [3]}),
    "k": (("p1", "p2"), {"X_d": {"z": 1}, "X_l": None}),
}


def _lookup(configs: Configs) -> Callable[[str], Config | None]:
    made = {
        name: Config({"id": name, "parent_ids": list(parents), "raw_config": raw})
        for name, (parents, raw) in configs.items()
    }
    return made.get


def test_the_example_of_the_contract() -> None:
    assert merged({}, "k", _lookup(CONTRACT)) == {
        "X_o": "p2",
        "X_d": {"a": "p1", "b": "g", "c": "p2", "z": 1},
        "X_l": None,
    }


def test_an_ancestor_reached_twice_counts_at_its_first_visit() -> None:
    assert order_of("k", {name: parents for name, (parents, _) in CONTRACT.items()}.get) == ["g", "p1", "p2", "k"]
    assert merged({}, "p2", _lookup(CONTRACT)) == {"X_o": "p2", "X_d": {"a": "g", "b": "g", "c": "p2"}, "X_l": [3]}


def test_the_base_lies_below_everything_and_unknown_configs_give_none() -> None:
    lookup = _lookup({"a": (("gone", "b"), {"X_a": 1}), "b": ((), {"X_b": {"c": 1}})})
    assert merged({"X_a": 0, "X_b": {"d": 0}, "ip": "x"}, "a", lookup) == {
        "X_a": 1,
        "X_b": {"d": 0, "c": 1},
        "ip": "x",
    }
    assert merged({"ip": "x"}, "gone", lookup) is None


@pytest.mark.parametrize(
    ("lower", "upper", "result"),
    [
        ({}, {}, {}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": [3]}, {"a": [3]}),
        ({"a": [1, 2]}, {"a": []}, {"a": []}),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"d": None}}}, {"a": {"b": {"c": 1, "d": None}}}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    ],
)
def test_member_by_member(lower: dict[str, Any], upper: dict[str, Any], result: dict[str, Any]) -> None:
    assert laid_over(lower, upper) == result


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(OBJECTS, OBJECTS, OBJECTS)
@settings(max_examples=150, deadline=None)
def test_laws_of_laying_over(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    before = copy.deepcopy((one, two, three))
    for lower, upper in ((one, two), (two, one), ({}, one), (one, {})):
        assert json.dumps(over(lower, upper)) == json.dumps(laid_over(lower, upper))
    assert laid_over({}, one) == one == laid_over(one, {}) == laid_over(one, one)
    result = laid_over(one, two)
    assert laid_over(result, two) == result
    assert list(result)[: len(one)] == list(one)
    _scramble(laid_over(result, three))
    assert (one, two, three) == before


def _scramble(value: Any) -> None:
    """Change every container, to show that none of them is shared."""
    if isinstance(value, dict):
        for member in value.values():
            _scramble(member)
        value["scrambled"] = True
    elif isinstance(value, list):
        for member in value:
            _scramble(member)
        value.append("scrambled")


IDS = "abcdef"
FAMILIES = st.dictionaries(
    st.sampled_from(IDS), st.tuples(st.lists(st.sampled_from(IDS + "g"), max_size=4), OBJECTS), max_size=6
)


def _reference(configs: Configs, config_id: str, base: dict[str, Any]) -> dict[str, Any] | None:
    """Do what the contract says, word by word."""
    marked: set[str] = set()
    result = base

    def visit(each: str) -> None:
        nonlocal result
        marked.add(each)
        parents, raw = configs[each]
        for parent in parents:
            if parent in configs and parent not in marked:
                visit(parent)
        result = laid_over(result, raw)

    if config_id not in configs:
        return None
    visit(config_id)
    return result


@given(FAMILIES, OBJECTS)
@settings(max_examples=200, deadline=None)
def test_merging_is_what_the_contract_says(configs: dict[str, Any], base: dict[str, Any]) -> None:
    before = copy.deepcopy((configs, base))
    for config_id in IDS:
        result = merged(base, config_id, _lookup(configs))
        assert result == _reference(configs, config_id, base)
        if result is not None:
            _scramble(result)
    assert (configs, base) == before


DEEP = 10_000


def test_ten_thousand_generations() -> None:
    chain: Configs = {
        str(number): ([str(number + 1)], {"X_a": number, f"X_{number % 7}": number}) for number in range(DEEP)
    }
    result = merged({}, "0", _lookup(chain))
    assert result is not None
    assert (result["X_a"], result["X_6"]) == (0, 6)
    graph = ConfigGraph()
    for name, (parents, _) in chain.items():
        graph.put(name, parents)
    assert len(graph.descendants([str(DEEP)])) == len(graph.ancestors("0")) == DEEP + 1


def test_loops_end() -> None:
    ring: Configs = {"a": (("b",), {"X_a": 1, "X_o": "a"}), "b": (("a", "b"), {"X_b": 1, "X_o": "b"})}
    assert merged({}, "a", _lookup(ring)) == {"X_a": 1, "X_b": 1, "X_o": "a"}
    graph = ConfigGraph()
    for name, (parents, _) in ring.items():
        graph.put(name, parents)
    assert graph.descendants(["a"]) == graph.ancestors("b") == {"a", "b"}


def test_the_graph_follows_changes() -> None:
    graph = ConfigGraph()
    graph.put("child", ["parent", "other"])
    graph.put("grandchild", ["child"])
    assert graph.descendants(["parent"]) == {"parent", "child", "grandchild"}
    assert graph.ancestors("grandchild") == {"grandchild", "child", "parent", "other"}
    assert ("parent" in graph, "child" in graph) == (False, True)
    graph.put("child", iter(["other"]))
    assert graph.parents("child") == ("other",)
    assert graph.descendants(["parent", "other"]) == {"parent", "other", "child", "grandchild"}
    graph.remove("child")
    assert graph.descendants(["other"]) == {"other"}
    assert graph.descendants(["child"]) == {"child", "grandchild"}
    assert graph.parents("child") == ()
    graph.remove("child")
    assert graph.descendants([]) == set()


CHANGES = st.lists(st.tuples(st.sampled_from(IDS), st.none() | st.lists(st.sampled_from(IDS), max_size=3)), max_size=12)


@given(CHANGES)
@settings(max_examples=100, deadline=None)
def test_descendants_are_those_whose_ancestors_they_are(changes: list[tuple[str, list[str] | None]]) -> None:
    graph = ConfigGraph()
    present: dict[str, list[str]] = {}
    for name, parents in changes:
        if parents is None:
            graph.remove(name)
            present.pop(name, None)
        else:
            graph.put(name, parents)
            present[name] = parents
    for one in IDS:
        assert graph.parents(one) == tuple(present.get(one, ()))
        assert graph.descendants([one]) == {other for other in IDS if one in graph.ancestors(other)}

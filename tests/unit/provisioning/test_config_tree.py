"""The configs at hand: fetched together, recognised when they come again, what they inherit kept while it is right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.provisioning import MemoryConfigs, MemoryFeed, begin, run

from provisiond.model.config import Config
from provisiond.model.inheritance import merged
from provisiond.provisioning.config_tree import ConfigTree

IDS = "abcd"


def config(config_id, parents=(), **raw):
    return Config({"id": config_id, "parent_ids": list(parents), "raw_config": raw})


@pytest.fixture
def store():
    return MemoryConfigs(MemoryFeed())


def filled(store, *configs, cached=100):
    for each in configs:
        run(store.insert(each))
    tree = ConfigTree(store, cached)
    run(tree.fill())
    return tree


def test_configs_and_their_parents_are_fetched_with_one_look(store):
    tree = filled(store, config("base", X_a="1"), config("c", ["base", "gone"]), config("d", ["base"]))
    before = store.gate.passed
    run(tree.fetch(["c", "d", "never"]))
    assert store.gate.passed == before + 1
    assert {each for each in ("base", "c", "d", "gone") if tree.at_hand(each) is not None} == {"base", "c", "d"}
    run(tree.fetch(["c", "d"]))
    assert store.gate.passed == before + 1


def test_what_is_fetched_while_something_is_written_is_not_kept(store):
    tree = filled(store, config("c", X_a="old"))
    store.gate.shut()
    fetching = begin(tree.fetch(["c"]))
    tree.put(config("c", X_a="new"))
    store.gate.open()
    assert fetching.called
    assert tree.at_hand("c").raw_config == {"X_a": "new"}


def test_what_was_taken_is_recognised_also_when_it_is_not_in_memory(store):
    tree = filled(store, cached=1)
    tree.put(config("c", X_a=1))
    tree.put(config("d"))
    assert tree.at_hand("c") is None
    assert tree.has_taken(config("c", X_a=1))
    for other in (config("c", X_a=True), config("c", X_a=1.0), config("c", ["p"], X_a=1), config("e")):
        assert not tree.has_taken(other)
    tree.remove("c")
    assert not tree.has_taken(config("c", X_a=1))


MEMBERS = st.dictionaries(
    st.sampled_from("xy"), st.integers(0, 3) | st.dictionaries(st.sampled_from("mn"), st.integers(0, 3)), max_size=2
)
CONFIGS = st.tuples(st.sampled_from(IDS), st.lists(st.sampled_from(IDS), max_size=3), MEMBERS)
STEPS = st.lists(CONFIGS | st.sampled_from(IDS) | MEMBERS, max_size=12)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_what_is_kept_of_inheritance_is_never_older_than_the_configs(steps):
    tree, known, base = filled(MemoryConfigs(MemoryFeed())), {}, {}
    for step in steps:
        if isinstance(step, str):
            tree.remove(step)
            known.pop(step, None)
        elif isinstance(step, dict):
            base = step
        else:
            known[step[0]] = config(step[0], step[1], **step[2])
            tree.put(known[step[0]])
        for each in IDS:
            assert run(tree.merged(each, base)) == merged(base, each, known.get)


def test_a_config_in_place_of_the_stored_one_leaves_nothing_behind(store):
    tree = filled(store, config("p", X_a="stored"), config("c", ["p"]))
    assert run(tree.merged("c", {}, config("p", X_a="other"))) == {"X_a": "other"}
    assert run(tree.merged("c", {})) == {"X_a": "stored"}

"""Which plugin answers a phone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.identification.associate import best_plugin, fits
from provisiond.identification.support import Support
from provisiond.identification.values import DeviceInfo

T46 = DeviceInfo(vendor="Yealink", model="T46G", version="28.83.0.120")


def test_below_probable_no_plugin_is_chosen() -> None:
    assert best_plugin({}) is None
    assert best_plugin({"a": 299, "b": Support.UNKNOWN}) is None
    assert best_plugin({"a": 300}) == "a"


def test_the_best_score_wins_and_scores_may_lie_between_levels() -> None:
    assert best_plugin({"a": Support.COMPLETE, "b": Support.COMPLETE + 1, "c": Support.PROBABLE}) == "b"
    assert best_plugin({"a": Support.EXACT, "b": Support.COMPLETE + 1}) == "a"


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [
        ("wazo-snom-8.9.3.80", "wazo-snom-10.1.184.15"),
        ("wazo-snom-10.1.54.13", "wazo-snom-10.1.215.13"),
        ("patton-6.9", "patton-6.11"),
        ("a", "a1"),
        ("a-1", "a-1-x"),
        ("aastra-3.3.1-SP2", "aastra-3.3.1-SP4"),
        ("a-1", "a-01"),
    ],
)
def test_a_conflict_is_settled_by_natural_order(lesser: str, greater: str) -> None:
    chosen = {best_plugin({first: 500, second: 500}) for first, second in ((lesser, greater), (greater, lesser))}
    assert len(chosen) == 1
    if lesser != "a-1" or greater != "a-01":
        assert chosen == {greater}


@given(st.dictionaries(st.text("ab-.0123456789", min_size=1, max_size=8), st.sampled_from([300, 500]), min_size=1))
def test_the_order_of_the_scores_does_not_matter(scores: dict[str, int]) -> None:
    backwards = dict(reversed(scores.items()))
    assert best_plugin(scores) == best_plugin(backwards) in scores


def test_anything_but_an_int_is_no_score() -> None:
    scores: Any = {"a": None, "b": 600.0, "c": "600", "d": True, "e": 400}
    assert best_plugin(scores) == "e"


@pytest.mark.parametrize(
    ("capability", "support"),
    [
        ("Yealink, T46G, 28.83.0.120", Support.EXACT),
        ("Yealink, T46G, 28.72.0.1", Support.COMPLETE),
        ("Yealink, T46G, *", Support.COMPLETE),
        ("yealink, t46g, *", Support.COMPLETE),
        ("Yealink, T41P/T46G, *", Support.COMPLETE),
        ("Yealink, *, *", Support.PROBABLE),
        ("Yealink, T48G, 28.83.0.120", Support.IMPROBABLE),
        ("Snom, T46G, *", Support.NONE),
        ("*, *, *", Support.NONE),
        ("nonsense", Support.NONE),
        ("", Support.NONE),
    ],
)
def test_capabilities_tell_how_well_a_plugin_fits(capability: str, support: Support) -> None:
    assert fits([capability], T46) is support


def test_the_best_capability_counts() -> None:
    assert fits(["Snom, 320, 8", "Yealink, T46G, 28.72.0.1", "Yealink, T48G, *"], T46) is Support.COMPLETE
    assert fits([], T46) is Support.NONE


def test_without_model_only_the_vendor_can_be_judged() -> None:
    assert fits(["Yealink, T46G, *"], DeviceInfo(vendor="Yealink")) is Support.UNKNOWN
    assert fits(["Yealink, T46G, *"], DeviceInfo(mac="00:15:65:00:00:01")) is Support.NONE


def test_models_with_commas_and_blanks_are_read_whole() -> None:
    info = DeviceInfo(vendor="Gigaset", model="N510 IP PRO", version="42.245")
    assert fits(["Gigaset, N510 IP PRO, 42.245"], info) is Support.EXACT

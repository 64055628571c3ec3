"""The order of versions (firmware contract, section 11)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.model.versions import natural_key, version_key

LOWER_HIGHER = [
    ("1.9", "1.10"),
    ("1.0-dev1", "1.0"),
    ("1.0", "1.0.1"),
    ("1.0.0", "1.0.1"),
    ("2.0-1", "10.0-1"),
    ("6.1.5", "6.1.5a"),
    ("7.5.2b", "7.5.5"),
    ("9.4.2 SR1", "9.4.2 SR3"),
    ("4.2.0 SP1", "4.2.0.2023"),
    ("4.2.0-SP1", "4.2.0.2023"),
    ("12-0-1MPP0001-245", "12-0-7MPP0001-245"),
    ("83.V2.49.1", "83.V2.62.1"),
    ("9.3.1-18", "9.3.1.1000-1"),
    ("P0.16.5-1.12.2", "P0.18.23.1.23-2.4.12"),
    ("", "anything"),
    ("", "dev"),
    ("", "0"),
    ("", "."),
    ("  ", "1.0-dev1"),
    ("9" * 4999, "1" + "0" * 4999),
    ("1.2", "1:0.1"),
    ("2:9", "10:1"),
    ("1.0.9", "1.1"),
]
EQUAL = [
    ("1", "1.0", "1.0.0", "01", "1-0", "1.", " 1 ", "0:1", "00:1.0"),
    ("4.2.0 SP1", "4.2.0-SP1", "4.2-sp1", "4.2.0_SP.1"),
    ("6.1.5a", "6.1.5A", "6.1.5.a", "6.1.5.0a"),
    ("1.0rc1", "1rc1", "1-RC-01"),
    ("0", "0.0", "00", ".", "-", "0:"),
    ("", " ", "\t"),
    ("1.0.1", "01.00.01"),
]


@pytest.mark.parametrize(("lower", "higher"), LOWER_HIGHER)
def test_the_lower_and_the_higher(lower: str, higher: str) -> None:
    assert version_key(lower) < version_key(higher)
    assert version_key(higher) > version_key(lower)
    assert version_key(lower) != version_key(higher)
    assert natural_key(lower) < natural_key(higher)


@pytest.mark.parametrize("texts", EQUAL)
def test_texts_that_mean_the_same_version(texts: tuple[str, ...]) -> None:
    for one, other in itertools.combinations(texts, 2):
        assert version_key(one) == version_key(other)
        assert not version_key(one) < version_key(other)
        assert hash(version_key(one)) == hash(version_key(other))
        assert (natural_key(one) < natural_key(other)) == (one < other)


def test_words_at_one_position() -> None:
    ordered = ["1-dev", "1-alpha", "1-beta", "1-pre", "1-rc", "1", "1-a", "1-final", "1-z", "1-1"]
    assert sorted(set(ordered), key=version_key) == ordered


def test_plugin_ids() -> None:
    ids = ["wazo-aastra-2.6.0.2019", "wazo-aastra-3.3.1-SP4", "wazo-aastra-4.3.0", "wazo-aastra-10.1", "wazo-snom-8.7"]
    assert sorted(set(ids), key=natural_key) == ids
    assert sorted(["a-1.0", "a-01"], key=natural_key) == ["a-01", "a-1.0"]


def test_a_key_is_no_text() -> None:
    assert version_key("1") != "1"


TEXTS = st.text("019.- aAbdevrc:_é", max_size=9) | st.from_regex(r"\A([0-9]:)?[0-9]{1,2}(\.(0|rc|dev|b|10)){0,3}\Z")


@given(TEXTS, TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_the_order_is_total(one: str, two: str, three: str) -> None:
    a, b, c = map(version_key, (one, two, three))
    assert [a < b, a == b, a > b].count(True) == 1
    assert (a <= b) == (not b < a)
    if a <= b <= c:
        assert a <= c
    if a == b:
        assert hash(a) == hash(b)
        assert (a < c) == (b < c)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_dotted_numbers_compare_as_numbers(one: list[int], other: list[int]) -> None:
    texts = [".".join(map(str, numbers)) for numbers in (one, other)]
    padded = [numbers + [0] * (5 - len(numbers)) for numbers in (one, other)]
    assert (version_key(texts[0]) < version_key(texts[1])) == (padded[0] < padded[1])
    assert (version_key(texts[0]) == version_key(texts[1])) == (padded[0] == padded[1])


@pytest.mark.parametrize(
    ("lower", "higher"), [("1.0~rc1", "1.0"), ("1.0~1", "1.0"), ("1.0~dev", "1.0dev"), ("1~~", "1~")]
)
def test_a_tilde_comes_before_everything(lower: str, higher: str) -> None:
    assert version_key(lower) < version_key(higher)

"""Metadata of packages, conditions on versions, circles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.model.dependency_graph import circle_from
from provisiond.model.package_metadata import Dependency, PackageMetadata, parse_metadata
from provisiond.model.version_conditions import parse_conditions

WHOLE = {
    "version": "1.0",
    "author": "Ann",
    "author_email": "ann@example.org",
    "category": "phones",
    "changelog": "1.0\n- first",
    "documentation": "https://example.org/doc?x=1",
    "icon": "icon.png",
    "min_provisiond_version": "0.1.0",
    "dependencies": [{"type": "python", "id": "pyserial (>=2.5)"}],
}


def test_every_member_is_read() -> None:
    assert parse_metadata(WHOLE) == PackageMetadata(
        author="Ann",
        author_email="ann@example.org",
        category="phones",
        changelog="1.0\n- first",
        documentation="https://example.org/doc?x=1",
        icon="icon.png",
        min_server_version="0.1.0",
        dependencies=(Dependency("python", "pyserial (>=2.5)"),),
    )


def test_all_of_them_are_optional_and_null_is_nothing() -> None:
    assert parse_metadata({}) == PackageMetadata()
    assert parse_metadata(dict.fromkeys(WHOLE)) == PackageMetadata()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("author", 1),
        ("author", "x" * 201),
        ("changelog", "x" * (64 * 1024 + 1)),
        ("changelog", ["a"]),
        ("documentation", "javascript:alert(1)"),
        ("documentation", "http://"),
        ("documentation", "http://[::1"),
        ("documentation", "https://a/\nb"),
        ("icon", "../icon.png"),
        ("icon", ".png"),
        ("icon", "icon.svg"),
        ("icon", "a/b.png"),
        ("min_provisiond_version", "-1"),
        ("min_provisiond_version", 2),
        ("min_provisiond_version", "1 2"),
        ("dependencies", {}),
        ("dependencies", ["cjson"]),
        ("dependencies", [{"type": "python"}]),
        ("dependencies", [{"type": "Python 3", "id": "x"}]),
        ("dependencies", [{"type": "python", "id": "a\nb"}]),
        ("dependencies", [{"type": "python", "id": ""}]),
        ("dependencies", [{"type": "python", "id": "x"}] * 101),
    ],
)
def test_a_wrong_member_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_metadata({**WHOLE, name: value})
    assert name.removeprefix("min_").split("_")[0][:5] in raised.value.sentence or "dependency" in raised.value.sentence


class TestConditions:
    @pytest.mark.parametrize(
        ("text", "fitting", "not_fitting"),
        [
            ("", ["0", "9.9"], []),
            ("1.2", ["1.2", "1.2.0"], ["1.2.1", "1.1"]),
            ("==1.2", ["1.2"], ["1.3"]),
            ("= 1.2", ["1.2"], ["1.3"]),
            ("!=1.2", ["1.3"], ["1.2"]),
            (">=1.9", ["1.10", "1.9"], ["1.8", "1.9-rc1"]),
            (">=1.2,<2", ["1.2", "1.99"], ["2", "1.1"]),
            ("> 1, <= 2", ["2", "1.0.1"], ["1", "2.0.1"]),
        ],
    )
    def test_conditions_hold_as_they_read(self, text: str, fitting: list[str], not_fitting: list[str]) -> None:
        conditions = parse_conditions(text)
        assert [version for version in fitting if not conditions.fit(version)] == []
        assert [version for version in not_fitting if conditions.fit(version)] == []
        assert parse_conditions(str(conditions)) == conditions

    @pytest.mark.parametrize("text", [",", "1,", ">=", ">>1", "~=1", "1 2", "$(x)", ">=1;2", "x" * 100])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            parse_conditions(text)


class TestCircles:
    @pytest.mark.parametrize(
        ("needs", "circle"),
        [
            ({}, ()),
            ({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, ()),
            ({"a": ["a"]}, ("a", "a")),
            ({"a": ["b"], "b": ["a"]}, ("a", "b", "a")),
            ({"a": ["b"], "b": ["c"], "c": ["b"]}, ("b", "c", "b")),
            ({"a": ["x", "b"], "b": ["c"], "c": ["a"]}, ("a", "b", "c", "a")),
        ],
    )
    def test_circles_are_found_with_their_way(self, needs: dict[str, list[str]], circle: tuple[str, ...]) -> None:
        assert circle_from("a", lambda name: needs.get(name, ())) == circle

    def test_a_long_chain_and_a_wide_net_cost_little(self) -> None:
        assert circle_from("0", lambda name: [str(int(name) + 1)] if int(name) < 5_000 else []) == ()
        asked: list[str] = []

        def needs(name: str) -> list[str]:
            asked.append(name)
            layer = int(name.partition(".")[0])
            return [f"{layer + 1}.{index}" for index in range(20)] if layer < 20 else []

        assert circle_from("0.0", needs) == ()
        assert len(asked) == len(set(asked)) == 401

    @given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4)))
    def test_what_is_found_is_a_way_of_needs(self, needs: dict[str, list[str]]) -> None:
        circle = circle_from("a", lambda name: needs.get(name, ()))
        if circle:
            assert circle[0] == circle[-1]
            assert all(two in needs[one] for one, two in pairwise(circle))
        else:
            order: list[str] = []
            reached, waiting = {"a"}, ["a"]
            while waiting:
                order.append(waiting.pop())
                fresh = [name for name in needs.get(order[-1], ()) if name not in reached]
                waiting += dict.fromkeys(fresh)
                reached |= set(fresh)
            left = {name: {need for need in needs.get(name, ()) if need in reached} for name in reached}
            while free := [name for name, wanted in left.items() if not wanted]:
                left = {name: wanted - set(free) for name, wanted in left.items() if name not in free}
            assert not left

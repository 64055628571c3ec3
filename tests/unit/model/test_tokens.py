"""What an access list grants (REST contract, section 3)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.model.tokens import covered, granted

READ = "provd.dev_mgr.devices.read"


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        ([READ], READ, True),
        ([], READ, False),
        ([""], READ, False),
        (["provd"], READ, False),
        (["provd.dev_mgr.devices.rea"], READ, False),
        ([READ + "x"], READ, False),
        (["Provd.dev_mgr.devices.read"], READ, False),
        (["#"], READ, True),
        (["provd.#"], READ, True),
        (["provd.#"], "provd", False),
        (["provd.#.read"], READ, True),
        (["provd.#.update"], READ, False),
        (["#.read"], READ, True),
        (["*"], READ, False),
        (["*"], "provd", True),
        (["*"], "", True),
        (["provd.*"], READ, False),
        (["provd.*.*.*"], READ, True),
        (["provd.*.devices.*"], READ, True),
        (["provd.dev_*.dev*es.r*d"], READ, True),
        (["provd.*.*.*.*"], READ, False),
        (["a.*"], "a.#", False),
        (["a.#"], "a.#", True),
        (["a.*"], "a.", True),
        (["a.*.c"], "a..c", True),
        (["provd.dev_mgr.devices.*.read"], "provd.dev_mgr.devices.0a1b.read", True),
        (
            ["provd.pg_mgr.plugins.wazo-aastra-4_3_0.info.read"],
            "provd.pg_mgr.plugins.wazo-aastra-4_3_0.info.read",
            True,
        ),
        (
            ["provd.pg_mgr.plugins.wazo-aastra-4.3.0.info.read"],
            "provd.pg_mgr.plugins.wazo-aastra-4_3_0.info.read",
            False,
        ),
        # no character of a pattern but the two is special
        (["provd.dev_mgr"], "provdxdev_mgr", False),
        (["a.[bc]"], "a.b", False),
        (["a.b+"], "a.bb", False),
        (["(a"], "(a", True),
        # denying wins, wherever it stands
        (["#", "!" + READ], READ, False),
        (["!" + READ, "#"], READ, False),
        (["!provd.dev_mgr.#", "provd.#"], "provd.cfg_mgr.read", True),
        (["!provd.cfg_mgr.#"], READ, False),
        (["!#", "#"], READ, False),
        (["!!a", "#"], "!a", False),
        # words
        (["provd.a.edit"], "provd.a.update", True),
        (["provd.a.edit"], "provd.a.edit", True),
        (["provd.a.edit"], "provd.a.create", False),
        (["provd.edits.x"], "provd.updates.x", False),
        (["provd.edit*"], "provd.update", False),
        (["!a.edit", "#"], "a.update", False),
    ],
)
def test_patterns(patterns: list[str], name: str, expected: bool) -> None:
    assert granted(patterns, name) is expected


@pytest.mark.parametrize(
    ("pattern", "name", "owner", "session", "expected"),
    [
        ("users.me.read", "users.u-1.read", "u-1", None, True),
        ("users.me.read", "users.me.read", "u-1", None, True),
        ("users.me.read", "users.me.read", None, None, True),
        ("users.me.read", "users.u-1.read", None, None, False),
        ("users.me.read", "users..read", "", None, False),
        ("users.me.read", "users.u-2.read", "u-1", None, False),
        ("users.mex.read", "users.u-1x.read", "u-1", None, False),
        ("users.me.#", "users.u-1.lines.1", "u-1", None, True),
        ("users.me", "users.u*", "u*", None, True),
        ("users.me", "users.ux", "u*", None, False),
        ("sessions.my_session.delete", "sessions.s-1.delete", None, "s-1", True),
        ("sessions.my_session.delete", "sessions.my_session.delete", None, "s-1", True),
        ("sessions.my_session.delete", "sessions.s-1.delete", "s-1", None, False),
        ("a.me.my_session.edit", "a.u.s.update", "u", "s", True),
    ],
)
def test_the_owner_and_the_session(
    pattern: str, name: str, owner: str | None, session: str | None, expected: bool
) -> None:
    assert granted([pattern], name, owner=owner, session=session) is expected
    assert granted(["#", f"!{pattern}"], name, owner=owner, session=session) is not expected


@given(st.text("ab.*#", max_size=8), st.text("ab.#", max_size=8))
@settings(max_examples=400, deadline=None)
def test_the_two_wildcards_mean_what_their_expressions_mean(pattern: str, name: str) -> None:
    meaning = {"*": "[^.#]*", "#": ".*"}
    expression = "".join(meaning.get(char, re.escape(char)) for char in pattern)
    assert granted([pattern], name) is (re.fullmatch(expression, name) is not None)


@pytest.mark.parametrize("wildcard", ["#", "*"])
def test_no_pattern_is_slow(wildcard: str) -> None:
    # A backtracking matcher would need longer than anybody waits.
    assert not granted([f"{wildcard}a" * 100 + f"{wildcard}b"], "a" * 300)
    assert granted([f"{wildcard}a" * 100 + wildcard], "a" * 300)


@pytest.mark.parametrize(
    ("patterns", "names", "expected"),
    [
        (["a.b"], ["a.b", "a.t.b"], True),
        (["a.t.b"], ["a.b", "a.t.b"], True),
        (["a.c"], ["a.b", "a.t.b"], False),
        # what is denied in one spelling is denied
        (["#", "!a.b"], ["a.b", "a.t.b"], False),
        (["#", "!a.t.b"], ["a.b", "a.t.b"], False),
        (["#"], [], False),
    ],
)
def test_several_spellings_of_one_thing(patterns: list[str], names: list[str], expected: bool) -> None:
    assert granted(patterns, *names) is expected


@pytest.mark.parametrize(
    ("own", "wanted", "expected"),
    [
        (["#"], "#", True),
        (["provd.#"], "#", False),
        (["provd.#"], "provd.#", True),
        (["provd.#"], "provd.dev_mgr.#", True),
        (["provd.#"], "provd.*.read", True),
        (["provd.#"], "provd", False),
        (["provd.*"], "provd.#", False),
        (["provd.*"], "provd.*", True),
        (["provd.*"], "provd.a*b", True),
        (["provd.a*"], "provd.*", False),
        (["provd.*.read"], "provd.dev_mgr.read", True),
        (["provd.*.read"], "provd.*.*", False),
        (["provd.*.*"], "provd.*.read", True),
        (["provd.#.read"], "provd.#.x.read", True),
        (["provd.#.read"], "provd.#", False),
        (["provd.a.read"], "provd.b.read", False),
        ([], "provd.read", False),
        ([], "!provd.read", True),
        (["!provd.read"], "provd.read", False),
        # words that mean more than they say
        (["a.e*t"], "a.edit", False),
        (["a.*"], "a.edit", True),
        (["a.edit"], "a.edit", True),
        (["a.edit"], "a.update", True),
        (["a.update"], "a.edit", False),
        (["a.m*"], "a.me", False),
        (["a.me"], "a.me", True),
        (["a.*.b"], "a.me.b", True),
        (["a.my*"], "a.my_session", False),
        (["a.#"], "a.me.my_session.edit", True),
    ],
)
def test_what_may_be_handed_on(own: list[str], wanted: str, expected: bool) -> None:
    assert covered(own, wanted) is expected


@given(
    st.lists(st.text("ab.*#", max_size=6), max_size=3),
    st.text("ab.*#", max_size=6),
    st.text("ab.#", max_size=8),
)
@settings(max_examples=600, deadline=None)
def test_nothing_is_handed_on_that_is_not_had(own: list[str], wanted: str, name: str) -> None:
    if covered(own, wanted) and granted([wanted], name):
        assert granted(own, name)


@given(st.lists(st.sampled_from(["me", "edit", "update", "x", "m*", "*", "#", "e*", "*e"]), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_holder_of_a_handed_on_word_gets_nothing_new(words: list[str]) -> None:
    own = [".".join(words)]
    for wanted in ("me.edit", "edit", "x.me", "edit.edit", "*.edit"):
        if wanted != own[0] and covered(own, wanted):
            for name in (wanted, wanted.replace("edit", "update"), wanted.replace("me", "somebody")):
                assert not granted([wanted], name, owner="somebody") or granted(own, name)

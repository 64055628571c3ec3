"""Messages of workers are input like any other."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.errors import PluginProblem
from provisiond.identification.rules import Rule, Where
from provisiond.plugins.messages import (
    Frames,
    framed,
    packed_action,
    packed_answer,
    packed_files,
    packed_many,
    packed_rules,
    parsed_action,
    parsed_answer,
    parsed_files,
    parsed_many,
    parsed_rules,
)
from provisiond.plugins.values import RenderedFile
from provisiond.sdk import HttpAction, NotSupported, SccpReset, SipNotify, SyncAction

FILE = RenderedFile(name="a/b.xml", content=b"<a/>", content_type="text/xml", sensitive=False, trigger=True)


@given(st.lists(st.binary(max_size=200), max_size=8), st.integers(1, 50))
def test_frames_come_out_as_they_went_in(payloads: list[bytes], step: int) -> None:
    stream = b"".join(framed(payload) for payload in payloads)
    frames = Frames()
    found = [each for start in range(0, len(stream), step) for each in frames.feed(stream[start : start + step])]
    assert found == payloads


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_several_answers_come_out_as_they_went_in(payloads: list[bytes]) -> None:
    assert parsed_many(packed_many(payloads)) == payloads


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]\n",
        packed_answer({}),
        packed_answer({"sizes": 3}, b"abc"),
        packed_answer({"sizes": [4]}, b"abc"),
        packed_answer({"sizes": [2]}, b"abc"),
        packed_answer({"sizes": [-1, 4]}, b"abc"),
        packed_answer({"sizes": [True, 2]}, b"abc"),
        packed_answer({"sizes": ["3"]}, b"abc"),
        packed_answer({"problem": "it broke"}),
    ],
)
def test_several_answers_that_are_not_right_are_a_problem(payload: bytes) -> None:
    with pytest.raises(PluginProblem):
        parsed_many(payload)


def test_a_frame_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        list(Frames().feed(b"\xff\xff\xff\xff"))


@given(st.binary(max_size=300))
def test_nonsense_is_a_problem_and_nothing_else(payload: bytes) -> None:
    for parse in (parsed_answer, parsed_files, parsed_action, parsed_rules):
        with contextlib.suppress(PluginProblem):
            parse(payload)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_well_formed_nonsense_too(document: object) -> None:
    for name, parse in (("files", parsed_files), ("rules", parsed_rules), ("action", parsed_action)):
        payload = json.dumps({name: document, "members": document}).encode() + b"\n"
        with contextlib.suppress(PluginProblem):
            parse(payload)


def test_files_come_back() -> None:
    assert parsed_files(packed_files([FILE])) == (FILE,)


@pytest.mark.parametrize("name", ["../x", "/x", "", "a\\b", "a//b", "x\n", [], {}, None, 1])
def test_a_name_that_is_not_plain_is_refused(name: object) -> None:
    with pytest.raises(PluginProblem):
        parsed_files(packed_answer({"files": [[name, False, False, 0]]}))


@pytest.mark.parametrize("size", [-1, 10**9, "1", None, 3])
def test_a_size_that_is_not_right_is_refused(size: object) -> None:
    with pytest.raises(PluginProblem):
        parsed_files(packed_answer({"files": [["x", False, False, size]]}, b"12"))


@pytest.mark.parametrize(
    "action", [SipNotify("check-sync"), HttpAction("/x", "POST", "u", "p"), SccpReset("SEP1", True), NotSupported("no")]
)
def test_actions_come_back(action: SyncAction) -> None:
    assert parsed_action(packed_action(action)) == action


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (SipNotify(5), "the event of the plugin's SipNotify is no text"),  # type: ignore[arg-type]
        (HttpAction(None), "the path of the plugin's HttpAction is no text"),  # type: ignore[arg-type]
        (HttpAction("/x", None), "the method of the plugin's HttpAction is no text"),  # type: ignore[arg-type]
        (NotSupported(["no"]), "the reason of the plugin's NotSupported is no text"),  # type: ignore[arg-type]
    ],
)
def test_an_action_without_its_texts_is_refused_by_their_names(action: SyncAction, sentence: str) -> None:
    with pytest.raises(PluginProblem) as problem:
        parsed_action(packed_action(action))
    assert problem.value.sentence == sentence


@pytest.mark.parametrize(("said", "told"), [("", "the plugin says no reason"), ("a\x1b[1m\nb ", "a [1m b")])
def test_what_a_plugin_says_can_be_shown(said: str, told: str) -> None:
    with pytest.raises(PluginProblem) as problem:
        parsed_answer(packed_answer({"problem": said}))
    assert problem.value.sentence == told


def test_rules_come_back() -> None:
    rule = Rule(where=Where.PATH, literal="abc", pattern="abc", vendor="V")
    assert parsed_rules(packed_rules([rule])) == (rule,)


def test_a_reported_problem_is_raised() -> None:
    with pytest.raises(PluginProblem, match="it broke"):
        parsed_files(packed_answer({"problem": "it broke"}))

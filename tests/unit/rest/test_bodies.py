"""Request bodies: one JSON object, strict, bounded."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.rest.bodies import DeviceBody, IdBody, ParamBody, parsed_body, parsed_object

WRONG = {
    "empty": (b"", "not JSON"),
    "cut": (b'{"a": ', "not JSON"),
    "array": (b"[]", "one JSON object"),
    "number": (b"5", "one JSON object"),
    "null": (b"null", "one JSON object"),
    "not utf-8": (b'{"a": "\xff"}', "not UTF-8"),
    "nan": (b'{"a": NaN}', "NaN"),
    "infinity": (b'{"a": -Infinity}', "Infinity"),
    "overflow": (b'{"a": 1e999}', "too large"),
    "twice": (b'{"a": 1, "a": 2}', "twice"),
    "nested twice": (b'{"a": {"b": 1, "b": 2}}', "twice"),
    "deep": (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"),
    "very deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper"),
    "half a character": (b'{"a": "\\ud800"}', "half of a character"),
    "nul": (b'{"a": "\\u0000"}', "NUL"),
    "nul in a name": (b'{"a\\u0000": 1}', "NUL"),
    "digits": (b'{"a": ' + b"1" * 5000 + b"}", "not JSON"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_one_good_object_is_refused(name: str) -> None:
    content, expected = WRONG[name]
    with pytest.raises(InvalidInput, match=expected):
        parsed_object(content)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        assert isinstance(parsed_object(content), dict)


LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), LEAVES | st.lists(LEAVES)))
def test_good_objects_come_through_unless_they_hold_nul(document: dict[str, object]) -> None:
    text = json.dumps(document)
    if "\\u0000" in text:
        return
    assert parsed_object(text.encode()) == document


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, "missing device"),
        ({"device": None}, "device: "),
        ({"device": []}, "device: "),
        ({"device": "x"}, "device: "),
    ],
)
def test_the_sentence_names_the_member(document: object, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        parsed_body(json.dumps(document).encode(), DeviceBody)


def test_members_that_nobody_uses_are_ignored() -> None:
    assert parsed_body(b'{"id": "x", "more": 1}', IdBody).id == "x"


def test_a_value_of_null_is_a_value_and_none_is_missing() -> None:
    assert parsed_body(b'{"param": {"value": null}}', ParamBody).param.value is None
    with pytest.raises(InvalidInput, match=r"missing param\.value"):
        parsed_body(b'{"param": {}}', ParamBody)

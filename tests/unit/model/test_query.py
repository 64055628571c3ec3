"""The query language of lists (REST contract, section 6)."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.model.query import (
    Condition,
    Query,
    Selector,
    Test,
    matches,
    parse_query,
    parse_selector,
    projected,
    selected,
    sort_text,
)

DOCUMENT: dict[str, Any] = {
    "id": "k",
    "X_type": "internal",
    "parent_ids": ["base", "other"],
    "raw_config": {
        "sip_lines": {"1": {"username": "anonymous", "proxy_port": 5060}},
        "ntp_ip": "192.0.2.7",
        "X_empty": {},
        "X_null": None,
    },
    "X_list": [{"a": 1, "b": {"c": 1}}, {"a": "2"}, 7, [{"a": 9}], {"c": None}],
    "X_matrix": [[1, 2], []],
    "flag": True,
    "number": 3,
    "float": 2.5,
    "zero": 0,
    "nothing": None,
    "empty": "",
    "a.b": 1,
    "": {"": 1},
}

SELECTS = [
    {},
    {"X_type": "internal"},
    {"raw_config.sip_lines.1.username": "anonymous"},
    {"parent_ids": {"$contains": "base"}},
    {"flag": True, "plugin": {"$exists": False}},
    {"id": {"$in": ["a", "k"]}},
    # equality: whole values, 1 and true are equal, null is a value
    {"flag": 1},
    {"flag": 1.0},
    {"number": 3.0},
    {"zero": False},
    {"nothing": None},
    {"empty": ""},
    {"raw_config.X_null": None},
    {"raw_config.X_empty": {}},
    {"parent_ids": ["base", "other"]},
    {"raw_config.sip_lines": {"1": {"proxy_port": 5060, "username": "anonymous"}}},
    {"X_matrix": [[True, 2], []]},
    # the last step looks into the elements of an array
    {"X_list.a": 1},
    {"X_list.a": "2"},
    {"X_list.b": {"c": 1}},
    {"X_list.c": None},
    {"X_list.a": {"$in": [5, "2"]}},
    {"X_list.a": {"$exists": True}},
    {"X_list.z": {"$exists": False}},
    # lists of values
    {"id": {"$nin": ["a"]}},
    {"gone": {"$nin": ["a"]}},
    {"gone": {"$nin": [None]}},
    {"id": {"$nin": []}},
    {"flag": {"$in": [1]}},
    {"parent_ids": {"$in": [["base", "other"]]}},
    # containing
    {"raw_config": {"$contains": "ntp_ip"}},
    {"X_type": {"$contains": "tern"}},
    {"X_type": {"$contains": ""}},
    {"X_matrix": {"$contains": [1, 2]}},
    {"X_list": {"$contains": {"c": None}}},
    {"X_list": {"$contains": 7.0}},
    # order
    {"number": {"$gt": 2.5, "$lt": 4}},
    {"number": {"$ge": 3, "$le": 3}},
    {"X_type": {"$gt": "i", "$lt": "j"}},
    {"X_list.a": {"$gt": 0}},
    # inequality
    {"X_type": {"$ne": "device"}},
    {"gone": {"$ne": None}},
    {"gone": {"$ne": 1}},
    {"number": {"$ne": "3"}},
    # existence
    {"nothing": {"$exists": True}},
    {"gone": {"$exists": 0}},
    {"nothing": {"$exists": 1, "$ne": 5}},
    # an object with members that are no operators is a value
    {"gone": {"$exists": False}, "id": "k"},
]

REJECTS = [
    {"X_type": "Internal"},
    {"X_type": "internal", "id": "x"},
    {"parent_ids": "base"},
    {"parent_ids": ["base"]},
    {"parent_ids": ["other", "base"]},
    {"number": "3"},
    {"flag": "true"},
    {"zero": None},
    {"zero": ""},
    {"empty": None},
    {"gone": None},
    {"gone": {}},
    {"nothing": {}},
    {"raw_config.sip_lines.1": {"username": "anonymous"}},
    {"raw_config.sip_lines.1.username.x": 1},
    {"raw_config": {"$contains": "sip"}},
    # only the last step looks into arrays, and only into elements that are objects
    {"X_list.b.c": 1},
    {"X_list.a": 9},
    {"X_list": 7},
    {"X_list": {"a": 1, "b": {"c": 1}}},
    {"parent_ids.0": "base"},
    # empty steps find nothing, and a dot always separates
    {"": {"$exists": True}},
    {".": {"$exists": True}},
    {"id.": {"$exists": True}},
    {".id": {"$exists": True}},
    {"raw_config..ntp_ip": {"$exists": True}},
    {"a.b": 1},
    {"id": {"$in": []}},
    {"id": {"$nin": ["k"]}},
    {"nothing": {"$nin": [None]}},
    {"X_list.a": {"$nin": ["2"]}},
    {"gone": {"$in": [None]}},
    {"gone": {"$contains": ""}},
    {"number": {"$contains": 3}},
    {"nothing": {"$contains": None}},
    {"X_type": {"$contains": 1}},
    {"raw_config": {"$contains": 1}},
    {"raw_config": {"$contains": ["ntp_ip"]}},
    {"number": {"$gt": 3}},
    {"number": {"$lt": 3}},
    {"number": {"$gt": 2, "$lt": 3}},
    {"number": {"$gt": "2"}},
    {"X_type": {"$gt": 0}},
    {"nothing": {"$ge": None}},
    {"parent_ids": {"$ge": []}},
    {"raw_config": {"$le": {}}},
    {"gone": {"$ge": 0}},
    {"X_type": {"$ne": "internal"}},
    {"X_list.a": {"$ne": 1}},
    {"flag": {"$ne": 1}},
    {"nothing": {"$exists": False}},
    {"gone": {"$exists": True}},
]


@pytest.mark.parametrize("selector", SELECTS)
def test_what_selects(selector: Any) -> None:
    assert matches(parse_selector(selector), DOCUMENT)


@pytest.mark.parametrize("selector", REJECTS)
def test_what_does_not_select(selector: Any) -> None:
    assert not matches(parse_selector(selector), DOCUMENT)


@pytest.mark.parametrize(
    "selector",
    [
        *(None, 5, True, "x", [], [{}]),
        {"$or": [{"a": 1}]},
        {"$exists": True},
        {"$": 1},
        {"a": {"$eq": 1}},
        {"a": {"$foo": 1}},
        {"a": {"$GT": 1}},
        {"a": {"$": 1}},
        {"a": {"$gt": 1, "b": 2}},
        {"a": {"b": 2, "$gt": 1}},
        *({"a": {name: value}} for name in ("$in", "$nin") for value in (None, 1, "abc", {"b": 1})),
        *({"a": {"$exists": value}} for value in (None, "true", [], {})),
    ],
)
def test_selectors_that_are_refused(selector: Any) -> None:
    with pytest.raises(InvalidInput):
        parse_selector(selector)
    with pytest.raises(InvalidInput):
        parse_query({"q": json.dumps(selector)})


def test_a_selector_as_a_value() -> None:
    assert parse_selector({"a.b": {"$in": ["x"], "$ne": None}, "c": {"d": 1}}) == Selector(
        (Condition("a.b", (Test("$in", ["x"]), Test("$ne", None))), Condition("c", (Test("$eq", {"d": 1}),)))
    )


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, Query()),
        ({"q": "", "q64": "", "sort": "", "skip": "0", "limit": "0"}, Query()),
        ({"q": " {} ", "reverse": "1", "unknown": "x"}, Query()),
        ({"fields": "id, mac ,,raw_config.ntp_ip"}, Query(fields=("id", "mac", "raw_config.ntp_ip"))),
        ({"fields": ""}, Query(fields=())),
        ({"fields": " , "}, Query(fields=())),
        ({"skip": "5", "limit": "007"}, Query(skip=5, limit=7)),
        ({"sort": "mac"}, Query(sort="mac")),
        ({"sort": "mac", "sort_ord": "ASC"}, Query(sort="mac")),
        ({"sort": "mac", "sort_ord": ""}, Query(sort="mac")),
        ({"sort": "mac", "sort_ord": "desc"}, Query(sort="mac", descending=True)),
        ({"sort": "mac", "sort_ord": "DeSC"}, Query(sort="mac", descending=True)),
        ({"sort_ord": "DESC"}, Query()),
        ({"sort_ord": "sideways"}, Query()),
    ],
)
def test_arguments(arguments: dict[str, str], query: Query) -> None:
    assert parse_query(arguments) == query


@pytest.mark.parametrize(
    "arguments",
    [
        *({"q": text} for text in ("{", "null", "[]", "5", '"x"', '{"a": NaN}', '{"a": -Infinity}', "{'a': 1}", "\0")),
        {"q": '{"a": ' + "9" * 5000 + "}"},
        {"q": '{"a": ' + "[" * 100 + "]" * 100 + "}"},
        {"q": '{"a": ' + "[" * 100_000},
        *({"q64": text} for text in ("e", "{}", "e30 =x", "é", "/w==", "bnVsbA==")),
        {"q64": "e", "q": "{}"},
        *(
            {name: text}
            for name in ("skip", "limit")
            for text in ("-1", "+1", "1.5", "x", " 1", "٣", "1e3", "9" * 5000)
        ),
        {"sort": "mac", "sort_ord": "up"},
        {"sort": "mac", "sort_ord": "ASC "},
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_query(arguments)
    assert any(name.removesuffix("64") in refused.value.sentence for name in arguments)


PACKED = {"a": "\u00ff\u00fe>>>???", "b": {"$in": [1]}}


def test_q64_in_either_alphabet_with_and_without_padding() -> None:
    content = json.dumps(PACKED, ensure_ascii=False).encode()
    expected = Query(selector=parse_selector(PACKED))
    alphabets = (base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode())
    assert alphabets[0] != alphabets[1]
    for text in alphabets:
        assert parse_query({"q64": text, "q": "ignored"}) == expected
        assert parse_query({"q64": text.rstrip("=")}) == expected


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        (None, DOCUMENT),
        ((), {"id": "k"}),
        (("id",), {"id": "k"}),
        (("X_type", "gone"), {"id": "k", "X_type": "internal"}),
        (("raw_config.ntp_ip",), {"id": "k", "raw_config": {"ntp_ip": "192.0.2.7"}}),
        (("raw_config.X_null", "nothing"), {"id": "k", "raw_config": {"X_null": None}, "nothing": None}),
        (
            ("raw_config.sip_lines.1.username", "raw_config.ntp_ip"),
            {"id": "k", "raw_config": {"sip_lines": {"1": {"username": "anonymous"}}, "ntp_ip": "192.0.2.7"}},
        ),
        (("raw_config", "raw_config.ntp_ip"), {"id": "k", "raw_config": DOCUMENT["raw_config"]}),
        (("raw_config.ntp_ip", "raw_config"), {"id": "k", "raw_config": DOCUMENT["raw_config"]}),
        (("raw_config.gone.x", "gone.x", "id.x", "X_type.x", "nothing.x"), {"id": "k"}),
        (("", ".", "id.", ".id", "raw_config.", "raw_config..ntp_ip"), {"id": "k"}),
        (("mac", "mac"), {"id": "k"}),
    ],
)
def test_projection(fields: tuple[str, ...] | None, result: dict[str, Any]) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert projected(DOCUMENT, fields) == result
    assert before == DOCUMENT


def test_projection_of_a_document_without_id() -> None:
    assert projected({"a": 1, "b": 2}, ("b",)) == {"b": 2}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("X_type", "internal"),
        ("raw_config.ntp_ip", "192.0.2.7"),
        ("gone", ""),
        ("nothing", ""),
        ("empty", ""),
        ("number", "3"),
        ("flag", "true"),
        ("parent_ids", '["base", "other"]'),
        ("X_list.a", "1"),
    ],
)
def test_texts_that_documents_are_sorted_by(key: str, text: str) -> None:
    assert sort_text(DOCUMENT, key) == text


PHONES = [
    {"id": "1", "mac": "b", "n": 10},
    {"id": "2", "n": 9},
    {"id": "3", "mac": "a", "n": 9},
    {"id": "4", "mac": None, "n": 1},
    {"id": "5", "mac": "b"},
]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (Query(), "12345"),
        (Query(sort="mac"), "24315"),
        (Query(sort="mac", descending=True), "15324"),
        (Query(sort="n"), "54123"),
        (Query(sort="gone"), "12345"),
        (Query(sort="gone", descending=True), "12345"),
        (Query(skip=2), "345"),
        (Query(limit=2), "12"),
        (Query(skip=1, limit=2), "23"),
        (Query(skip=9), ""),
        (Query(sort="mac", skip=1, limit=3), "431"),
        (Query(sort="mac", fields=("n",), limit=1), "2"),
        (Query(selector=parse_selector({"n": 9}), sort="mac", descending=True, limit=1), "3"),
        (Query(selector=parse_selector({"n": {"$exists": False}})), "5"),
    ],
)
def test_the_order_of_work(query: Query, ids: str) -> None:
    assert "".join(each["id"] for each in selected(PHONES, query)) == ids


def test_fields_are_taken_last() -> None:
    query = Query(sort="mac", fields=("n",), limit=2, descending=True)
    assert selected(PHONES, query) == [{"id": "1", "n": 10}, {"id": "5"}]


KEYS = st.sampled_from(["a", "b", "a.b", "a.b.a", "a.a", "c"])
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b", "1"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(DOCUMENTS, KEYS, JSON)
@settings(max_examples=200, deadline=None)
def test_operators_that_are_each_others_opposite(document: dict[str, Any], key: str, value: Any) -> None:
    def holds(condition: Any) -> bool:
        return matches(parse_selector({key: condition}), document)

    assert holds(value) != holds({"$ne": value})
    assert holds(value) == holds({"$in": [value]})
    assert holds({"$in": [value, "z"]}) != holds({"$nin": [value, "z"]})
    assert holds({"$exists": True}) != holds({"$exists": False})
    if holds({"$gt": value}) or holds({"$lt": value}):
        assert holds({"$exists": True})
        assert isinstance(value, int | float | str)
    if holds({"$contains": value}):
        assert not holds({"$exists": False})


@given(
    st.lists(DOCUMENTS, max_size=8),
    st.none() | KEYS,
    st.booleans(),
    st.integers(0, 4),
    st.integers(1, 4),
)
@settings(max_examples=100, deadline=None)
def test_pages_put_together_are_the_whole_list(
    documents: list[dict[str, Any]], sort: str | None, descending: bool, skip: int, limit: int
) -> None:
    whole = selected(documents, Query(sort=sort, descending=descending))
    assert selected(documents, Query(sort=sort, descending=descending, skip=skip)) == whole[skip:]
    pages: list[dict[str, Any]] = []
    for start in range(0, len(documents) + limit, limit):
        pages += selected(documents, Query(sort=sort, descending=descending, skip=start, limit=limit))
    assert pages == whole
    if sort is not None:
        texts = [sort_text(document, sort) for document in whole]
        assert texts == sorted(texts, reverse=descending)


@given(DOCUMENTS, st.lists(KEYS, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_projection_shows_exactly_what_was_asked_for(document: dict[str, Any], fields: list[str]) -> None:
    before = copy.deepcopy(document)
    shown = projected(document, fields)
    assert document == before
    for key in fields:
        assert _at(shown, key) == _at(document, key)
    assert projected(shown, fields) == shown


def _at(document: Any, key: str) -> tuple[Any, ...]:
    for step in key.split("."):
        if not isinstance(document, dict) or step not in document:
            return ()
        document = document[step]
    return (document,)

"""Documents as tables and back, whatever is in them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.provisioning.bulk_csv import (
    BOM,
    MAX_COLUMNS,
    config_texts,
    device_texts,
    ordered,
    paths_of,
    rows_of_table,
    written_cell,
    written_header,
    written_rows,
)
from provisiond.provisioning.bulk_rows import Row, WrongRow, rows_of_lines, same_content, written_lines

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
NASTY = st.sampled_from(
    ("", "'", "''x", "=1+1", "+33", "-1", "@x", "\t", "\r", "a\r\nb", "json:", "json:1", "true", "TRUE", "null")
) | st.sampled_from(
    ("007", "1e5", "1.0", '"x"', "[1", "[]", "{}", "a;b", "a,b", 'a"b', " x ", "＝1", "NaN", "-Infinity", "\ufeff")
)
TEXTS = NASTY | st.text(CHARACTERS, max_size=6)
NAMES = TEXTS | st.sampled_from(["a.b", "a\\b", ".", "\\", "id", "mac", "parent_ids", "raw_config", "sip_lines", "1"])
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
DOCUMENTS = st.builds(lambda members, id_: {**members, "id": id_}, st.dictionaries(NAMES, VALUES, max_size=4), TEXTS)


def table(documents: list[dict[str, Any]], texts: Any, delimiter: str = ",") -> bytes:
    columns = ordered({path for document in documents for path, _ in paths_of(document)})
    return written_header(columns, delimiter) + written_rows(documents, columns, texts, delimiter)


def read(content: bytes | str, texts: Any = device_texts) -> list[Row | WrongRow]:
    return list(rows_of_table(content.encode() if isinstance(content, str) else content, texts))


def documents(content: bytes | str, texts: Any = device_texts) -> list[dict[str, Any]]:
    rows = read(content, texts)
    assert all(isinstance(row, Row) for row in rows), rows
    return [row.document for row in rows]


@settings(max_examples=300)
@given(
    st.lists(DOCUMENTS, min_size=1, max_size=3), st.sampled_from([device_texts, config_texts]), st.sampled_from(",;\t")
)
def test_whatever_is_written_is_read_again(given_documents, texts, delimiter) -> None:
    back = documents(table(given_documents, texts, delimiter), texts)
    assert len(back) == len(given_documents)
    assert all(same_content(one, other) for one, other in zip(given_documents, back, strict=True))


@given(st.lists(DOCUMENTS, min_size=1, max_size=3))
def test_the_same_for_lines(given_documents) -> None:
    rows = list(rows_of_lines(written_lines(given_documents)))
    assert [row.document for row in rows] == given_documents
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))


@given(DOCUMENTS, st.sampled_from([device_texts, config_texts]))
def test_no_cell_and_no_column_is_a_formula(document, texts) -> None:
    for row in csv.reader(io.StringIO(table([document], texts).decode(), newline="")):
        for cell in row:
            if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
                float(cell)


@given(st.binary(max_size=120))
def test_no_bytes_raise(content) -> None:
    for texts in (device_texts, config_texts):
        for row in read(content, texts):
            assert row.number >= 1
    for row in rows_of_lines(content):
        assert row.number >= 1


def test_a_table_as_an_administrator_writes_it() -> None:
    content = "id,mac,vendor,version,options.switchboard\nd1,00:08:5d:00:00:01,Aastra,3.3,true\nd2,,Snom,,\n"
    assert read(content) == [
        Row(
            2,
            {
                "id": "d1",
                "mac": "00:08:5d:00:00:01",
                "vendor": "Aastra",
                "version": "3.3",
                "options": {"switchboard": True},
            },
        ),
        Row(3, {"id": "d2", "vendor": "Snom"}),
    ]


def test_configs_as_an_administrator_writes_them() -> None:
    content = (
        "id,parent_ids,raw_config.sip_lines.1.username,raw_config.sip_lines.1.password,"
        "raw_config.sip_lines.1.proxy_port,raw_config.ntp_enabled,raw_config.X_n,raw_config.X_t\n"
        'c1,"base, defaultconfigdevice",0123,1e5,5060,TRUE,5,abc\n'
        'c2,[],007,null,,false,"[1,2]","{""a"":1}"\n'
    )
    assert documents(content, config_texts) == [
        {
            "id": "c1",
            "parent_ids": ["base", "defaultconfigdevice"],
            "raw_config": {
                "sip_lines": {"1": {"username": "0123", "password": "1e5", "proxy_port": 5060}},
                "ntp_enabled": True,
                "X_n": 5,
                "X_t": "abc",
            },
        },
        {
            "id": "c2",
            "parent_ids": [],
            "raw_config": {
                "sip_lines": {"1": {"username": "007", "password": "null"}},
                "ntp_enabled": False,
                "X_n": [1, 2],
                "X_t": {"a": 1},
            },
        },
    ]


@pytest.mark.parametrize(
    "content",
    [
        f"{BOM}id;mac\r\nd;00:08:5d:00:00:01\r\n",
        "sep=;\r\nid;mac\r\nd;00:08:5d:00:00:01\r\n",
        f"{BOM}sep=;\nid;mac\nd;00:08:5d:00:00:01\n",
        "id\tmac\nd\t00:08:5d:00:00:01",
        '"id";"mac"\n"d";"00:08:5d:00:00:01"\n',
        " id , mac \nd,00:08:5d:00:00:01\n",
        "id,mac,,\nd,00:08:5d:00:00:01,,\n,,,\n\n",
        "id,mac\rd,00:08:5d:00:00:01\r",
    ],
)
def test_what_spreadsheets_do_is_taken(content: str) -> None:
    assert documents(content) == [{"id": "d", "mac": "00:08:5d:00:00:01"}]


@pytest.mark.parametrize(
    ("content", "number", "sentence"),
    [
        ("", 1, "name the columns"),
        ("\n", 1, "name the columns"),
        ("id,id\na,b\n", 1, "twice"),
        ("id\n\na,b\n", 3, "cell 2 is in a column without a name"),
        ("id,,mac\na,b,\n", 2, "cell 2 is in a column without a name"),
        ('id\n"a"b\n', 2, "not CSV"),
        ('id,mac\na,\n"b', 3, "not CSV"),
        ('"id\n', 1, "does not end"),
        ("id,options,options.a\nx,1,2\n", 2, "lies inside another"),
        ("id,options.a,options\nx,1,2\n", 2, "lies around another"),
        ("id,vendor\nx,json:nonsense\n", 2, "the cell of vendor is not JSON"),
        ("id,vendor\nx,a\0b\n", 2, "NUL"),
        ("id," + ".".join("a" * 100) + "\nx,1\n", 1, "nested too deep"),
        ("id\n" + "x\n" * 3 + "\xff", 5, "ok"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(content: str, number: int, sentence: str) -> None:
    rows = read(content)
    if sentence == "ok":
        assert isinstance(rows[-1], Row)
        assert rows[-1].number == number
        return
    wrong = rows[-1]
    assert isinstance(wrong, WrongRow)
    assert (wrong.number, sentence in wrong.sentence) == (number, True), wrong


def test_an_old_character_set_is_named() -> None:
    (wrong,) = read(b"id,description\nx,caf\xe9\n")
    assert isinstance(wrong, WrongRow)
    assert "CSV UTF-8" in wrong.sentence


def test_the_other_rows_are_read_on() -> None:
    rows = read("id,vendor\na,json:x\nb,B\nc,json:y\nd,D\n")
    assert [(type(row).__name__, row.number) for row in rows] == [
        ("WrongRow", 2),
        ("Row", 3),
        ("WrongRow", 4),
        ("Row", 5),
    ]
    assert rows[0] == WrongRow(2, "a", "the cell of vendor is not JSON")


def test_columns_are_in_an_order_that_people_expect() -> None:
    document = {
        "X_z": 1,
        "raw_config": {"sip_lines": {"10": {"a": 1}, "2": {"a": 1}, "1": {"b": 1, "a": 1}}, "ip": "x"},
        "mac": None,
        "id": "c",
    }
    names = written_header(ordered({path for path, _ in paths_of(document)})).decode().strip().split(",")
    assert names == [
        "id",
        "mac",
        "X_z",
        "raw_config.ip",
        "raw_config.sip_lines.1.a",
        "raw_config.sip_lines.1.b",
        "raw_config.sip_lines.2.a",
        "raw_config.sip_lines.10.a",
    ]


@pytest.mark.parametrize(
    ("path", "value", "cell"),
    [
        (("version",), "3.3", "3.3"),
        (("version",), None, "json:null"),
        (("version",), 3, "json:3"),
        (("description",), "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        (("X_n",), "5", "'5"),
        (("X_n",), 5, "5"),
        (("X_n",), -5, "-5"),
        (("X_n",), "-5", "'-5"),
        (("X_n",), "", "'"),
        (("configured",), True, "true"),
        (("parent_ids",), ["base", "b-2"], "base,b-2"),
        (("parent_ids",), ["a b"], 'json:["a b"]'),
        (("parent_ids",), [], "json:[]"),
    ],
)
def test_how_values_are_written(path, value, cell) -> None:
    assert written_cell(path, value, device_texts) == cell


def test_a_column_that_came_to_be_meanwhile_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="X_new"):
        written_rows([{"id": "a", "X_new": 1}], [("id",)], device_texts, ",")


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(InvalidInput, match="x-ndjson"):
        ordered({(str(number),) for number in range(MAX_COLUMNS + 1)})
    (wrong,) = read(",".join(f"c{number}" for number in range(MAX_COLUMNS + 1)) + "\n")
    assert isinstance(wrong, WrongRow)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"[]", "the row must be one JSON object"),
        (b"{", "the row is not JSON"),
        (b'{"id": "a", "id": "b"}', "gives a member twice"),
        (b'{"id": NaN}', "NaN"),
        (b'{"id": "\\u0000"}', "NUL"),
        (b'{"id": "\xff"}', "not UTF-8"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"),
        (b'{"a": "\\ud800"}', "half of a character"),
    ],
)
def test_wrong_lines_are_named_and_the_others_read(line: bytes, sentence: str) -> None:
    content = BOM.encode() + b'{"id": "first"}\r\n\n' + line + b'\n{"id": "last"}'
    first, wrong, last = rows_of_lines(content)
    assert (first, last) == (Row(1, {"id": "first"}), Row(4, {"id": "last"}))
    assert isinstance(wrong, WrongRow)
    assert wrong.number == 3
    assert sentence in wrong.sentence


def test_same_content_knows_types_but_not_order() -> None:
    assert same_content({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 2, "c": 1}, "a": 1})
    for one, other in ((1, True), (1, 1.0), (0, False), (None, "")):
        assert not same_content({"a": one}, {"a": other})
    assert json.loads(written_lines([{"a": "é"}])) == {"a": "é"}

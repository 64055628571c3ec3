"""Accept and Content-Type, problems and answers."""

from __future__ import annotations

import json

import pytest

from provisiond.errors import (
    InvalidInput,
    NotDeletable,
    NotFound,
    PackageProblem,
    StoreProblem,
    Unauthorized,
    Unavailable,
)
from provisiond.rest.answers import MEDIA_TYPE, address, created, encoded, links
from provisiond.rest.media import check_accept, check_content_type
from provisiond.rest.problems import HttpProblem, answer_for


@pytest.mark.parametrize(
    "accept", [None, MEDIA_TYPE, "*/*", "application/*", f"text/html, {MEDIA_TYPE};q=0.1", "*/*;q=1"]
)
def test_accepts_that_let_us_answer(accept: str | None) -> None:
    check_accept(accept)


@pytest.mark.parametrize(
    "accept", ["", "text/html", "application/json", f"{MEDIA_TYPE};q=0", "application/problem+json"]
)
def test_accepts_that_do_not(accept: str) -> None:
    with pytest.raises(HttpProblem) as raised:
        check_accept(accept)
    assert raised.value.status == 406


@pytest.mark.parametrize("content_type", [MEDIA_TYPE, MEDIA_TYPE.upper(), f"{MEDIA_TYPE}; charset=utf-8"])
def test_content_types_that_are_taken(content_type: str) -> None:
    check_content_type(content_type)


@pytest.mark.parametrize("content_type", [None, "", "application/json", f"x{MEDIA_TYPE}"])
def test_content_types_that_are_not(content_type: str | None) -> None:
    with pytest.raises(HttpProblem) as raised:
        check_content_type(content_type)
    assert raised.value.status == 415


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (InvalidInput("device.mac is wrong"), 400, "device.mac is wrong"),
        (PackageProblem("cut"), 400, "cut"),
        (NotFound('device "x"'), 404, 'No such resource: device "x"'),
        (NotDeletable("The document x is not deletable"), 403, "The document x is not deletable"),
        (Unauthorized("whatever"), 401, "Unauthorized"),
        (Unavailable("later"), 503, "later"),
        (StoreProblem("the database is locked"), 503, "the database is locked"),
        (HttpProblem(413, "too large"), 413, "too large"),
    ],
)
def test_errors_have_a_status_and_one_sentence(error: Exception, status: int, text: str) -> None:
    answer = answer_for(error, "")
    assert (answer.status, answer.body().decode()) == (status, text)
    document = json.loads(answer_for(error, f"{MEDIA_TYPE}, application/problem+json").body())
    assert (document["status"], document["detail"], document["message"]) == (status, text, text)


def test_an_unforeseen_error_tells_nothing_but_a_reference() -> None:
    answer = answer_for(ValueError("secret value"), "")
    assert answer.status == 500
    assert answer.body().startswith(b"Internal error, see the log (")
    assert b"secret" not in answer.body()


def test_secrets_are_struck_out_of_sentences() -> None:
    assert b"hunter2" not in answer_for(InvalidInput("http://u:hunter2@proxy is wrong"), "").body()


def test_addresses_are_encoded_and_json_is_compact_ascii() -> None:
    assert address("/0.2", "dev_mgr", "devices", "é/x y") == "/0.2/dev_mgr/devices/%C3%A9%2Fx%20y"
    assert encoded({"b": "é", "a": [1, None]}) == b'{"b":"\\u00e9","a":[1,null]}'
    assert links("/provd", ("dev", "/dev_mgr")) == {"links": [{"rel": "dev", "href": "/provd/dev_mgr"}]}
    assert created("/x", "id").body() == b'{"id":"id"}'
    assert created("/x").body() == b""

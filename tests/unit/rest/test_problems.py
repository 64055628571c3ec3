"""Errors as answers: statuses, forms, what is never told."""

from __future__ import annotations

import errno
import inspect
import json
import os

import pytest
from tests.support.api import Api
from tests.support.provisioning import World

from provisiond import errors
from provisiond.errors import InvalidInput, NotFound, ProvisiondError, Unauthorized, Unavailable
from provisiond.provisioning.bulk_rows import MAX_SHOWN, WrongRow, WrongRows
from provisiond.rest.answers import PROBLEM_TYPE
from provisiond.rest.problems import HttpProblem, answer_for, sentence_of, status_of

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ProvisiondError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_error_has_a_status(kind: type[ProvisiondError]) -> None:
    error = kind("a sentence")
    status = status_of(error)
    assert status in (400, 401, 403, 404, 429, 500, 503)
    answer = answer_for(error, "")
    assert answer.status == status
    if status == 500:
        assert answer.body().startswith(b"Internal error, see the log (")
    else:
        assert answer.body().decode() == sentence_of(error)
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_is_no_fault_of_the_server_and_names_no_file(number: int) -> None:
    answer = answer_for(OSError(number, "x", "/var/lib/provisiond/secret-place"), "")
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)
    told = answer.body().decode()
    assert told.startswith(f"the server cannot write: {os.strerror(number)}")
    assert "secret-place" not in told
    assert answer_for(OSError(errno.EIO, "x"), "").status == 500


def test_the_literal_bodies() -> None:
    assert sentence_of(Unauthorized("whatever the reason")) == "Unauthorized"
    assert sentence_of(NotFound("")) == "No such resource"
    assert sentence_of(NotFound('device "x"')) == 'No such resource: device "x"'


@pytest.mark.parametrize(
    ("accept", "is_problem"),
    [
        ("", False),
        ("*/*", False),
        (PROBLEM_TYPE, True),
        (PROBLEM_TYPE.upper(), True),
        (f"x/y, {PROBLEM_TYPE};q=1", True),
    ],
)
def test_the_form_that_is_asked_for(accept: str, is_problem: bool) -> None:
    answer = answer_for(InvalidInput("é is wrong"), accept)
    if not is_problem:
        assert (answer.content_type, answer.body().decode()) == ("text/plain; charset=utf-8", "é is wrong")
        return
    assert answer.content_type == PROBLEM_TYPE
    assert json.loads(answer.body()) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "é is wrong",
        "message": "é is wrong",
    }


def test_headers_go_with_both_forms() -> None:
    for accept in ("", PROBLEM_TYPE):
        answer = answer_for(HttpProblem(405, "no", {"Allow": "GET"}), accept)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")


def test_retry_after_is_what_the_error_says() -> None:
    error = Unavailable("busy")
    error.retry_after = 17  # type: ignore[attr-defined]
    assert answer_for(error, "").headers["Retry-After"] == "17"


@pytest.mark.parametrize("error", [ValueError("hunter2"), KeyError("hunter2"), RecursionError(), MemoryError()])
def test_what_nobody_foresaw_is_told_by_reference(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    for accept in ("", PROBLEM_TYPE):
        answer = answer_for(error, accept)
        assert answer.status == 500
        assert b"hunter2" not in answer.body()
        assert b"Traceback" not in answer.body()


def test_wrong_rows_are_told_up_to_a_bound() -> None:
    secret = WrongRow(2, "a", "the address http://u:hunter2@h is wrong")
    wrong = WrongRows([secret, *(WrongRow(number, None, "no") for number in range(3, MAX_SHOWN + 9))])
    lines = answer_for(wrong, "").body().decode().splitlines()
    assert lines[0] == f"{MAX_SHOWN + 7} rows are wrong, nothing was imported"
    assert len(lines) == MAX_SHOWN + 2
    assert lines[2] == "row 3: no"
    assert lines[-1] == "and 7 more"
    assert "hunter2" not in lines[1]
    problem = json.loads(answer_for(wrong, PROBLEM_TYPE).body())
    assert [row["row"] for row in problem["rows"]] == list(range(2, MAX_SHOWN + 2))
    assert problem["wrong"] == MAX_SHOWN + 7
    assert "hunter2" not in json.dumps(problem)


def test_a_fault_before_the_router_is_a_reference_too(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(request: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(api.site.resource, "render", broken)
    got = api.call("GET", "/status")
    assert got.status == 500
    assert got.text.startswith("Internal error, see the log (")
    assert got.headers["access-control-allow-origin"] == "*"
    assert "server" not in got.headers

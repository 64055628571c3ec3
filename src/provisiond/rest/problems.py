"""From errors to HTTP: one table of codes, one form of bodies."""

from __future__ import annotations

import errno
import json
import os
import uuid
from http import HTTPStatus
from typing import Final

from attrs import evolve, field, frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from provisiond.errors import (
    InvalidInput,
    NotDeletable,
    NotFound,
    PackageProblem,
    PluginProblem,
    ProvisiondError,
    StoreProblem,
    TooManyAttempts,
    Unauthorized,
    Unavailable,
)
from provisiond.logs import redacted
from provisiond.provisioning.bulk_rows import WrongRows
from provisiond.rest.answers import PROBLEM_TYPE, Answer

log = Logger()
RETRY_SECONDS: Final = 5
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})

STATUS_OF: Final = {
    InvalidInput: 400,
    PackageProblem: 400,
    PluginProblem: 400,
    NotFound: 404,
    NotDeletable: 403,
    Unauthorized: 401,
    TooManyAttempts: 429,
    Unavailable: 503,
    StoreProblem: 503,
}


@frozen
class HttpProblem(Exception):
    """A refusal of HTTP itself: a status, a sentence, and headers that go with it."""

    status: int
    sentence: str
    headers: dict[str, str] = field(factory=dict)


def status_of(error: ProvisiondError) -> int:
    """Return the HTTP status for an error; 500 for codes that are no caller's fault."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return STATUS_OF[kind]
    return 500


def sentence_of(error: ProvisiondError) -> str:
    """Return the body text: ``Unauthorized`` and ``No such resource`` are kept to the letter."""
    if isinstance(error, Unauthorized):
        return "Unauthorized"
    if isinstance(error, NotFound):
        return f"No such resource: {error.sentence}" if error.sentence else "No such resource"
    return error.sentence


def problem_answer(status: int, sentence: str, accept: str, headers: dict[str, str] | None = None) -> Answer:
    """Return an error in the form that ``accept`` asks for: plain text, or problem+json when it is named."""
    sentence = redacted(sentence)
    if PROBLEM_TYPE in accept.lower():
        content = json.dumps(
            {
                "type": "about:blank",
                "title": HTTPStatus(status).phrase,
                "status": status,
                "detail": sentence,
                "message": sentence,
            }
        ).encode("ascii")
        return Answer(status=status, content=content, content_type=PROBLEM_TYPE, headers=headers or {})
    content = sentence.encode("utf-8", "replace")
    return Answer(status=status, content=content, content_type="text/plain; charset=utf-8", headers=headers or {})


def _wrong_rows_answer(error: WrongRows, accept: str) -> Answer:
    """Return every wrong row that is told: a line each, or the member ``rows`` of problem+json."""
    answer = problem_answer(400, error.sentence, accept)
    rows = [{"row": row.number, "id": row.id, "message": redacted(row.sentence)} for row in error.rows]
    if answer.content_type == PROBLEM_TYPE:
        members = {**json.loads(answer.body()), "rows": rows, "wrong": error.total}
        return evolve(answer, content=json.dumps(members).encode("ascii"))
    lines = [f"row {row['row']}: {row['message']}" for row in rows]
    more = [f"and {error.total - len(rows)} more"] if error.total > len(rows) else []
    return evolve(answer, content="\n".join([redacted(error.summary), *lines, *more, ""]).encode("utf-8", "replace"))


def answer_for(error: BaseException, accept: str) -> Answer:
    """Return the answer for anything that a handler raised; what nobody foresaw is logged and told by reference."""
    if isinstance(error, HttpProblem):
        return problem_answer(error.status, error.sentence, accept, error.headers)
    if isinstance(error, WrongRows):
        return _wrong_rows_answer(error, accept)
    if isinstance(error, ProvisiondError):
        status = status_of(error)
        if status != 500:
            retry = {"Retry-After": str(getattr(error, "retry_after", RETRY_SECONDS))} if status in (429, 503) else None
            return problem_answer(status, sentence_of(error), accept, retry)
    if isinstance(error, OSError) and error.errno in FULL:
        told = f"the server cannot write: {os.strerror(error.errno)}; its state tells where"
        return problem_answer(503, told, accept, {"Retry-After": str(RETRY_SECONDS)})
    reference = uuid.uuid4().hex[:12]
    log.failure("internal error {reference}", failure=Failure(error), reference=reference)
    return problem_answer(500, f"Internal error, see the log ({reference})", accept)

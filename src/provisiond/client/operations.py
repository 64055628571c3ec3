"""Operations: long work of the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from provisiond.client.errors import OperationFailed, Unreadable, WaitedTooLong
from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import Answer, Conversation, Pause, Request, checked, place_of
from provisiond.client.values import Operation
from provisiond.errors import InvalidInput
from provisiond.model.operation import FAIL

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
GROWTH: Final = 1.5
Watcher = Callable[[Operation], None]


def begun(answer: Answer) -> Operation:
    """Return the operation that an answer's Location names."""
    return Operation(path=checked(answer).place)


def read(path: str, document: dict[str, Any]) -> Operation:
    """Return the operation that a document tells.

    :raises Unreadable: when it tells none.
    """
    # Those of extensions have members of their own.
    errors = document.get("errors") or {}
    operation = Operation(
        path=path,
        text=str(document.get("oip") or document.get("status") or ""),
        error=document.get("error") or errors.get("message"),
        created=str(document.get("created") or ""),
        ended=document.get("ended"),
    )
    try:
        _ = operation.progress
    except InvalidInput as error:
        raise Unreadable(error.sentence) from None
    return operation


class Operations(Resource[Way]):
    """Long work of the server."""

    @Asked
    def list(self) -> Conversation[list[Operation]]:
        """Return the operations of the last hour, newest first (ours)."""
        rows = checked((yield Request(method="GET", path="/operations"))).member("operations")
        return [read(place_of(row["href"]) or "", row) for row in rows]

    @Asked
    def get(self, operation: Operation) -> Conversation[Operation]:
        """Return how far an operation is now.

        :raises NotFound: when it was forgotten, or ended more than an hour ago.
        """
        answer = yield Request(method="GET", path=operation.path)
        return read(operation.path, checked(answer).document)

    @Asked
    def wait(
        self, operation: Operation, progress: Watcher | None = None, *, seconds: float | None = None
    ) -> Conversation[Operation]:
        """Wait until an operation has ended.

        :param progress: called with the operation each time it was asked and is further than before.
        :param seconds: how long to wait between the questions in all; None for ever.
        :return: the operation, which has succeeded.
        :raises OperationFailed: when it failed; the sentence is the reason.
        :raises WaitedTooLong: when it goes on after that time.
        """
        waited, pause, told = 0.0, FIRST_PAUSE, ""
        while True:
            answer = yield Request(method="GET", path=operation.path)
            now = read(operation.path, checked(answer).document)
            if progress is not None and now.text != told:
                progress(now)
            told = now.text
            if now.has_ended:
                return _succeeded(now)
            if seconds is not None and waited >= seconds:
                raise WaitedTooLong(f"the operation is not finished after {seconds:g} s: {now.text}")
            yield Pause(pause)
            waited, pause = waited + pause, min(pause * GROWTH, LONGEST_PAUSE)

    @Asked
    def forget(self, operation: Operation) -> Conversation[None]:
        """Forget an operation; its work goes on.

        :raises NotFound: when it is forgotten already.
        """
        checked((yield Request(method="DELETE", path=operation.path)))


def _succeeded(operation: Operation) -> Operation:
    if operation.progress.state == FAIL:
        raise OperationFailed(operation.error or f"the operation failed: {operation.text}")
    return operation

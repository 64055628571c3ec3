"""Operations in progress (REST contract, sections 5.8 and 7)."""

from __future__ import annotations

import datetime

from provisiond.errors import NotFound
from provisiond.provisioning.operations import Operations
from provisiond.rest.answers import NO_CONTENT, Answer, created
from provisiond.rest.documents import OperationState
from provisiond.rest.our_documents import OperationList
from provisiond.rest.routing import Call, Endpoint, Route, route
from provisiond.store.operations import StoredOperation

UNKNOWN = {404: "Unknown, deleted or expired."}
READ, DELETE = "provd.operation.read", "provd.operation.delete"
PATHS = (
    "/pg_mgr/install/install",
    "/pg_mgr/install/upgrade",
    "/pg_mgr/install/downgrade",
    "/pg_mgr/install/update",
    "/dev_mgr/synchronize",
    "/restore",
    "/migrate",
    "/dev_mgr/synchronize_many",
    "/pg_mgr/plugins/<plugin>/install/install",
    "/pg_mgr/plugins/<plugin>/install/upgrade",
    "/pg_mgr/plugins/<plugin>/install/install_all",
    "/pg_mgr/plugins/<plugin>/install/check",
)


def begun(call: Call, operation: StoredOperation) -> Answer:
    """Return a 201 whose Location is the operation, under the address that was posted to."""
    return created(f"{call.prefix}{operation.resource}/{operation.id}")


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")


def _state(operation: StoredOperation) -> dict[str, str | None]:
    return {
        "status": operation.progress,
        "error": operation.error,
        "created": _moment(operation.created),
        "ended": _moment(operation.ended),
    }


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("operation")
    return int(text)


class OperationListResource:
    """The operations of all POST resources (ours)."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    @route("GET", "/operations", READ, "List the operations", response=OperationList)
    async def recent(self, call: Call) -> Answer:
        """Return the operations of the last hour, newest first."""
        found = await self._operations.recent(call.scope)
        rows = [{"href": f"{call.prefix}{each.resource}/{each.id}", **_state(each)} for each in found]
        return Answer(document={"operations": rows})


class OperationResource:
    """The operations of one POST resource.

    :param resource: path of the POST resource; ``<plugin>`` stands for a plugin's id.
    """

    def __init__(self, operations: Operations, resource: str) -> None:
        self._operations = operations
        self._resource = resource

    def routes(self) -> list[tuple[Route, Endpoint]]:
        """Return the routes of these operations with their handlers."""
        path = f"{self._resource}/<number>"
        return [
            (
                Route(
                    method="GET",
                    path=path,
                    acl=READ,
                    summary="Get an operation",
                    statuses=UNKNOWN,
                    response=OperationState,
                ),
                self.read,
            ),
            (
                Route(
                    method="DELETE",
                    path=path,
                    acl=DELETE,
                    summary="Forget an operation",
                    statuses={204: "Forgotten; its work goes on.", **UNKNOWN},
                ),
                self.forget,
            ),
        ]

    async def read(self, call: Call) -> Answer:
        """Return how far an operation is."""
        operation = await self._operations.get(self._place(call), _number(call.arguments["number"]), call.scope)
        return Answer(document=_state(operation))

    async def forget(self, call: Call) -> Answer:
        """Forget an operation; its work goes on."""
        await self._operations.delete(self._place(call), _number(call.arguments["number"]), call.scope)
        return NO_CONTENT

    def _place(self, call: Call) -> str:
        return self._resource.replace("<plugin>", call.arguments.get("plugin", ""))

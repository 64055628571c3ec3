"""Parameters of the server."""

from __future__ import annotations

from typing import Any

from provisiond.client.faces import Asked, Resource, Way
from provisiond.client.messages import Answer, Conversation, Request, checked, path
from provisiond.client.values import Parameter


def parameters_of(answer: Answer) -> list[Parameter]:
    """Return the parameters that an answer lists."""
    return [
        Parameter(name=str(row["id"]), description=str(row.get("description") or ""), value=row.get("value"))
        for row in checked(answer).member("params")
    ]


def value_of(answer: Answer) -> Any:
    """Return the value that an answer tells of a parameter."""
    found = checked(answer).member("param")
    return found.get("value") if isinstance(found, dict) else None


class Parameters(Resource[Way]):
    """Parameters that can be changed while the server runs."""

    @Asked
    def list(self) -> Conversation[list[Parameter]]:
        """Return every parameter."""
        return parameters_of((yield Request(method="GET", path="/configure")))

    @Asked
    def get(self, name: str) -> Conversation[Any]:
        """Return the value of a parameter; None when it is unset.

        :raises NotFound: when there is no such parameter.
        """
        answer = yield Request(method="GET", path="/configure" + path(name))
        return value_of(answer)

    @Asked
    def set(self, name: str, value: Any) -> Conversation[None]:
        """Set a parameter; None unsets it. It counts at once.

        :raises NotFound: when there is no such parameter.
        :raises Refused: when the value is.
        """
        document = {"param": {"value": value}}
        checked((yield Request(method="PUT", path="/configure" + path(name), document=document)))

"""Carrying out what the prompt asks for: long work is followed to its end, refusals are one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from provisiond.cli.provisionctl.failures import Failure
from provisiond.cli.provisionctl.following import Work, follow
from provisiond.cli.provisionctl.session import Session
from provisiond.client.blocking import Client
from provisiond.client.values import Operation


class OperationFailed(Exception):
    """Long work ended without success."""


@frozen
class Server:
    """The server as the prompt's objects see it."""

    session: Session

    @property
    def client(self) -> Client:
        """The client."""
        return self.session.client

    def finish(self, name: str, begin: Callable[[], Operation], parts: tuple[str, ...] = ()) -> None:
        """Begin long work and show how far it is until it has ended.

        :raises OperationFailed: when it failed.
        """
        try:
            follow(self.session, [Work(name, begin(), parts=parts)])
        except Failure as failure:
            raise OperationFailed(failure.message) from None


def selector(found: dict[str, Any] | None, members: dict[str, Any]) -> dict[str, Any]:
    """Return the selector of ``find({"vendor": "Snom"})`` or ``find(vendor="Snom")``; ``__`` stands for a dot."""
    return {**(found or {}), **{name.replace("__", "."): value for name, value in members.items()}}

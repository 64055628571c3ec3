"""How commands end: one sentence with what to do, and a status that scripts can use."""

from __future__ import annotations

from typing import Any, Final

import click

from provisiond.client.errors import (
    ClientError,
    NotFound,
    Protected,
    Refused,
    RowsRefused,
    Unauthorized,
    Unreachable,
    WrongRequest,
)

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
REFUSED: Final = 4
UNREACHABLE: Final = 5
DETACHED: Final = 130
_STATUSES: Final = (
    (NotFound, NOT_FOUND),
    (WrongRequest, USAGE),
    (Refused, REFUSED),
    (Unauthorized, REFUSED),
    (Protected, REFUSED),
    (Unreachable, UNREACHABLE),
)


class Failure(click.ClickException):
    """Ends a command: a sentence on standard error, and an exit status."""

    def __init__(self, sentence: str, status: int = FAILED) -> None:
        super().__init__(sentence)
        # click declares it for the class, and reads it from the instance
        setattr(self, "exit_code", status)  # noqa: B010

    def show(self, file: Any = None) -> None:
        """Write the sentence."""
        click.echo(f"provisionctl: {self.message}", err=True)


def status_of(error: ClientError) -> int:
    """Return the exit status that an error of the client means."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), FAILED)


def failure_of(error: ClientError) -> Failure:
    """Return how a command ends that met an error."""
    lines = [f"{error.sentence.rstrip('.')}. {error.advice}"]
    if isinstance(error, RowsRefused):
        lines += [f"row {row.row}: {row.sentence}" for row in error.rows]
        if error.wrong > len(error.rows):
            lines.append(f"… and {error.wrong - len(error.rows)} more")
    return Failure("\n".join(lines), status_of(error))

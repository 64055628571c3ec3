"""``provisionctl operation``: long work of the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.following import Work, amounts, follow
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.client.errors import NotFound, Unauthorized
from provisiond.client.extensions import BASE
from provisiond.client.messages import path
from provisiond.client.operations import read
from provisiond.client.values import Operation

COLUMNS: Final = ("operation", "state", "done", "of", "created", "ended", "error")


@click.group()
def operation() -> None:
    """Long work: installs, upgrades, synchronizations.

    \b
    provisionctl operation list
    provisionctl plugin install --no-wait snom-10.1.184.15
    provisionctl operation wait pg_mgr/install/install/7
    """


def at(address: str) -> Operation:
    """Return the operation at an address."""
    return Operation(path=path(*address.strip("/").split("/")))


@operation.command("list")
@click.option("--running", is_flag=True, help="Only those that have not ended.")
@output_options
@pass_session
def list_operations(session: Session, running: bool, output: Output) -> None:
    """List the operations of the last hour, newest first, those of extensions at the end."""
    found = [*session.client.operations.list(), *of_extensions(session)]
    rows = [row_of(each) for each in found if not (running and each.has_ended)]
    show_rows(session, output, rows, COLUMNS, "operation")


def of_extensions(session: Session) -> list[Operation]:
    """Return the operations of extensions; none for a token that may not see them."""
    try:
        rows = session.client.extensions.operations()
    except (Unauthorized, NotFound):
        return []
    return [read(f"{BASE}/operations/{row['uuid']}", row) for row in rows]


@operation.command()
@click.argument("address", shell_complete=names.operation)
@output_options
@pass_session
def show(session: Session, address: str, output: Output) -> None:
    """Show how far the operation at ADDRESS is."""
    document = row_of(session.client.operations.get(at(address)))
    show_document(session, output, document, "operation")


def row_of(found: Operation) -> dict[str, Any]:
    """Return what is shown of an operation."""
    done, end = amounts(found.progress)
    return {
        "operation": found.path.lstrip("/"),
        "state": found.progress.state,
        "done": done,
        "of": end,
        "error": found.error,
        "created": found.created,
        "ended": found.ended,
        "text": found.text,
    }


@operation.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True, shell_complete=names.operation)
@pass_session
def wait(session: Session, addresses: Sequence[str]) -> None:
    """Wait until operations have ended; a failure tells its reason."""
    follow(session, [Work(address, at(address)) for address in addresses])


@operation.command()
@click.argument("address", shell_complete=names.operation)
@pass_session
def cancel(session: Session, address: str) -> None:
    """Forget the operation at ADDRESS. The server never stops work that is under way: it goes on, unwatched."""
    session.client.operations.forget(at(address))
    click.echo("forgotten; the work itself goes on", err=True)

"""``provisionctl operation``: long work of the server."""

from __future__ import annotations

from collections.abc import Sequence

import click

from provisiond.cli.provisionctl.following import Work, amounts, follow
from provisiond.cli.provisionctl.output import Output, output_options, show_document
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.client.messages import path
from provisiond.client.values import Operation

ADDRESS = "e.g. pg_mgr/install/install/7, as --no-wait and Ctrl-C write it"


@click.group()
def operation() -> None:
    """Long work: installs, upgrades, synchronizations.

    \b
    provisionctl plugin install --no-wait snom-10.1.184.15
    provisionctl operation wait pg_mgr/install/install/7

    Which operations there are is told by: provisionctl events --kind operation_changed
    """


def at(address: str) -> Operation:
    """Return the operation at an address."""
    return Operation(path=path(*address.strip("/").split("/")))


@operation.command()
@click.argument("address")
@output_options
@pass_session
def show(session: Session, address: str, output: Output) -> None:
    """Show how far the operation at ADDRESS is."""
    found = session.client.operations.get(at(address))
    done, end = amounts(found.progress)
    document = {
        "operation": found.path.lstrip("/"),
        "state": found.progress.state,
        "done": done,
        "of": end,
        "error": found.error,
        "created": found.created,
        "ended": found.ended,
        "text": found.text,
    }
    show_document(session, output, document, "operation")


@operation.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@pass_session
def wait(session: Session, addresses: Sequence[str]) -> None:
    """Wait until operations have ended; a failure tells its reason."""
    follow(session, [Work(address, at(address)) for address in addresses])


@operation.command()
@click.argument("address")
@pass_session
def cancel(session: Session, address: str) -> None:
    """Forget the operation at ADDRESS. The server never stops work that is under way: it goes on, unwatched."""
    session.client.operations.forget(at(address))
    click.echo("forgotten; the work itself goes on", err=True)

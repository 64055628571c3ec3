"""``provisionctl tenant``: who owns devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.many import confirm, for_each
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session

COLUMNS: Final = ("uuid", "name", "parent_uuid")
TENANT = click.argument("uuid", shell_complete=names.tenant)


@click.group()
def tenant() -> None:
    """Tenants at and below one's own.

    \b
    provisionctl tenant add shop
    provisionctl --tenant 0b1d… device list
    """


@tenant.command("list")
@output_options
@pass_session
def list_tenants(session: Session, output: Output) -> None:
    """List the tenants."""
    show_rows(session, output, session.client.tenants.list(), COLUMNS, "uuid")


@tenant.command()
@TENANT
@output_options
@pass_session
def show(session: Session, uuid: str, output: Output) -> None:
    """Show a tenant."""
    show_document(session, output, session.client.tenants.get(uuid), "uuid")


@tenant.command()
@click.argument("name")
@click.option("--parent", metavar="UUID", help="The tenant above. [default: one's own]", shell_complete=names.tenant)
@click.option("--uuid", help="Its UUID, to be the same as elsewhere.")
@pass_session
def add(session: Session, name: str, parent: str | None, uuid: str | None) -> None:
    """Add a tenant and write its UUID."""
    click.echo(session.client.tenants.create(name, parent=parent, uuid=uuid))


@tenant.command()
@TENANT
@click.argument("name")
@pass_session
def rename(session: Session, uuid: str, name: str) -> None:
    """Give a tenant another name."""
    session.client.tenants.change(uuid, name=name)


@tenant.command()
@TENANT
@click.argument("parent", shell_complete=names.tenant)
@pass_session
def move(session: Session, uuid: str, parent: str) -> None:
    """Put a tenant, with all below it, under PARENT."""
    session.client.tenants.change(uuid, parent=parent)


@tenant.command("rm")
@click.argument("uuids", metavar="UUID...", nargs=-1, required=True, shell_complete=names.tenant)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, uuids: Sequence[str], yes: bool) -> None:
    """Remove tenants that have no devices and none below them."""
    confirm("remove", uuids, yes)
    for_each(session, uuids, lambda client, each: client.tenants.delete(each), "removed", at_once=1)

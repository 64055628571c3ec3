"""``provisionctl token``: who may use the API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import click

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.failures import USAGE, Failure
from provisiond.cli.provisionctl.many import confirm, for_each
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.cli.times import moment_from
from provisiond.errors import InvalidInput

COLUMNS: Final = ("id", "name", "tenant_uuid", "acl", "created", "expires", "last_used")


@click.group()
def token() -> None:
    """Tokens of the API.

    \b
    provisionctl token create confd --acl 'provd.dev_mgr.#' --acl 'provd.cfg_mgr.#' --expires 90d
    provisionctl token revoke 7f3a…
    """


@token.command("list")
@output_options
@pass_session
def list_tokens(session: Session, output: Output) -> None:
    """List the tokens of the tenant and of those below it, never showing them."""
    show_rows(session, output, session.client.tokens.list(), COLUMNS)


@token.command()
@click.argument("token_id", metavar="ID", shell_complete=names.token)
@output_options
@pass_session
def show(session: Session, token_id: str, output: Output) -> None:
    """Show what is known of a token."""
    show_document(session, output, session.client.tokens.get(token_id))


@token.command()
@click.argument("name")
@click.option("--acl", multiple=True, required=True, help="What it grants, e.g. 'provd.dev_mgr.#'; may be repeated.")
@click.option(
    "--for-tenant", metavar="UUID", help="Its tenant. [default: the one you act in]", shell_complete=names.tenant
)
@click.option("--expires", help="A span such as 90d or 12h, or a date such as 2030-12-31. [default: never]")
@pass_session
def create(session: Session, name: str, acl: Sequence[str], for_tenant: str | None, expires: str | None) -> None:
    """Make a token called NAME and write it, this once."""
    try:
        ends = None if expires is None else moment_from(expires, time.time())
    except InvalidInput as error:
        raise Failure(error.sentence, USAGE) from None
    made = session.client.tokens.create(name, acl, tenant=for_tenant, expires=ends)
    click.echo(f"token {made.id}; it is shown only now:", err=True)
    click.echo(made.text)


@token.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=names.token)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def revoke(session: Session, ids: Sequence[str], yes: bool) -> None:
    """Make tokens worthless."""
    confirm("revoke", ids, yes)
    for_each(session, ids, lambda client, each: client.tokens.revoke(each), "revoked")

"""``provisionctl repo``: where plugins come from."""

from __future__ import annotations

from typing import Final

import click

from provisiond.cli.provisionctl.output import Output, output_options, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session

COLUMNS: Final = ("name", "priority", "state", "entries", "updated", "url", "problem")


@click.group()
def repo() -> None:
    """Repositories that offer plugins; they are set in the daemon's settings and by the parameter plugin_server.

    \b
    provisionctl repo list
    provisionctl param set plugin_server https://provd.example/plugins/2/stable/
    provisionctl plugin update
    """


@repo.command("list")
@output_options
@pass_session
def list_repositories(session: Session, output: Output) -> None:
    """List the repositories and how each is doing, the one that counts most first."""
    show_rows(session, output, session.client.plugins.repositories(), COLUMNS, "name")

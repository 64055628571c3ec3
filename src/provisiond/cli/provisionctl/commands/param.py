"""``provisionctl param``: parameters of the server and of plugins."""

from __future__ import annotations

import json
from typing import Any

import click
from attrs import asdict

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.output import Output, cell, output_options, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.client.values import Parameter

NAME = click.argument("name", shell_complete=names.parameter)
PLUGIN = click.option("--plugin", metavar="ID", help="A parameter of this plugin.", shell_complete=names.plugin)


@click.group()
def param() -> None:
    """Parameters that can be changed while the server runs.

    \b
    provisionctl param list
    provisionctl param set http_proxy http://proxy.example:3128
    provisionctl param unset http_proxy
    """


def parameters(session: Session, plugin: str | None) -> list[Parameter]:
    """Return the parameters of the server, or of a plugin."""
    return session.client.plugins.parameters(plugin) if plugin else session.client.parameters.list()


@param.command("list")
@PLUGIN
@output_options
@pass_session
def list_parameters(session: Session, plugin: str | None, output: Output) -> None:
    """List parameters with their values."""
    rows = [asdict(each) for each in parameters(session, plugin)]
    show_rows(session, output, rows, ("name", "value", "description"), "name")


@param.command("get")
@NAME
@PLUGIN
@pass_session
def get_parameter(session: Session, name: str, plugin: str | None) -> None:
    """Write the value of a parameter; nothing when it is unset."""
    client = session.client
    value: Any = client.parameters.get(name) if plugin is None else client.plugins.parameter(plugin, name)
    if value is not None:
        click.echo(cell(value))


@param.command("set")
@NAME
@click.argument("value")
@PLUGIN
@click.option("--json", "as_json", is_flag=True, help="VALUE is JSON.")
@pass_session
def set_parameter(session: Session, name: str, value: str, plugin: str | None, as_json: bool) -> None:
    """Set a parameter; it counts at once."""
    wanted: Any = value
    if as_json:
        try:
            wanted = json.loads(value)
        except ValueError:
            raise click.BadParameter(f'"{value}" is not JSON') from None
    put(session, name, wanted, plugin)


@param.command("unset")
@NAME
@PLUGIN
@pass_session
def unset_parameter(session: Session, name: str, plugin: str | None) -> None:
    """Give a parameter no value."""
    put(session, name, None, plugin)


def put(session: Session, name: str, value: Any, plugin: str | None) -> None:
    """Set or unset a parameter."""
    if plugin is None:
        session.client.parameters.set(name, value)
    else:
        session.client.plugins.set_parameter(plugin, name, value)

"""Completing names in the shell: ids of what the server has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import click
from attrs import evolve

from provisiond.client.blocking import Client
from provisiond.client.selection import Selection

SECONDS: Final = 3.0
AT_MOST: Final = 200
KINDS: Final = ("plugin", "extension")
Completer = Callable[[click.Context, click.Parameter, str], list[Any]]


def completing(names: Callable[[Client, str, click.Context], Iterable[tuple[str, str]]]) -> Completer:
    """Return a completer; a server that does not answer at once offers nothing.

    :param names: returns names with what they are, given what was typed so far.
    """

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        from provisiond.cli.provisionctl.program import wanted
        from provisiond.cli.provisionctl.session import Session

        root = context.find_root()
        session = root.obj if isinstance(root.obj, Session) else evolve(wanted(root.params), timeout=SECONDS)
        try:
            found = [*names(session.client, incomplete, context)]
        except Exception:
            return []
        return [CompletionItem(name, help=told) for name, told in found if name.startswith(incomplete)][:AT_MOST]

    return complete


def _device(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    selection = Selection(fields=("mac", "vendor", "model"), limit=AT_MOST, q={"id": {"$ge": typed}} if typed else None)
    for each in client.devices.list(selection, recurse=True):
        yield each.id, " ".join(filter(None, (each.mac, each.vendor, each.model)))


def _config(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    for each in client.configs.list(Selection(fields=("label", "displayname"))):
        yield each.id, str(each.members.get("label") or each.members.get("displayname") or "")


def _plugin(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    return ((name, str(row.get("description") or "")) for name, row in client.plugins.installed().items())


def _offered(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    return ((name, str(row.get("description") or "")) for name, row in client.plugins.installable().items())


def _package(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    rows = client.packages.installable(str(context.params.get("plugin") or ""))
    return ((name, str(row.get("description") or "")) for name, row in rows.items())


def _parameter(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    return ((each.name, each.description) for each in client.parameters.list())


def _token(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    return ((str(each["id"]), str(each.get("name") or "")) for each in client.tokens.list())


def _tenant(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    return ((str(each["uuid"]), str(each.get("name") or "")) for each in client.tenants.list())


def _operation(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    return ((each.path.lstrip("/"), each.progress.state) for each in client.operations.list())


def _host_package(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    node = client.host.node()
    for kind in KINDS:
        for row in client.host.installed(node, kind):
            yield str(row["fullname"]), str(row["version"])


def _offered_package(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    node = client.host.node()
    for kind in KINDS:
        for row in client.host.available(node, kind):
            yield str(row["fullname"]), str(row["description"])


def _extension(client: Client, typed: str, context: click.Context) -> Iterable[tuple[str, str]]:
    for each in client.extensions.list():
        yield f"{each['namespace']}/{each['name']}", str(each.get("description") or "")


device = completing(_device)
config = completing(_config)
plugin = completing(_plugin)
offered_plugin = completing(_offered)
package = completing(_package)
parameter = completing(_parameter)
token = completing(_token)
operation = completing(_operation)
host_package = completing(_host_package)
offered_package = completing(_offered_package)
extension = completing(_extension)
tenant = completing(_tenant)

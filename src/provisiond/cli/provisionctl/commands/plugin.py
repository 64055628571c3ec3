"""``provisionctl plugin``: plugins of the server, and the tools of their authors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import click

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.failures import NOT_FOUND, Failure
from provisiond.cli.provisionctl.following import Work, begun, follow, wait_option
from provisiond.cli.provisionctl.many import confirm, for_each
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.cli.times import moment_shown

COLUMNS: Final = ("id", "version", "state", "offered", "description")
AUTHORS: Final = (
    "archive",
    "build",
    "bump-fw",
    "check",
    "check-fw",
    "fetch",
    "index",
    "keygen",
    "lint",
    "new",
    "package",
    "promote",
    "publish",
)
VERSION = click.option("--version", help="This version instead of the greatest.")
REPOSITORY = click.option("--repository", metavar="NAME", help="From this repository.")
INSTALLED = click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=names.plugin)
Rows = Mapping[str, Mapping[str, Any]]


class PluginGroup(click.Group):
    """The commands of administrators, and those of authors, which are loaded when one of them is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return sorted({*super().list_commands(ctx), *AUTHORS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        if cmd_name in AUTHORS:
            from provisiond.cli.authoring import main

            return main.commands[cmd_name]
        return super().get_command(ctx, cmd_name)


@click.group(cls=PluginGroup)
def plugin() -> None:
    """Plugins: what knows how to configure a vendor's phones.

    \b
    provisionctl plugin update
    provisionctl plugin search snom
    provisionctl plugin install snom-10.1.184.15
    provisionctl plugin upgrade --all

    For authors, from the top of the sources: new, build, check, package, index, lint, check-fw, bump-fw, publish …
    """


@plugin.command("list")
@output_options
@pass_session
def list_plugins(session: Session, output: Output) -> None:
    """List the installed plugins: loaded or not, and whether a newer version is offered."""
    client = session.client
    rows = [*joined(client.plugins.installed(), client.plugins.installable(), set(client.plugins.loaded()))]
    show_rows(session, output, rows, COLUMNS)


def joined(installed: Rows, offered: Rows, loaded: set[str]) -> Iterable[dict[str, Any]]:
    """Yield what is known of each installed plugin; ``offered`` is told when it is another version."""
    for name, row in sorted(installed.items()):
        version = offered.get(name, {}).get("version")
        state = row.get("problem") or ("loaded" if name in loaded else "not loaded")
        yield {"id": name, **row, "state": state, "offered": version if version != row.get("version") else None}


@plugin.command()
@click.argument("word", required=False)
@output_options
@pass_session
def search(session: Session, word: str | None, output: Output) -> None:
    """List what the repositories offer; with WORD only what has it in its id, description or models."""
    installed = session.client.plugins.installed()
    rows = [
        {"id": name, **row, "installed": installed.get(name, {}).get("version")}
        for name, row in sorted(session.client.plugins.installable().items())
        if word is None or word.lower() in searched(name, row)
    ]
    show_rows(session, output, rows, ("id", "version", "installed", "dsize", "description"))


def searched(name: str, row: Mapping[str, Any]) -> str:
    """Return the text that a search looks into."""
    return f"{name} {row.get('description') or ''} {' '.join(row.get('capabilities') or ())}".lower()


@plugin.command()
@click.argument("plugin_id", metavar="ID", shell_complete=names.offered_plugin)
@output_options
@pass_session
def show(session: Session, plugin_id: str, output: Output) -> None:
    """Show what is known of a plugin: installed, loaded or only offered."""
    client = session.client
    installed, offered = client.plugins.installed(), client.plugins.installable()
    if plugin_id not in installed and plugin_id not in offered:
        raise Failure(f'no plugin is called "{plugin_id}". Try: provisionctl plugin search', NOT_FOUND)
    loaded = plugin_id in client.plugins.loaded()
    info = client.plugins.info(plugin_id) if loaded else installed.get(plugin_id) or offered[plugin_id]
    models = [", ".join(key.split(", ")[:2]) for key in info.get("capabilities") or ()]
    document = {
        "id": plugin_id,
        "installed": installed.get(plugin_id, {}).get("version"),
        "offered": offered.get(plugin_id, {}).get("version"),
        "loaded": loaded,
        "problem": installed.get(plugin_id, {}).get("problem"),
        "description": info.get("description"),
        "models": sorted(set(models)),
    }
    show_document(session, output, document)


@plugin.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=names.offered_plugin)
@VERSION
@REPOSITORY
@wait_option
@pass_session
def install(session: Session, ids: Sequence[str], version: str | None, repository: str | None, wait: bool) -> None:
    """Install plugins that the repositories offer."""
    install_one = partial(session.client.plugins.install, version=version, repository=repository)
    follow(session, works(ids, install_one), wait)


@plugin.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=names.plugin)
@click.option("--all", "all_of_them", is_flag=True, help="Every plugin of which another version is offered.")
@wait_option
@pass_session
def upgrade(session: Session, ids: Sequence[str], all_of_them: bool, wait: bool) -> None:
    """Install the offered version of plugins over the installed one."""
    client = session.client
    if all_of_them:
        rows = joined(client.plugins.installed(), client.plugins.installable(), set())
        ids = [row["id"] for row in rows if row["offered"]]
    elif not ids:
        raise click.UsageError("name plugins, or say --all")
    if not ids:
        click.echo("every plugin is of the version that is offered")
    follow(session, works(ids, client.plugins.upgrade), wait)


def works(ids: Sequence[str], begin: Callable[[str], Any]) -> list[Work]:
    """Begin work on each id."""
    return [begun(each, lambda each=each: begin(each)) for each in dict.fromkeys(ids)]  # type: ignore[misc]


@plugin.command()
@click.argument("plugin_id", metavar="ID", shell_complete=names.plugin)
@VERSION
@REPOSITORY
@wait_option
@pass_session
def downgrade(session: Session, plugin_id: str, version: str | None, repository: str | None, wait: bool) -> None:
    """Go back to a lower version of a plugin; without --version to the next lower one."""
    go_back = partial(session.client.plugins.downgrade, version=version, repository=repository)
    follow(session, works([plugin_id], go_back), wait)


@plugin.command()
@click.argument("plugin_id", metavar="[ID]", required=False, shell_complete=names.offered_plugin)
@output_options
@pass_session
def versions(session: Session, plugin_id: str | None, output: Output) -> None:
    """List the versions of plugins that can be installed."""
    rows = [{"id": name, **row} for name, row in session.client.plugins.versions().items() if plugin_id in (None, name)]
    show_rows(session, output, rows, tuple(rows[0]) if rows else ("id",))


@plugin.command()
@INSTALLED
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def uninstall(session: Session, ids: Sequence[str], yes: bool) -> None:
    """Remove plugins with their firmware; their devices keep the name."""
    confirm("uninstall", ids, yes)
    for_each(session, ids, lambda client, each: client.plugins.uninstall(each), "uninstalled", at_once=1)


@plugin.command()
@INSTALLED
@pass_session
def reload(session: Session, ids: Sequence[str]) -> None:
    """Load installed plugins again."""
    for_each(session, ids, lambda client, each: client.plugins.reload(each), "reloaded", at_once=1)


@plugin.command()
@wait_option
@pass_session
def update(session: Session, wait: bool) -> None:
    """Ask the repositories what they offer."""
    follow(session, [begun("update", session.client.plugins.update)], wait)


@plugin.command()
@output_options
@pass_session
def problems(session: Session, output: Output) -> None:
    """List what is wrong with plugins."""
    rows = session.client.plugins.problems()
    if output.form == "table":
        rows = [{**each, **{name: moment_shown(each[name]) for name in ("first_seen", "last_seen")}} for each in rows]
    show_rows(session, output, rows, tuple(rows[0]) if rows else ("plugin_id",), "plugin_id")

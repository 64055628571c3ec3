"""``provisionctl firmware``: firmware and languages of plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.commands.plugin import works
from provisiond.cli.provisionctl.failures import FAILED, Failure
from provisiond.cli.provisionctl.following import Work, begun, follow, wait_option
from provisiond.cli.provisionctl.many import confirm, for_each
from provisiond.cli.provisionctl.output import Output, output_options, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session

COLUMNS: Final = ("id", "version", "installed", "dsize", "description")
PLUGIN = click.argument("plugin", metavar="PLUGIN", shell_complete=names.plugin)
PACKAGES = click.argument("packages", metavar="PACKAGE...", nargs=-1, required=True, shell_complete=names.package)


@click.group()
def firmware() -> None:
    """Firmware and languages that a plugin can install.

    \b
    provisionctl firmware list snom-10.1.184.15
    provisionctl firmware install snom-10.1.184.15 uxm-fw
    provisionctl firmware install-all snom-8.7.5.35
    """


@firmware.command("list")
@PLUGIN
@output_options
@pass_session
def list_packages(session: Session, plugin: str, output: Output) -> None:
    """List the packages of a plugin, and which version is installed."""
    installed = session.client.packages.installed(plugin)
    offered = session.client.packages.installable(plugin)
    rows = [
        {"id": name, **offered.get(name, installed.get(name, {})), "installed": installed.get(name, {}).get("version")}
        for name in sorted({*offered, *installed})
    ]
    show_rows(session, output, rows, COLUMNS)


@firmware.command()
@PLUGIN
@PACKAGES
@wait_option
@pass_session
def install(session: Session, plugin: str, packages: Sequence[str], wait: bool) -> None:
    """Install packages, also those that are installed already."""
    follow(session, works(packages, lambda each: session.client.packages.install(plugin, each)), wait)


@firmware.command("install-all")
@PLUGIN
@wait_option
@pass_session
def install_all(session: Session, plugin: str, wait: bool) -> None:
    """Install every package of a plugin that is not installed in its present version."""
    packages = missing(session, plugin)
    if not packages:
        click.echo("everything is installed")
        return
    operation = session.client.packages.install_all(plugin)
    follow(session, [Work(plugin, operation, parts=tuple(packages))], wait)


def missing(session: Session, plugin: str) -> list[str]:
    """Return the packages of a plugin that are not installed in the offered version."""
    installed = session.client.packages.installed(plugin)
    offered = session.client.packages.installable(plugin)
    return [name for name, row in sorted(offered.items()) if installed.get(name, {}).get("version") != row["version"]]


@firmware.command()
@PLUGIN
@PACKAGES
@wait_option
@pass_session
def upgrade(session: Session, plugin: str, packages: Sequence[str], wait: bool) -> None:
    """Install the present version of installed packages."""
    follow(session, works(packages, lambda each: session.client.packages.upgrade(plugin, each)), wait)


@firmware.command()
@PLUGIN
@PACKAGES
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def uninstall(session: Session, plugin: str, packages: Sequence[str], yes: bool) -> None:
    """Remove the files of packages."""
    confirm("uninstall", packages, yes)
    for_each(session, packages, lambda client, each: client.packages.uninstall(plugin, each), "uninstalled", at_once=1)


@firmware.command()
@PLUGIN
@output_options
@pass_session
def files(session: Session, plugin: str, output: Output) -> None:
    """List the packages of a plugin with their files and what is wrong with them."""
    rows = [{"id": name, **row} for name, row in session.client.packages.details(plugin).items()]
    show_rows(session, output, rows, tuple(rows[0]) if rows else ("id",))


@firmware.command()
@PLUGIN
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def bring(session: Session, plugin: str, file: Path) -> None:
    """Bring a file that the server cannot download; its name tells which."""
    session.client.packages.bring(plugin, file.name, file.read_bytes())
    click.echo(f"brought {file.name}")


@firmware.command()
@PLUGIN
@click.option("--whole", is_flag=True, help="Download everything and compare the digests.")
@click.option("--last", is_flag=True, help="Only tell what the last check found.")
@output_options
@pass_session
def check(session: Session, plugin: str, whole: bool, last: bool, output: Output) -> None:
    """Check whether the links of a plugin's files still work."""
    if not last:
        follow(session, [begun(plugin, lambda: session.client.packages.check(plugin, whole=whole))])
    found = session.client.packages.checked(plugin)
    rows: list[Any] = found["files"]
    show_rows(session, output, rows, tuple(rows[0]) if rows else ("name",), "name")
    if any(row.get("state") != "ok" for row in rows):
        raise Failure("some links do not work", FAILED)

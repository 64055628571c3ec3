"""``provisionctl extension``: what adds something to the server's host beside plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.failures import USAGE, Failure
from provisiond.cli.provisionctl.following import Work, follow, wait_option
from provisiond.cli.provisionctl.many import confirm
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session

COLUMNS: Final = ("extension", "version", "state", "description")
INSTALLED = click.argument("extension", metavar="NAMESPACE/NAME", shell_complete=names.extension)
REINSTALL = click.option("--reinstall", is_flag=True, help="Also when this version is installed.")
SUBDIRECTORY = click.option("--subdirectory", metavar="PATH", help="Where in it the extension is.")


def split(text: str) -> tuple[str, str]:
    """Return namespace and name.

    :raises Failure: when a text has not both.
    """
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise Failure(f'"{text}" names no extension; write NAMESPACE/NAME, as extension list does', USAGE)
    return namespace, name


@click.group()
def extension() -> None:
    """Extensions of the server's host. Installing one runs its commands there, if the server's settings allow it.

    \b
    provisionctl extension list
    provisionctl extension install git https://git.example.org/phones/helloworld.git --ref v2
    provisionctl extension install market acme/dialplan
    provisionctl extension uninstall local/helloworld
    """


@extension.command("list")
@output_options
@pass_session
def list_extensions(session: Session, output: Output) -> None:
    """List the installed extensions."""
    show_rows(session, output, [*map(_row, session.client.extensions.list())], COLUMNS, "extension")


def _row(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"extension": f"{metadata['namespace']}/{metadata['name']}", **metadata}


@extension.command()
@INSTALLED
@output_options
@pass_session
def show(session: Session, extension: str, output: Output) -> None:
    """Show an installed extension."""
    show_document(session, output, _row(session.client.extensions.get(*split(extension))), "extension")


@extension.group()
def install() -> None:
    """Install an extension, or another version of an installed one.

    \b
    provisionctl extension install git https://git.example.org/phones/helloworld.git
    provisionctl extension install market acme/dialplan --version '>=1.2,<2'
    provisionctl extension install tarball https://example.org/hello.tgz --sha256 9f86d0…
    provisionctl extension install directory /srv/extensions/helloworld
    """


@install.command()
@click.argument("url")
@click.option("--ref", help="Branch, tag or commit. [default: master, else the default branch]")
@SUBDIRECTORY
@REINSTALL
@wait_option
@pass_session
def git(session: Session, url: str, ref: str | None, subdirectory: str | None, reinstall: bool, wait: bool) -> None:
    """From a git repository that the server reaches."""
    _install(session, "git", {"url": url, "ref": ref, "subdirectory": subdirectory}, reinstall, wait)


@install.command()
@click.argument("name", metavar="NAMESPACE/NAME")
@click.option("--version", help="A version, or conditions such as >=1.2,<2.")
@REINSTALL
@wait_option
@pass_session
def market(session: Session, name: str, version: str | None, reinstall: bool, wait: bool) -> None:
    """From the market of the settings."""
    namespace, name = split(name)
    _install(session, "market", {"namespace": namespace, "name": name, "version": version}, reinstall, wait)


@install.command()
@click.argument("place", metavar="URL|PATH")
@click.option("--sha256", metavar="DIGEST", help="What the file must have.")
@SUBDIRECTORY
@REINSTALL
@wait_option
@pass_session
def tarball(
    session: Session, place: str, sha256: str | None, subdirectory: str | None, reinstall: bool, wait: bool
) -> None:
    """From an archive at an address, or in a directory of the server that its settings allow."""
    where = "url" if "://" in place else "path"
    _install(session, "tarball", {where: place, "sha256": sha256, "subdirectory": subdirectory}, reinstall, wait)


@install.command()
@click.argument("path")
@SUBDIRECTORY
@REINSTALL
@wait_option
@pass_session
def directory(session: Session, path: str, subdirectory: str | None, reinstall: bool, wait: bool) -> None:
    """From a directory of the server that its settings allow."""
    _install(session, "directory", {"path": path, "subdirectory": subdirectory}, reinstall, wait)


def _install(session: Session, method: str, options: dict[str, str | None], reinstall: bool, wait: bool) -> None:
    given = {name: value for name, value in options.items() if value is not None}
    operation = session.client.extensions.install(method, given, reinstall=reinstall)
    follow(session, [Work(f"install from {method}", operation)], wait)


@extension.command()
@click.argument("extensions", metavar="NAMESPACE/NAME...", nargs=-1, required=True, shell_complete=names.extension)
@click.option("--force", is_flag=True, help="Forget it even when one of its commands fails.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
@pass_session
def uninstall(session: Session, extensions: Sequence[str], force: bool, yes: bool, wait: bool) -> None:
    """Uninstall extensions: their own commands are run."""
    wanted = [split(each) for each in extensions]
    confirm("uninstall", extensions, yes)
    client = session.client.extensions
    follow(session, [Work("/".join(each), client.uninstall(*each, force=force)) for each in wanted], wait)


@extension.command()
@click.argument("word", required=False)
@output_options
@pass_session
def search(session: Session, word: str | None, output: Output) -> None:
    """List what the market offers; with WORD only what has it in one of its members."""
    rows = [
        {**_row(each), "offered": [str(version.get("version")) for version in each.get("versions") or ()]}
        for each in session.client.extensions.search(word)
    ]
    show_rows(session, output, rows, ("extension", "installed_version", "offered", "description"), "extension")


@extension.command()
@click.argument("extension", metavar="NAMESPACE/NAME")
@output_options
@pass_session
def offer(session: Session, extension: str, output: Output) -> None:
    """Show what the market says of an extension."""
    show_document(session, output, _row(session.client.extensions.offer(*split(extension))), "extension")


@extension.command()
@click.argument("operation", metavar="UUID")
@pass_session
def log(session: Session, operation: str) -> None:
    """Write what the commands of an operation have printed; UUID is the end of its address."""
    click.echo(session.client.extensions.log(operation.rstrip("/").rpartition("/")[2]), nl=False)


@extension.command()
@output_options
@pass_session
def settings(session: Session, output: Output) -> None:
    """Show the server's settings of extensions, without secrets, and whether it can serve them."""
    client = session.client.extensions
    show_document(session, output, {**client.settings(), **client.status()})

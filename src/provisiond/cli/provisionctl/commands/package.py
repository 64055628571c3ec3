"""``provisionctl package``: packages of the server's host, device plugins and extensions alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from attrs import frozen

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.failures import NOT_FOUND, USAGE, Failure
from provisiond.cli.provisionctl.following import Work, follow, wait_option
from provisiond.cli.provisionctl.many import confirm
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.client.values import Operation

KIND = click.option("--type", "kind", type=click.Choice(names.KINDS), help="Only packages of this type.")
INSTALLED = click.argument("package", metavar="PACKAGE", shell_complete=names.host_package)
FILE = click.Path(dir_okay=False, path_type=Path)
NEEDS: Final = ("type", "id", "version", "installed", "candidate", "error")


@frozen
class Named:
    """A package that was named."""

    kind: str
    id: str

    @property
    def full(self) -> str:
        """Its full name."""
        return f"{self.kind}-{self.id}"


def named(text: str) -> Named:
    """Return what a full name names.

    :raises Failure: when it is none.
    """
    kind, _, package_id = text.partition("-")
    if kind not in names.KINDS or not package_id:
        raise Failure(f'"{text}" names no package; write plugin-… or extension-…, as package list does', USAGE)
    return Named(kind, package_id)


@click.group()
def package() -> None:
    """Packages of the server's host: plugins and extensions, installed, offered, brought.

    \b
    provisionctl package update
    provisionctl package search disk
    provisionctl package install plugin-diskfree
    provisionctl package bring plugin-diskfree-0.2.tgz
    """


@package.command("list")
@KIND
@output_options
@pass_session
def list_packages(session: Session, kind: str | None, output: Output) -> None:
    """List the installed packages, and which updates are offered."""
    host = session.client.host
    node = host.node()
    rows = [row for each in _kinds(kind) for row in host.installed(node, each)]
    shown = [{**row, "updates": [str(each["version"]) for each in row["updates"] or ()]} for row in rows]
    show_rows(session, output, shown, ("fullname", "version", "enabled", "updates"), "fullname")


@package.command()
@click.argument("word", required=False)
@KIND
@output_options
@pass_session
def search(session: Session, word: str | None, kind: str | None, output: Output) -> None:
    """List what the repositories offer and is not installed; with WORD only what has it in name or description."""
    host = session.client.host
    node = host.node()
    rows = [
        row
        for each in _kinds(kind)
        for row in host.available(node, each)
        if word is None or word.lower() in f"{row['fullname']} {row['description']} {row['category']}".lower()
    ]
    show_rows(session, output, rows, ("fullname", "version", "priority", "source", "description"), "fullname")


def _kinds(kind: str | None) -> Sequence[str]:
    return (kind,) if kind else names.KINDS


@package.command()
@click.argument("packages", metavar="PACKAGE...", nargs=-1, required=True, shell_complete=names.offered_package)
@click.option("--version", help="This version instead of the newest that is offered.")
@wait_option
@pass_session
def install(session: Session, packages: Sequence[str], version: str | None, wait: bool) -> None:
    """Install packages, or update installed ones."""
    host = session.client.host
    node = host.node()
    wanted = [(each, version or newest(session, node, each)) for each in map(named, packages)]
    works = [_work(each.full, host.install(node, each.kind, each.id, number)) for each, number in wanted]
    _follow(session, works, wait)


def newest(session: Session, node: str, package: Named) -> str:
    """Return the newest version of a package that is offered.

    :raises Failure: when none is.
    """
    rows: list[dict[str, Any]] = list(session.client.host.available(node, package.kind))
    for row in session.client.host.installed(node, package.kind):
        rows += [{**row, **update} for update in row["updates"] or ()]
    # The server gives the newest version first.
    found = next((str(row["version"]) for row in rows if row["id"] == package.id), None)
    if found is None:
        told = "no other version is offered; say --version. Try: provisionctl package search"
        raise Failure(f"{package.full}: {told}", NOT_FOUND)
    return found


@package.command()
@click.argument("file", type=FILE)
@wait_option
@pass_session
def bring(session: Session, file: Path, wait: bool) -> None:
    """Install a package file, TYPE-ID-VERSION.tgz, from this machine."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", USAGE) from None
    host = session.client.host
    _follow(session, [_work(file.name, host.bring(host.node(), file.name, content))], wait)


@package.command()
@click.argument("packages", metavar="PACKAGE...", nargs=-1, required=True, shell_complete=names.host_package)
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
@pass_session
def uninstall(session: Session, packages: Sequence[str], yes: bool, wait: bool) -> None:
    """Remove packages."""
    wanted = [*map(named, packages)]
    confirm("uninstall", [each.full for each in wanted], yes)
    host = session.client.host
    node = host.node()
    _follow(session, [_work(each.full, host.uninstall(node, each.kind, each.id)) for each in wanted], wait)


def _work(name: str, operation: Operation | None) -> Work | str:
    return name if operation is None else Work(name, operation)


def _follow(session: Session, works: Sequence[Work | str], wait: bool) -> None:
    for each in works:
        if isinstance(each, str):
            click.echo(f"{each}: done")
    begun = [each for each in works if isinstance(each, Work)]
    if begun:
        follow(session, begun, wait)


@package.command()
@INSTALLED
@click.option("--version", help="This version instead of the newest that is offered.")
@output_options
@pass_session
def needs(session: Session, package: str, version: str | None, output: Output) -> None:
    """Check what a package needs, and what of it is there."""
    host, wanted = session.client.host, named(package)
    node = host.node()
    rows = host.dependencies(node, wanted.kind, wanted.id, version or newest(session, node, wanted))
    show_rows(session, output, rows, tuple(rows[0]) if rows else NEEDS)


@package.command()
@pass_session
def update(session: Session) -> None:
    """Ask the repositories what they offer."""
    session.client.host.update()
    click.echo("update: done")


@package.command()
@output_options
@pass_session
def repos(session: Session, output: Output) -> None:
    """List the repositories, the one that counts most first."""
    show_rows(session, output, session.client.host.repositories(), ("priority", "url"), "url")


@package.command()
@output_options
@pass_session
def host(session: Session, output: Output) -> None:
    """Show the host that packages are installed on, and whether they are managed here."""
    found = session.client.host
    show_document(session, output, {**found.about(found.node()), "mode": found.mode()})


@package.command()
@INSTALLED
@click.argument("file", type=FILE)
@click.option("--version", help="Of this version in the cache, instead of the installed one.")
@pass_session
def icon(session: Session, package: str, file: Path, version: str | None) -> None:
    """Write the icon of a package to a PNG file."""
    wanted = named(package)
    _write(file, session.client.host.icon(wanted.kind, wanted.id, version))


@package.command()
@INSTALLED
@click.argument("version")
@click.argument("file", type=FILE)
@pass_session
def download(session: Session, package: str, version: str, file: Path) -> None:
    """Write the archive of a package from the server's cache to a file."""
    wanted = named(package)
    _write(file, session.client.host.archive(wanted.kind, wanted.id, version))


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {file}")

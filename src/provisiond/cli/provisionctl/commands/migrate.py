"""``provisionctl migrate-from``: the state of another server, taken over."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from provisiond.cli.provisionctl.commands.backup import sent_from
from provisiond.cli.provisionctl.failures import USAGE, Failure
from provisiond.cli.provisionctl.following import Work, follow
from provisiond.cli.provisionctl.output import Output, output_options, show_document
from provisiond.cli.provisionctl.session import Session, pass_session

PARTS: Final = ("jsondb", "app.json", "plugins")
SHOWN: Final = 5


@click.command("migrate-from")
@click.argument("directory", metavar="PATH", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--dry-run", is_flag=True, help="Only tell what would be taken.")
@output_options
@pass_session
def migrate_from(session: Session, directory: Path, dry_run: bool, output: Output) -> None:
    """Take over the state directory PATH of another server of the provd family.

    Devices, configs, parameters, provisioning keys, tenants, and installed plugins with their templates and firmware.
    PATH is on this machine and only read; what the server has already stays, so that this may be repeated.

    \b
    provisionctl migrate-from --dry-run /var/lib/wazo-provd
    provisionctl migrate-from /var/lib/wazo-provd
    """
    with tempfile.TemporaryFile() as file:
        _pack(directory, file)
        size = file.tell()
        file.seek(0)
        upload = sent_from(session, file, directory.name or str(directory), size)
    operation = session.client.backups.migrate(upload, dry_run=dry_run)
    if output.form != "table":
        session.client.operations.wait(operation)
        show_document(session, output, session.client.backups.migrated() or {})
        return
    follow(session, [Work(str(directory), operation)])
    for line in lines(session.client.backups.migrated() or {}):
        click.echo(line)


def lines(report: dict[str, dict[str, list[str]] | dict[str, str]]) -> Iterator[str]:
    """Yield a report for people."""
    for word, member in (("taken", "taken"), ("there already", "there_already")):
        for kind, names in report.get(member, {}).items():
            shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
            yield f"{word}: {len(names)} {kind}: {shown}"
    for what, why in report.get("not_taken", {}).items():
        yield f"not taken: {what}: {why}"


def _pack(directory: Path, file: object) -> None:
    try:
        with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar:  # type: ignore[call-overload]
            parts = [name for name in PARTS if (directory / name).exists()]
            if not parts:
                raise Failure(f"{directory} holds neither jsondb nor app.json nor plugins", USAGE)
            for name in parts:
                tar.add(directory / name, name, filter=_wanted)
    except (OSError, tarfile.TarError) as error:
        raise Failure(f"{directory} cannot be read: {getattr(error, 'strerror', None) or error}", USAGE) from None


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what no server takes: devices and pipes, and links that lead out of a plugin."""
    if member.isreg() or member.isdir() or member.islnk():
        return member
    target = os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))
    plugin = "/".join(member.name.split("/")[:2]) + "/"
    return member if member.issym() and target.startswith(plugin) else None

"""``provisionctl import`` and ``export``: many documents at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from provisiond.cli.provisionctl.choosing import filter_options, selector_of
from provisiond.cli.provisionctl.session import Session, pass_session

KIND = click.argument("kind", type=click.Choice(["devices", "configs"]))
FORM = click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), help="[default: as the file is called]")


def form_of(form: str | None, file: str) -> str:
    """Return the form that an option or a file's name tells."""
    return form or ("csv" if Path(file).suffix.lower() == ".csv" else "jsonl")


@click.command("import")
@KIND
@click.argument("file", type=click.File("rb"))
@FORM
@click.option(
    "--mode", type=click.Choice(["create", "replace", "upsert"]), default="create", show_default=True,
    help="What may be there before: nothing, everything, or either.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Check everything and store nothing.")
@pass_session
def import_rows(session: Session, kind: str, file: BinaryIO, form: str | None, mode: str, dry_run: bool) -> None:
    """Store many devices or configs, all rows or none; - reads standard input.

    \b
    provisionctl import devices phones.csv --mode upsert --dry-run
    """
    resource: Any = getattr(session.client, kind)
    done = resource.import_rows(file.read(), form_of(form, getattr(file, "name", "")), mode=mode, dry_run=dry_run)
    would = "would be " if done.dry_run else ""
    told = f"{done.created} {would}created, {done.replaced} {would}replaced, {done.unchanged} as they are already"
    click.echo(f"{done.rows} rows: {told}")


@click.command("export")
@KIND
@click.option("--to", "target", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write this file.")
@FORM
@click.option("--recurse", is_flag=True, help="With the devices of the tenants below.")
@pass_session
def export_rows(
    session: Session,
    kind: str,
    target: Path | None,
    form: str | None,
    recurse: bool,
    filters: tuple[str, ...],
    query: str | None,
) -> None:
    """Write devices or configs as JSON lines or CSV. It holds passwords: keep it as you keep the database.

    \b
    provisionctl export devices --to phones.csv --filter vendor=Snom
    """
    q, wanted = selector_of(filters, query), form_of(form, str(target or ""))
    if kind == "devices":
        pieces = session.client.devices.export(wanted, q, recurse=recurse)
    else:
        pieces = session.client.configs.export(wanted, q)
    if target is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with target.open("wb") as out:
        target.chmod(0o600)
        for piece in pieces:
            out.write(piece)
    click.echo(f"wrote {target}", err=True)


for _option in filter_options():
    export_rows = _option(export_rows)

"""``provisiond-admin``: tokens and tenants, on the daemon's host and without a token."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from provisiond import __version__
from provisiond.cli.stored_access import StoredAccess, opened_database, stored_access
from provisiond.cli.times import moment_from, moment_shown
from provisiond.errors import NotFound, ProvisiondError, SettingsProblem
from provisiond.provisioning.foreign_state import read_state
from provisiond.provisioning.migration import Migration
from provisiond.settings import load_settings
from provisiond.store.database import finished
from provisiond.store.facts import Tenant
from provisiond.store.tokens import StoredToken


class _Sentences(click.Group):
    """Tells refusals in one sentence: status 2 for wrong settings, 1 for everything else."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsProblem as problem:
            click.echo("\n".join(problem.problems), err=True)
            ctx.exit(2)
        except ProvisiondError as problem:
            missing = "there is no " if isinstance(problem, NotFound) else ""
            click.echo(f"provisiond-admin: {missing}{problem.sentence}", err=True)
            ctx.exit(1)


def access_of(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand a command the access to the database, which is opened when the command runs: help needs none."""

    @click.pass_context
    @wraps(command)
    def with_access(context: click.Context, *args: Any, **kwargs: Any) -> Any:
        settings = load_settings(context.find_root().params["config"])
        return command(context.with_resource(stored_access(settings)), *args, **kwargs)

    return with_access


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


@click.group(cls=_Sentences)
@click.version_option(__version__, prog_name="provisiond-admin")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/provisiond/config.yml"),
    show_default=True,
    help="The daemon's settings file.",
)
def main(config: Path) -> None:
    """Make and revoke tokens of the REST API, and arrange tenants.

    Works on the daemon's database, whether the daemon runs or not; a running one follows within a second. Whoever may
    write that database needs no token: run it as root or as the daemon's user.
    """


@main.group()
def token() -> None:
    """Make, list and revoke tokens."""


@token.command("create")
@click.option("--acl", multiple=True, required=True, help="What it grants, e.g. 'provd.dev_mgr.#'; may be repeated.")
@click.option("--tenant", help="Uuid or name of its tenant. [default: the master tenant]")
@click.option("--expires", help="A span such as 90d or 12h, or a date such as 2030-12-31. [default: never]")
@click.option("--description", default="", help="What it is for.")
@access_of
def create_token(
    access: StoredAccess, acl: Sequence[str], tenant: str | None, expires: str | None, description: str
) -> None:
    """Make a token and print it, this once: only a hash of it is kept."""
    ends = None if expires is None else moment_from(expires, time.time())
    text, made = finished(access.tokens.create(description, acl, access.tenant(tenant).uuid, ends))
    click.echo(f"token {made.id}; it is shown only now:", err=True)
    click.echo(text)


@token.command("list")
@click.option("--tenant", help="Only the tokens of this tenant and of those below it.")
@as_json
@access_of
def list_tokens(access: StoredAccess, tenant: str | None, as_json: bool) -> None:
    """List the tokens, never showing them."""
    tree = access.tenants.tree(access.tenant(tenant).uuid) if tenant is not None else None
    rows = [_token_row(each) for each in access.tokens.list() if tree is None or each.tenant_uuid in tree]
    _show(rows, as_json)


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@access_of
def revoke_token(access: StoredAccess, token_id: str) -> None:
    """Make a token worthless."""
    finished(access.tokens.revoke(token_id))


@main.command("migrate-from")
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--dry-run", is_flag=True, help="Only tell what would be taken.")
@as_json
@click.pass_context
def migrate_from(context: click.Context, source: Path, dry_run: bool, as_json: bool) -> None:
    """Take over the state directory of another server of the provd family.

    Devices, configs, parameters, provisioning keys, tenants, and installed plugins with their templates and firmware.
    The source is only read; what is there already stays, so that this may be repeated. Start
    provisiond anew afterwards.
    """
    settings = load_settings(context.find_root().params["config"])
    with opened_database(settings) as database:
        state = read_state(source)
        plugins = settings.general.state_dir.absolute() / "plugins"
        report = Migration(database, plugins, state, dry=dry_run).run()
    for line in [json.dumps(report.row())] if as_json else report.lines():
        click.echo(line)


@main.group()
def tenant() -> None:
    """Create, list, rename, move and remove tenants."""


@tenant.command("create")
@click.argument("name")
@click.option("--parent", help="Uuid or name of the tenant above. [default: the master tenant]")
@click.option("--uuid", help="Its uuid, to be the same as elsewhere. [default: a new one]")
@access_of
def create_tenant(access: StoredAccess, name: str, parent: str | None, uuid: str | None) -> None:
    """Create a tenant and print its uuid."""
    click.echo(finished(access.tenants.create(name, access.tenant(parent).uuid, uuid)).uuid)


@tenant.command("list")
@as_json
@access_of
def list_tenants(access: StoredAccess, as_json: bool) -> None:
    """List the tenants."""
    _show([_tenant_row(each) for each in access.tenants.all()], as_json)


@tenant.command("rename")
@click.argument("which", metavar="TENANT")
@click.argument("name")
@access_of
def rename_tenant(access: StoredAccess, which: str, name: str) -> None:
    """Give a tenant another name."""
    finished(access.tenants.change(access.tenant(which).uuid, name))


@tenant.command("move")
@click.argument("which", metavar="TENANT")
@click.argument("parent")
@access_of
def move_tenant(access: StoredAccess, which: str, parent: str) -> None:
    """Put a tenant, with all below it, below another."""
    moved = access.tenant(which)
    finished(access.tenants.change(moved.uuid, moved.name, access.tenant(parent).uuid))


@tenant.command("remove")
@click.argument("which", metavar="TENANT")
@access_of
def remove_tenant(access: StoredAccess, which: str) -> None:
    """Remove a tenant that has no devices and none below it, with its tokens and its provisioning key."""
    finished(access.tenants.delete(access.tenant(which).uuid))


def _token_row(each: StoredToken) -> dict[str, Any]:
    return {
        "id": each.id,
        "description": each.name,
        "tenant": each.tenant_uuid,
        "acl": list(each.acl),
        "created": moment_shown(each.created),
        "expires": moment_shown(each.expires),
        "last_used": moment_shown(each.last_used),
    }


def _tenant_row(each: Tenant) -> dict[str, Any]:
    return {"uuid": each.uuid, "name": each.name, "parent": each.parent_uuid}


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    if not rows:
        return
    table = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value) if value not in (None, "") else "-"


if __name__ == "__main__":
    sys.exit(main())

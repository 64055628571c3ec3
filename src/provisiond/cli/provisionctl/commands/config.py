"""``provisionctl config``: parameters for devices, with inheritance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import click

from provisiond.cli.provisionctl import names
from provisiond.cli.provisionctl.choosing import (
    assignments,
    json_object,
    list_options,
    selection_of,
    with_assigned,
    without,
)
from provisiond.cli.provisionctl.many import chosen, confirm, for_each, many_options
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.client.selection import Selection
from provisiond.client.values import Config

COLUMNS: Final = ("id", "X_type", "label", "parent_ids", "role", "transient", "deletable")
CONFIG = click.argument("config_id", metavar="ID", shell_complete=names.config)
MEMBER = click.option("--member", is_flag=True, help="Members of the document itself (label, role …), not parameters.")
Tree = Mapping[str, Sequence[str]]


@click.group()
def config() -> None:
    """Configs: the parameters of phones, inherited from config to config.

    \b
    provisionctl config add alice --parent base sip_lines.1.username=alice sip_lines.1.password=s3cret
    provisionctl config set alice ntp_ip=192.0.2.3 ntp_enabled:=true
    provisionctl config raw alice
    provisionctl config dry-run base ntp_ip=192.0.2.9
    """


@config.command("list")
@list_options
@output_options
@pass_session
def list_configs(
    session: Session, filters: Sequence[str], query: str | None, sort: str | None, limit: int, skip: int, output: Output
) -> None:
    """List configs."""
    fields = output.columns or (COLUMNS if output.form in ("table", "csv") else ())
    selection = selection_of(filters, query, sort, limit, skip, ("id",) if output.form == "name" else fields)
    show_rows(session, output, (each.members for each in session.client.configs.list(selection)), COLUMNS)


@config.command()
@CONFIG
@output_options
@pass_session
def show(session: Session, config_id: str, output: Output) -> None:
    """Show a config as it stands, without what it inherits."""
    show_document(session, output, session.client.configs.get(config_id).members)


@config.command()
@CONFIG
@output_options
@pass_session
def raw(session: Session, config_id: str, output: Output) -> None:
    """Show the parameters of a config with all that it inherits."""
    show_document(session, output, session.client.configs.raw(config_id))


@config.command()
@click.argument("config_id", metavar="[ID]", required=False)
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--parent", "parents", multiple=True, help="May be repeated; later ones win.", shell_complete=names.config
)
@click.option("--from", "source", metavar="JSON", help="A whole config: JSON, @FILE, or - for standard input.")
@click.option("--autocreate", is_flag=True, help="Make it from the config with the role autocreate.")
@pass_session
def add(
    session: Session,
    config_id: str | None,
    values: Sequence[str],
    parents: Sequence[str],
    source: str | None,
    autocreate: bool,
) -> None:
    """Add a config and write its id.

    \b
    provisionctl config add alice --parent base ntp_ip=192.0.2.3
    provisionctl config add --from @alice.json
    provisionctl config add --autocreate
    """
    if autocreate:
        click.echo(session.client.configs.autocreate())
        return
    document = json_object(source, "--from") if source is not None else {}
    if config_id is not None:
        document["id"] = config_id
    document.setdefault("parent_ids", [])
    document["parent_ids"] = [*document["parent_ids"], *parents]
    document["raw_config"] = with_assigned(document.get("raw_config") or {}, assignments(values))
    click.echo(session.client.configs.create(Config(document)))


@config.command("set")
@CONFIG
@click.argument("values", nargs=-1, required=True, metavar="NAME=VALUE...")
@MEMBER
@pass_session
def set_parameters(session: Session, config_id: str, values: Sequence[str], member: bool) -> None:
    """Set parameters of a config; its devices follow in the background.

    NAME=TEXT sets a text, NAME:=JSON anything else; dots lead into objects: sip_lines.1.username=alice.
    """
    found = session.client.configs.get(config_id)
    session.client.configs.replace(assigned(found, values, member))
    click.echo(f"changed {config_id}")


def assigned(found: Config, values: Sequence[str], member: bool = False) -> Config:
    """Return a config with parameters, or members of its document, set."""
    if member:
        return Config(with_assigned(found.members, assignments(values)))
    return found.with_members(raw_config=with_assigned(found.raw_config, assignments(values)))


@config.command("unset")
@CONFIG
@click.argument("parameters", nargs=-1, required=True, metavar="NAME...")
@MEMBER
@pass_session
def unset_parameters(session: Session, config_id: str, parameters: Sequence[str], member: bool) -> None:
    """Remove parameters of a config; what it inherits counts again."""
    found = session.client.configs.get(config_id)
    if member:
        changed = Config(without(found.members, parameters))
    else:
        changed = found.with_members(raw_config=without(found.raw_config, parameters))
    session.client.configs.replace(changed)
    click.echo(f"changed {config_id}")


@config.command()
@CONFIG
@click.option("--add", "added", multiple=True, metavar="ID", help="Inherit from this one too, over the others.")
@click.option("--remove", "removed", multiple=True, metavar="ID", help="No longer inherit from this one.")
@click.option("--set", "wanted", metavar="IDS", help="Inherit from these, separated by commas; later ones win.")
@pass_session
def parents(session: Session, config_id: str, added: Sequence[str], removed: Sequence[str], wanted: str | None) -> None:
    """Write the parents of a config, one a line, or change them."""
    found = session.client.configs.get(config_id)
    ids = list(found.parent_ids) if wanted is None else [each for each in wanted.split(",") if each]
    ids = [each for each in [*ids, *added] if each not in removed]
    if tuple(ids) != found.parent_ids:
        session.client.configs.replace(found.with_members(parent_ids=ids))
    for each in ids:
        click.echo(each)


@config.command()
@CONFIG
@click.argument("new_id", metavar="NEW_ID")
@pass_session
def clone(session: Session, config_id: str, new_id: str) -> None:
    """Add a copy of a config under another id."""
    copy = session.client.configs.get(config_id).without("deletable", "role").with_members(id=new_id)
    click.echo(session.client.configs.create(copy))


@config.command("rm")
@many_options("config that may be deleted", names.config)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(
    session: Session, ids: Sequence[str], all_of_them: bool, filters: Sequence[str], query: str | None, yes: bool
) -> None:
    """Delete configs; devices and configs that name them go on naming them."""
    wanted = chosen(ids, all_of_them, filters, query, found_by(session, all_of_them))
    confirm("delete", wanted, yes)
    for_each(session, wanted, lambda client, each: client.configs.delete(each), "deleted")


def found_by(session: Session, deletable: bool = False) -> Callable[[dict[str, Any]], Iterable[str]]:
    """Return what finds the ids of the configs that a selector selects.

    :param deletable: leave out those that are protected.
    """

    def found(q: dict[str, Any]) -> Iterable[str]:
        listed = session.client.configs.list(Selection(q=q, fields=("id", "deletable")))
        return [each.id for each in listed if each.deletable or not deletable]

    return found


@config.command("dry-run")
@CONFIG
@click.argument("values", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.option("--diff", is_flag=True, help="Show the differences themselves.")
@output_options
@pass_session
def dry_run(session: Session, config_id: str, values: Sequence[str], diff: bool, output: Output) -> None:
    """Tell which devices and files would change if parameters were set; nothing is stored."""
    changed = assigned(session.client.configs.get(config_id), values)
    rows: list[Any] = []
    found: dict[str, Any] = {"partial": True, "looked": 0}
    while found["partial"]:
        found = session.client.configs.dry_run(changed, diff=diff, skip=found["looked"])
        rows += found["devices"]
    show_rows(session, output, rows, ("id", "changed", "added", "removed", "problem"))
    if diff and output.form == "table":
        for row in rows:
            click.echo("".join(f"\n{text}" for text in row["diffs"].values()))


@config.command()
@click.argument("config_id", metavar="[ID]", required=False, shell_complete=names.config)
@pass_session
def tree(session: Session, config_id: str | None) -> None:
    """Draw which configs inherit from which; with ID what inherits from it."""
    found = session.client.configs.list(Selection(fields=("id", "parent_ids"), sort="id"))
    known = {each.id for each in found}
    children: dict[str, list[str]] = {}
    for each in found:
        for parent in each.parent_ids:
            children.setdefault(parent, []).append(each.id)
    roots = [config_id] if config_id else [each.id for each in found if not known & set(each.parent_ids)]
    if config_id and config_id not in known:
        session.client.configs.get(config_id)
    for root in roots:
        for line in drawn(root, children, ()):
            click.echo(line)


def drawn(node: str, children: Tree, above: tuple[str, ...]) -> Iterable[str]:
    """Yield the lines of a tree; a config that is its own ancestor is drawn once."""
    yield node
    below = [each for each in children.get(node, ()) if each not in (*above, node)]
    for place, each in enumerate(below):
        is_last = place == len(below) - 1
        for number, line in enumerate(drawn(each, children, (*above, node))):
            mark = ("└─ " if is_last else "├─ ") if number == 0 else ("   " if is_last else "│  ")
            yield mark + line

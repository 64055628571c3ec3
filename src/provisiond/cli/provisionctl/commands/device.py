"""``provisionctl device``: phones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
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
from provisiond.cli.provisionctl.failures import Failure
from provisiond.cli.provisionctl.following import begun, follow, wait_option
from provisiond.cli.provisionctl.many import NOTHING, chosen, confirm, for_each, many_options
from provisiond.cli.provisionctl.output import Output, output_options, show_document, show_rows
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.cli.times import moment_shown
from provisiond.client.blocking import Client
from provisiond.client.errors import ClientError
from provisiond.client.selection import Selection
from provisiond.client.values import Device

STEP_COLUMNS: Final = ("step", "at", "sentence")
COLUMNS: Final = ("id", "mac", "ip", "vendor", "model", "version", "plugin", "config", "configured")
CURRENT: Final = "current"
STATES: Final = ("false", "true", "unknown")
FILE_COLUMNS: Final = ("name", "size", "rendered", "fetched", "fetched_is_current")
JOURNAL_COLUMNS: Final = ("time", "protocol", "method", "peer", "path", "outcome", "reason")
DEVICE = click.argument("device_id", metavar="ID", shell_complete=names.device)
YES = click.option("--yes", is_flag=True, help="Do not ask.")
RECURSE = click.option("--recurse", is_flag=True, help="With the devices of the tenants below.")
MANY = many_options("device of the tenant", names.device)


@click.group()
def device() -> None:
    """Phones: look at them, change them, see what they are served.

    \b
    provisionctl device list --filter configured=false --columns id,mac,model
    provisionctl device show 4a1f…
    provisionctl device set 4a1f… plugin=snom-10.1.184.15 config=alice
    provisionctl device list -f vendor=Cisco -o name | provisionctl device sync -
    """


@device.command("list")
@list_options
@RECURSE
@click.option("--current", is_flag=True, help="Also tell whether each phone runs its present configuration.")
@output_options
@pass_session
def list_devices(
    session: Session,
    filters: Sequence[str],
    query: str | None,
    sort: str | None,
    limit: int,
    skip: int,
    recurse: bool,
    current: bool,
    output: Output,
) -> None:
    """List devices.

    \b
    provisionctl device list --current --filter vendor=Snom
    provisionctl device list --columns id,mac,current

    The column current, which takes longer, is true, false for phones that are behind, or unknown.
    """
    current = current or CURRENT in output.columns
    columns = (*COLUMNS, CURRENT) if current else COLUMNS
    fields = output.columns or (columns if output.form in ("table", "csv") else ())
    asked = ("id",) if output.form == "name" else fields
    if CURRENT in asked:
        asked = tuple(dict.fromkeys(("id", *(each for each in asked if each != CURRENT))))
    selection = selection_of(filters, query, sort, limit, skip, asked)
    states = {each["id"]: each[CURRENT] for each in currencies(session, STATES, recurse)} if current else {}
    found = session.client.devices.list(selection, recurse=recurse)
    rows = ({**each.members, CURRENT: states.get(each.id)} if current else each.members for each in found)
    show_rows(session, output, rows, columns)


@device.command()
@DEVICE
@output_options
@pass_session
def show(session: Session, device_id: str, output: Output) -> None:
    """Show a device, and whether its phone runs what it should."""
    document = dict(session.client.devices.get(device_id).members)
    if output.form == "table" and not output.columns:
        document["status"] = session.client.inspection.status(device_id)
        document["status"].pop("configured", None)
    show_document(session, output, document)


@device.command()
@click.argument("values", nargs=-1, metavar="NAME=VALUE...")
@click.option("--from", "source", metavar="JSON", help="A whole device: JSON, @FILE, or - for standard input.")
@pass_session
def add(session: Session, values: Sequence[str], source: str | None) -> None:
    """Add a device and write its id.

    \b
    provisionctl device add mac=00:04:13:92:2d:24 plugin=snom-10.1.184.15 config=alice
    provisionctl device add --from @phone.json
    """
    document = json_object(source, "--from") if source is not None else {}
    device_id = session.client.devices.create(Device(with_assigned(document, assignments(values))))
    click.echo(device_id)
    remark(session, device_id)


@device.command("set")
@DEVICE
@click.argument("values", nargs=-1, required=True, metavar="NAME=VALUE...")
@pass_session
def set_members(session: Session, device_id: str, values: Sequence[str]) -> None:
    """Set members of a device.

    NAME=TEXT sets a text, NAME:=JSON anything else; dots lead into objects: options.switchboard:=true.
    """
    change(session.client, device_id, lambda members: with_assigned(members, assignments(values)))
    click.echo(f"changed {device_id}")
    remark(session, device_id)


@device.command("unset")
@DEVICE
@click.argument("members", nargs=-1, required=True, metavar="NAME...")
@pass_session
def unset_members(session: Session, device_id: str, members: Sequence[str]) -> None:
    """Remove members of a device."""
    change(session.client, device_id, lambda document: without(document, members))
    click.echo(f"changed {device_id}")


def remark(session: Session, device_id: str) -> None:
    """Say on standard error what keeps a device that was just written from having files; it is written all the same."""
    with suppress(ClientError):
        problem = session.client.inspection.status(device_id).get("problem")
        if problem:
            click.echo(f"{device_id} has no files: {problem}", err=True)


def change(client: Client, device_id: str, changed: Callable[[Any], dict[str, Any]]) -> None:
    """Replace a device by a changed copy."""
    client.devices.replace(Device(changed(client.devices.get(device_id).members)))


@device.command("rm")
@MANY
@YES
@pass_session
def remove(
    session: Session, ids: Sequence[str], all_of_them: bool, filters: Sequence[str], query: str | None, yes: bool
) -> None:
    """Delete devices with their files."""
    wanted = chosen(ids, all_of_them, filters, query, found_by(session))
    confirm("delete", wanted, yes)
    for_each(session, wanted, lambda client, each: client.devices.delete(each), "deleted")


@device.command()
@MANY
@pass_session
def reconfigure(
    session: Session, ids: Sequence[str], all_of_them: bool, filters: Sequence[str], query: str | None
) -> None:
    """Make the files of devices anew."""
    wanted = chosen(ids, all_of_them, filters, query, found_by(session))
    for_each(session, wanted, lambda client, each: client.devices.reconfigure(each), "reconfigured")


@device.command("sync")
@MANY
@click.option("--rate", type=float, help="Phones told a second, when there are many.  [default: 10]")
@click.option("--window", type=int, help="Phones told at a time.  [default: 20]")
@click.option("--max-failures", type=int, help="Failures in a row that stop it.  [default: 10]")
@wait_option
@pass_session
def synchronize(
    session: Session,
    ids: Sequence[str],
    all_of_them: bool,
    filters: Sequence[str],
    query: str | None,
    rate: float | None,
    window: int | None,
    max_failures: int | None,
    wait: bool,
) -> None:
    """Make phones fetch their files again; many of them at a pace."""
    wanted = chosen(ids, all_of_them, filters, query, found_by(session))
    devices = session.client.devices
    if not wanted:
        click.echo(NOTHING, err=True)
        return
    if len(wanted) == 1:
        works = [begun(wanted[0], lambda: devices.synchronize(wanted[0]))]
    else:
        pace = {"rate": rate, "window": window, "max_failures": max_failures}
        works = [begun(f"{len(wanted)} phones", lambda: devices.synchronize_many(wanted, **pace))]  # type: ignore[arg-type]
    follow(session, works, wait)


@device.command("steps")
@DEVICE
@output_options
@pass_session
def steps(session: Session, device_id: str, output: Output) -> None:
    """Show how far a phone got that was told to fetch: sent, answered, fetched or failed."""
    found = session.client.devices.synchronization(device_id)
    if output.form == "table":
        found = [{**each, "at": moment_shown(each["at"])} for each in found]
    show_rows(session, output, found, STEP_COLUMNS, "step")


def found_by(session: Session) -> Callable[[dict[str, Any]], Iterable[str]]:
    """Return what finds the ids of the devices that a selector selects."""
    return lambda q: [each.id for each in session.client.devices.list(Selection(q=q, fields=("id",)))]


@device.command()
@DEVICE
@output_options
@pass_session
def files(session: Session, device_id: str, output: Output) -> None:
    """List the files that a phone is served."""
    show_rows(session, output, session.client.inspection.files(device_id), FILE_COLUMNS, "name")


@device.command()
@DEVICE
@click.argument("name", required=False)
@pass_session
def preview(session: Session, device_id: str, name: str | None) -> None:
    """Write a file as it would be now; without NAME all of them.

    Passwords are struck out, unless the token may see them, as the administrator's may."""
    for each in [name] if name else [row["name"] for row in served(session, device_id)]:
        if not name:
            click.secho(f"--- {each}", bold=True)
        text = session.client.inspection.preview(device_id, each).decode("utf-8", "replace")
        click.echo(text, nl=not text.endswith("\n"))


@device.command()
@DEVICE
@click.argument("name", required=False)
@pass_session
def diff(session: Session, device_id: str, name: str | None) -> None:
    """Show what would change against what the phone fetched last; without NAME in all that it fetched."""
    for each in [name] if name else fetched(session, device_id):
        for line in session.client.inspection.difference(device_id, each).splitlines():
            color = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            click.secho(line, fg=color)


def fetched(session: Session, device_id: str) -> list[str]:
    """Return the names of the files that a phone has fetched; when there are none, that is said on standard error."""
    found = [str(row["name"]) for row in served(session, device_id) if row["fetched"]]
    if not found:
        click.echo(f"{device_id} has fetched none of its files yet", err=True)
    return found


def served(session: Session, device_id: str) -> list[dict[str, Any]]:
    """Return the files that a phone is served.

    :raises Failure: when there are none, with the reason.
    """
    found = session.client.inspection.files(device_id)
    if not found:
        problem = session.client.inspection.status(device_id).get("problem") or "its plugin makes none"
        raise Failure(f"{device_id} has no files: {problem}")
    return list(found)


@device.command()
@DEVICE
@output_options
@pass_session
def journal(session: Session, device_id: str, output: Output) -> None:
    """List the last requests of a phone with the reason of each answer, newest first."""
    show_rows(session, output, session.client.inspection.journal(device_id), JOURNAL_COLUMNS, "path")


@device.command()
@click.argument("device_id", metavar="[ID]", required=False, shell_complete=names.device)
@pass_session
def watch(session: Session, device_id: str | None) -> None:
    """Write what happens to a device, or to all, as it happens; Ctrl-C ends it."""
    from provisiond.cli.provisionctl.commands.server import write_event

    for event in session.client.events.follow(("device_seen", "device_changed", "device_configured")):
        if device_id in (None, event.data.get("device_id")):
            write_event(event)


@device.command()
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="May be repeated.")
@RECURSE
@output_options
@pass_session
def behind(session: Session, states: Sequence[str], recurse: bool, output: Output) -> None:
    """List the configured devices whose phone has other files than it would get now."""
    rows = currencies(session, states, recurse)
    show_rows(session, output, rows, ("id", CURRENT, "behind", "last_fetched", "problem"))


def currencies(session: Session, states: Sequence[str], recurse: bool) -> Iterator[dict[str, Any]]:
    """Yield how the phones of configured devices stand to their present files, page by page."""
    found: dict[str, Any] = {"partial": True, "looked": 0}
    while found["partial"]:
        found = session.client.inspection.behind(states, recurse=recurse, skip=found["looked"])
        yield from found["devices"]


@device.command()
@DEVICE
@pass_session
def plugins(session: Session, device_id: str) -> None:
    """List the plugins that are not installed and would serve a device, the best first."""
    found = session.client.devices.fitting_plugins(device_id)
    for each in found:
        click.echo(each)
    if not found:
        click.echo(f"no repository offers another plugin for {device_id}; see provisionctl repo list", err=True)


@device.command()
@click.argument("op", type=click.Choice(["commit", "expiry", "release"]))
@click.argument("ip")
@click.argument("mac", required=False)
@click.argument("options", nargs=-1, metavar="[OPTION]...")
@pass_session
def lease(session: Session, op: str, ip: str, mac: str | None, options: Sequence[str]) -> None:
    """Report what a DHCP server did, as its hook would. An OPTION is its code in three digits and its bytes as hex."""
    from provisiond.client.devices import Lease

    if op == "commit" and mac is None:
        raise click.UsageError("a lease that is committed needs the MAC address, e.g. 00:04:13:92:2d:24")
    session.client.devices.report_lease(Lease(op=op, ip=ip, mac=mac, options=options))

"""``provisionctl status``, ``events``, ``completion`` and ``man``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from provisiond.cli.provisionctl.failures import FAILED, Failure
from provisiond.cli.provisionctl.output import Output, cell, output_options, show_document
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.client.blocking import Client
from provisiond.client.errors import Unauthorized, Unreachable
from provisiond.client.selection import Selection
from provisiond.client.values import Event

KINDS: Final = (
    "device_seen",
    "device_changed",
    "device_configured",
    "config_changed",
    "operation_changed",
    "plugin_changed",
    "plugin_problem_seen",
)
TRIES: Final = 5
NOTICE: Final = "notice"
_COLOURS: Final = {"error": "red", "warning": "yellow"}


@click.command()
@output_options
@pass_session
def status(session: Session, output: Output) -> None:
    """Tell how the server is: its parts, how many devices wait for a configuration, and what is wrong, in words.

    Ends with 1 when something is wrong; what is only a notice does not count.
    """
    client = session.client
    document = dict(client.status())
    problems = _problems(client)
    if output.form == "table" and not output.columns:
        waiting = client.devices.list(Selection(q={"configured": False}, fields=("id",)), recurse=True)
        document["devices_not_configured"] = len(waiting)
        document["plugins_loaded"] = client.plugins.loaded()
        document["plugin_problems"] = len(client.plugins.problems())
        show_document(session, output, document)
        for each in problems:
            click.echo(_problem_text(each))
    else:
        show_document(session, output, {**document, "problems": problems})
    wrong = [each for each in problems if each["severity"] != NOTICE]
    if document.get("rest_api") != "ok" or wrong:
        raise Failure("the server is not in order", FAILED)


def _problems(client: Client) -> list[dict[str, Any]]:
    try:
        return client.problems()
    except Unauthorized:
        # A token of a tenant below the master learns about its own devices only.
        return []


def _problem_text(problem: Mapping[str, Any]) -> str:
    since = str(problem["since"])[:19].replace("T", " ")
    head = click.style(f"{problem['severity']}:", fg=_COLOURS.get(problem["severity"]), bold=True)
    return f"\n{head} {problem['sentence']} ({problem['code']}, since {since} UTC)\n    {problem['cure']}"


@click.command()
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these; may be repeated.")
@click.option("--since", metavar="ID", help="Begin after this event, as far as the server remembers.")
@click.option("-o", "--output", "form", type=click.Choice(["text", "json"]), default="text", help="How to write them.")
@pass_session
def events(session: Session, kinds: Sequence[str], since: str | None, form: str) -> None:
    """Write what happens at the server, as it happens; Ctrl-C ends it."""
    last, tries = since, 0
    while True:
        try:
            for event in session.client.events.follow(kinds, last_id=last):
                last, tries = event.id, 0
                write_event(event, form)
        except Unreachable:
            if last is None or tries == TRIES:
                raise
        tries += 1
        session.pause(tries)


def write_event(event: Event, form: str = "text") -> None:
    """Write one event as a line."""
    if form == "json":
        click.echo(json.dumps({"id": event.id, "kind": event.kind, **event.data}))
    elif event.kind != "begin":
        told = "  ".join(f"{name}={cell(value)}" for name, value in event.data.items() if name != "time")
        click.echo(f"{event.data.get('time', ''):<29}  {event.kind:<18}  {told}".rstrip())


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Write what makes a shell complete commands, options and ids.

    \b
    provisionctl completion bash > /etc/bash_completion.d/provisionctl
    provisionctl completion zsh > ~/.zfunc/_provisionctl
    provisionctl completion fish > ~/.config/fish/completions/provisionctl.fish
    """
    from click.shell_completion import get_completion_class

    from provisiond.cli.provisionctl.program import program

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(program, {}, "provisionctl", "_PROVISIONCTL_COMPLETE").source())


@click.command(hidden=True)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def man(directory: Path) -> None:
    """Write the man pages into DIRECTORY, for packagers.

    \b
    provisionctl man /usr/share/man/man1
    """
    from provisiond.cli.provisionctl.manual import write_pages
    from provisiond.cli.provisionctl.program import program

    for file in write_pages(program, directory):
        click.echo(file)

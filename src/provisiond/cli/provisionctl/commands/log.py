"""``provisionctl log``: what the server logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from provisiond.cli.provisionctl.output import Output, output_options, show_document
from provisiond.cli.provisionctl.session import Session, pass_session

LEVELS: Final = ("debug", "info", "warn", "error")


@click.group()
def log() -> None:
    """What the server logs, changed while it runs; the settings count again from the next SIGHUP or start.

    \b
    provisionctl log levels
    provisionctl log set tftp=debug packages.downloads=warn
    provisionctl log set warn --reset
    """


@log.command("levels")
@output_options
@pass_session
def show_levels(session: Session, output: Output) -> None:
    """Tell which levels are in force."""
    show_document(session, output, session.client.log_levels.get())


@log.command("set")
@click.argument("words", nargs=-1, required=True, metavar="[LEVEL] [SUBSYSTEM=LEVEL]...")
@click.option("--reset", is_flag=True, help="Forget the levels of all subsystems that are not named here.")
@pass_session
def set_levels(session: Session, words: Sequence[str], reset: bool) -> None:
    """Write lines of at least LEVEL: in general, or of a subsystem as log lines name it, with all below it."""
    found = session.client.log_levels.get()
    level, levels = str(found["level"]), {} if reset else dict(found["levels"])
    for word in words:
        name, equals, value = word.rpartition("=")
        if value not in LEVELS:
            raise click.UsageError(f"{value!r} is not a level: {', '.join(LEVELS)}")
        if equals:
            levels[name] = value
        else:
            level = value
    session.client.log_levels.set(level, levels)

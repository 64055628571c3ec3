"""``provisionctl shell``: a Python prompt with the server's things as objects."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

import click

from provisiond.cli.provisionctl.failures import FAILED
from provisiond.cli.provisionctl.session import Session, pass_session


@click.command()
@click.option("-c", "code", metavar="CODE", help="Run this, show its value, and end.")
@click.argument("script", type=click.File(encoding="utf-8"), required=False)
@click.pass_context
@pass_session
def shell(session: Session, context: click.Context, code: str | None, script: IO[str] | None) -> None:
    """A Python prompt with configs, devices, plugins, parameters and helpers; or run a SCRIPT.

    \b
    provisionctl shell
    provisionctl> list(plugins.installed())
    provisionctl> p = plugins['snom-8.7.5.35']
    provisionctl> p.install_all()
    provisionctl> devices.using_mac('00:04:13:92:2d:24').set(config='alice')
    provisionctl> helpers.mass_synchronize()

    \b
    provisionctl shell -c "helpers.unused_plugins()"
    """
    from provisiond.cli.provisionctl.shell import prompt

    if code is not None:
        good = prompt.run_line(session, code)
    elif script is not None or not sys.stdin.isatty():
        source = script or sys.stdin
        good = prompt.run_text(session, source.read(), getattr(source, "name", "<stdin>"))
    else:
        home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        prompt.interact(session, Path(home).expanduser() / "provisionctl/history")
        good = True
    context.exit(0 if good else FAILED)

"""The authors' tools as one command, to be run by itself or mounted into another."""

from __future__ import annotations

from collections.abc import Iterable

import click

from provisiond.packages.authoring import channel_commands, commands, firmware_commands


def tool(further: Iterable[click.Command] = ()) -> click.Group:
    """Return the group of all authors' commands.

    :param further: commands that need more than this room has, such as the check by the plugin host.
    """
    about = "Write, build, check and publish plugins. Run it from the top of the sources, where the families are."
    group = click.Group("plugin", help=about)
    for command in (*commands.COMMANDS, *firmware_commands.COMMANDS, *channel_commands.COMMANDS, *further):
        group.add_command(command)
    return group

"""Commands of extensions on a disk that takes nothing any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisiond.extensions.commands import Command, Commands
from provisiond.extensions.problems import CommandFailed

ODD_TIME = "3217.25"


def command(directory: Path, *arguments: str) -> Command:
    return Command(arguments=arguments, directory=directory, path="/usr/bin:/bin")


def test_a_command_that_cannot_be_noted_is_ended_and_the_next_one_runs(tmp_path: Path) -> None:
    commands, lines = Commands(tmp_path), list[str]()
    (tmp_path / "running").symlink_to("/dev/full")
    with pytest.raises(CommandFailed, match="was ended, its number cannot be kept: No space left on device"):
        commands.run(command(tmp_path, "sleep", ODD_TIME), lines.append)
    assert not any(ODD_TIME.encode() in line for line in command_lines())
    assert list(tmp_path.iterdir()) == []
    commands.run(command(tmp_path, "echo", "well"), lines.append)
    assert "well" in lines


def command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return found

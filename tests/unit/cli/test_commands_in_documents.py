"""Each command that a document types exists, with its options and its fixed words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from provisiond.cli.provisionctl.program import program

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# In a code span, or where a line or a pipe begins.
TYPED = re.compile(r"(?:^\s*\$?\s*|\||`|&& )\s*provisionctl ([^|&;#`\n]+)", re.MULTILINE)


def commands(document: Path) -> Iterator[list[str]]:
    """Yield the words of each command, without ``provisionctl``."""
    for found in TYPED.finditer(document.read_text(encoding="utf-8")):
        try:
            words = shlex.split(found[1])
        except ValueError:
            continue  # a sentence with an apostrophe
        yield words[: words.index("…")] if "…" in words else words


def wrong_with(words: list[str]) -> str | None:
    """Return what is wrong with a command; None when nothing is, or when it is only named."""
    command: click.Command = program
    while isinstance(command, click.Group):
        parsed, rest, _ = command.make_parser(click.Context(command)).parse_args(list(words))
        if not rest or not re.match(r"[a-z]", rest[0]):
            return None
        following = command.get_command(click.Context(command), rest[0])
        if following is None:
            return f"there is no command {rest[0]}"
        command, words = following, rest[1:]
    context = click.Context(command)
    try:
        parsed, _, _ = command.make_parser(context).parse_args(list(words))
    except click.BadOptionUsage:
        return None  # an option is named without its value
    except click.UsageError as error:
        return error.format_message()
    for parameter in command.params:
        given = parsed.get(parameter.name or "")
        choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
        # capitals stand for what is to be filled in
        if choices and isinstance(given, str) and given.islower() and given not in choices:
            return f"{given} is none of {', '.join(map(str, choices))}"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_exists(document: Path) -> None:
    wrong = {" ".join(words): problem for words in commands(document) if (problem := wrong_with(words)) is not None}
    assert wrong == {}


@pytest.mark.parametrize(
    "words",
    ["plugin instal x", "import devices.csv", "device list --colums id", "nothing", "dhcp generate --format iscx"],
)
def test_mistakes_are_found(words: str) -> None:
    assert wrong_with(words.split()) is not None


def test_commands_are_found() -> None:
    assert sum(len(list(commands(document))) for document in DOCUMENTS) > 80

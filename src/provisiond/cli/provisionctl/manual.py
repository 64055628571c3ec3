"""Man pages, from the same words as ``--help``: one for provisionctl, and one for each noun."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from provisiond import __version__
from provisiond.cli.provisionctl.failures import DETACHED, DONE, FAILED, NOT_FOUND, REFUSED, UNREACHABLE, USAGE

STATUSES: Final[Mapping[int, str]] = {
    DONE: "done",
    FAILED: "failed, or failed for several reasons",
    USAGE: "wrong usage",
    NOT_FOUND: "there is no such thing",
    REFUSED: "refused: by the rules, by the rights of the token, or because it is protected",
    UNREACHABLE: "the server is unreachable",
    DETACHED: "interrupted; work of the server goes on",
}
FILES: Final = {
    "~/.config/provisionctl.toml": "profiles: url, token_file, token, tenant, ca_file; default names one",
    "/etc/provisiond/config.yml": "where the daemon of this host keeps its token, and where it listens",
    "~/.local/state/provisionctl/history": "what was typed in the shell",
}
VARIABLES: Final = ("URL", "TOKEN", "TOKEN_FILE", "TENANT", "CA_FILE", "PROFILE")


def pages(program: click.Group) -> Iterator[tuple[str, str]]:
    """Yield the name of each page's file and its text in roff."""
    context = click.Context(program, info_name="provisionctl")
    yield "provisionctl.1", "\n".join(_main_page(program, context)) + "\n"
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name)
        yield f"provisionctl-{name}.1", "\n".join(_noun_page(name, command, inner)) + "\n"


def write_pages(program: click.Group, directory: Path) -> list[Path]:
    """Write all pages into a directory, which is made, and return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in pages(program):
        files.append(directory / name)
        files[-1].write_text(text, encoding="utf-8")
    return files


def _main_page(program: click.Group, context: click.Context) -> Iterator[str]:
    yield from _head("provisionctl", "look after phones on a running provisiond", program, context)
    yield from _options(program, context)
    yield ".SH COMMANDS"
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        yield from _item(f"\\fBprovisionctl\\-{_plain(name)}\\fR(1)", command.get_short_help_str(200))
    yield ".SH EXIT STATUS"
    for status, told in STATUSES.items():
        yield from _item(f"\\fB{status}\\fR", told)
    yield ".SH ENVIRONMENT"
    for name in VARIABLES:
        option = name.lower().replace("_", "-")
        like = "" if name == "TOKEN" else f", like --{option}"
        yield from _item(f"\\fBPROVISIONCTL_{name}\\fR", f"{name.lower().replace('_', ' ')}{like}")
    yield ".SH FILES"
    for path, told in FILES.items():
        yield from _item(f"\\fI{_plain(path)}\\fR", told)


def _noun_page(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    about = command.get_short_help_str(200)
    yield from _head(f"provisionctl-{name}", about.rstrip("."), command, context)
    yield from _options(command, context)
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for verb in command.list_commands(context):
            found = command.get_command(context, verb)
            assert found is not None
            inner = click.Context(found, parent=context, info_name=verb)
            yield f".SS {_plain(inner.command_path)} {_plain(' '.join(found.collect_usage_pieces(inner)))}"
            yield from _text(found)
            yield from _entries(found, inner)
    yield ".SH SEE ALSO"
    yield "\\fBprovisionctl\\fR(1)"


def _head(name: str, about: str, command: click.Command, context: click.Context) -> Iterator[str]:
    yield f'.TH {_plain(name.upper())} 1 "" "provisiond {__version__}" "provisiond"'
    yield ".SH NAME"
    yield f"{_plain(name)} \\- {_plain(about)}"
    yield ".SH SYNOPSIS"
    yield f"\\fB{_plain(context.command_path)}\\fR {_plain(' '.join(command.collect_usage_pieces(context)))}"
    yield ".SH DESCRIPTION"
    yield from _text(command)


def _text(command: click.Command) -> Iterator[str]:
    """Yield a command's help; a paragraph after ``\\b`` keeps its lines."""
    for number, paragraph in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        lines = paragraph.split("\n")
        if lines[0] == "\b":
            yield from (".PP", ".nf", ".RS 4", *map(_plain, lines[1:]), ".RE", ".fi")
        elif number:
            yield from (".PP", _plain(" ".join(lines)))
        else:
            yield _plain(" ".join(lines))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    entries = list(_entries(command, context))
    if entries:
        yield ".SH OPTIONS"
        yield from entries


def _entries(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from _item(f"\\fB{_plain(record[0])}\\fR", record[1])


def _item(head: str, text: str) -> Iterator[str]:
    yield from (".TP", head, _plain(text))


def _plain(text: str) -> str:
    """Return a text that roff takes as it stands."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped

"""The man pages say what ``--help`` says, and roff takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from tests.support.administrator import Administrator

from provisiond.cli.provisionctl.manual import pages
from provisiond.cli.provisionctl.program import NOUNS, program


def unescaped(text: str) -> str:
    return text.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")


def test_every_command_and_every_option_has_its_place() -> None:
    found = {name: unescaped(text) for name, text in pages(program)}
    assert set(found) == {"provisionctl.1", *(f"provisionctl-{noun}.1" for noun in NOUNS)}
    context = click.Context(program, info_name="provisionctl")
    for noun in NOUNS:
        group = program.get_command(context, noun)
        assert group is not None
        inner = click.Context(group, parent=context, info_name=noun)
        verbs = group.list_commands(inner) if isinstance(group, click.Group) else []
        commands = {verb: group.get_command(inner, verb) for verb in verbs} or {noun: group}
        for verb, command in commands.items():
            assert command is not None
            for parameter in command.get_params(click.Context(command, parent=inner, info_name=verb)):
                if isinstance(parameter, click.Option) and not parameter.hidden:
                    assert parameter.opts[-1] in found[f"provisionctl-{noun}.1"], (noun, verb)


def test_examples_keep_their_lines_and_statuses_are_told() -> None:
    found = dict(pages(program))
    lines = found["provisionctl.1"].splitlines()
    assert "provisionctl plugin install snom\\-10.1.184.15" in lines
    for status in (0, 1, 2, 3, 4, 5, 130):
        assert f"\\fB{status}\\fR" in found["provisionctl.1"]


def test_no_line_is_taken_for_a_request_of_roff() -> None:
    known = {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi", ".RS", ".RE"}
    for name, text in pages(program):
        requests = {line.split()[0] for line in text.splitlines() if re.match(r"[.']", line)}
        assert requests <= known, name
        assert "\b" not in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff on this machine")
def test_groff_formats_them_without_a_warning(admin: Administrator, tmp_path: Path) -> None:
    files = admin.told("man", str(tmp_path)).splitlines()
    assert len(files) == len(NOUNS) + 1
    command = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", *files]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert told.stderr == ""
    assert "provisionctl device sync" in told.stdout.replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_files_are_written(admin: Administrator, tmp_path: Path) -> None:
    target = tmp_path / "man1"
    assert str(target / "provisionctl-device.1") in admin.told("man", str(target)).splitlines()
    assert (target / "provisionctl.1").read_text(encoding="utf-8").startswith(".TH PROVISIONCTL 1")


def test_a_directory_that_cannot_be_written_is_one_sentence(admin: Administrator, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = admin.refused(1, "man", str(tmp_path / "file" / "below"))
    assert told == f"provisionctl: {tmp_path / 'file' / 'below'} cannot be used: Not a directory\n"

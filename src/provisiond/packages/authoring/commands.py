"""The authors' commands that need no plugin host."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from provisiond.errors import ProvisiondError
from provisiond.packages.authoring import build as building
from provisiond.packages.authoring import index as indexing
from provisiond.packages.authoring import package as packaging
from provisiond.packages.authoring.lint import lint as linted
from provisiond.packages.authoring.skeleton import new_family
from provisiond.packages.signatures import SIGNATURE_SUFFIX, new_private_key, public_half, sign

DIRECTORY = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


def refusals_told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a command end with one sentence and status 1 when it is refused."""

    @functools.wraps(function)
    def command(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ProvisiondError as error:
            raise click.ClickException(error.sentence) from error

    return command


def end(problems: Iterable[str]) -> None:
    """Print problems to standard error; with at least one of them, end with status 1."""
    failed = False
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
        failed = True
    if failed:
        sys.exit(1)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings to standard error."""
    for sentence in sentences:
        click.echo(f"Warning: {sentence}", err=True)


@click.command()
@click.option("--source", type=DIRECTORY, default=Path("."), show_default=True, help="where the families are")
@click.option("--destination", type=DIRECTORY, default=Path("_build/plugins"), show_default=True)
@click.argument("family", required=False)
@click.argument("targets", nargs=-1)
@refusals_told
def build(source: Path, destination: Path, family: str | None, targets: tuple[str, ...]) -> None:
    """Build all plugins, or those of FAMILY, or TARGETS of it."""
    report = building.build(source, destination, family, targets)
    for plugin_id in report.built:
        click.echo(f"built {plugin_id}")
    end(report.problems)


@click.command()
@click.option("--source", type=DIRECTORY, default=Path("_build/plugins"), show_default=True, help="built plugins")
@click.option("--destination", type=DIRECTORY, default=Path("_build/testing"), show_default=True)
@refusals_told
def package(source: Path, destination: Path) -> None:
    """Pack every built plugin; the archives of its other versions are removed."""
    report = packaging.package(source, destination)
    for archive in report.archives:
        click.echo(f"packed {archive.name}")
    for name in report.removed:
        click.echo(f"removed {name}")
    end(report.problems)


@click.command()
@click.option("--sign", "key_file", type=FILE, help="file with an Ed25519 private key, see the command keygen")
@click.argument("directory", type=DIRECTORY, default=Path("_build/testing"))
@refusals_told
def index(directory: Path, key_file: Path | None) -> None:
    """Write plugins.db for the archives of DIRECTORY (default: _build/testing)."""
    key = key_file.read_text("ascii").strip() if key_file is not None else None
    report = indexing.index(directory)
    warn(report.warnings)
    end(report.problems)
    signature = directory / f"{indexing.INDEX_NAME}{SIGNATURE_SUFFIX}"
    if key is not None:
        signature.write_bytes(sign((directory / indexing.INDEX_NAME).read_bytes(), key))
    click.echo(f"indexed {len(report.entries)} plugins")


@click.command()
@click.argument("key_file", type=FILE)
@refusals_told
def keygen(key_file: Path) -> None:
    """Write a new private key to KEY_FILE, and print the public one for general.repository_keys."""
    private = new_private_key()
    try:
        with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(f"{private}\n")
    except OSError as error:
        raise click.ClickException(f"{key_file} cannot be written: {error.strerror}") from None
    click.echo(public_half(private))


@click.command()
@click.option("--source", type=DIRECTORY, default=Path("."), show_default=True, help="where the families are")
@click.option("--since", "revision", required=True, metavar="REV", help="commit, branch or tag to compare with")
@refusals_told
def lint(source: Path, revision: str) -> None:
    """Fail when a plugin, or what its family shares, changed and its version was not raised."""
    end(linted(source, revision))


@click.command()
@click.option("--source", type=DIRECTORY, default=Path("."), show_default=True, help="where the families are")
@click.option("--vendor", default="", help="as the server spells it; default: FAMILY with capitals")
@click.option("--model", default="D10", show_default=True)
@click.option("--version", default="1.0", show_default=True, help="firmware version, and name of the first target")
@click.argument("family")
@refusals_told
def new(source: Path, vendor: str, model: str, version: str, family: str) -> None:
    """Write a working skeleton of a plugin family."""
    for path in new_family(source, family, vendor=vendor, model=model, version=version):
        click.echo(f"wrote {path}")


COMMANDS = (build, package, index, keygen, lint, new)

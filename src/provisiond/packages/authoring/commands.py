"""The authors' commands: build, package, index."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from provisiond.errors import ProvisiondError
from provisiond.packages.authoring import build as building
from provisiond.packages.authoring import index as indexing
from provisiond.packages.authoring import package as packaging

DIRECTORY = click.Path(path_type=Path, file_okay=False)


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


@click.group()
def main() -> None:
    """Build plugins from their sources, pack them, and index a repository.

    Run it from the top of the plugin sources, where the families are.
    """


@main.command()
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


@main.command()
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


@main.command()
@click.argument("directory", type=DIRECTORY, default=Path("_build/testing"))
@refusals_told
def index(directory: Path) -> None:
    """Write plugins.db for the archives of DIRECTORY (default: _build/testing)."""
    report = indexing.index(directory)
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    end(report.problems)
    click.echo(f"indexed {len(report.entries)} plugins")

"""The authors' commands for channels: fetch, publish, promote, archive."""

from __future__ import annotations

from pathlib import Path

import click

from provisiond.packages.authoring import channels, publish
from provisiond.packages.authoring.commands import DIRECTORY, refusals_told

_DRY_RUN = click.option("--dry-run", is_flag=True, help="only tell what would be done")


@click.command()
@click.argument("destination")
@click.argument("directory", type=DIRECTORY)
@refusals_told
def fetch(destination: str, directory: Path) -> None:
    """Make DIRECTORY the copy of the channel at DESTINATION: a directory, an rsync address or host:path."""
    there = publish.fetch(destination, directory)
    click.echo(f"fetched {destination} into {directory}" if there else f"nothing is published at {destination} yet")


@click.command(name="publish")
@_DRY_RUN
@click.option("--files", is_flag=True, help="a tree without an index, such as hosted firmware; nothing is removed")
@click.argument("directory", type=DIRECTORY)
@click.argument("destination")
@refusals_told
def publish_channel(directory: Path, destination: str, dry_run: bool, files: bool) -> None:
    """Make the channel at DESTINATION the copy of DIRECTORY: archives, then the index, then deletions."""
    if files:
        report = publish.PublishReport(publish.publish_files(directory, destination, dry_run=dry_run))
    else:
        report = publish.publish(directory, destination, dry_run=dry_run)
    for name in report.sent:
        click.echo(f"{'would send' if dry_run else 'sent'} {name}")
    for name in report.vanished:
        click.echo(f"{'would remove' if dry_run else 'removed'} {name}")
    if not report.sent and not report.vanished:
        click.echo("nothing to do")


def _moved(report: channels.MoveReport, target: Path, dry_run: bool) -> None:
    for name in report.moved.values():
        click.echo(f"{'would put' if dry_run else 'put'} {name} into {target}")
    for name in report.removed:
        click.echo(f"{'would remove' if dry_run else 'removed'} {name} from {target}")


@click.command()
@_DRY_RUN
@click.option("--from", "source", type=DIRECTORY, default=Path("_build/testing"), show_default=True)
@click.option("--to", "target", type=DIRECTORY, default=Path("_build/stable"), show_default=True)
@click.argument("plugins", nargs=-1, required=True)
@refusals_told
def promote(source: Path, target: Path, plugins: tuple[str, ...], dry_run: bool) -> None:
    """Copy PLUGINS (ids, or patterns of ids) from one channel to another, in place of their other versions."""
    _moved(channels.promote(source, target, plugins, dry_run=dry_run), target, dry_run)


@click.command()
@_DRY_RUN
@click.option("--from", "source", type=DIRECTORY, default=Path("_build/stable"), show_default=True)
@click.option("--to", "target", type=DIRECTORY, default=Path("_build/archive"), show_default=True)
@click.argument("plugins", nargs=-1, required=True)
@refusals_told
def archive(source: Path, target: Path, plugins: tuple[str, ...], dry_run: bool) -> None:
    """Move PLUGINS that are given up from one channel to another."""
    _moved(channels.retire(source, target, plugins, dry_run=dry_run), target, dry_run)


COMMANDS = (fetch, publish_channel, promote, archive)

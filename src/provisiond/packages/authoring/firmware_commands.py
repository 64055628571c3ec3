"""The authors' commands for firmware: check-fw and bump-fw."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisiond.errors import PackageProblem
from provisiond.packages.authoring.bump_fw import BumpReport, bump
from provisiond.packages.authoring.check_fw import definition_text, measure, measure_url, section_name, updated
from provisiond.packages.authoring.commands import DIRECTORY, FILE, refusals_told, warn

if TYPE_CHECKING:
    from provisiond.packages.downloads import Downloads


def with_downloads(work: Callable[[Downloads], Coroutine[Any, Any, bool]]) -> None:
    """Run work that downloads, and end the process; see :mod:`provisiond.packages.authoring.network`."""
    # the network's modules take longer to load than most commands to run
    from provisiond.packages.authoring.network import with_downloads as run

    run(work)


class _CheckFw(click.Command):
    """Says how it is used the way the program of old did when there is no argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if not ctx.params["files"] and not ctx.params["update"]:
            click.echo(f"usage: {ctx.info_name} filename", err=True)
            ctx.exit(1)
        return rest


@click.command(name="check-fw", cls=_CheckFw)
@click.option("--id", "file_id", help="id of the file section; default: the file's name in brackets")
@click.option("--url", help="where the file will be fetched from")
@click.option("--sha256", is_flag=True, help="print or write the SHA-256 digest too")
@click.option("--update", type=FILE, metavar="PKGS_DB", help="write sizes and digests into this file instead")
@click.option("--from", "local", type=DIRECTORY, help="with --update: look for the files here before downloading")
@click.argument("files", nargs=-1, metavar="FILE-OR-URL...")
@refusals_told
def check_fw(
    files: tuple[str, ...], file_id: str | None, url: str | None, sha256: bool, update: Path | None, local: Path | None
) -> None:
    """Print sizes and digests of files for pkgs.db; with --update, the arguments are ids of its file sections."""
    if update is not None:
        with_downloads(lambda downloads: _update(update, files, local, sha256, downloads))
        return
    if (file_id or url) and len(files) > 1:
        raise PackageProblem("--id and --url are for a single file")
    section = section_name(file_id) if file_id else ""
    if not any("://" in file for file in files):
        texts = [definition_text(measure(Path(file)), section=section, url=url or "", sha256=sha256) for file in files]
        click.echo("\n".join(texts), nl=False)
        return

    async def work(downloads: Downloads) -> bool:
        for number, file in enumerate(files):
            is_url = "://" in file
            found = await measure_url(file, downloads) if is_url else measure(Path(file))
            text = definition_text(found, section=section, url=url or (file if is_url else ""), sha256=sha256)
            click.echo(("\n" if number else "") + text, nl=False)
        return True

    with_downloads(work)


async def _update(path: Path, ids: tuple[str, ...], local: Path | None, sha256: bool, downloads: Downloads) -> bool:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise PackageProblem(f"{path} cannot be read, or is not UTF-8") from None
    wanted = [name.removeprefix("file_") for name in ids]
    update = await updated(text, downloads, only=wanted, local=local, sha256=sha256)
    if update.text != text:
        path.write_text(update.text, "utf-8")
    for file_id in update.changed:
        click.echo(f"changed {file_id}")
    warn(f"{file_id} is a manual file, and is not in the directory given with --from" for file_id in update.skipped)
    for problem in update.problems:
        click.echo(f"Error: {problem}", err=True)
    return not update.problems


@click.command(name="bump-fw")
@click.option("--source", type=DIRECTORY, default=Path("."), show_default=True, help="where the families are")
@click.option("--from", "local", type=DIRECTORY, help="look for the new firmware files here before downloading")
@click.option("--no-download", is_flag=True, help="leave sizes and digests as they were")
@click.argument("family")
@click.argument("old")
@click.argument("new")
@refusals_told
def bump_fw(source: Path, local: Path | None, no_download: bool, family: str, old: str, new: str) -> None:
    """Make version NEW of a FAMILY from its version OLD: directory, versions, URLs, sizes, digests, build target."""

    async def work(downloads: Downloads) -> bool:
        used = None if no_download else downloads
        _tell(await bump(source, family, old, new, downloads=used, local=local), old)
        return True

    with_downloads(work)


def _tell(report: BumpReport, old: str) -> None:
    click.echo(f"made {report.directory}, which builds {report.plugin_id}")
    for file_id in report.changed:
        click.echo(f"changed size and digest of {file_id}")
    warn(f"size and digest of {file_id} are still those of {old}" for file_id in report.unchecked)
    warn(f"{name} still names {old}" for name in report.mentions)


COMMANDS = (check_fw, bump_fw)

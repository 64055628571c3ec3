"""The authors' tools with everything that they need of the server: ``python -m provisiond.cli.authoring``."""

from __future__ import annotations

from pathlib import Path

import click

from provisiond.errors import PackageProblem
from provisiond.packages.authoring.commands import DIRECTORY, end, refusals_told, warn
from provisiond.packages.authoring.tool import tool


@click.command()
@click.argument("directory", type=DIRECTORY)
@refusals_told
def check(directory: Path) -> None:
    """Check the built plugin in DIRECTORY, or every plugin below it: all that a server would refuse, and more."""
    # the plugin host takes longer to load than most commands to run
    from provisiond.cli.plugin_check import check_directory

    plugins = (
        [directory]
        if (directory / "plugin-info").exists()
        else sorted(path.parent for path in directory.glob("[!.]*/plugin-info"))
    )
    if not plugins:
        raise PackageProblem(f"{directory} holds no plugin (a directory with plugin-info)")
    problems = []
    for plugin in plugins:
        report = check_directory(plugin.absolute())
        warn(f"{plugin.name}: {sentence}" for sentence in report.warnings)
        problems += [f"{plugin.name}: {sentence}" for sentence in report.problems]
        if not report.problems:
            click.echo(f"{plugin.name} is good")
    end(problems)


main = tool([check])

if __name__ == "__main__":
    main(prog_name="plugin")

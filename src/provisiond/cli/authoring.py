"""The authors' tools with everything that they need of the server: ``python -m provisiond.cli.authoring``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from provisiond.errors import PackageProblem, PluginProblem
from provisiond.packages.authoring.check import CheckReport
from provisiond.packages.authoring.commands import DIRECTORY, end, refusals_told, warn
from provisiond.packages.authoring.tool import tool

CHECK_SECONDS = 30.0


@contextmanager
def _ended_after(seconds: float, directory: Path) -> Iterator[None]:
    """Raise PluginProblem in whatever runs when it has taken so much processor time, naming the place in the plugin."""

    def end(_: int, frame: FrameType | None) -> None:
        while frame is not None and not Path(frame.f_code.co_filename).is_relative_to(directory):
            frame = frame.f_back
        file = Path(frame.f_code.co_filename).relative_to(directory) if frame is not None else None
        place = f" ({file}, line {frame.f_lineno})" if frame is not None else ""
        raise PluginProblem(f"it does not end within {seconds:g} seconds of processor time{place}")

    before = signal.signal(signal.SIGPROF, end)
    # Again and again: the plugin may take the exception for one of its own.
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


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
        try:
            with _ended_after(CHECK_SECONDS, plugin.absolute()):
                report = check_directory(plugin.absolute())
        except PluginProblem as problem:
            report = CheckReport(problems=[problem.sentence])
        warn(f"{plugin.name}: {sentence}" for sentence in report.warnings)
        problems += [f"{plugin.name}: {sentence}" for sentence in report.problems]
        if not report.problems:
            click.echo(f"{plugin.name} is good")
    end(problems)


main = tool([check])

if __name__ == "__main__":
    main(prog_name="plugin")

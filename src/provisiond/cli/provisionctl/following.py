"""Following long work: bars with bytes and rate on a terminal, one line otherwise; Ctrl-C leaves it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import click
from attrs import define

from provisiond.cli.provisionctl.failures import DETACHED, Failure
from provisiond.cli.provisionctl.session import Session
from provisiond.client.errors import ClientError
from provisiond.client.values import Operation
from provisiond.model.operation import FAIL, SUCCESS, Progress

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 0.5


@define
class Work:
    """Work under way.

    :param name: what people call it.
    :param parts: what people call the parts of its progress, when each of them deserves a bar.
    """

    name: str
    operation: Operation
    parts: tuple[str, ...] = ()
    error: str | None = None

    @property
    def address(self) -> str:
        """What ``operation wait`` takes."""
        return self.operation.path.lstrip("/")


class Board(Protocol):
    """Where progress is shown."""

    def show(self, work: Work) -> None: ...


def amounts(progress: Progress) -> tuple[int, int | None]:
    """Return the units done and those in all, of the whole or else of its parts; None when that is unknown."""
    if progress.current is not None:
        return progress.current, progress.end
    done, end = 0, 0
    for part in progress.parts:
        part_done, part_end = amounts(part)
        done, end = done + part_done, end + (part_end or 0)
    return done, end or None


def follow(session: Session, begun: Sequence[Work], wait: bool = True) -> None:
    """Follow work until all of it has ended, and write how each ended.

    :param wait: False only tells where the work can be found.
    :raises Failure: when some failed, or after Ctrl-C.
    """
    if not wait:
        for work in begun:
            click.echo(work.address)
        return
    try:
        with _board(session) as board:
            _followed(session, begun, board)
    except KeyboardInterrupt:
        left = [work for work in begun if not work.operation.has_ended]
        told = "".join(f"\n  provisionctl operation wait {work.address}" for work in left)
        raise Failure(f"detached; the work goes on. Come back with:{told}", DETACHED) from None
    failed = [work for work in begun if work.error is not None]
    for work in begun:
        if work.error is None:
            click.echo(f"{work.name}: done")
    if failed:
        sentences = [f"{work.name}: {work.error}" for work in failed]
        raise Failure("\n".join(sentences))


def _followed(session: Session, begun: Sequence[Work], board: Board) -> None:
    left, pause = list(begun), FIRST_PAUSE
    while left:
        for work in left:
            try:
                work.operation = session.client.operations.get(work.operation)
            except ClientError as error:
                raise type(error)(f"{work.name}: {error.sentence}", error.status) from None
            if work.operation.progress.state == FAIL:
                work.error = work.operation.error or "it failed"
            board.show(work)
        left = [work for work in left if not work.operation.has_ended]
        if left:
            session.pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)


class _Silent:
    def show(self, work: Work) -> None:
        """Show nothing: nobody looks."""


class _Bars:
    """One bar for each work, or for each of its parts; a spinner while its size is unknown."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def show(self, work: Work) -> None:
        """Show how far it is."""
        progress = work.operation.progress
        if not work.parts:
            self._show(work.name, progress)
        for name, part in zip(work.parts, progress.parts, strict=False):
            self._show(name, part)

    def _show(self, name: str, progress: Progress) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=None)
        done, end = amounts(progress)
        if progress.state in (SUCCESS, FAIL):
            done = end = end or done or 1
        self._bars.update(self._tasks[name], completed=done, total=end)


@contextmanager
def _board(session: Session) -> Iterator[Board]:
    if not session.has_error_terminal:
        yield _Silent()
        return
    with bars() as shown:
        yield _Bars(shown)


def bars() -> Any:
    """Return a context manager of bars with bytes and rate, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def begun(name: str, begin: Callable[[], Operation]) -> Work:
    """Begin work."""
    return Work(name, begin())


def wait_option(command: Any) -> Any:
    """Give a command ``--no-wait``; it gets it as ``wait``."""
    told = "Wait until it is done; --no-wait writes where the work can be found, for operation wait."
    return click.option("--wait/--no-wait", default=True, help=told)(command)

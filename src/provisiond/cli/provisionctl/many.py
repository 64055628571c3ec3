"""Doing the same to many objects: chosen by ids, filters or standard input; bounded in parallel; failures told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import click

from provisiond.cli.provisionctl.choosing import filter_options, selector_of
from provisiond.cli.provisionctl.failures import DONE, FAILED, USAGE, Failure, failure_of, status_of
from provisiond.cli.provisionctl.session import Session
from provisiond.client.blocking import Client
from provisiond.client.errors import ClientError

AT_ONCE: Final = 8
NAMED: Final = 5
NOTHING: Final = "nothing is selected"
C = TypeVar("C", bound=Callable[..., Any])
Work = Callable[[Client, str], None]


def many_options(noun: str, complete: Callable[..., Any] | None = None) -> Callable[[C], C]:
    """Give a command ids, ``--all`` and ``--filter``; it gets ``ids``, ``all_of_them``, ``filters``, ``query``."""

    def decorate(command: C) -> C:
        for option in (
            click.option("--all", "all_of_them", is_flag=True, help=f"Every {noun}."),
            *filter_options(),
            click.argument("ids", nargs=-1, metavar="[ID]... | -", shell_complete=complete),
        ):
            command = option(command)
        return command

    return decorate


def chosen(
    ids: Sequence[str],
    all_of_them: bool,
    filters: Sequence[str],
    query: str | None,
    found: Callable[[dict[str, Any]], Iterable[str]],
) -> list[str]:
    """Return the ids that a command is about, each once.

    :param found: returns the ids that a selector selects.
    :raises Failure: when none or too many ways are used to name them.
    """
    ways = (bool(ids), all_of_them, bool(filters or query))
    if sum(ways) != 1:
        raise Failure("name ids, or - to read them from standard input, or --filter, or --all", USAGE)
    if not ids:
        return list(found({} if all_of_them else selector_of(filters, query)))
    if "-" in ids:
        ids = [*(each for each in ids if each != "-"), *filter(None, (line.strip() for line in sys.stdin))]
    return list(dict.fromkeys(ids))


def confirm(question: str, ids: Sequence[str], yes: bool) -> None:
    """Ask before something is lost, unless ``--yes`` was given.

    :raises Failure: when nobody can be asked.
    :raises click.Abort: when the answer is no.
    """
    if yes or not ids:
        return
    named = ", ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")
    if not sys.stdin.isatty():
        raise Failure(f"{question} {named}: nobody can be asked here; say --yes", USAGE)
    click.confirm(f"{question} {named}?", abort=True, err=True)


def for_each(session: Session, ids: Sequence[str], work: Work, done: str, *, at_once: int = AT_ONCE) -> None:
    """Do something for each id, several at a time, and write what was done.

    :param done: a word such as ``deleted``, written before each id.
    :raises Failure: when something failed; the others were done all the same.
    """
    if not ids:
        click.echo(NOTHING, err=True)
        return
    if len(ids) == 1:
        work(session.client, ids[0])
        click.echo(f"{done} {ids[0]}")
        return
    failures = _in_threads(session, ids, work, done, at_once)
    if failures:
        raise Failure(f"{len(failures)} of {len(ids)} failed", _common_status(failures.values()))


def _in_threads(session: Session, ids: Sequence[str], work: Work, done: str, at_once: int) -> dict[str, ClientError]:
    from concurrent.futures import ThreadPoolExecutor, as_completed

    session.client  # noqa: B018  (finds the server once, before there are threads)
    own = threading.local()

    def carried_out(each: str) -> None:
        if not hasattr(own, "client"):
            own.client = session.new_client()
        work(own.client, each)

    failures: dict[str, ClientError] = {}
    with ThreadPoolExecutor(at_once) as pool:
        futures = {pool.submit(carried_out, each): each for each in ids}
        try:
            for future in as_completed(futures):
                try:
                    future.result()
                except ClientError as error:
                    failures[futures[future]] = error
                    click.echo(f"{futures[future]}: {failure_of(error).message}", err=True)
                else:
                    click.echo(f"{done} {futures[future]}")
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    return failures


def _common_status(errors: Iterable[ClientError]) -> int:
    statuses = {status_of(error) for error in errors}
    return statuses.pop() if len(statuses) == 1 else FAILED if statuses else DONE

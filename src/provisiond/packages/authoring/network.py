"""Downloads for a command: a reactor for the length of one piece of work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar
from urllib.request import getproxies

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThreadPool

from provisiond.errors import ProvisiondError
from provisiond.packages.downloads import Downloads
from provisiond.packages.web import WebClient

P = ParamSpec("P")
T = TypeVar("T")


def with_downloads(work: Callable[[Downloads], Coroutine[Any, Any, bool]]) -> None:
    """Run work that downloads, through the proxies of the environment, and end the process.

    :param work: returns whether all went well: status 0 or 1. A refusal is told in one sentence, with status 1.
    """

    async def whole(reactor: Any) -> None:
        def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
            return deferToThreadPool(reactor, reactor.getThreadPool(), function, *args, **kwargs)

        try:
            done = await work(Downloads(WebClient(reactor, getproxies), run, reactor))
        except ProvisiondError as error:
            click.echo(f"Error: {error.sentence}", err=True)
            done = False
        if not done:
            raise SystemExit(1)

    react(lambda reactor: Deferred.fromCoroutine(whole(reactor)))

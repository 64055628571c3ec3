"""What phones fetched is kept on disk, however many fetch meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from provisiond.plugins.values import RenderedFile
from provisiond.provisioning.fetches import INTERVAL, Fetches
from provisiond.provisioning.rendered_files import RenderedFiles


class BusyThreads:
    """Does work at once; phones fetch whenever something is read or written."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.runs = 0

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        self.runs += 1
        self.meanwhile()
        return work(*args)


def fetched(content: bytes) -> RenderedFile:
    return RenderedFile(name="x.cfg", content=content, content_type="text/plain")


def done(coroutine: Any) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    assert results, "it still waits"
    return results[0]


def test_what_phones_fetch_while_fetches_are_written_waits_for_the_next_time(tmp_path: Path) -> None:
    clock, threads = Clock(), BusyThreads()
    fetches = Fetches(RenderedFiles(tmp_path, threads), clock)
    phones = [f"phone-{number}" for number in range(10)]

    def all_fetch(content: bytes = b"newer") -> None:
        for phone in phones:
            fetches.note(phone, fetched(content))

    all_fetch(b"older")
    threads.meanwhile = all_fetch
    clock.advance(INTERVAL)
    assert threads.runs <= 2 * len(phones)
    threads.meanwhile = lambda: None
    again = Fetches(RenderedFiles(tmp_path, threads), Clock())
    assert set(done(again.of("phone-0"))) == {"x.cfg"}
    clock.advance(INTERVAL)
    assert not clock.getDelayedCalls()
    last = Fetches(RenderedFiles(tmp_path, threads), Clock())
    assert [done(last.of(phone))["x.cfg"].file.content for phone in phones] == [b"newer"] * len(phones)


def test_the_end_of_the_server_writes_all_that_was_noted(tmp_path: Path) -> None:
    clock, threads = Clock(), BusyThreads()
    fetches = Fetches(RenderedFiles(tmp_path, threads), clock)
    fetches.note("a", fetched(b"1"))
    fetches.note("b", fetched(b"2"))
    done(fetches.flush())
    assert not clock.getDelayedCalls()
    again = Fetches(RenderedFiles(tmp_path, threads), Clock())
    assert {name: done(again.of(name))["x.cfg"].file.content for name in "ab"} == {"a": b"1", "b": b"2"}

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.error import ReactorNotRunning
from twisted.logger import LogEvent, globalLogPublisher

from provisiond.ending import END_SIGNALS, end, end_at_signals


class Running:
    """A reactor as Twisted's: it cannot be stopped twice, and calls from signal handlers wait for its next round."""

    def __init__(self) -> None:
        self.stops = 0
        self.waiting: list[Callable[[], Any]] = []

    def stop(self) -> None:
        if self.stops:
            raise ReactorNotRunning("Can't stop reactor that isn't running.")
        self.stops += 1

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None:  # noqa: N802
        self.waiting.append(lambda: callable(*args))

    def round(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


@pytest.fixture
def own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    told: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace") == "provisiond.ending":
            told.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield told
    globalLogPublisher.removeObserver(observe)


def test_it_ends_once() -> None:
    reactor = Running()
    assert [end(reactor), end(reactor), end(reactor)] == [True, False, False]
    assert reactor.stops == 1


def test_another_trouble_of_stopping_is_not_hidden() -> None:
    class Broken(Running):
        def stop(self) -> None:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        end(Broken())


@pytest.mark.usefixtures("own_handlers")
@pytest.mark.parametrize("first", END_SIGNALS)
@pytest.mark.parametrize("second", END_SIGNALS)
def test_a_signal_ends_it_and_the_next_is_told_of(
    lines: list[str], first: signal.Signals, second: signal.Signals
) -> None:
    reactor = Running()
    end_at_signals(reactor)
    os.kill(os.getpid(), first)
    assert reactor.stops == 0
    reactor.round()
    os.kill(os.getpid(), second)
    reactor.round()
    assert reactor.stops == 1
    assert lines == [
        f"{first.name}: stopping in order",
        f"{second.name}: stopping already; SIGKILL would end it at once",
    ]

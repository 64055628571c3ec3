"""Log lines of requests: later, off the reactor's thread, and fewer under load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, eventAsText, globalLogPublisher

from provisiond.metrics import Metrics
from provisiond.phones.journal import Journal, PhoneEvent
from provisiond.phones.request_lines import DELAY, RequestLines


class Threads:
    """Runs work at once, or when a test lets it."""

    def __init__(self) -> None:
        self.gate: Deferred[None] | None = None
        self.runs = 0

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        self.runs += 1
        if self.gate is not None:
            await self.gate
        return work(*args)


def event(outcome: str = "served", time: float = 1000.0) -> PhoneEvent:
    return PhoneEvent(
        time=time,
        protocol="http",
        method="GET",
        peer="192.0.2.7",
        path="/a\n.cfg",
        device="d",
        mac=None,
        plugin="p",
        outcome=outcome,
        reason="because",
        bytes=3,
        seconds=0.0042,
    )


@pytest.fixture
def written() -> Iterator[list[LogEvent]]:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def test_a_line_is_written_a_moment_later_in_a_thread(written: list[LogEvent]) -> None:
    clock, threads = Clock(), Threads()
    lines = RequestLines(clock, threads)
    lines(event())
    assert not written
    clock.advance(DELAY)
    assert threads.runs == 1
    assert written[0]["log_time"] == 1000.0
    text = eventAsText(written[0], includeTimestamp=False, includeSystem=False)
    assert text == ("http GET '/a\\n.cfg' from 192.0.2.7: served (because), device d plugin p, 3 bytes in 4.2 ms")


def test_under_load_the_rest_is_counted_and_refusals_keep_their_lines(written: list[LogEvent]) -> None:
    clock, counted = Clock(), Metrics()
    lines = RequestLines(clock, Threads(), per_second=3, left_out=counted.phone_lines_left_out.inc)
    for _ in range(10):
        lines(event())
    lines(event("refused"))
    clock.advance(DELAY)
    assert [each.get("outcome") for each in written] == ["served"] * 3 + ["refused", None]
    assert written[-1]["count"] == 7
    assert b"provisiond_phone_log_lines_left_out_total 7.0" in counted.exposition()
    lines(event(time=1001.0))
    clock.advance(DELAY)
    assert written[-1]["outcome"] == "served"


def test_a_slow_log_delays_nobody_and_holds_no_more_than_it_may(written: list[LogEvent]) -> None:
    clock, threads = Clock(), Threads()
    threads.gate = Deferred()
    lines = RequestLines(clock, threads, per_second=5)
    for second in range(20):
        for _ in range(5):
            lines(event(time=1000.0 + second))
        clock.advance(DELAY)
    assert not written
    gate, threads.gate = threads.gate, None
    gate.callback(None)
    clock.advance(DELAY)
    assert len(written) == 5 + 10 + 1
    assert written[-1]["count"] == 100 - 15


def test_the_end_of_the_server_writes_what_waits(written: list[LogEvent]) -> None:
    clock, threads = Clock(), Threads()
    threads.gate = Deferred()
    lines = RequestLines(clock, threads)
    lines(event())
    clock.advance(DELAY)
    lines(event("error"))
    flushed = Deferred.fromCoroutine(lines.flush())
    assert not flushed.called
    threads.gate.callback(None)
    assert flushed.called
    assert [each["outcome"] for each in written] == ["served", "error"]
    assert not clock.getDelayedCalls()


def test_every_request_counts_whether_it_gets_a_line_or_not() -> None:
    metrics = Metrics()
    journal = Journal(metrics)
    for seconds in (0.0005, 0.02, 99.0):
        journal.note(event()._replace(seconds=seconds))
    text = metrics.exposition()
    assert b'provisiond_phone_requests_total{outcome="served",protocol="http"} 3.0' in text
    assert b'provisiond_phone_request_seconds_bucket{le="0.001",protocol="http"} 1.0' in text
    assert b'provisiond_phone_request_seconds_bucket{le="0.025",protocol="http"} 2.0' in text
    assert b'provisiond_phone_request_seconds_bucket{le="+Inf",protocol="http"} 3.0' in text
    assert b'provisiond_phone_request_seconds_count{protocol="http"} 3.0' in text
    assert b'provisiond_phone_bytes_total{protocol="http"} 9.0' in text


def test_the_event_of_a_repeated_request_differs_in_what_differs_only() -> None:
    former = event(time=1.0)._replace(mac="00:08:5d:00:00:01", reason="known device")
    again = former.again(2.0, "tftp", "RRQ", 0.5)
    assert again == former._replace(time=2.0, protocol="tftp", method="RRQ", seconds=0.5)
    assert type(again) is PhoneEvent
    assert again.row()["outcome"] == "served"

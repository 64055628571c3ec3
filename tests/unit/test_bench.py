"""The bench: what goes wrong is told, and ends nothing."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest
from bench.cases import QUICK, SMOKE, Sizes, http_cases, tftp_cases
from bench.house import House
from bench.loads import _wrk_figures
from bench.measure import Bench, chosen_sizes, section
from bench.programs import Missing, Peer
from bench.rendering import Rendered
from bench.table import OURS, Case, markdown
from bench.workers import KNOWN, STORM, table


def bench(directory: Path, seconds: float = 100, **sizes: Any) -> Bench:
    return Bench(Sizes(**sizes), directory, time.monotonic() + seconds)


def broken() -> None:
    raise ZeroDivisionError("nothing to divide")


def test_a_part_that_fails_is_told_and_the_next_one_is_done(tmp_path: Path) -> None:
    made, done = bench(tmp_path), []
    made.part("first", broken)
    made.part("second", lambda: done.append(2))
    assert made.notes == ["first: ZeroDivisionError: nothing to divide"]
    assert made.problems == ["first could not be measured to its end"]
    assert done == [2]


def test_what_finds_no_time_or_is_not_chosen_is_left_out(tmp_path: Path) -> None:
    made = bench(tmp_path, seconds=5, only="chosen")
    made.part("chosen", broken, seconds=60)
    made.part("other", broken)
    assert made.notes == ["chosen: left out, there was no time for it"]
    assert made.problems == []


class Silent(Peer):
    """A peer that does not start, or fails in the middle."""

    def __init__(self, name: str, error: Exception | None) -> None:
        super().__init__(name, "http", lambda files, port: ["/bin/false"])
        self.error, self.stopped = error, 0

    def start(self, files: Path) -> None:
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        self.stopped += 1


def test_a_peer_that_fails_is_told_once_and_left_out(tmp_path: Path) -> None:
    def load(target: Any) -> dict[str, Any]:
        if getattr(target, "_peer", None) is not None:
            raise ValueError("no sense")
        return {"figure": 5.0, "failed": 0}

    made = bench(tmp_path, rounds=2)
    absent, odd = Silent("absent", Missing("absent is not installed")), Silent("odd", None)
    cases = [(Case("fast", "/s"), load), (Case("once", "/s", rounds=1), load)]
    made.compare("HTTP", [absent, odd], House(tmp_path / "house"), cases)
    assert [len(case.rows[OURS]) for case, _ in cases] == [2, 1]
    assert made.notes.count("absent is not installed") == 1
    assert len([note for note in made.notes if note.startswith("odd, ")]) == 3
    assert (absent.stopped, odd.stopped) == (0, 2)
    assert made.problems == []


def test_a_peer_whose_port_is_taken_does_not_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        peer = Peer("other", "http", lambda files, port: ["/bin/false"], port=taken.getsockname()[1])
        with pytest.raises(Missing, match="taken by somebody else"):
            peer.start(tmp_path)


def test_a_peer_that_ends_at_once_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="other does not start here"):
        Peer("other", "http", lambda files, port: ["/bin/false"]).start(tmp_path)


def test_the_table_holds_what_was_measured_and_ratios() -> None:
    case = Case("small", "/s")
    for ours, theirs in ((10.0, 5.0), (30.0, 10.0)):
        case.add(OURS, {"figure": ours, "cpu_us": 100, "failed": 0})
        case.add("other", {"figure": theirs, "failed": 1})
    text = markdown([case, Case("never", "/s")])
    assert "| small | other | 5 / 8 / 10 /s | – | – | 2 | 2.00 / 2.50 / 3.00 |" in text
    assert "never" not in text
    assert markdown([Case("never", "/s")]) == ""


def test_the_section_names_command_and_machine(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.note("something happened")
    text = section(made, "python -m bench.measure --quick", 600)
    assert text.startswith("## ")
    assert "`python -m bench.measure --quick`, 10 minutes" in text
    assert "Linux" in text
    assert "\n* something happened" in text


def test_processes_are_compared_by_processor_time_too() -> None:
    one = {"figure": 100.0, "cpu_us": 50.0, "busiest_us": 48.0}
    two = {"figure": 170.0, "cpu_us": 54.0, "busiest_us": 30.0}
    text = table({KNOWN: {1: [one], 2: [two]}, STORM: {1: [one], 2: [two]}})
    assert f"| {KNOWN} | 100/s | 170/s | 1.70 | 50 | 54 | 30 | 1.60 |" in text


def test_rendering_is_told_for_each_second_of_a_processor() -> None:
    made = Rendered(10, files=20, first_seconds=3, worker_seconds=0.5, before=[0.001], meanwhile=[0.002])
    assert "40 files for each second" in made.notes()[0]
    made.base_seconds = 2
    assert "phones meanwhile p50 2.0 ms, p95 2.0 ms, max 2.0 ms (before: p50 1.0 ms" in made.notes()[1]


@pytest.mark.parametrize("scripted", [True, False])
def test_what_wrk_says(scripted: bool) -> None:
    text = "99%   3.00ms\n 500 requests in 2.00s, 1MB read\n Non-2xx or 3xx responses: 7\n"
    text += "Socket errors: connect 1, read 2, write 0, timeout 3\nTransfer/sec:   2.00MB\n"
    figures = _wrk_figures(text, 0.5, scripted=scripted)
    assert (figures["figure"], figures["cpu_us"], figures["p99_ms"]) == (250, 1000, 3)
    assert figures["failed"] == (6 if scripted else 13)


def test_the_command_line_chooses_how_much(tmp_path: Path) -> None:
    assert chosen_sizes(["--smoke"]) == (SMOKE, False)
    sizes, as_section = chosen_sizes(["--quick", "--markdown", "--minutes", "3", "--only", "boot storm"])
    assert as_section
    assert (sizes.minutes, sizes.only, sizes.rounds) == (3, "boot storm", QUICK.rounds)
    quick = {case.name for case, _ in tftp_cases(QUICK, tmp_path)}
    assert {case.name for case, _ in tftp_cases(SMOKE, tmp_path)} < quick
    assert {"HTTP small, 512 closing", "HTTP 20 MB, 4 connections"} <= {case.name for case, _ in http_cases(QUICK)}

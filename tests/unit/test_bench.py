"""The bench: what goes wrong is told, and ends nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench.cases import QUICK, SMOKE, Sizes, http_cases, in_seconds, tftp_cases
from bench.cpu_group import CpuGroup
from bench.house import House
from bench.known_phones import Likeness
from bench.loads import PeerTarget, _wrk_figures, tftp
from bench.measure import Bench, chosen_sizes, section
from bench.programs import Missing, Peer, tftp_load_generator
from bench.rendering import Rendered
from bench.soak import Look, problems
from bench.storm import booting_phones
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


def lossy(half: float | None, most: float | None, ok: int, within: float = 14.0) -> dict[str, Any]:
    return in_seconds({"half_ms": half, "most_ms": most, "ok": ok, "failed": 0}, 50, within)


def test_what_takes_too_long_is_a_bound_and_no_figure() -> None:
    case = Case("loss", "s")
    case.add(OURS, lossy(2100.0, 3400.0, 50))
    case.add("slow", lossy(4200.0, None, 40))
    case.add("never", lossy(None, None, 0))
    case.add("few", lossy(None, None, 3))
    case.add("plain", {**lossy(None, None, 0), "lock_step": True})
    text = markdown([case])
    assert f"| {OURS} | half in 2.10 s, 95 % in 3.40 s; 50 of 50 done |" in text
    assert "| slow | half in 4.20 s; 40 of 50 done | – | – | 0 | 0.50 |" in text
    assert "| never | none of 50 done in 14 s | – | – | 0 | ≤ 0.15 |" in text
    assert "| few | 3 of 50 done in 14 s | – | – | 0 | ≤ 0.15 |" in text
    assert "| plain | none of 50 done in 14 s (lock-step) |" in text
    ours_late = Case("loss", "s")
    ours_late.add(OURS, lossy(None, None, 1))
    ours_late.add("slow", lossy(4200.0, None, 40))
    assert ours_late.ratios("slow") == []


def test_a_peer_without_windows_is_compared_by_what_it_does_without(tmp_path: Path) -> None:
    def load(target: Any) -> dict[str, Any]:
        return {"figure": 5.0, "megabytes": 7.0, "failed": 0}

    made = bench(tmp_path, rounds=1)
    plain, crowd = Case("20 MB, lock-step", "MB/s"), Case("small, 5000", "/s", crowd=True)
    windowed = Case("20 MB, window 16", "MB/s", instead=plain.name)
    peer = Silent("old", None)
    peer.windows = peer.crowds = False
    made.compare("TFTP", [peer], House(tmp_path / "house"), [(case, load) for case in (plain, windowed, crowd)])
    assert windowed.rows["old"] == [{**plain.rows["old"][0], "lock_step": True}]
    assert list(crowd.rows) == [OURS]
    assert "7.0 MB/s (lock-step)" in markdown(made.cases)


BUSY = "import time\nwhile time.process_time() < 0.3: pass"
FORKING = f"import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nif not os.fork():\n exec({BUSY!r})"


def test_processor_time_of_children_that_nobody_waits_for_is_told_or_nothing_is(tmp_path: Path) -> None:
    assert CpuGroup.made(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    group = CpuGroup.made()
    if group is None:
        # Where no group may be made, nothing is told of a server that leaves its children to themselves.
        peer = Peer("forking", "tftp", lambda files, port: ["/bin/false"], forks=True)
        assert peer.cpu() is None
        return
    done = subprocess.run([sys.executable, "-c", FORKING + "\nimport time; time.sleep(2)"], preexec_fn=group.enter)
    used = group.seconds()
    group.remove()
    assert done.returncode == 0
    assert used is not None
    assert used > 0.25
    assert group.seconds() is None


def scripted(answers: list[list[bytes]], *options: str) -> tuple[list[bytes], dict[str, Any]]:
    """Let the load generator ask a server that says these; return what it said to each, and its figures."""
    heard = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        command = [tftp_load_generator(), str(server.getsockname()[1]), "name", "1", "1", "20", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            for datagrams in answers:
                asked, address = server.recvfrom(600)
                heard.append(asked)
                for datagram in datagrams:
                    server.sendto(datagram, address)
            heard.append(server.recvfrom(600)[0])
            figures = json.loads(client.communicate(timeout=30)[0])
    return heard, figures


def data(number: int, size: int = 512) -> bytes:
    return bytes([0, 3, 0, number]) + bytes(size)


def ack(number: int) -> bytes:
    return bytes([0, 4, 0, number])


def test_the_load_generator_acknowledges_a_block_that_comes_again() -> None:
    heard, figures = scripted([[data(1)], [data(1)], [data(2, 3)]])
    assert heard[1:] == [ack(1), ack(1), ack(2)]
    assert (figures["ok"], figures["repeated"], figures["bytes"]) == (1, 1, 515)
    assert figures["half_ms"] == figures["most_ms"] == pytest.approx(figures["p50_ms"])


def test_the_load_generator_tells_of_a_gap_once_for_each_time_that_a_window_is_sent() -> None:
    granted = b"\0\6windowsize\x004\0"
    gap = [data(1), data(3), data(4)]
    rest = [data(2), data(3), data(4, 5)]
    heard, figures = scripted([[granted], gap, [data(3), data(4)], rest], "windowsize=4")
    assert heard[1:] == [ack(0), ack(1), ack(1), ack(4)]
    assert (figures["ok"], figures["failed"]) == (1, 0)


def test_nothing_is_told_of_transfers_that_did_not_end(tmp_path: Path) -> None:
    class Deaf(Peer):
        def cpu(self) -> float | None:
            return None

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        peer = Deaf("deaf", "tftp", lambda files, port: [])
        peer.port = silent.getsockname()[1]
        row = tftp(PeerTarget(peer), clients=2, total=2, seconds=0.2)
    assert (row["ok"], row["half_ms"]) == (0, None)
    assert not {"p99_ms", "cpu_us"} & set(row)


def test_phones_of_the_storm_are_imported_in_the_likeness_of_the_first() -> None:
    raw = {"ip": "192.0.2.1", "sip_lines": {"1": {"username": "first", "password": "p"}}}
    like = Likeness({"id": "x", "vendor": "Snom", "model": "D785", "plugin": "snom", "sn": "1", "config": "c"}, raw)
    phones = booting_phones(300)
    assert len({phone.mac for phone in phones} | {phone.address for phone in phones}) == 600
    made = like.phone(7, phones[7])
    assert (made["mac"], made["ip"], made["config"]) == (phones[7].mac, phones[7].address, like.config(7)["id"])
    assert "sn" not in made
    assert like.config(7)["raw_config"]["sip_lines"]["1"]["username"] == "u7"
    assert like.config(7)["raw_config"]["sip_lines"]["1"]["password"] == "p"


def test_a_soak_finds_what_grows() -> None:
    def looks(megabytes: tuple[float, ...], descriptors: tuple[int, ...]) -> list[Look]:
        return [Look(number, *each) for number, each in enumerate(zip(megabytes, descriptors, strict=True))]

    assert problems(looks((140.0, 148.0, 148.0), (190, 264, 265)), 0) == []
    grown = problems(looks((140.0, 145.0, 149.0), (190, 264, 290)), 3)
    assert grown == ["3 transfers failed", "memory grew by 9.0 MB", "descriptors grew from 264 to 290"]
